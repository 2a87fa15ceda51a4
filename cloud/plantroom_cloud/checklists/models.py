"""Templates of checklists, their copies on work orders, what was answered, and which orders a fail opened."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, UtcDateTime, word


class Verdict(StrEnum):
    """What an answer means."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not-applicable"  #: with the reason why


class ChecklistTemplate(SQLModel, table=True):
    """What is to be looked at, for orders to come; a change is a new version and leaves the orders that run alone."""

    __tablename__ = "checklist_template"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    description: str = ""
    version: int = 1
    steps: list[dict[str, Any]] = Field(sa_column=Column(Document, nullable=False))  #: definition.StepDefinition
    updated_at: datetime = Field(sa_type=UtcDateTime)
    updated_by: str
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OrderChecklist(SQLModel, table=True):
    """A template as it was when it was attached to a work order."""

    __tablename__ = "order_checklist"
    __table_args__ = (UniqueConstraint("work_order_id", "template_id"),)  # whoever attaches it

    id: int | None = Field(default=None, primary_key=True)
    work_order_id: int = Field(foreign_key="work_order.id", index=True)
    template_id: int = Field(foreign_key="checklist_template.id")
    name: str
    version: int
    attached_at: datetime = Field(sa_type=UtcDateTime)
    attached_by: str


class OrderStep(SQLModel, table=True):
    """A step of an order."""

    __tablename__ = "order_checklist_step"
    __table_args__ = (UniqueConstraint("checklist_id", "position"),)

    id: int | None = Field(default=None, primary_key=True)
    checklist_id: int = Field(foreign_key="order_checklist.id", index=True)
    work_order_id: int = Field(foreign_key="work_order.id", index=True)
    position: int
    definition: dict[str, Any] = Field(sa_column=Column(Document, nullable=False))  #: definition.StepDefinition


class StepAnswer(SQLModel, table=True):
    """An answer; none is ever changed, a later one counts instead."""

    __tablename__ = "order_checklist_answer"

    id: int | None = Field(default=None, primary_key=True)
    step_id: int = Field(foreign_key="order_checklist_step.id", index=True)
    ref: str = Field(unique=True)  #: made by the client: what is sent twice is taken once
    value: Any = Field(default=None, sa_column=Column(Document, nullable=False))
    verdict: Verdict = Field(sa_type=word(Verdict))
    reason: str = ""  #: why it failed
    note: str = ""  #: what the person says of it
    person: str
    at: datetime = Field(
        sa_type=UtcDateTime
    )  #: the client's time, never after the server's nor before the checklist was there
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: the client's time as it came
    received_at: datetime = Field(sa_type=UtcDateTime)
    series: str = Field(default="", index=True)  #: meter: readings of one instrument over all orders
    confirmed: bool = False  #: meter: it went backwards, and the person says that this is so
    live: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))  #: value, unit, at


class FollowUp(SQLModel, table=True):
    """The order that a failed step opened: one, however often it fails."""

    __tablename__ = "order_checklist_follow_up"

    step_id: int = Field(primary_key=True, foreign_key="order_checklist_step.id")
    work_order_id: int = Field(foreign_key="work_order.id", unique=True)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    corrected_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: the step passed after all
