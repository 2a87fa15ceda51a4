"""A rule over what is stored: when it would have raised; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from plantroom_cloud.alarms.engine import judge_rows, judge_watermark, resume
from plantroom_cloud.alarms.judgement import Crossing, Rule, Standing
from plantroom_cloud.telemetry.rollup import Point
from plantroom_shared.batch import DeviceRows

#: Windows further apart than so many of them are a gap: nothing is known in it.
GAP_WINDOWS = 5
#: The same between raw values of what tells that a silence is one, ms.
GAP_RAW = 300_000


@dataclass(frozen=True, slots=True)
class State:
    """What is no number, in place of a Point."""

    time: int
    value: bool | int | str

    @property
    def minimum(self) -> bool | int | str:
        """A state is neither less nor more."""
        return self.value

    @property
    def maximum(self) -> bool | int | str:
        """As the minimum."""
        return self.value


#: What is stored of one metric, in order.
History = Sequence[Point] | Sequence[State]


@dataclass(frozen=True, slots=True)
class Spell:
    """The alarm would have been active from `raised` to `returned` (ms; None: still)."""

    raised: int
    returned: int | None
    value: float | int | bool | str | None


def replay(rule: Rule, series: Mapping[str, History], window_ms: int) -> list[Spell]:
    """`series`: points of each metric in order. A window counts with its worst value for the rule."""
    standing, crossings = Standing(), list[Crossing]()
    last: dict[str, int] = {}
    for rows in _rows(rule, series, window_ms, last):
        crossings += judge_rows(rule, standing, rows)[0]
        crossings += judge_watermark(rule, standing, rows.times[0])
    return _spells(crossings)


def replay_silence(
    rule: Rule, heard: Iterable[int], alive: Iterable[int] | None, window_ms: int, end: int
) -> list[Spell]:
    """A no-data rule. `heard`: when (ms) the metric, or the device, came; `alive`: when the device, or its gateway, did
    (None: not known, so that every gap counts). Moments are those of raw values (`window_ms` 0) or beginnings of
    windows: a reading then counts for the whole window, so that no silence is shown that may have been none."""
    standing, crossings = Standing(), list[Crossing]()
    came = set(heard)
    others = set(alive) - came if alive is not None else set()
    before: int | None = None
    for moment in sorted(came | others):
        if alive is not None and before is not None and moment - before > max(GAP_WINDOWS * window_ms, GAP_RAW):
            resume(rule, standing, moment)  # nobody was there to hear it
        before = moment
        if moment in came:
            if alive is None:
                crossings += judge_watermark(rule, standing, moment)
            crossings += judge_rows(rule, standing, _row(rule, moment + max(window_ms - 1, 0), 1.0))[0]
        elif rule.metric is not None:
            crossings += judge_rows(rule, standing, _row(rule, moment, None))[0]
        else:
            crossings += judge_watermark(rule, standing, moment)
    if alive is None and rule.metric is None:
        crossings += judge_watermark(rule, standing, end)
    return _spells(crossings)


def _row(rule: Rule, moment: int, value: float | None) -> DeviceRows:
    values: dict[str, list[float | int | bool | str | None]] = {rule.metric or "": [value]}
    return DeviceRows(device="", times=[moment], values=values)


def _spells(crossings: Iterable[Crossing]) -> list[Spell]:
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


def states_of(rule: Rule) -> frozenset[str]:
    """Of its metrics those that are compared as states."""
    condition = rule.condition
    if condition is None:
        return frozenset({rule.metric}) if rule.metric and rule.states else frozenset()
    named = {condition.metric} if condition.states or condition.kind == "mismatch" else set()
    named |= {condition.other} if condition.other and condition.kind == "mismatch" else set()
    named |= {part.metric for part in (*condition.parts, condition.guard) if part is not None and part.states}
    return frozenset(named)


def thinned(texts: Iterable[tuple[int, str]], every_ms: int) -> list[State]:
    """Each change, and between them one in so long."""
    kept: list[State] = []
    for time, text in texts:
        if not kept or kept[-1].value != text or time - kept[-1].time >= every_ms:
            kept.append(State(time, text))
    return kept


def as_states(points: Sequence[Point], states: frozenset[str]) -> list[State]:
    """What was stored as a number, as rules name it: true and false, or whole numbers."""
    logical = states <= {"true", "false"}
    return [State(point.time, bool(point.last) if logical else int(point.last)) for point in points]


def _rows(rule: Rule, series: Mapping[str, History], window_ms: int, last: dict[str, int]) -> Iterable[DeviceRows]:
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
