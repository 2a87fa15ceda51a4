"""A rule over what is stored: when it would have raised; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from plantroom_cloud.alarms.engine import Crossing, Rule, Standing, judge_rows, judge_watermark
from plantroom_cloud.telemetry.rollup import Point
from plantroom_shared.batch import DeviceRows

#: Windows further apart than so many of them are a gap: nothing is known in it.
GAP_WINDOWS = 5


@dataclass(frozen=True, slots=True)
class Spell:
    """The alarm would have been active from `raised` to `returned` (ms; None: still)."""

    raised: int
    returned: int | None
    value: float | int | bool | str | None


def replay(rule: Rule, series: Mapping[str, Sequence[Point]], window_ms: int) -> list[Spell]:
    """`series`: points of each metric in order. A window counts with its worst value for the rule."""
    standing, crossings = Standing(), list[Crossing]()
    last: dict[str, int] = {}
    for rows in _rows(rule, series, window_ms, last):
        crossings += judge_rows(rule, standing, rows)[0]
        crossings += judge_watermark(rule, standing, rows.times[0])
    spells: list[Spell] = []
    for crossing in crossings:
        if crossing.kind == "raise":
            spells.append(Spell(crossing.at, None, crossing.value))
        elif spells:
            spells[-1] = Spell(spells[-1].raised, crossing.at, spells[-1].value)
    return spells


def metrics_of(rule: Rule) -> frozenset[str]:
    """What must be known to replay it."""
    if rule.condition is not None:
        return rule.condition.metrics
    return frozenset({rule.metric}) if rule.metric else frozenset()


def _rows(
    rule: Rule, series: Mapping[str, Sequence[Point]], window_ms: int, last: dict[str, int]
) -> Iterable[DeviceRows]:
    times = sorted({point.time for points in series.values() for point in points})
    at = {name: {point.time: point for point in points} for name, points in series.items()}
    low = (rule.condition.operator if rule.condition is not None else rule.operator) == "<"
    for moment in times:
        found = {name: points[moment] for name, points in at.items() if moment in points}
        ended = [name for name in found if name in last and window_ms and moment - last[name] > GAP_WINDOWS * window_ms]
        for name in ended:
            values: dict[str, list[float | int | bool | str | None]] = {name: [None]}
            yield DeviceRows(device="", times=[last[name] + window_ms], values=values, marks=[(0, name, "no-response")])
        last |= dict.fromkeys(found, moment)
        yield DeviceRows(
            device="",
            times=[moment],
            values={name: [point.minimum if low else point.maximum] for name, point in found.items()},
        )
