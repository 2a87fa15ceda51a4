"""Queries over the telemetry journal."""

from collections.abc import Sequence

from sqlmodel import Session, col, delete, func, select

from plantroom_cloud.telemetry.models import JournalEntry


def oldest(session: Session, limit: int) -> list[JournalEntry]:
    """What the store takes next."""
    return list(session.exec(select(JournalEntry).order_by(col(JournalEntry.id)).limit(limit)))


def delete_entries(session: Session, ids: Sequence[int | None]) -> None:
    """The store has them."""
    session.exec(delete(JournalEntry).where(col(JournalEntry.id).in_(ids)))


def count(session: Session) -> int:
    """Batches that wait."""
    return session.exec(select(func.count(col(JournalEntry.id)))).one()
