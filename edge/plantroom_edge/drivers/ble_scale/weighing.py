"""A measurement to the event that tells it: dated, and with an identity that is the same however often it is told."""

import hashlib
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from plantroom_edge.drivers.ble_scale.measurement import Measurement
from plantroom_shared.batch import Event

#: A measurement that the scale's clock dates so little before its arrival comes straight from the platform: then our
#: own clock counts, which the label scanner shares, and which knows more than whole seconds.
LIVE = timedelta(minutes=1)
#: An older one comes from the scale's memory, and its clock counts, up to this age.
OLDEST = timedelta(days=30)


def date(measurement: Measurement, zone: str, at_ms: int) -> tuple[int, str]:
    """Event time in ms, and whose clock it is: "scale" or "gateway"."""
    if measurement.scale_time is not None:
        told = round(measurement.scale_time.replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
        if LIVE / timedelta(milliseconds=1) < at_ms - told <= OLDEST / timedelta(milliseconds=1):
            return told, "scale"
    return at_ms, "gateway"


def weighing_event(
    measurement: Measurement, *, device: str, address: str, station: str, zone: str, at_ms: int
) -> Event:
    """`weighing`, or `weighing.failed` where the scale has no weight."""
    time_ms, source = date(measurement, zone, at_ms)
    stamp = measurement.scale_time.isoformat() if measurement.scale_time is not None else ""
    identity = f"{address} {stamp or at_ms} {measurement.raw.hex()}"
    data: dict[str, Any] = {"raw": measurement.raw.hex(), "time_source": source, "station": station}
    if stamp:
        data["scale_time"] = stamp
    if measurement.fault:
        kind = "weighing.failed"
        data["reason"] = measurement.fault
    else:
        kind = "weighing"
        data |= {"kg": measurement.kg, "value": measurement.value, "unit": measurement.unit}
        data |= {"stable": measurement.stable, "mode": measurement.mode}
    for name in ("user", "bmi", "height_m"):
        value = getattr(measurement, name)
        if value is not None:
            data[name] = value
    return Event(
        id=hashlib.sha256(identity.encode()).hexdigest()[:32], kind=kind, time=time_ms, device=device, data=data
    )
