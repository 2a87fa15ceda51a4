"""InfluxDB line protocol. Numbers and booleans are always floats: a field never changes its type."""

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite

import msgspec

from plantroom_cloud.telemetry.rollup import Point
from plantroom_shared.batch import DeviceRows, Value

MEASUREMENT = "telemetry"
_MEASUREMENT = MEASUREMENT.encode()

_JSON = msgspec.json.Encoder()
#: In JSON text of numbers alone none of these is found: what has them goes the long way.
_NOT_NUMBERS = (b"null", b"true", b"false", b'"', b"[]")


def row_lines(device: str, rows: DeviceRows) -> Iterator[bytes]:
    """A line for each row with a value; texts go to a field of their own ("state__text")."""
    if len(rows.times) == 1 and (fields := _number_fields(rows)):
        yield b"%b,device=%b %b %d" % (_MEASUREMENT, device.encode(), fields, rows.times[0])
        return
    for index, time in enumerate(rows.times):
        parts = [text for metric, column in rows.values.items() if (text := field_text(metric, column[index]))]
        if parts:
            yield _line(device, parts, time)


def _number_fields(rows: DeviceRows) -> bytes:
    """The fields of a single row of plain numbers: JSON writes numbers as lines do, and much faster than we could."""
    try:
        text = _JSON.encode(rows.values)  # {"a":[1.5],"b":[2.0]}
    except (OverflowError, msgspec.ValidationError):
        return b""
    text = text[2:-2].replace(b'],"', b",").replace(b'":[', b"=")
    return b"" if any(word in text for word in _NOT_NUMBERS) else text


def field_text(metric: str, value: Value) -> str:
    """One field, or "" for what is no value."""
    if value is None:
        return ""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        return f'{metric}__text="{escaped}"'
    try:
        number = float(value)
    except OverflowError:  # an integer beyond any float
        return ""
    return f"{metric}={number!r}" if isfinite(number) else ""


def window_lines(series: Iterable[tuple[tuple[str, str], Sequence[Point]]]) -> list[bytes]:
    """A line for each device and window, with five fields per metric."""
    lines: dict[tuple[str, int], list[str]] = {}
    for (device, metric), points in series:
        for p in points:
            lines.setdefault((device, p.time), []).append(
                f"{metric}__min={p.minimum!r},{metric}__mean={p.mean!r},{metric}__max={p.maximum!r},"
                f"{metric}__last={p.last!r},{metric}__count={float(p.count)!r}"
            )
    return [_line(device, parts, time) for (device, time), parts in lines.items()]


def _line(device: str, fields: Sequence[str], time: int) -> bytes:
    return f"{MEASUREMENT},device={device} {','.join(fields)} {time}".encode()


def split_fields(line: bytes) -> list[bytes]:
    """A line to one line per field, so that a bad field takes no good one with it."""
    head, rest = line.decode().split(" ", 1)
    fields, time = rest.rsplit(" ", 1)
    parts: list[str] = []
    begin, quoted, at = 0, False, 0
    while at < len(fields):
        character = fields[at]
        if character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            parts.append(fields[begin:at])
            begin = at + 1
        at += 1
    parts.append(fields[begin:])
    return [f"{head} {part} {time}".encode() for part in parts]
