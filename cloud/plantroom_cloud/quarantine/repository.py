"""Queries over quarantined messages; lists leave the payloads where they are."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import defer
from sqlmodel import Session, col, func, or_, select, update
from sqlmodel.sql.expression import SelectOfScalar

from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.quarantine.models import QuarantinedMessage


def by_digest(session: Session, digest: str) -> QuarantinedMessage | None:
    """The same message, when it came before."""
    query = select(QuarantinedMessage).where(QuarantinedMessage.digest == digest)
    return session.exec(query.options(defer(QuarantinedMessage.payload))).first()  # type: ignore[arg-type]


def oldest_dismissed(session: Session) -> QuarantinedMessage | None:
    """What makes room first."""
    query = select(QuarantinedMessage).where(col(QuarantinedMessage.dismissed_at).is_not(None))
    return session.exec(query.order_by(col(QuarantinedMessage.id))).first()


def count(session: Session, sites: Sequence[str] = ()) -> int:
    """Those that nobody has dismissed."""
    query = select(func.count(col(QuarantinedMessage.id))).where(col(QuarantinedMessage.dismissed_at).is_(None))
    if sites:
        query = query.where(col(QuarantinedMessage.gateway_id).in_(_gateways_of(sites)))
    return session.exec(query).one()


def gateways(session: Session, sites: Sequence[str]) -> list[str]:
    """Names of gateways, known or not, whose messages wait."""
    query = select(QuarantinedMessage.gateway_id).where(col(QuarantinedMessage.dismissed_at).is_(None)).distinct()
    if sites:
        query = query.where(col(QuarantinedMessage.gateway_id).in_(_gateways_of(sites)))
    return sorted(name for name in session.exec(query) if name)


def waiting(
    session: Session,
    before_id: int | None,
    limit: int,
    *,
    sites: Sequence[str] = (),
    gateway_id: str = "",
    text: str = "",
    dismissed: bool = False,
) -> list[QuarantinedMessage]:
    """Newest first."""
    done = col(QuarantinedMessage.dismissed_at)
    query = select(QuarantinedMessage).where(done.is_not(None) if dismissed else done.is_(None))
    query = _fitting(query, sites, gateway_id, text)
    if before_id is not None:
        query = query.where(col(QuarantinedMessage.id) < before_id)
    query = query.options(defer(QuarantinedMessage.payload))  # type: ignore[arg-type]
    return list(session.exec(query.order_by(col(QuarantinedMessage.id).desc()).limit(limit)))


def dismiss_fitting(
    session: Session, sites: Sequence[str], gateway_id: str, text: str, actor: str, at: datetime
) -> int:
    """All that wait and fit; how many."""
    fitting = _fitting(select(QuarantinedMessage), sites, gateway_id, text)
    ids = fitting.with_only_columns(col(QuarantinedMessage.id))
    done = update(QuarantinedMessage).where(
        col(QuarantinedMessage.dismissed_at).is_(None), col(QuarantinedMessage.id).in_(ids)
    )
    return session.exec(done.values(dismissed_at=at, dismissed_by=actor)).rowcount


def _fitting(
    query: SelectOfScalar[QuarantinedMessage], sites: Sequence[str], gateway_id: str, text: str
) -> SelectOfScalar[QuarantinedMessage]:
    if sites:
        query = query.where(col(QuarantinedMessage.gateway_id).in_(_gateways_of(sites)))
    if gateway_id:
        query = query.where(QuarantinedMessage.gateway_id == gateway_id)
    if text:
        reason, topic = col(QuarantinedMessage.reason), col(QuarantinedMessage.topic)
        query = query.where(or_(reason.icontains(text, autoescape=True), topic.icontains(text, autoescape=True)))
    return query


def _gateways_of(sites: Sequence[str]) -> SelectOfScalar[str]:
    return select(Gateway.id).where(col(Gateway.site_id).in_(sites))
