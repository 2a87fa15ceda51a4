"""The rule engine: limits, dead-band, delays in event time against the watermark, silence, restarts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.alarms.engine import judge_rows, judge_watermark
from plantroom_cloud.alarms.judgement import Crossing, Rule, Standing
from plantroom_shared.batch import DeviceRows, Value

HOT = Rule(1, "limit", "t", ">", 80.0, 3.0, frozenset(), 5_000, 10_000)
QUIET = Rule(2, "no-data", None, None, 0.0, 0.0, frozenset(), 30_000, 0)
FAULT = Rule(3, "state", "s", None, 0.0, 0.0, frozenset({"fault"}), 0, 0)


def rows(*readings: tuple[int, Value], metric: str = "t") -> DeviceRows:
    return DeviceRows(device="d", times=[t for t, _ in readings], values={metric: [v for _, v in readings]})


def test_it_raises_at_event_time_after_the_on_delay() -> None:
    standing = Standing()
    assert judge_rows(HOT, standing, rows((0, 70.0), (1_000, 90.0)))[0] == []
    assert judge_watermark(HOT, standing, 5_999) == []
    [crossing] = judge_watermark(HOT, standing, 6_000)
    assert (crossing.kind, crossing.at, crossing.value) == ("raise", 6_000, 90.0)
    assert standing.active


def test_a_gap_in_the_data_is_no_time_above_the_limit() -> None:
    standing = Standing()
    judge_rows(HOT, standing, rows((1_000, 90.0)))
    ended = DeviceRows(device="d", times=[2_000], values={}, marks=[(0, None, "no-response")])
    judge_rows(HOT, standing, ended)
    assert judge_watermark(HOT, standing, 60_000) == []


def test_it_returns_only_beyond_the_deadband_and_the_off_delay() -> None:
    standing = Standing()
    judge_rows(HOT, standing, rows((0, 90.0), (6_000, 90.0)))
    assert standing.active
    assert judge_rows(HOT, standing, rows((7_000, 79.0)))[0] == []
    assert judge_watermark(HOT, standing, 30_000) == []
    judge_rows(HOT, standing, rows((31_000, 76.0)))
    [crossing] = judge_watermark(HOT, standing, 41_000)
    assert (crossing.kind, crossing.at) == ("return", 41_000)


def test_a_restart_forgets_no_delay() -> None:
    standing = Standing()
    judge_rows(HOT, standing, rows((1_000, 90.0)))
    again = Standing.load(standing.dump())
    assert [crossing.at for crossing in judge_watermark(HOT, again, 6_000)] == [6_000]


def test_silence_raises_and_a_reading_returns() -> None:
    standing = Standing()
    judge_rows(QUIET, standing, rows((0, 1.0)))
    assert judge_watermark(QUIET, standing, 29_999) == []
    assert [c.at for c in judge_watermark(QUIET, standing, 40_000)] == [30_000]
    assert [c.kind for c in judge_rows(QUIET, standing, rows((41_000, 1.0)))[0]] == ["return"]


def test_a_row_of_nulls_is_silence() -> None:
    standing = Standing()
    judge_rows(QUIET, standing, rows((0, 1.0)))
    ended = DeviceRows(device="d", times=[20_000], values={"t": [None]}, marks=[(0, None, "no-response")])
    judge_rows(QUIET, standing, ended)
    assert [c.at for c in judge_watermark(QUIET, standing, 30_000)] == [30_000]


MISSING = Rule(5, "no-data", "t", None, 0.0, 0.0, frozenset(), 30_000, 0)


def test_a_metric_that_does_not_come_although_its_device_lives() -> None:
    standing = Standing()
    judge_rows(MISSING, standing, rows((0, 1.0)))
    assert judge_rows(MISSING, standing, rows((29_999, 1.0), metric="u"))[0] == []
    assert judge_watermark(MISSING, standing, 60_000) == [], "that the device lives is not known yet"
    assert judge_rows(MISSING, standing, rows((61_000, 1.0), metric="u"))[0] == [Crossing("raise", 30_000, None)]
    assert judge_rows(MISSING, standing, rows((62_000, 1.0), metric="u"))[0] == []
    assert judge_rows(MISSING, standing, rows((63_000, 2.0)))[0] == [Crossing("return", 63_000, 2.0)]


def test_while_its_device_is_silent_a_metric_is_not_missing() -> None:
    standing = Standing()
    judge_rows(MISSING, standing, rows((0, 1.0)))
    ended = DeviceRows(device="d", times=[10_000], values={"t": [None]}, marks=[(0, None, "no-response")])
    judge_rows(MISSING, standing, ended)
    assert judge_rows(MISSING, standing, rows((90_000, 1.0), metric="u"))[0] == []
    [crossing] = judge_rows(MISSING, standing, rows((120_000, 1.0), metric="u"))[0]
    assert crossing.at == 120_000, "counted from when the device was back"


def test_a_metric_that_comes_as_bad_does_not_come() -> None:
    standing = Standing()
    judge_rows(MISSING, standing, rows((0, 1.0)))
    bad = DeviceRows(device="d", times=[31_000], values={"t": [5.0]}, marks=[(0, "t", "sensor-open")])
    crossings, changed = judge_rows(MISSING, standing, bad)
    assert (crossings, changed) == ([Crossing("raise", 30_000, None)], True)


def test_a_reading_that_was_overtaken_ends_no_silence_before_it_began() -> None:
    standing = Standing()
    judge_rows(QUIET, standing, rows((0, 1.0)))
    judge_watermark(QUIET, standing, 40_000)
    assert [c.at for c in judge_rows(QUIET, standing, rows((20_000, 1.0)))[0]] == [30_000]


def test_a_state_raises_at_once() -> None:
    standing = Standing()
    found = judge_rows(FAULT, standing, rows((1, "ok"), (2, "fault"), (3, "ok"), metric="s"))[0]
    assert [(c.kind, c.at) for c in found] == [("raise", 2), ("return", 3)]


@pytest.mark.parametrize("mark", ["sensor-fault", "out-of-range"])
def test_a_value_of_bad_quality_never_raises(mark: str) -> None:
    standing = Standing()
    bad = DeviceRows(device="d", times=[0, 9_000], values={"t": [99.0, 99.0]}, marks=[(0, "t", mark), (1, "t", mark)])
    assert judge_rows(HOT, standing, bad)[0] == []
    assert judge_watermark(HOT, standing, 60_000) == []


@given(st.lists(st.integers(60, 100), min_size=1, max_size=60), st.integers(1, 7))
def test_batches_do_not_matter(values: list[int], size: int) -> None:
    """The same readings in one batch or in many give the same alarms."""
    readings: list[tuple[int, Value]] = [(index * 1_000, float(value)) for index, value in enumerate(values)]
    whole, parts = Standing(), Standing()
    at_once = judge_rows(HOT, whole, rows(*readings))[0]
    piecewise = [
        crossing
        for start in range(0, len(readings), size)
        for crossing in judge_rows(HOT, parts, rows(*readings[start : start + size]))[0]
    ]
    assert at_once == piecewise
    assert (whole.active, whole.pending_since) == (parts.active, parts.pending_since)
