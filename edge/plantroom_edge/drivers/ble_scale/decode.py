"""Frames of scales to measurements, without I/O.

Sources: Bluetooth SIG, Weight Scale Service 1.0 and GATT Specification Supplement (Weight Measurement 0x2A9D); the
broadcasts of Xiaomi's scales as openScale and ble_monitor read them; the "ST,GS,+0012.34kg" line of A&D and its many
followers. A frame that fits none of it raises FrameError: it is shown, never guessed at.
"""

import re
import struct
from datetime import datetime
from typing import Literal

from plantroom_edge.drivers.ble_scale.measurement import Measurement, Mode, Unit
from plantroom_edge.errors import EdgeError

#: Weight Measurement 0x2A9D: this weight says that the measurement did not succeed.
UNSUCCESSFUL = 0xFFFF
#: A longer line is no line of a scale: what comes is thrown away up to the next end of a line.
LONGEST_LINE = 64

_LINE = re.compile(
    r"(?P<state>ST|US|OL|UL)\s*,\s*(?P<mode>GS|NT|TR)\s*,\s*"
    r"(?P<sign>[+-]?)\s*(?P<number>\d+(?:\.\d*)?|\.\d+|[-=\s]*)\s*(?P<unit>kg|g|t|lb|oz)?",
    re.IGNORECASE,
)
_MODES: dict[str, Mode] = {"GS": "gross", "NT": "net", "TR": "tare"}
_UNITS: dict[str, Unit] = {"kg": "kg", "g": "g", "t": "t", "lb": "lb", "oz": "oz"}


class FrameError(EdgeError):
    """A frame that is none of this scale; the message carries it in hexadecimal."""

    def __init__(self, what: str, frame: bytes) -> None:
        super().__init__(f"{what}: {frame.hex() or 'empty'}")
        self.frame = frame


def decode_weight_measurement(frame: bytes) -> Measurement:
    """Weight Measurement 0x2A9D. Flags: bit 0 unit, bit 1 time stamp, bit 2 user, bit 3 BMI and height (both).

    Weight is uint16 × 0.005 kg or × 0.01 lb. An indication of this characteristic is a finished measurement: stable.
    """
    if len(frame) < 3:
        raise FrameError("a weight measurement has at least 3 bytes", frame)
    flags, raw = struct.unpack_from("<BH", frame)
    imperial = bool(flags & 1)
    at = 3
    needed = at + (7 if flags & 2 else 0) + (1 if flags & 4 else 0) + (4 if flags & 8 else 0)
    if len(frame) < needed:
        raise FrameError(f"its flags {flags:#04x} announce {needed} bytes, {len(frame)} came", frame)
    scale_time = user = bmi = height = None
    if flags & 2:
        scale_time = _date_time(frame[at : at + 7])
        at += 7
    if flags & 4:
        user = None if frame[at] == 0xFF else frame[at]
        at += 1
    if flags & 8:
        raw_bmi, raw_height = struct.unpack_from("<HH", frame, at)
        bmi = round(raw_bmi * 0.1, 1)
        height = round(raw_height * 0.1 * 0.0254, 4) if imperial else round(raw_height * 0.001, 3)
    unit: Unit = "lb" if imperial else "kg"
    if raw == UNSUCCESSFUL:
        return Measurement(None, unit, False, frame, scale_time=scale_time, user=user, fault="failed")
    value = round(raw * 0.01, 2) if imperial else round(raw * 0.005, 3)
    return Measurement(value, unit, True, frame, "", scale_time, user, bmi, height)


def decode_broadcast(layout: Literal["0x181b", "0x181d"], data: bytes) -> Measurement | None:
    """Service data of a scale that only broadcasts, or None where it carries no weight.

    0x181b, 13 bytes: flags (2), year, month, day, hour, minute, second, impedance (2), weight (2).
    0x181d, 10 bytes: flags (1), weight (2), year, month, day, hour, minute, second.
    Weight is × 0.005 kg, or × 0.01 lb or jin as the flags say. All little-endian.
    """
    length = 13 if layout == "0x181b" else 10
    if len(data) != length:
        raise FrameError(f"service data {layout} has {length} bytes, {len(data)} came", data)
    if layout == "0x181b":
        units, state = data[0], data[1]
        pounds, jin = units & 0x01, units & 0x10
        when, raw = data[2:9], int.from_bytes(data[11:13], "little")
    else:
        state = data[0]
        pounds, jin = state & 0x01, state & 0x10
        raw, when = int.from_bytes(data[1:3], "little"), data[3:10]
    if raw in (0, UNSUCCESSFUL):
        return None
    unit: Unit = "lb" if pounds else "jin" if jin else "kg"
    value = round(raw * (0.005 if unit == "kg" else 0.01), 3)
    return Measurement(value, unit, bool(state & 0x20), data, scale_time=_date_time(when))


def decode_line(line: bytes) -> Measurement:
    """One line of a text scale: `ST,GS,+0012.34kg`.

    ST stable, US unstable, OL overload, UL underload; GS gross, NT net, TR tare; sign, number, unit (kg where none).
    """
    try:
        text = line.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise FrameError("a line of a text scale is ASCII", line) from error
    match = _LINE.fullmatch(text)
    if match is None:
        raise FrameError("a line like ST,GS,+0012.34kg was expected", line)
    state, mode = match["state"].upper(), _MODES[match["mode"].upper()]
    unit = _UNITS[(match["unit"] or "kg").lower()]
    if state in ("OL", "UL"):
        fault: Literal["overload", "underload"] = "overload" if state == "OL" else "underload"
        return Measurement(None, unit, False, line, mode, fault=fault)
    if not any(character.isdigit() for character in match["number"]):
        raise FrameError("its weight has no digit", line)
    value = float(match["number"])
    return Measurement(-value if match["sign"] == "-" and value else value, unit, state == "ST", line, mode)


class LineReader:
    """Notifications to lines: they are cut anywhere, by CR, LF or both."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._discarding = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends; empty and over-long ones are dropped whole."""
        lines = []
        for byte in chunk:
            if byte in b"\r\n":
                if self._buffer and not self._discarding:
                    lines.append(bytes(self._buffer))
                self._buffer.clear()
                self._discarding = False
            elif len(self._buffer) >= LONGEST_LINE:  # the tail of an over-long line must not become a line of its own
                self._buffer.clear()
                self._discarding = True
            elif not self._discarding:
                self._buffer.append(byte)
        return lines

    def forget(self) -> None:
        """The link is gone: half a line of before must not be joined with half a line of after."""
        self._buffer.clear()
        self._discarding = False


def _date_time(raw: bytes) -> datetime | None:
    """Date Time 0x2A08: year, month, day, hour, minute, second; None where the clock was never set (a field is 0)."""
    year, month, day, hour, minute, second = struct.unpack("<HBBBBB", raw)
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  (a scale's clock has no zone)
    except ValueError:
        return None
