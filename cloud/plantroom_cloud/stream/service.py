"""Changes: written with what changed, followed by pages."""

from datetime import datetime, timedelta

from sqlmodel import Session

from plantroom_cloud.stream import repository
from plantroom_cloud.stream.models import Change

KEPT = timedelta(hours=1)


def record_change(session: Session, kind: str, ref: str, at: datetime) -> None:
    """Say that an object changed, in the same commit as the change."""
    session.add(Change(at=at, kind=kind, ref=ref))


def changes_after(session: Session, last_id: int, limit: int = 500) -> list[Change]:
    """What changed since, oldest first."""
    return repository.after(session, last_id, limit)


def newest_id(session: Session) -> int:
    """Where a new follower begins."""
    return repository.newest_id(session)


def trim(session: Session, at: datetime) -> None:
    """Forget what no follower can still need."""
    repository.delete_before(session, at - KEPT)
