"""What work costs: labour, parts and their stock, extra costs, downtime. Amounts are exact, in the one currency."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Column, Index, text
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Exact, UtcDateTime, word


class Activity(StrEnum):
    """What a person does with the time."""

    TRAVEL = "travel"
    DIAGNOSE = "diagnose"
    REPAIR = "repair"
    MAINTAIN = "maintain"
    WAIT = "wait"
    OTHER = "other"


class Labour(SQLModel, table=True):
    """Time of one person on one work order; while the timer runs, without an end."""

    __table_args__ = (
        Index(
            "one_running_timer_per_person",
            "person",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    work_order_id: int = Field(foreign_key="work_order.id", index=True)
    person: str = Field(index=True)  #: login name
    activity: Activity = Field(sa_type=word(Activity))
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rate: Decimal = Field(sa_column=Column(Exact, nullable=False))  #: per hour, as it was then
    note: str = ""
    recorded_by: str
    struck_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: it does not count; it stays readable
    struck_by: str = ""


class Rate(SQLModel, table=True):
    """What an hour of somebody costs, and how many there are in a week."""

    __tablename__ = "labour_rate"

    whose: str = Field(primary_key=True)  #: "user:tom", "team:hvac", or "" for everybody else
    amount: Decimal = Field(sa_column=Column(Exact, nullable=False))  #: per hour
    weekly_hours: Decimal | None = Field(default=None, sa_column=Column(Exact))  #: of one person


class Estimate(SQLModel, table=True):
    """How long a work order will take, as a dispatcher thinks."""

    __tablename__ = "work_order_estimate"

    work_order_id: int = Field(primary_key=True, foreign_key="work_order.id")
    minutes: int
    by: str
    at: datetime = Field(sa_type=UtcDateTime)


class ExtraCost(SQLModel, table=True):
    """What else a work order cost: a contractor, a journey."""

    __tablename__ = "extra_cost"

    id: int | None = Field(default=None, primary_key=True)
    work_order_id: int = Field(foreign_key="work_order.id", index=True)
    text: str
    amount: Decimal = Field(sa_column=Column(Exact, nullable=False))
    at: datetime = Field(sa_type=UtcDateTime)
    recorded_by: str
    struck_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    struck_by: str = ""


class DowntimeReason(StrEnum):
    """Why equipment did not do its work."""

    FAILURE = "failure"
    MAINTENANCE = "maintenance"
    INSPECTION = "inspection"
    MODIFICATION = "modification"
    SUPPLY = "supply"  #: no power, water, gas
    OTHER = "other"


class Downtime(SQLModel, table=True):
    """Equipment was down, from then to then; without an end while it is."""

    id: int | None = Field(default=None, primary_key=True)
    work_order_id: int = Field(foreign_key="work_order.id", index=True)
    asset_id: int | None = Field(default=None, foreign_key="asset.id", index=True)
    device_id: str | None = Field(default=None, foreign_key="device.id", index=True)
    started_at: datetime = Field(sa_type=UtcDateTime, index=True)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: DowntimeReason = Field(sa_type=word(DowntimeReason))
    planned: bool
    note: str = ""
    recorded_by: str
    struck_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    struck_by: str = ""
