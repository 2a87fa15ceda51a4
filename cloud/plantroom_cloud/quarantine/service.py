"""Messages that could not be taken: kept whole, counted, shown, dismissed."""

import hashlib
from datetime import datetime

from sqlmodel import Session, col, func, select

from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.quarantine.models import QuarantinedMessage
from plantroom_cloud.stream.service import record_change

#: More than this many different messages are not kept; the newest still counts up on those that are.
MOST_KEPT = 10_000


def keep(session: Session, topic: str, gateway_id: str, reason: str, payload: bytes, at: datetime) -> None:
    """Keep a message; the same one again only counts up."""
    digest = hashlib.sha256(topic.encode() + b"\0" + payload).hexdigest()
    known = session.exec(select(QuarantinedMessage).where(QuarantinedMessage.digest == digest)).first()
    if known is not None:
        known.times += 1
        known.last_at = at
        session.add(known)
    else:
        if count(session) >= MOST_KEPT:
            oldest = session.exec(
                select(QuarantinedMessage)
                .where(col(QuarantinedMessage.dismissed_at).is_not(None))
                .order_by(col(QuarantinedMessage.id))
            ).first()
            if oldest is not None:
                session.delete(oldest)
        session.add(
            QuarantinedMessage(
                received_at=at,
                topic=topic,
                gateway_id=gateway_id,
                reason=reason,
                payload=payload,
                size=len(payload),
                digest=digest,
                last_at=at,
            )
        )
    record_change(session, "quarantine", digest[:12], at)


def count(session: Session) -> int:
    """How many are kept and not dismissed."""
    query = select(func.count(col(QuarantinedMessage.id))).where(col(QuarantinedMessage.dismissed_at).is_(None))
    return session.exec(query).one()


def waiting(session: Session, before_id: int | None = None, limit: int = 100) -> list[QuarantinedMessage]:
    """Those that nobody has dismissed, newest first."""
    query = select(QuarantinedMessage).where(col(QuarantinedMessage.dismissed_at).is_(None))
    if before_id is not None:
        query = query.where(col(QuarantinedMessage.id) < before_id)
    return list(session.exec(query.order_by(col(QuarantinedMessage.id).desc()).limit(limit)))


def dismiss(session: Session, message_id: int, actor: str, at: datetime) -> QuarantinedMessage:
    """Somebody has looked at it; it is kept all the same. Raises NotFoundError."""
    message = session.get(QuarantinedMessage, message_id)
    if message is None:
        raise NotFoundError(f"there is no message {message_id} in quarantine")
    message.dismissed_at, message.dismissed_by = at, actor
    session.add(message)
    record_change(session, "quarantine", message.digest[:12], at)
    return message
