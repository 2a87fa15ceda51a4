"""Queries over gateways, their ledger, commands and configurations."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from plantroom_cloud.gateways.models import (
    Gateway,
    GatewayAuthority,
    GatewayCommand,
    GatewayConfig,
    LedgerHour,
    LedgerRange,
)


def gateways(session: Session, sites: Sequence[str]) -> list[Gateway]:
    """By id; of all sites when none is named."""
    query = select(Gateway).order_by(col(Gateway.id))
    if sites:
        query = query.where(col(Gateway.site_id).in_(sites))
    return list(session.exec(query))


def commands(session: Session, gateway_id: str, limit: int) -> list[GatewayCommand]:
    """Newest first."""
    query = select(GatewayCommand).where(GatewayCommand.gateway_id == gateway_id)
    return list(session.exec(query.order_by(col(GatewayCommand.issued_at).desc()).limit(limit)))


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


def stream_ranges(session: Session, gateway_id: str, outbox: str, stream: str) -> list[LedgerRange]:
    """What came of one outbox and stream, declared losses apart."""
    query = select(LedgerRange).where(
        LedgerRange.gateway_id == gateway_id,
        LedgerRange.outbox == outbox,
        LedgerRange.stream == stream,
        col(LedgerRange.declared).is_(False),
    )
    return list(session.exec(query))


def ranges(session: Session, gateway_id: str) -> list[LedgerRange]:
    """Of all its outboxes and streams, declared losses included."""
    return list(session.exec(select(LedgerRange).where(LedgerRange.gateway_id == gateway_id)))


def hours(session: Session, gateway_id: str, start: datetime, end: datetime) -> list[LedgerHour]:
    """The hours of the ledger between, oldest first."""
    query = select(LedgerHour).where(
        LedgerHour.gateway_id == gateway_id, LedgerHour.hour >= start, LedgerHour.hour < end
    )
    return list(session.exec(query.order_by(col(LedgerHour.hour))))
