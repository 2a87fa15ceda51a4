"""Messages that could not be taken: kept whole, counted, shown, dismissed."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from plantroom_cloud import metrics
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.quarantine import repository
from plantroom_cloud.quarantine.models import QuarantinedMessage
from plantroom_cloud.stream.service import record_change
from plantroom_shared.said import said

#: Different messages that are kept, and bytes of them; beyond, the oldest make room and are counted as dropped.
MOST_KEPT = 10_000
MOST_BYTES = 500_000_000
#: Messages after which the bounds are looked at.
LOOK_EVERY = 100
#: How long a message is kept; longer than anybody waits to look.
KEPT = timedelta(days=90)


def keep(session: Session, topic: str, gateway_id: str, reason: str, payload: bytes, at: datetime) -> None:
    """Keep a message; the same one again only counts up."""
    digest = hashlib.sha256(topic.encode() + b"\0" + payload).hexdigest()
    known = repository.by_digest(session, digest)
    if known is not None:
        known.times += 1
        known.last_at = at
        session.add(known)
    else:
        message = QuarantinedMessage(
            received_at=at,
            topic=topic,
            gateway_id=gateway_id,
            reason=reason,
            payload=payload,
            size=len(payload),
            digest=digest,
            last_at=at,
        )
        session.add(message)
        session.flush()
        if (message.id or 0) % LOOK_EVERY == 0:
            trim(session, at)
    record_change(session, "quarantine", digest[:12], at)


def count(session: Session, sites: Sequence[str] = ()) -> int:
    """How many are kept and not dismissed."""
    return repository.count(session, sites)


def gateways(session: Session, sites: Sequence[str] = ()) -> list[str]:
    """Names of gateways, known or not, whose messages wait."""
    return repository.gateways(session, sites)


def waiting(
    session: Session,
    before_id: int | None = None,
    limit: int = 100,
    *,
    sites: Sequence[str] = (),
    gateway_id: str = "",
    text: str = "",
    dismissed: bool = False,
) -> list[QuarantinedMessage]:
    """Those that nobody has dismissed (or those that somebody has), newest first, without their payloads."""
    return repository.waiting(
        session, before_id, limit, sites=sites, gateway_id=gateway_id, text=text, dismissed=dismissed
    )


def get(session: Session, message_id: int) -> QuarantinedMessage:
    """With its payload; raises NotFoundError."""
    message = session.get(QuarantinedMessage, message_id)
    if message is None:
        raise NotFoundError(said("there is no message %(message_id)s in quarantine", message_id=message_id))
    return message


def dismiss_fitting(
    session: Session, sites: Sequence[str], gateway_id: str, text: str, actor: str, at: datetime
) -> int:
    """Somebody has looked at all that fit; how many."""
    number = repository.dismiss_fitting(session, sites, gateway_id, text, actor, at)
    record_change(session, "quarantine", "many", at)
    return number


def trim(session: Session, at: datetime) -> None:
    """Forget what is too old, and the oldest of what is too much, dismissed ones first; how many is kept by day."""
    session.flush()
    old = repository.delete_older(session, at - KEPT)
    many = repository.delete_beyond(session, MOST_KEPT, MOST_BYTES)
    if old + many:
        repository.count_dropped(session, at.date().isoformat(), old + many)
        record_change(session, "quarantine", "", at)


def measure(session: Session, _at: datetime) -> None:
    """Once a second: the figures that tell of it."""
    metrics.QUARANTINED.set(repository.count(session))
    metrics.QUARANTINE_DROPPED.set(repository.dropped(session))


def dropped(session: Session) -> int:
    """Messages that were forgotten, ever."""
    return repository.dropped(session)


def dismiss(session: Session, message_id: int, actor: str, at: datetime) -> QuarantinedMessage:
    """Somebody has looked at it; it is kept all the same. Raises NotFoundError."""
    message = get(session, message_id)
    message.dismissed_at, message.dismissed_by = at, actor
    session.add(message)
    record_change(session, "quarantine", message.digest[:12], at)
    return message
