"""Queries over devices and their latest values."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from plantroom_cloud.devices.models import Device, DeviceLatest
from plantroom_cloud.gateways.models import Gateway


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


def existing(session: Session, device_ids: Sequence[str]) -> set[str]:
    """Those of these ids that are known."""
    return set(session.exec(select(Device.id).where(col(Device.id).in_(device_ids))))
