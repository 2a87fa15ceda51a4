"""Gateways, the ledger of what they sent, their configuration and commands."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, UtcDateTime


class Gateway(SQLModel, table=True):
    """An enrolled gateway (or a group of devices that speak MQTT themselves)."""

    id: str = Field(primary_key=True, max_length=63)
    site_id: str = Field(foreign_key="site.id", index=True)
    label: str = ""
    enrolled_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    password_hash: str = ""  #: mosquitto's format ($7$…), what its password file gets
    certificate_serial: str = ""
    state: str = "never-seen"  #: "never-seen", "online", "offline"
    state_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    boot: str = ""
    versions: dict[str, str] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))
    capabilities: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    config_version: str = ""
    last_batch_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: received
    complete_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: watermark, event time


class LedgerRange(SQLModel, table=True):
    """Received sequence numbers of one outbox and stream as inclusive ranges; nearly always one row."""

    gateway_id: str = Field(primary_key=True, foreign_key="gateway.id")
    outbox: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    first: int = Field(primary_key=True)
    last: int
    declared: bool = False  #: never received, but the edge declared it evicted


class LedgerHour(SQLModel, table=True):
    """What one gateway's hour amounts to; in batches, and in values where named so."""

    gateway_id: str = Field(primary_key=True, foreign_key="gateway.id")
    hour: datetime = Field(primary_key=True, sa_type=UtcDateTime)  #: of receipt
    received: int = 0
    duplicate: int = 0
    late: int = 0  #: historical
    rejected: int = 0
    values_received: int = 0
    events_received: int = 0
    values_thinned: int = 0  #: declared by the edge
    values_evicted: int = 0  #: declared by the edge


class GatewayConfig(SQLModel, table=True):
    """A desired configuration and what became of it."""

    __table_args__ = (UniqueConstraint("gateway_id", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    gateway_id: str = Field(foreign_key="gateway.id", index=True)
    version: str
    config: dict[str, Any] = Field(sa_column=Column(Document, nullable=False))
    issued_at: datetime = Field(sa_type=UtcDateTime)
    issued_by: str
    state: str = "sent"  #: "sent", "applied", "refused", "rolled-back", "superseded"
    detail: str = ""
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class GatewayCommand(SQLModel, table=True):
    """A command and what became of it."""

    id: str = Field(primary_key=True)
    gateway_id: str = Field(foreign_key="gateway.id", index=True)
    device: str
    action: str
    args: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))
    reason: str = ""
    issued_by: str
    issued_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    #: "queued", "sent", "done", "refused", "failed", "unconfirmed", "expired"
    state: str = Field(default="sent", index=True)
    detail: str = ""
    readback: Any = Field(default=None, sa_column=Column(Document))
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class GatewayAuthority(SQLModel, table=True):
    """What a gateway decides by while we are away (its newest version), and what it said to it."""

    __tablename__ = "gateway_authority"

    gateway_id: str = Field(primary_key=True, foreign_key="gateway.id")
    name: str = Field(primary_key=True)  #: "allow-list", "patrol-points"
    version: int
    document: dict[str, Any] = Field(sa_column=Column(Document, nullable=False))
    issued_at: datetime = Field(sa_type=UtcDateTime)
    issued_by: str
    state: str = "queued"  #: "queued", "sent", "applied", "refused"
    detail: str = ""
    applied_version: int | None = None  #: what is in force at the gateway
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
