"""Devices and their latest values."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, UtcDateTime


def device_key(gateway_id: str, device: str) -> str:
    """The id of a device in the cloud: "gw-a.pump-1" (a dot is in neither part)."""
    return f"{gateway_id}.{device}"


class Device(SQLModel, table=True):
    """A device as its gateway's birth message (or its own first message) describes it."""

    id: str = Field(primary_key=True, max_length=127)  #: device_key()
    gateway_id: str = Field(foreign_key="gateway.id", index=True)
    name: str  #: its id on the gateway
    label: str = ""
    profile: str = Field(default="", index=True)
    kind: str = ""
    location: str = ""
    station: str = ""  #: devices at one station belong together
    period_s: float | None = None
    #: list of plantroom_shared.messages.Metric / Action as JSON
    metrics: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    actions: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    #: what people here call it by: rules may stand on a label
    labels: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    identity: dict[str, str] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))
    direct: bool = False  #: speaks MQTT itself
    registered_at: datetime = Field(sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: no longer in the birth message


class DeviceLatest(SQLModel, table=True):
    """The newest per metric, {metric: {"t": ms, "v": value or null, "q": quality}}; written at most every second."""

    device_id: str = Field(primary_key=True, foreign_key="device.id")
    values: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))
    last_reading_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: event time of the newest row
    state: str = "unknown"  #: "ok", "silent" (a row of nulls came), "unknown"
    state_reason: str = ""
    state_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
