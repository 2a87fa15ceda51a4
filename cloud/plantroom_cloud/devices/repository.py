"""Queries over devices and their latest values."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, case
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from plantroom_cloud.columns import utc_from_ms
from plantroom_cloud.database import insert_or_update
from plantroom_cloud.devices.condition import Heard
from plantroom_cloud.devices.models import Device, DeviceLatest
from plantroom_cloud.gateways.models import Gateway

_DEVICE = cast("Table", Device.__table__)  # type: ignore[attr-defined]
_LATEST = cast("Table", DeviceLatest.__table__)  # type: ignore[attr-defined]


def of_gateway(session: Session, gateway_id: str) -> dict[str, Device]:
    """All that this gateway ever had, by id."""
    return {device.id: device for device in session.exec(select(Device).where(Device.gateway_id == gateway_id))}


def in_use(session: Session, sites: Sequence[str]) -> list[Device]:
    """By id; of all sites when none is named."""
    query = select(Device).where(col(Device.removed_at).is_(None)).order_by(col(Device.id))
    if sites:
        query = query.join(Gateway).where(col(Gateway.site_id).in_(sites))
    return list(session.exec(query))


def latest(session: Session, device_ids: Sequence[str] | None) -> dict[str, DeviceLatest]:
    """The newest values by device id; of all devices when none is named."""
    query = select(DeviceLatest)
    if device_ids is not None:
        query = query.where(col(DeviceLatest.device_id).in_(device_ids))
    return {row.device_id: row for row in session.exec(query)}


def latest_of(session: Session, device_ids: Sequence[str]) -> Sequence[Any]:
    """Of those devices that are known: id, values, time of the last reading, state; nulls where nothing came yet."""
    found: list[Any] = []
    query = sa_select(_DEVICE.c.id, _LATEST.c["values"], _LATEST.c.last_reading_at, _LATEST.c.state).outerjoin(
        _LATEST, _LATEST.c.device_id == _DEVICE.c.id
    )
    for begin in range(0, len(device_ids), 500):
        found += session.connection().execute(query.where(_DEVICE.c.id.in_(device_ids[begin : begin + 500]))).all()
    return found


def save_latest(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Newest values; the state changes only where nothing was known before."""

    def changes(new: Any) -> dict[str, Any]:
        known = _LATEST.c.state != "unknown"
        return {
            "values": new["values"],
            "last_reading_at": new.last_reading_at,
            "state": case((known, _LATEST.c.state), else_=new.state),
            "state_since": case((known, _LATEST.c.state_since), else_=new.state_since),
        }

    insert_or_update(session, _LATEST, rows, changes)


def set_latest_back(session: Session, gateway_id: str, to: int) -> None:
    """Values dated after `to` (ms) get that time: its clock went back, and they would hide what comes now."""
    query = select(DeviceLatest).join(Device, col(Device.id) == col(DeviceLatest.device_id))
    for latest in session.exec(query.where(Device.gateway_id == gateway_id)):
        latest.values = {
            metric: {**known, "t": min(known["t"], to)} if isinstance(known, dict) and "t" in known else known
            for metric, known in latest.values.items()
        }
        if latest.last_reading_at is not None:
            latest.last_reading_at = min(latest.last_reading_at, utc_from_ms(to))
        session.add(latest)


def by_ids(session: Session, device_ids: Sequence[str]) -> dict[str, Device]:
    """Those that there are."""
    return {device.id: device for device in session.exec(select(Device).where(col(Device.id).in_(device_ids)))}


def heard(session: Session, sites: Sequence[str], gateway_id: str | None) -> list[Heard]:
    """Of every device in use but the gateways themselves, by id; neither metrics nor values are read."""
    query = (
        sa_select(
            col(Device.id),
            col(Device.label),
            col(Device.kind),
            col(Device.location),
            col(Device.gateway_id),
            col(Gateway.site_id),
            col(Device.period_s),
            col(Gateway.state),
            col(DeviceLatest.state),
            col(DeviceLatest.state_reason),
            col(DeviceLatest.last_reading_at),
        )
        .join(Gateway, col(Gateway.id) == col(Device.gateway_id))
        .join(DeviceLatest, col(DeviceLatest.device_id) == col(Device.id), isouter=True)
        .where(col(Device.removed_at).is_(None), col(Device.kind) != "gateway")
        .order_by(col(Device.id))
    )
    if sites:
        query = query.where(col(Gateway.site_id).in_(sites))
    if gateway_id is not None:
        query = query.where(col(Device.gateway_id) == gateway_id)
    return [Heard(*row[:9], row[9] or "", row[10]) for row in session.connection().execute(query)]
