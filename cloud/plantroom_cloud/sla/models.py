"""Service levels: policies, the terms an order was opened under, its clocks, and what they reached."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, UtcDateTime, word


class ClockKind(StrEnum):
    """What is measured."""

    RESPONSE = "response"  #: until somebody has taken it on: claimed, accepted or started
    RESTORATION = "restoration"  #: until it is done; where an alarm opened it, until the alarm has returned


class ClockState(StrEnum):
    """How a clock stands."""

    RUNNING = "running"
    WARNED = "warned"  #: runs, and most of its time is over
    PAUSED = "paused"
    BREACHED = "breached"  #: its time is over; it may run on
    MET = "met"  #: ended within its time
    VOID = "void"  #: the order was cancelled or rejected


#: Of a clock that has not ended; a breached one may have.
TICKING = (ClockState.RUNNING, ClockState.WARNED, ClockState.PAUSED, ClockState.BREACHED)


class SlaPolicy(SQLModel, table=True):
    """What is promised for orders of a site, priority and kind; empty: of any. The most exact one holds."""

    __tablename__ = "sla_policy"
    __table_args__ = (UniqueConstraint("site_id", "priority", "kind"),)

    id: int | None = Field(default=None, primary_key=True)
    site_id: str = ""
    priority: str = ""
    kind: str = ""
    enabled: bool = True
    terms: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))  #: see Terms
    changed_at: datetime = Field(sa_type=UtcDateTime)


class SlaAgreement(SQLModel, table=True):
    """The terms that held when an order was opened: they stay."""

    __tablename__ = "sla_agreement"

    work_order_id: int = Field(primary_key=True, foreign_key="work_order.id")
    policy_id: int  #: it may be gone
    terms: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))


class SlaClock(SQLModel, table=True):
    """One clock of an order, as it was last reckoned from the order's trail."""

    __tablename__ = "sla_clock"

    work_order_id: int = Field(primary_key=True, foreign_key="work_order.id")
    kind: ClockKind = Field(primary_key=True, sa_type=word(ClockKind))
    round: int = Field(default=1, primary_key=True)  #: of the restoration: one more after each reopening
    state: ClockState = Field(sa_type=word(ClockState), index=True)
    started_at: datetime = Field(sa_type=UtcDateTime, index=True)
    target_s: float  #: working time
    elapsed_s: float  #: working time when it was reckoned
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: null while it is paused, and when it ended
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)  #: when to reckon it again
    warned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    breached_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    troubled: bool = False  #: the alarm was active when it was reckoned
    final: bool = Field(default=False, index=True)  #: never reckoned again


class SlaMark(SQLModel, table=True):
    """A warning, a breach or a step of the escalation that a clock reached; each once, by its key."""

    __tablename__ = "sla_mark"

    work_order_id: int = Field(primary_key=True, foreign_key="work_order.id")
    kind: ClockKind = Field(primary_key=True, sa_type=word(ClockKind))
    round: int = Field(primary_key=True)
    name: str = Field(primary_key=True)  #: "warning", "breach", "step-1" …
    reached_at: datetime = Field(sa_type=UtcDateTime)
    noted_at: datetime = Field(sa_type=UtcDateTime)
    told: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))  #: whom: login names
