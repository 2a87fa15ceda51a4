"""Queries over changes."""

from datetime import datetime

from sqlmodel import Session, col, delete, func, select

from plantroom_cloud.stream.models import Change


def after(session: Session, last_id: int, limit: int) -> list[Change]:
    """Oldest first."""
    return list(session.exec(select(Change).where(col(Change.id) > last_id).order_by(col(Change.id)).limit(limit)))


def newest_id(session: Session) -> int:
    """0 when there is none."""
    return session.exec(select(func.max(Change.id))).one() or 0


def delete_before(session: Session, moment: datetime) -> None:
    """Forget them."""
    session.exec(delete(Change).where(col(Change.at) < moment))
