"""Queries over quarantined messages."""

from sqlmodel import Session, col, func, select

from plantroom_cloud.quarantine.models import QuarantinedMessage


def by_digest(session: Session, digest: str) -> QuarantinedMessage | None:
    """The same message, when it came before."""
    return session.exec(select(QuarantinedMessage).where(QuarantinedMessage.digest == digest)).first()


def oldest_dismissed(session: Session) -> QuarantinedMessage | None:
    """What makes room first."""
    query = select(QuarantinedMessage).where(col(QuarantinedMessage.dismissed_at).is_not(None))
    return session.exec(query.order_by(col(QuarantinedMessage.id))).first()


def count(session: Session) -> int:
    """Those that nobody has dismissed."""
    query = select(func.count(col(QuarantinedMessage.id))).where(col(QuarantinedMessage.dismissed_at).is_(None))
    return session.exec(query).one()


def waiting(session: Session, before_id: int | None, limit: int) -> list[QuarantinedMessage]:
    """Those that nobody has dismissed, newest first."""
    query = select(QuarantinedMessage).where(col(QuarantinedMessage.dismissed_at).is_(None))
    if before_id is not None:
        query = query.where(col(QuarantinedMessage.id) < before_id)
    return list(session.exec(query.order_by(col(QuarantinedMessage.id).desc()).limit(limit)))
