"""Devices as tiles and lists show them, those that need attention first."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from plantroom_cloud.devices.condition import Condition
from plantroom_cloud.devices.models import Device
from plantroom_cloud.services import Services

#: What a tile shows first, by kind of equipment.
_KEY_METRICS = {
    "pump": ("bearing_temperature", "speed", "vibration"),
    "transformer": ("winding_temperature_l2", "load"),
    "air-handler": ("supply_temperature", "filter_pressure_drop"),
    "fridge": ("temperature", "door_open"),
    "water-meter": ("flow", "volume"),
    "gate": ("position", "mode"),
    "reader": ("cards", "tampered"),
    "ups": ("state", "battery", "load"),
    "meter": ("active_power", "voltage_l1", "voltage", "energy_import"),
}
_MOST_VALUES = 3
_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Tile:
    """A device with its active alarms."""

    id: str
    label: str
    kind: str
    location: str
    gateway_id: str
    site_id: str
    health: str
    reason: str
    last: datetime | None
    alarms: int

    @property
    def well(self) -> bool:
        """Whether nobody needs to look at it."""
        return self.health == "ok" and not self.alarms


def tiles(
    session: Session,
    services: Services,
    sites: Sequence[str],
    at: datetime,
    gateway_id: str | None = None,
) -> list[Tile]:
    """Two queries, however many devices there are."""
    alarms = services.alarms.active_by_device(session)
    found = [_tile(c, alarms) for c in services.devices.conditions(session, at, sites, gateway_id)]
    return sorted(found, key=lambda tile: (-tile.alarms, tile.health == "ok", tile.kind, _natural(tile.label)))


def key_values(
    session: Session, services: Services, device_ids: Sequence[str]
) -> dict[str, list[tuple[str, Any, str]]]:
    """The few values that say most of each device, as (label, value, unit); for the devices of one page."""
    latest = services.devices.latest(session, device_ids)
    found = {}
    for device in services.devices.of_ids(session, device_ids):
        values = latest[device.id].values if device.id in latest else {}
        metrics = {metric["name"]: metric for metric in device.metrics}
        wanted = [name for name in _KEY_METRICS.get(device.kind, ()) if name in metrics] or list(metrics)
        known = [name for name in wanted if name in values and values[name]["v"] is not None]
        found[device.id] = [
            (metrics[name]["label"], values[name]["v"], metrics[name].get("unit", "")) for name in known[:_MOST_VALUES]
        ]
    return found


def first_metric(device: Device, alarmed: Sequence[str]) -> str | None:
    """What a chart of it shows first: what an active alarm is about, else what says most of its kind, else the first
    number that it has."""
    shown = [metric["name"] for metric in device.metrics if metric.get("kind", "gauge") in ("gauge", "counter")]
    return next((name for name in (*alarmed, *_KEY_METRICS.get(device.kind, ()), *shown) if name in shown), None)


def _natural(label: str) -> list[tuple[int, str]]:
    """So that pump 2 stands before pump 10."""
    return [(int(part) if part.isdigit() else 0, part.lower()) for part in _NUMBERS.split(label)]


def _tile(condition: Condition, alarms: Mapping[str, int]) -> Tile:
    heard = condition.device
    return Tile(
        heard.id,
        heard.label,
        heard.kind,
        heard.location,
        heard.gateway_id,
        heard.site_id,
        condition.health,
        condition.reason,
        heard.last_reading_at,
        alarms.get(heard.id, 0),
    )
