"""What absences read in the relational store."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from plantroom_cloud.absences.models import Absence
from plantroom_cloud.users.models import User


def at(session: Session, moment: datetime) -> Sequence[Absence]:
    """Of those who are away then."""
    query = select(Absence).where(col(Absence.starts_at) <= moment, col(Absence.ends_at) > moment)
    return session.exec(query.order_by(col(Absence.id))).all()


def between(
    session: Session, start: datetime, end: datetime | None, user: str | None, after_id: int, limit: int
) -> Sequence[Absence]:
    """Those that touch [start, end), as they were entered."""
    query = select(Absence).where(col(Absence.ends_at) > start, col(Absence.id) > after_id)
    if end is not None:
        query = query.where(col(Absence.starts_at) < end)
    if user is not None:
        query = query.where(Absence.user == user)
    return session.exec(query.order_by(col(Absence.id)).limit(limit)).all()


def overlapping(session: Session, absence: Absence) -> Absence | None:
    """Another one of the same person that touches it."""
    query = select(Absence).where(
        Absence.user == absence.user,
        col(Absence.starts_at) < absence.ends_at,
        col(Absence.ends_at) > absence.starts_at,
    )
    if absence.id is not None:
        query = query.where(Absence.id != absence.id)
    return session.exec(query.order_by(col(Absence.starts_at))).first()


def hold(session: Session, user: str) -> None:
    """Whoever else enters something for this person waits until we are through."""
    session.exec(select(User.id).where(User.name == user).with_for_update()).first()
