"""A device as tiles and lists show it."""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlmodel import Session

from plantroom_cloud.devices.service import health
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User

#: What a tile shows first, by kind of equipment.
_KEY_METRICS = {
    "pump": ("bearing_temperature", "speed", "vibration"),
    "transformer": ("winding_temperature_l2", "load"),
    "air-handler": ("supply_temperature", "filter_pressure_drop"),
    "fridge": ("temperature", "door_open"),
    "water-meter": ("flow", "volume"),
    "ups": ("state", "battery", "load"),
    "meter": ("active_power", "voltage_l1", "voltage", "energy_import"),
}


def tiles(session: Session, services: Services, user: User, at: datetime) -> list[dict[str, Any]]:
    """Devices as the tiles and lists show them."""
    latest = services.devices.latest(session)
    gateways = {gateway.id: gateway for gateway in services.gateways.list(session)}
    active = Counter(a.device_id for a in services.alarms.search(session, active=True, limit=500))
    rows = []
    for device in services.devices.list(session, user.sites):
        row = latest.get(device.id)
        word, reason = health(device, row, gateways.get(device.gateway_id), at)
        units = {m["name"]: m for m in device.metrics}
        wanted = [m for m in _KEY_METRICS.get(device.kind, ()) if m in units] or list(units)[:3]
        values = row.values if row else {}
        rows.append(
            {
                "id": device.id,
                "label": device.label,
                "kind": device.kind,
                "location": device.location,
                "gateway": device.gateway_id,
                "health": word,
                "reason": reason,
                "alarms": active.get(device.id, 0),
                "last": row.last_reading_at if row else None,
                "values": [
                    (units[m]["label"], values[m]["v"], units[m].get("unit", "")) for m in wanted if m in values
                ][:3],
            }
        )
    return sorted(rows, key=lambda d: (-d["alarms"], d["health"] == "ok", d["kind"], d["label"]))
