"""What scales send, as bytes, without I/O."""

import struct
from datetime import datetime
from typing import Literal

POUND = 0.45359237
#: Weight Measurement 0x2A9D: "measurement unsuccessful".
UNSUCCESSFUL = 0xFFFF
STABLE, REMOVED = 0x20, 0x80

Unit = Literal["kg", "lb", "jin"]
#: What one count of a broadcast scale is, in kilograms.
COUNT_KG: dict[Unit, float] = {"kg": 0.005, "lb": 0.01 * POUND, "jin": 0.01 * 0.5}
_UNIT_FLAGS: dict[Unit, int] = {"kg": 0x02, "lb": 0x03, "jin": 0x12}


def date_time(stamp: datetime) -> bytes:
    """Date Time 0x2A08."""
    return struct.pack("<HBBBBB", stamp.year, stamp.month, stamp.day, stamp.hour, stamp.minute, stamp.second)


def weight_measurement(raw: int, stamp: datetime | None, *, imperial: bool) -> bytes:
    """0x2A9D: `raw` counts of 0.005 kg or 0.01 lb."""
    flags = (0x01 if imperial else 0) | (0x02 if stamp else 0)
    return struct.pack("<BH", flags, raw) + (date_time(stamp) if stamp else b"")


def weight_scale_feature(*, clock: bool) -> bytes:
    """0x2A9E: bit 0 time stamp, bits 3 to 6 the resolution (7: 0.005 kg or 0.01 lb)."""
    return struct.pack("<I", (1 if clock else 0) | 7 << 3)


def body_composition(raw: int, state: int, stamp: datetime, unit: Unit) -> bytes:
    """Service data 0x181B of 13 bytes: flags, date, impedance (none), weight."""
    return struct.pack("<BB", _UNIT_FLAGS[unit], state) + date_time(stamp) + struct.pack("<HH", 0, raw)


def text_line(kg: float, *, stable: bool, capacity_kg: float) -> bytes:
    """ST,GS,+0012.34kg; OL beyond the capacity."""
    if kg > capacity_kg:
        return b"OL,GS,+999999.kg\r\n"
    sign = "-" if kg < 0 else "+"
    return f"{'ST' if stable else 'US'},GS,{sign}{abs(kg):07.2f}kg\r\n".encode()
