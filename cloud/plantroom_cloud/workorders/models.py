"""Work orders and their audit trail."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, UtcDateTime, word


class WorkOrderState(StrEnum):
    """(requested →) open → assigned → accepted → in progress → done (verifying by telemetry) → closed; reopened goes
    back to open."""

    REQUESTED = "requested"  #: by somebody of the house; nobody has looked at it yet
    OPEN = "open"  #: in the pool
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"  #: the assignee takes it on
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    DONE = "done"  #: the technician says so; the telemetry has not confirmed it yet
    CLOSED = "closed"  #: verified by telemetry, or by a person with a reason
    REJECTED = "rejected"  #: a request that is none of ours, with the reason
    CANCELLED = "cancelled"


#: States that nothing follows, but for reopening.
FINISHED = (WorkOrderState.CLOSED, WorkOrderState.CANCELLED, WorkOrderState.REJECTED)


class WorkOrder(SQLModel, table=True):
    """Work on a piece of equipment."""

    __tablename__ = "work_order"

    id: int | None = Field(default=None, primary_key=True)
    kind: str = "corrective"
    title: str
    state: WorkOrderState = Field(default=WorkOrderState.OPEN, sa_type=word(WorkOrderState), index=True)
    priority: str  #: severity of the alarm: "critical", "high", "medium", "low"
    site_id: str = Field(foreign_key="site.id", index=True)
    device_id: str | None = Field(default=None, foreign_key="device.id", index=True)
    asset_id: int | None = Field(default=None, foreign_key="asset.id", index=True)
    alarm_id: int | None = Field(default=None, foreign_key="alarm.id", unique=True)
    rule_id: int | None = Field(default=None, foreign_key="alarm_rule.id", index=True)
    source: str = ""  #: as in Alarm.source
    team_id: str | None = Field(default=None, foreign_key="team.id")
    assignee: str | None = Field(default=None, index=True)  #: login name
    description: str = ""
    cause: str = ""
    consequence: str = ""
    response: str = ""
    evidence: list[Any] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    resolution: str = ""
    proving_s: float = 600.0
    opened_at: datetime = Field(sa_type=UtcDateTime, index=True)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: of work that is planned
    sla_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)  #: of its next clock that runs
    sla_state: str = ""  #: "running", "warned", "paused", "breached", "met"; empty: nothing is promised
    assigned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    verified_by: str = ""  #: "telemetry", or a login name
    reopened: int = 0
    offered_to: str | None = None  #: somebody the assignee asks to take it over
    skills: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))  #: of its own
    requester: str = ""  #: who asked for it: a name and a way to reach, as typed
    rating: int | None = None  #: by the requester, 1 to 5
    rating_note: str = ""
    out_of_service: bool = False  #: the equipment's alarms are set aside while it is worked on

    @property
    def next_due_at(self) -> datetime | None:
        """The earlier of what a plan says and what a service level promises."""
        return min((moment for moment in (self.due_at, self.sla_due_at) if moment is not None), default=None)


class WorkOrderEntry(SQLModel, table=True):
    """One line of the audit trail."""

    __tablename__ = "work_order_entry"

    id: int | None = Field(default=None, primary_key=True)
    work_order_id: int = Field(foreign_key="work_order.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str
    action: str
    from_state: str
    to_state: str
    note: str = ""


class WorkOrderFile(SQLModel, table=True):
    """A photo or document that belongs to it."""

    __tablename__ = "work_order_file"

    work_order_id: int = Field(primary_key=True, foreign_key="work_order.id")
    file_id: str = Field(primary_key=True, foreign_key="stored_file.id")
    name: str
    added_at: datetime = Field(sa_type=UtcDateTime)
    added_by: str


class WorkOrderHelper(SQLModel, table=True):
    """Somebody who works on it beside the assignee."""

    __tablename__ = "work_order_helper"

    work_order_id: int = Field(primary_key=True, foreign_key="work_order.id")
    user: str = Field(primary_key=True)  #: login name
    since: datetime = Field(sa_type=UtcDateTime)
