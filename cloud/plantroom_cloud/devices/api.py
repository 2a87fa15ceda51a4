"""/api/v1/devices and /api/v1/profiles."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from plantroom_cloud.columns import ms_from_utc, utc_from_ms
from plantroom_cloud.dependencies import (
    At,
    Manager,
    ReadSession,
    ServicesDep,
    Viewer,
    WriteSession,
    may_see,
    sites_asked,
)
from plantroom_cloud.devices.models import Device, DeviceLatest
from plantroom_cloud.devices.service import health
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.gateways.api import CommandIn, CommandOut, send_command
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.listing import Page, PartDep
from plantroom_cloud.moment import Moment
from plantroom_cloud.services import Services
from plantroom_cloud.telemetry.rollup import Point
from plantroom_cloud.users.models import User
from plantroom_shared.batch import LATEST_MS
from plantroom_shared.ids import check_metric
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1", tags=["devices"])

_JSON = msgspec.json.Encoder()


class DeviceOut(BaseModel):
    """A device and how it is."""

    id: str
    gateway_id: str
    name: str
    label: str
    profile: str
    kind: str
    location: str
    period_s: float | None
    metrics: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    identity: dict[str, str]
    labels: list[str]
    health: str
    health_reason: str
    last_reading_at: datetime | None


class LabelsIn(BaseModel):
    """All that a device has from now on."""

    labels: list[str] = Field(max_length=20)


class ValueOut(BaseModel):
    """The newest value of a metric."""

    metric: str
    time: datetime
    value: Any
    quality: str


class HealthOut(BaseModel):
    """How a device is, and why."""

    health: str
    reason: str
    last_reading_at: datetime | None


class PointOut(BaseModel):
    """A value, or a window of values beginning at `time`."""

    time: datetime
    min: float
    mean: float
    max: float
    last: float
    count: int


class SeriesOut(BaseModel):
    """One metric over time; `every` is the window in seconds, null for raw values."""

    metric: str
    every: int | None
    points: list[PointOut]


@router.get("/devices")
def list_devices(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    part: PartDep,
    site: str | None = None,
    gateway: str | None = None,
    kind: str | None = None,
    profile: str | None = None,
    label: Annotated[str | None, Query(description="one of those that people gave it")] = None,
    health: Literal["ok", "silent", "stale", "gateway-offline", "unknown"] | None = None,
    q: Annotated[str, Query(description="text in its id, label or location")] = "",
) -> Page[DeviceOut]:
    """Devices in use, by id."""
    wanted = {"gateway_id": gateway, "kind": kind, "profile": profile}
    latest = services.devices.latest(session)
    gateways = {gateway.id: gateway for gateway in services.gateways.list(session)}
    found = [
        _out(device, latest.get(device.id), gateways.get(device.gateway_id), at)
        for device in services.devices.list(session, sites_asked(user, site))
        if all(value is None or getattr(device, name) == value for name, value in wanted.items())
        and (label is None or label in device.labels)
        and q.lower() in f"{device.id} {device.label} {device.location}".lower()
    ]
    items, more = part.of([device for device in found if health in (None, device.health)], lambda device: device.id)
    return Page(items=list(items), next=more)


@router.get("/devices/{device_id}")
def get_device(device_id: str, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> DeviceOut:
    """One device."""
    device, gateway = visible(session, services, user, device_id)
    return _out(device, services.devices.latest(session, [device_id]).get(device_id), gateway, at)


@router.put("/devices/{device_id}/labels")
def set_labels(
    device_id: str, body: LabelsIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> DeviceOut:
    """What people here call it by; an alarm rule may stand on a label."""
    device, gateway = visible(session, services, user, device_id)
    services.devices.set_labels(session, device, body.labels, at)
    services.users.audit(session, user.name, "device.labels", f"device/{device_id}", {"labels": device.labels}, at)
    return _out(device, services.devices.latest(session, [device_id]).get(device_id), gateway, at)


@router.get("/devices/{device_id}/latest")
def latest(device_id: str, user: Viewer, session: ReadSession, services: ServicesDep) -> Page[ValueOut]:
    """The newest value of each metric."""
    visible(session, services, user, device_id)
    row = services.devices.latest(session, [device_id]).get(device_id)
    items = [
        ValueOut(metric=metric, time=utc_from_ms(value["t"]), value=value["v"], quality=value["q"])
        for metric, value in sorted((row.values if row else {}).items())
    ]
    return Page(items=items)


@router.get("/devices/{device_id}/health")
def get_health(device_id: str, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> HealthOut:
    """How it is, and why."""
    device, gateway = visible(session, services, user, device_id)
    row = services.devices.latest(session, [device_id]).get(device_id)
    word, reason = health(device, row, gateway, at)
    return HealthOut(health=word, reason=reason, last_reading_at=row.last_reading_at if row else None)


@router.get("/devices/{device_id}/telemetry", response_model=Page[SeriesOut])
def telemetry(
    device_id: str,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    metric: Annotated[list[str], Query()],
    start: Moment | None = None,
    end: Moment | None = None,
    every: Annotated[int | None, Query(ge=0, le=604_800, description="window in seconds; 0 for raw values")] = None,
) -> Response:
    """Metrics over time in [start, end); the last hour by default, the window chosen by the range."""
    visible(session, services, user, device_id)
    last = end or at
    first = start or last - timedelta(hours=1)
    if first >= last:
        raise InvalidError("start must be before end")
    first_ms, last_ms = (min(max(ms_from_utc(moment), 0), LATEST_MS) for moment in (first, last))
    items = []
    for name in metric[:20]:
        check_metric(name)
        if every == 0:
            window, points = None, services.telemetry.raw(device_id, name, first_ms, last_ms)
        else:
            window, points = services.telemetry.series(device_id, name, first_ms, last_ms, every, at)
        items.append({"metric": name, "every": window, "points": [_point(point) for point in points]})
    # thousands of points: written as they are, for checking each again costs ten times as much as reading them
    return Response(_JSON.encode({"items": items, "next": None}), media_type="application/json")


def _point(point: Point) -> dict[str, Any]:
    """As PointOut."""
    return {
        "time": utc_from_ms(point.time),
        "min": point.minimum,
        "mean": point.mean,
        "max": point.maximum,
        "last": point.last,
        "count": point.count,
    }


@router.post("/devices/{device_id}/commands", status_code=202)
def command(
    device_id: str, body: CommandIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> CommandOut:
    """Have a device do something, once."""
    device, _ = visible(session, services, user, device_id)
    return send_command(session, services, device, body, user.name, at)


@router.get("/profiles")
def profiles(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    part: PartDep,
    site: str | None = None,
    kind: str | None = None,
) -> Page[dict[str, Any]]:
    """The profiles of the devices in use, with their metrics."""
    found: dict[str, dict[str, Any]] = {}
    for device in services.devices.list(session, sites_asked(user, site)):
        if kind is not None and device.kind != kind:
            continue
        entry = found.setdefault(
            device.profile, {"profile": device.profile, "kind": device.kind, "devices": 0, "metrics": device.metrics}
        )
        entry["devices"] += 1
    items, more = part.of([found[name] for name in sorted(found)], lambda profile: profile["profile"])
    return Page(items=list(items), next=more)


def visible(session: Session, services: Services, user: User, device_id: str) -> tuple[Device, Gateway]:
    """The device if the person may know of it; raises NotFoundError."""
    device = services.devices.get(session, device_id)
    gateway = services.gateways.get(session, device.gateway_id)
    if not may_see(user, gateway.site_id):
        raise NotFoundError(said("there is no device %(device_id)r", device_id=device_id))
    return device, gateway


def _out(device: Device, row: DeviceLatest | None, gateway: Gateway | None, at: datetime) -> DeviceOut:
    word, reason = health(device, row, gateway, at)
    return DeviceOut(
        **device.model_dump(
            include={
                "id",
                "gateway_id",
                "name",
                "label",
                "profile",
                "kind",
                "location",
                "period_s",
                "metrics",
                "actions",
                "identity",
                "labels",
            }
        ),
        health=word,
        health_reason=reason,
        last_reading_at=row.last_reading_at if row else None,
    )
