"""Windows over values: which ones a batch touches, and how shorter ones make a longer one. Pure, no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from plantroom_shared.batch import DeviceRows

#: Seconds of the windows that are kept beside the raw values; each is made of the ones before it.
LEVELS = (60, 900, 3600, 86_400)
#: How long after its end a window is computed: what is on its way then has come. Later data computes it again.
SETTLE_MS = 5_000


@dataclass(frozen=True, slots=True)
class Point:
    """A raw value (count 1), or a window beginning at `time`; ms since the epoch."""

    time: int
    minimum: float
    mean: float
    maximum: float
    last: float
    count: int


#: A window that changed since it was computed: device, level in seconds, start in ms.
Window = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Span:
    """Windows of one level, one after the other, of devices with the same metrics: computed by one query."""

    level_s: int
    start: int
    end: int
    devices: tuple[str, ...]
    metrics: tuple[str, ...]


def window_start(time_ms: int, every_s: int) -> int:
    """The beginning of the window that a moment lies in."""
    size = every_s * 1000
    return time_ms // size * size


def touched(blocks: Iterable[tuple[str, DeviceRows]]) -> dict[Window, set[str]]:
    """The minutes that rows of (device id, columns) touch, with their metrics."""
    found: dict[Window, set[str]] = {}
    for device, rows in blocks:
        for start in {time // 60_000 * 60_000 for time in rows.times}:
            metrics = found.get((device, 60, start))
            if metrics is None:
                found[device, 60, start] = set(rows.values)
            else:
                metrics.update(rows.values)
    return found


def combine(points: Iterable[Point], every_s: int) -> list[Point]:
    """Points in order to windows of `every_s` seconds; means are weighted by their counts."""
    groups: dict[int, list[Point]] = {}
    for point in points:
        groups.setdefault(window_start(point.time, every_s), []).append(point)
    found = []
    for start, group in groups.items():
        count = sum(p.count for p in group)
        found.append(
            Point(
                start,
                min(p.minimum for p in group),
                sum(p.mean * p.count for p in group) / count,
                max(p.maximum for p in group),
                group[-1].last,
                count,
            )
        )
    return found


def is_due(window: Window, now_ms: int) -> bool:
    """Whether a window is over, so that it can be computed; the open ones are computed when somebody asks."""
    _, level_s, start = window
    return start + level_s * 1000 + SETTLE_MS <= now_ms


def above(windows: Mapping[Window, Iterable[str]]) -> dict[Window, set[str]]:
    """The windows of the next level that these change."""
    found: dict[Window, set[str]] = {}
    for (device, level_s, start), metrics in windows.items():
        place = LEVELS.index(level_s) + 1
        if place < len(LEVELS):
            longer = LEVELS[place]
            found.setdefault((device, longer, window_start(start, longer)), set()).update(metrics)
    return found


def spans(windows: Mapping[Window, Iterable[str]], most_devices: int = 50, most_windows: int = 60) -> list[Span]:
    """Windows in as few queries as may be: neighbours in time of the same devices, devices of the same metrics."""
    together: dict[tuple[int, tuple[str, ...], int], list[str]] = {}
    for (device, level_s, start), metrics in windows.items():
        together.setdefault((level_s, tuple(sorted(metrics)), start), []).append(device)
    found: list[Span] = []
    for (level_s, metrics, start), devices in sorted(together.items()):
        end = start + level_s * 1000
        found += [Span(level_s, start, end, part, metrics) for part in _parts(sorted(devices), most_devices)]
    found.sort(key=lambda span: (span.level_s, span.metrics, span.devices, span.start))
    merged: list[Span] = []
    for span in found:
        last = merged[-1] if merged else None
        if (
            last is not None
            and (last.level_s, last.metrics, last.devices, last.end)
            == (span.level_s, span.metrics, span.devices, span.start)
            and span.end - last.start <= most_windows * span.level_s * 1000
        ):
            merged[-1] = Span(last.level_s, last.start, span.end, last.devices, last.metrics)
        else:
            merged.append(span)
    return merged


def _parts(items: Sequence[str], most: int) -> list[tuple[str, ...]]:
    return [tuple(items[at : at + most]) for at in range(0, len(items), most)]
