"""InfluxDB line protocol. Numbers and booleans are always floats: a field never changes its type."""

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite

from plantroom_cloud.telemetry.rollup import Point
from plantroom_shared.batch import DeviceRows, Value

MEASUREMENT = "telemetry"


def row_lines(device: str, rows: DeviceRows) -> Iterator[str]:
    """A line for each row with a value; texts go to a field of their own ("state__text")."""
    columns = [(metric, column) for metric, column in rows.values.items()]
    for index, time in enumerate(rows.times):
        parts = []
        for metric, column in columns:
            value = column[index]
            if type(value) is float and -1e308 < value < 1e308:  # neither infinite nor no number
                parts.append(f"{metric}={value!r}")
            elif value is not None and (text := field_text(metric, value)):
                parts.append(text)
        if parts:
            yield f"{MEASUREMENT},device={device} {','.join(parts)} {time}"


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


def window_lines(series: Iterable[tuple[tuple[str, str], Sequence[Point]]]) -> list[str]:
    """A line for each device and window, with five fields per metric."""
    lines: dict[tuple[str, int], list[str]] = {}
    for (device, metric), points in series:
        for p in points:
            lines.setdefault((device, p.time), []).append(
                f"{metric}__min={p.minimum!r},{metric}__mean={p.mean!r},{metric}__max={p.maximum!r},"
                f"{metric}__last={p.last!r},{metric}__count={float(p.count)!r}"
            )
    return [f"{MEASUREMENT},device={device} {','.join(parts)} {time}" for (device, time), parts in lines.items()]


def split_fields(line: str) -> list[str]:
    """A line to one line per field, so that a bad field takes no good one with it."""
    head, rest = line.split(" ", 1)
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
    return [f"{head} {part} {time}" for part in parts]
