"""Queries over quarantined messages; lists leave the payloads where they are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Table, delete
from sqlalchemy.orm import defer
from sqlmodel import Session, col, func, or_, select, update
from sqlmodel.sql.expression import SelectOfScalar

from plantroom_cloud.database import insert_or_update
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.quarantine.models import QuarantinedMessage, QuarantineDropped

_KEPT = cast("Table", QuarantinedMessage.__table__)  # type: ignore[attr-defined]
_DROPPED = cast("Table", QuarantineDropped.__table__)  # type: ignore[attr-defined]


def by_digest(session: Session, digest: str) -> QuarantinedMessage | None:
    """The same message, when it came before."""
    query = select(QuarantinedMessage).where(QuarantinedMessage.digest == digest)
    return session.exec(query.options(defer(QuarantinedMessage.payload))).first()  # type: ignore[arg-type]


def delete_older(session: Session, moment: datetime) -> int:
    """Those that came last before a moment; how many."""
    result: CursorResult[Any] = session.connection().execute(delete(_KEPT).where(_KEPT.c.last_at < moment))
    return result.rowcount


def delete_beyond(session: Session, most: int, most_bytes: int) -> int:
    """The oldest of those that are too many or too large together, dismissed ones first; how many."""
    connection = session.connection()
    open_first = (_KEPT.c.dismissed_at.is_not(None), _KEPT.c.id.desc())
    rows = connection.execute(select(_KEPT.c.id, _KEPT.c.size).order_by(*open_first))
    gone, size = [], 0
    for place, (number, bytes_of_it) in enumerate(rows):
        size += bytes_of_it
        if place >= most or size > most_bytes:
            gone.append(number)
    for begin in range(0, len(gone), 500):
        connection.execute(delete(_KEPT).where(_KEPT.c.id.in_(gone[begin : begin + 500])))
    return len(gone)


def count_dropped(session: Session, day: str, messages: int) -> None:
    """Add to a day."""
    rows = [{"day": day, "messages": messages}]
    insert_or_update(session, _DROPPED, rows, lambda new: {"messages": _DROPPED.c.messages + new.messages})


def dropped(session: Session) -> int:
    """On all days."""
    return session.exec(select(func.coalesce(func.sum(QuarantineDropped.messages), 0))).one()


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
