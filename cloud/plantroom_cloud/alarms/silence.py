"""Silence: a device that is not heard any more, or one metric of it that does not come; pure."""

from plantroom_cloud.alarms.judgement import Crossing, Rule, Standing
from plantroom_shared.batch import DeviceRows


def judge_silence(rule: Rule, standing: Standing, rows: DeviceRows) -> tuple[list[Crossing], bool]:
    """A row that is none of nulls ends it; time, that is the watermark, begins it. Crossings, and whether the standing
    changed enough to be kept."""
    silent = {row for row, metric, _ in rows.marks if metric is None}
    heard = [moment for index, moment in enumerate(rows.times) if index not in silent]
    if not heard:
        return [], False
    newest = max(heard)
    if standing.last_time is not None and newest < standing.last_time:
        return [], False
    first = standing.last_time is None
    crossings = []
    if standing.active:
        standing.active = False
        # a reading that was overtaken by the watermark ends no silence before it began
        crossings.append(Crossing("return", max(newest, (standing.last_time or 0) + rule.on_delay_ms), None))
    standing.last_time = newest
    return crossings, first or bool(crossings)


def judge_missing(rule: Rule, standing: Standing, rows: DeviceRows) -> tuple[list[Crossing], bool]:
    """One metric does not come although its device lives. While the device is silent no time counts: that is another
    trouble, told by another rule. `standing.value` is the metric's last one until it ends."""
    assert rule.metric is not None
    column = rows.values.get(rule.metric)
    silent = {row for row, metric, _ in rows.marks if metric is None}
    ended = {row for row, metric, _ in rows.marks if metric == rule.metric}
    crossings: list[Crossing] = []
    changed = False
    for index, moment in enumerate(rows.times):
        if standing.last_time is not None and moment < standing.last_time:
            continue
        value = column[index] if column is not None and index not in ended and index not in silent else None
        if value is not None:
            if standing.active:
                standing.active = False
                crossings.append(Crossing("return", moment, value))
            changed |= standing.last_time is None
            standing.last_time, standing.value = moment, value
            continue
        if index in ended or index in silent:  # the latest values do not tell any more when it came last
            changed |= standing.value is not None
            standing.value = None
        if index in silent:
            changed |= standing.last_time is not None
            standing.last_time = None
        elif standing.last_time is None:
            standing.last_time, changed = moment, True
        elif not standing.active and moment - standing.last_time >= rule.on_delay_ms:
            standing.active = True
            crossings.append(Crossing("raise", standing.last_time + rule.on_delay_ms, None))
    return crossings, changed or bool(crossings)
