"""Maintenance plans and what came of each due time."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, UtcDateTime, word


class Trigger(StrEnum):
    """What makes work due (EN 13306: predetermined maintenance by time or use, condition based maintenance)."""

    CALENDAR = "calendar"
    COUNTER = "counter"
    CONDITION = "condition"  #: of the newest value, which is looked at once a minute
    #: of a rule, or the event of one that makes no alarms: its delays, its operating states and its suppression hold
    #: for the plan, too
    ALARM = "alarm"


class Outcome(StrEnum):
    """What came of a due time."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"  #: somebody decided that nothing is to be done
    SKIPPED = "skipped"  #: nobody could do it: the next was due before


class MaintenancePlan(SQLModel, table=True):
    """Work that comes back."""

    __tablename__ = "maintenance_plan"

    id: int | None = Field(default=None, primary_key=True)
    title: str
    instructions: str = ""
    kind: str = "preventive"  #: "preventive", "inspection"
    site_id: str = Field(foreign_key="site.id", index=True)
    asset_id: int | None = Field(default=None, foreign_key="asset.id", index=True)
    device_id: str | None = Field(default=None, foreign_key="device.id")
    team_id: str | None = Field(default=None, foreign_key="team.id")
    priority: str = "medium"
    estimated_h: float = 1.0
    lead_days: int = 0  #: the order opens so long before it is due
    enabled: bool = True
    enabled_since: datetime = Field(sa_type=UtcDateTime)  #: nothing is due before
    trigger: Trigger = Field(sa_type=word(Trigger))
    rule: str = ""  #: RFC 5545, local time of the site
    starts: str = ""  #: ISO, local
    floating: bool = False  #: counted from when the last one was done, by the calendar or a counter
    avoid_holidays: bool = False  #: due on the next working day instead
    metric: str = ""  #: of the device: the counter, or what the condition looks at
    every: float | None = None  #: in the counter's unit
    limit: float | None = None
    above: bool = True  #: the condition holds above the limit, else below it
    held_s: float = 0.0  #: for so long
    alarm_rule_id: int | None = Field(default=None, foreign_key="alarm_rule.id")
    checklist_id: int | None = Field(default=None, foreign_key="checklist_template.id")  #: goes onto each order
    counter_last: float | None = None
    counter_read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: event time of `counter_last`
    counter_total: float = 0.0  #: counted since it was first read, whatever was reset or replaced
    counter_base: float = 0.0  #: the total from which the next interval counts
    #: about one [ISO time, total] a day of the last 30
    counter_days: list[Any] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    condition_since: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: holds since then, event time
    condition_taken: bool = False  #: its order was opened; nothing more before it is over
    alarm_seen: int = 0  #: the newest alarm of the rule that was looked at
    event_seen: int = 0  #: the same of its events, while it lacks what makes alarms

    @property
    def used(self) -> float:
        """Of the counter's next interval; more than the interval when it is overdue."""
        return max(self.counter_total - self.counter_base, 0.0)


class PlanOccurrence(SQLModel, table=True):
    """One due time of a plan: made once, whoever looks first."""

    __tablename__ = "plan_occurrence"
    __table_args__ = (UniqueConstraint("plan_id", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    plan_id: int = Field(foreign_key="maintenance_plan.id", index=True)
    #: what is due: the moment by the rule; "alarm:7", "event:7"; "counter:12", "condition:12": the one that follows
    #: occurrence 12
    key: str
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)
    order_id: int | None = Field(default=None, foreign_key="work_order.id", unique=True)
    outcome: Outcome = Field(default=Outcome.OPEN, sa_type=word(Outcome))
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
