"""Rules judged over columns, in event time against the watermark; pure, no I/O.

A rule stands on one source (device or gateway) in one of four places: normal, or the condition holds since t and the
on-delay runs; active, or the condition is gone since t and the off-delay runs. A delay is over when the *watermark* has
passed it: a gap in the data is not time above the limit, for the watermark stands still in it, and when the device
falls silent inside a delay the value has ended and the delay with it.
"""

from collections.abc import Sequence
from typing import Literal

from plantroom_cloud.alarms.conditions import Condition, Verdict, as_text
from plantroom_cloud.alarms.judgement import Crossing, Rule, Standing
from plantroom_cloud.alarms.silence import judge_missing, judge_silence
from plantroom_shared.batch import DeviceRows, Value

#: Readings kept for the alarm that they may raise.
EVIDENCE = 60
#: Blocks of rows before those that cross a limit, for the same purpose.
RECENT = 4


def is_quiet(rule: Rule, standing: Standing, moment: int, value: Value) -> bool:
    """Whether a single reading changes nothing: the way that nearly all of them take."""
    if standing.active or standing.pending_since is not None or type(value) is not float or rule.kind != "limit":
        return False
    if value > rule.limit if rule.operator == ">" else value < rule.limit:
        return False
    if standing.last_time is None or moment > standing.last_time:
        standing.last_time = moment
    return True


def judge_rows(
    rule: Rule, standing: Standing, rows: DeviceRows, recent: Sequence[DeviceRows] = ()
) -> tuple[list[Crossing], bool]:
    """One block of rows of the source, and those before it; the crossings, and whether the standing changed enough to
    be kept."""
    if rule.kind == "no-data":
        return judge_silence(rule, standing, rows) if rule.metric is None else judge_missing(rule, standing, rows)
    if rule.condition is not None:
        return _judge_condition(rule, rule.condition, standing, rows)
    assert rule.metric is not None
    column = rows.values.get(rule.metric)
    ended = [row for row, metric, _ in rows.marks if metric is None or metric == rule.metric]
    if column is None and not ended:
        return [], False
    quiet = not ended and standing.pending_since is None and not standing.active
    if quiet and column is not None and rule.kind == "limit" and _nothing_crosses(rule, column):
        _note_last(standing, rows.times, column)
        return [], False
    if standing.pending_since is None and not standing.active:
        standing.evidence = _readings(rule.metric, recent)
    crossings: list[Crossing] = []
    bad = set(ended)
    changed = False
    for index, moment in enumerate(rows.times):
        if index in bad:
            changed |= standing.pending_since is not None
            standing.pending_since = None  # the value has ended: no delay can run on what is not known
            continue
        value = column[index] if column is not None else None
        if value is None or (standing.last_time is not None and moment < standing.last_time):
            continue
        crossings += _due(rule, standing, moment)
        before = (standing.active, standing.pending_since)
        _step(rule, standing, moment, value)
        crossings += _due(rule, standing, moment)
        changed |= before != (standing.active, standing.pending_since)
    # while a delay runs its newest value is kept too: it is what the alarm will show
    return crossings, changed or bool(crossings) or standing.pending_since is not None


def judge_watermark(rule: Rule, standing: Standing, until: int) -> list[Crossing]:
    """All readings up to `until` have been seen: delays that ended before it are over."""
    if rule.kind == "no-data" and rule.metric is not None:
        return []  # a row of the device without it proves that it did not come; time alone proves nothing
    if rule.kind == "no-data":
        quiet = standing.last_time is not None and until - standing.last_time >= rule.on_delay_ms
        if quiet and not standing.active:
            standing.active = True
            assert standing.last_time is not None
            return [Crossing("raise", standing.last_time + rule.on_delay_ms, None)]
        return []
    crossings = _due(rule, standing, until)
    condition = rule.condition
    if condition is not None and condition.timed and (standing.last_time or 0) <= until:
        _follow(standing, condition.verdict(standing.known, standing.points, until), until)
        crossings += _due(rule, standing, until)
    return crossings


def resume(rule: Rule, standing: Standing, at: int) -> bool:
    """The gateway was away until `at`: no delay ran in what nobody saw. Whether that changed the standing."""
    changed = standing.pending_since is not None
    standing.pending_since = None
    if rule.kind == "no-data" and standing.last_time is not None and not standing.active:
        standing.last_time = max(standing.last_time, at)
    return changed


