"""The shapes of the API of costs."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from plantroom_cloud.costs.models import Activity, DowntimeReason
from plantroom_cloud.moment import Moment

Amount = Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=4)]


class LabourOut(BaseModel):
    """Time of one person; `amount` in the currency of the installation, of a running timer until now."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    work_order_id: int
    person: str
    activity: Activity
    started_at: datetime
    ended_at: datetime | None
    rate: Decimal
    amount: Decimal = Decimal(0)
    note: str
    recorded_by: str
    struck_at: datetime | None
    struck_by: str


class NewLabour(BaseModel):
    """`from` and `to`, or `minutes` that end at `to` or now; `person`: a dispatcher may write it down for others."""

    model_config = ConfigDict(populate_by_name=True)
    activity: Activity
    start: Moment | None = Field(default=None, alias="from")
    end: Moment | None = Field(default=None, alias="to")
    minutes: int | None = Field(default=None, ge=1, le=1440)
    person: str | None = None
    note: str = Field(default="", max_length=2000)


class TimerStart(BaseModel):
    """What for."""

    activity: Activity = Activity.REPAIR


class ExtraOut(BaseModel):
    """What else it cost."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    text: str
    amount: Decimal
    at: datetime
    recorded_by: str
    struck_at: datetime | None
    struck_by: str


class NewExtra(BaseModel):
    """A contractor, a journey."""

    text: str = Field(max_length=500)
    amount: Amount


class CostsOut(BaseModel):
    """Added up; amounts in `currency`, each line rounded to hundredths."""

    currency: str
    labour: Decimal
    labour_s: int
    parts: Decimal
    extra: Decimal
    total: Decimal
    timer_runs: bool
    estimate_min: int | None
    items: list[ExtraOut]


class EstimateIn(BaseModel):
    """How long the work will take."""

    minutes: int = Field(ge=1, le=60_000)


class DowntimeOut(BaseModel):
    """The equipment was down; without an end while it is."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    asset_id: int | None
    device_id: str | None
    started_at: datetime
    ended_at: datetime | None
    reason: DowntimeReason
    planned: bool
    note: str
    recorded_by: str
    struck_at: datetime | None
    struck_by: str


class ProposalOut(BaseModel):
    """From the times of an alarm."""

    model_config = ConfigDict(from_attributes=True)
    alarm_id: int
    started_at: datetime
    ended_at: datetime | None
    reason: DowntimeReason
    planned: bool


class DowntimesOut(BaseModel):
    """What is written down, and what the alarms propose."""

    items: list[DowntimeOut]
    proposed: list[ProposalOut]


class NewDowntime(BaseModel):
    """From then to then; without `to` while it is down."""

    model_config = ConfigDict(populate_by_name=True)
    start: Moment = Field(alias="from")
    end: Moment | None = Field(default=None, alias="to")
    reason: DowntimeReason = DowntimeReason.FAILURE
    planned: bool = False
    note: str = Field(default="", max_length=2000)


class DowntimeEnd(BaseModel):
    """It works again; without a time: now."""

    model_config = ConfigDict(populate_by_name=True)
    end: Moment | None = Field(default=None, alias="to")


class RateOut(BaseModel):
    """Of "user:…", "team:…", or of everybody else when `whose` is empty."""

    model_config = ConfigDict(from_attributes=True)
    whose: str
    amount: Decimal
    weekly_hours: Decimal | None


class RateIn(BaseModel):
    """From now on; what is written down keeps the rate it had."""

    whose: str = Field(default="", max_length=80)
    amount: Amount
    weekly_hours: Annotated[Decimal, Field(ge=0, le=168, decimal_places=4)] | None = None
