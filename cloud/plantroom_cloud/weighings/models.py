"""Weighings, scans of labels, and the stations where the two meet."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import UtcDateTime, word


class Order(StrEnum):
    """What people at a station do first."""

    LABEL_FIRST = "label-first"
    WEIGHT_FIRST = "weight-first"


class WeighingState(StrEnum):
    """Whether a weighing has its label."""

    WAITING = "waiting"  #: a label may still come
    PAIRED = "paired"
    BY_HAND = "by-hand"  #: a person said which label it belongs to
    NO_LABEL = "no-label"  #: none was scanned within the station's time
    NONE = "none"  #: weighed at no station: no label is expected


class ScanState(StrEnum):
    """What became of a scanned label."""

    WAITING = "waiting"  #: a weighing may still come
    PAIRED = "paired"
    NO_WEIGHING = "no-weighing"  #: nothing was weighed within the station's time
    SUPERSEDED = "superseded"  #: another label was scanned before anything was weighed
    REPEATED = "repeated"  #: the same label was scanned again before anything was weighed


class Station(SQLModel, table=True):
    """Where a scale and a scanner stand side by side; it comes up with its first event."""

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    key: str = Field(primary_key=True, max_length=63)
    name: str = ""
    window_s: float = 120.0  #: label and weighing belong together within it
    order: Order = Field(default=Order.LABEL_FIRST, sa_type=word(Order))


class Weighing(SQLModel, table=True):
    """One load on one scale."""

    id: int | None = Field(default=None, primary_key=True)
    event_id: str = Field(unique=True, max_length=64)
    gateway_id: str = Field(foreign_key="gateway.id", index=True)
    device_id: str = Field(index=True, max_length=127)
    site_id: str = Field(foreign_key="site.id", index=True)
    station: str = Field(default="", index=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)  #: event time
    received_at: datetime = Field(sa_type=UtcDateTime)
    kg: float
    value: float  #: as sent, in `unit`
    unit: str
    mode: str = ""  #: gross, net, or not told
    stable: bool = True
    raw: str = ""  #: the frame, hexadecimal
    time_source: str = "gateway"  #: whose clock dated it: "scale" or "gateway"
    state: WeighingState = Field(default=WeighingState.WAITING, sa_type=word(WeighingState), index=True)
    code: str | None = Field(default=None, index=True, max_length=64)  #: of the label that it belongs to
    note: str = ""  #: why it was paired unusually, or what is wrong


class LabelScan(SQLModel, table=True):
    """A label that was scanned at a station."""

    __tablename__ = "label_scan"

    id: int | None = Field(default=None, primary_key=True)
    event_id: str = Field(unique=True, max_length=64)
    gateway_id: str = Field(foreign_key="gateway.id", index=True)
    device_id: str = Field(max_length=127)
    site_id: str = Field(foreign_key="site.id", index=True)
    station: str = Field(index=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    received_at: datetime = Field(sa_type=UtcDateTime)
    code: str = Field(index=True, max_length=64)
    state: ScanState = Field(default=ScanState.WAITING, sa_type=word(ScanState), index=True)
    weighing_id: int | None = Field(default=None, foreign_key="weighing.id")
    note: str = ""