def _judge_condition(
    rule: Rule, condition: Condition, standing: Standing, rows: DeviceRows
) -> tuple[list[Crossing], bool]:
    columns = {name: column for name in condition.metrics if (column := rows.values.get(name)) is not None}
    ended = {(row, name) for row, metric, _ in rows.marks for name in ([metric] if metric else condition.metrics)}
    if not columns and not any(name in condition.metrics for _, name in ended):
        return [], False
    crossings: list[Crossing] = []
    before = (standing.active, standing.pending_since)
    windowed = False
    for index, moment in enumerate(rows.times):
        if standing.last_time is not None and moment < standing.last_time:
            continue
        for name in condition.metrics:
            if (index, name) in ended:
                standing.known.pop(name, None)
                if name == condition.metric:
                    standing.points.clear()
        for name, column in columns.items():
            value = column[index]
            if value is None or (index, name) in ended:
                continue
            was = standing.known.get(name)
            standing.known[name] = value
            if name == condition.metric:
                windowed |= condition.remember(standing.points, moment, value, was)
                standing.evidence = [*standing.evidence[1 - EVIDENCE :], (moment, value)]
        standing.last_time = moment
        crossings += _due(rule, standing, moment)
        _follow(standing, condition.verdict(standing.known, standing.points, moment), moment)
        figure = condition.figure(standing.known, standing.points)
        standing.value = figure if figure is not None else standing.known.get(condition.metric)
        crossings += _due(rule, standing, moment)
    changed = windowed or before != (standing.active, standing.pending_since) or bool(crossings)
    return crossings, changed or standing.pending_since is not None


def _follow(standing: Standing, verdict: Verdict, moment: int) -> None:
    turns = Verdict.NORMAL if standing.active else Verdict.ABNORMAL
    if verdict is not turns:
        standing.pending_since = None
    elif standing.pending_since is None:
        standing.pending_since = moment


def _nothing_crosses(rule: Rule, column: Sequence[Value]) -> bool:
    try:
        extreme = max(column) if rule.operator == ">" else min(column)  # type: ignore[type-var]
    except TypeError:  # nulls or text among them
        numbers = [value for value in column if isinstance(value, (int, float))]
        if not numbers:
            return True
        extreme = max(numbers) if rule.operator == ">" else min(numbers)
    if not isinstance(extreme, (int, float)):  # text alone
        return True
    return extreme <= rule.limit if rule.operator == ">" else extreme >= rule.limit


def _note_last(standing: Standing, times: Sequence[int], column: Sequence[Value]) -> None:
    for moment, value in zip(reversed(times), reversed(column), strict=True):
        if value is not None:
            if standing.last_time is None or moment > standing.last_time:
                standing.last_time, standing.value = moment, value
            return


def _readings(metric: str, recent: Sequence[DeviceRows]) -> list[tuple[int, Value]]:
    found: list[tuple[int, Value]] = [
        (moment, value)
        for rows in recent
        for moment, value in zip(rows.times, rows.values.get(metric, ()), strict=False)
        if value is not None
    ]
    return found[-EVIDENCE:]


def _remember(standing: Standing, moment: int, value: Value) -> None:
    standing.last_time, standing.value = moment, value
    standing.evidence.append((moment, value))
    if len(standing.evidence) > EVIDENCE:
        del standing.evidence[: len(standing.evidence) - EVIDENCE]


def _step(rule: Rule, standing: Standing, moment: int, value: Value) -> None:
    _remember(standing, moment, value)
    if standing.active:
        gone = _is_normal(rule, value)
        if gone and standing.pending_since is None:
            standing.pending_since = moment
        elif not gone:
            standing.pending_since = None
        return
    holds = _is_abnormal(rule, value)
    if holds and standing.pending_since is None:
        standing.pending_since = moment
    elif not holds:
        standing.pending_since = None


def _due(rule: Rule, standing: Standing, until: int) -> list[Crossing]:
    since = standing.pending_since
    delay = rule.off_delay_ms if standing.active else rule.on_delay_ms
    if since is None or until < since + delay:
        return []
    kind: Literal["raise", "return"] = "return" if standing.active else "raise"
    standing.active = not standing.active
    standing.pending_since = None
    return [Crossing(kind, since + delay, standing.value)]


def _is_abnormal(rule: Rule, value: Value) -> bool:
    if rule.kind == "state":
        return as_text(value) in rule.states
    if isinstance(value, str) or value is None:
        return False
    return value > rule.limit if rule.operator == ">" else value < rule.limit


def _is_normal(rule: Rule, value: Value) -> bool:
    """Back beyond the dead-band, not just below the limit."""
    if rule.kind == "state":
        return as_text(value) not in rule.states
    if isinstance(value, str) or value is None:
        return False
    if rule.operator == ">":
        return value <= rule.limit - rule.deadband
    return value >= rule.limit + rule.deadband
