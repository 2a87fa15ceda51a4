"""Queries over gateways, their ledger, commands and configurations."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, and_, or_, tuple_
from sqlalchemy import delete as sa_delete
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from plantroom_cloud.database import insert_or_update
from plantroom_cloud.gateways.models import (
    Gateway,
    GatewayAuthority,
    GatewayCommand,
    GatewayConfig,
    LedgerHour,
    LedgerRange,
)

_RANGES = cast("Table", LedgerRange.__table__)  # type: ignore[attr-defined]
_HOURS = cast("Table", LedgerHour.__table__)  # type: ignore[attr-defined]


def gateways(session: Session, sites: Sequence[str]) -> list[Gateway]:
    """By id; of all sites when none is named."""
    query = select(Gateway).order_by(col(Gateway.id))
    if sites:
        query = query.where(col(Gateway.site_id).in_(sites))
    return list(session.exec(query))


def commands(
    session: Session,
    gateway_id: str,
    limit: int,
    device: str | None = None,
    state: str | None = None,
    after: GatewayCommand | None = None,
) -> list[GatewayCommand]:
    """Newest first; of all its devices when none is named; those after one of them."""
    issued, number = col(GatewayCommand.issued_at), col(GatewayCommand.id)
    query = select(GatewayCommand).where(GatewayCommand.gateway_id == gateway_id)
    if device is not None:
        query = query.where(GatewayCommand.device == device)
    if state is not None:
        query = query.where(GatewayCommand.state == state)
    if after is not None:
        query = query.where(or_(issued < after.issued_at, and_(issued == after.issued_at, number < after.id)))
    return list(session.exec(query.order_by(issued.desc(), number.desc()).limit(limit)))


def queued_commands(session: Session) -> list[GatewayCommand]:
    """Not sent yet, oldest first."""
    query = select(GatewayCommand).where(GatewayCommand.state == "queued")
    return list(session.exec(query.order_by(col(GatewayCommand.issued_at))))


def unanswered_commands(session: Session, expired_before: datetime) -> list[GatewayCommand]:
    """Those whose time is over."""
    query = select(GatewayCommand).where(
        col(GatewayCommand.state).in_(("queued", "sent")), GatewayCommand.expires_at < expired_before
    )
    return list(session.exec(query))


def configs(session: Session, gateway_id: str, limit: int) -> list[GatewayConfig]:
    """Newest first."""
    query = select(GatewayConfig).where(GatewayConfig.gateway_id == gateway_id)
    return list(session.exec(query.order_by(col(GatewayConfig.id).desc()).limit(limit)))


def queued_configs(session: Session) -> list[GatewayConfig]:
    """Not sent yet."""
    return list(session.exec(select(GatewayConfig).where(GatewayConfig.state == "queued")))


def unanswered_configs(session: Session, gateway_id: str) -> list[GatewayConfig]:
    """Desired, and nothing heard of them yet."""
    query = select(GatewayConfig).where(
        GatewayConfig.gateway_id == gateway_id, col(GatewayConfig.state).in_(("queued", "sent"))
    )
    return list(session.exec(query))


def config(session: Session, gateway_id: str, version: str) -> GatewayConfig | None:
    """One version."""
    query = select(GatewayConfig).where(GatewayConfig.gateway_id == gateway_id, GatewayConfig.version == version)
    return session.exec(query).first()


def authorities(session: Session, gateway_id: str) -> list[GatewayAuthority]:
    """What a gateway decides by."""
    return list(session.exec(select(GatewayAuthority).where(GatewayAuthority.gateway_id == gateway_id)))


def queued_authorities(session: Session) -> list[GatewayAuthority]:
    """Not sent yet."""
    return list(session.exec(select(GatewayAuthority).where(GatewayAuthority.state == "queued")))


def locked(session: Session, gateway_ids: Sequence[str]) -> dict[str, Gateway]:
    """Gateways by id, each for this transaction alone: order matters per gateway only, and another ingest process with
    the same gateway waits here."""
    query = select(Gateway).where(col(Gateway.id).in_(gateway_ids)).order_by(col(Gateway.id)).with_for_update()
    return {gateway.id: gateway for gateway in session.exec(query)}


def ranges_of(session: Session, gateway_ids: Sequence[str]) -> Sequence[Any]:
    """Rows of the ledger's ranges of some gateways, declared losses included."""
    return session.connection().execute(sa_select(_RANGES).where(_RANGES.c.gateway_id.in_(gateway_ids))).all()


def save_ranges(
    session: Session,
    changed: Sequence[tuple[str, str, str, int, int, bool]],
    gone: Sequence[tuple[str, str, str, int]],
) -> None:
    """Ranges as (gateway, outbox, stream, first, last, declared), and those that have become part of others."""
    names = ("gateway_id", "outbox", "stream", "first", "last", "declared")
    rows = [dict(zip(names, row, strict=True)) for row in changed]
    insert_or_update(session, _RANGES, rows, lambda new: {"last": new.last, "declared": new.declared})
    keys = tuple_(_RANGES.c.gateway_id, _RANGES.c.outbox, _RANGES.c.stream, _RANGES.c.first)
    for begin in range(0, len(gone), 100):
        session.connection().execute(sa_delete(_RANGES).where(keys.in_(gone[begin : begin + 100])))


def add_to_hour(session: Session, amounts: Mapping[str, Mapping[str, int]], hour: datetime) -> None:
    """Add to one hour of the ledger, by gateway and column."""
    counted = [column.name for column in _HOURS.columns if not column.primary_key]
    rows = [
        {"gateway_id": gateway, "hour": hour, **{name: mine.get(name, 0) for name in counted}}
        for gateway, mine in sorted(amounts.items())
    ]
    insert_or_update(session, _HOURS, rows, lambda new: {name: _HOURS.c[name] + new[name] for name in counted})


def ranges(session: Session, gateway_id: str) -> list[LedgerRange]:
    """Of all its outboxes and streams, declared losses included."""
    return list(session.exec(select(LedgerRange).where(LedgerRange.gateway_id == gateway_id)))


def hours(session: Session, gateway_id: str, start: datetime, end: datetime) -> list[LedgerHour]:
    """The hours of the ledger between, oldest first."""
    query = select(LedgerHour).where(
        LedgerHour.gateway_id == gateway_id, LedgerHour.hour >= start, LedgerHour.hour < end
    )
    return list(session.exec(query.order_by(col(LedgerHour.hour))))
