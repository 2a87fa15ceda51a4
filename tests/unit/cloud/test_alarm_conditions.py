"""Conditions over several metrics and over time, judged in event time like every other rule."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.alarms.conditions import Condition, Part, Schedule
from plantroom_cloud.alarms.engine import judge_rows, judge_watermark
from plantroom_cloud.alarms.judgement import Rule, Standing
from plantroom_shared.batch import DeviceRows, Value

S, MIN = 1_000, 60_000


def rule(condition: Condition, on_s: float = 0, off_s: float = 0) -> Rule:
    return Rule(
        1, "condition", condition.metric, None, 0.0, 0.0, frozenset(), round(on_s * S), round(off_s * S), condition
    )


def row(moment: int, **values: Value) -> DeviceRows:
    return DeviceRows(device="d", times=[moment], values={name: [value] for name, value in values.items()})


def play(watched: Rule, *rows: DeviceRows) -> list[tuple[str, int]]:
    standing = Standing()
    found = [crossing for item in rows for crossing in judge_rows(watched, standing, item)[0]]
    return [(crossing.kind, crossing.at) for crossing in found]


def test_a_value_that_rises_too_fast() -> None:
    fast = rule(Condition("rate", "t", ">", 2.0, window_ms=MIN))  # °C per minute
    slow = [row(n * 10 * S, t=20 + n * 0.3) for n in range(30)]
    steep = [row((30 + n) * 10 * S, t=29 + n * 1.0) for n in range(6)]
    assert play(fast, *slow) == []
    [(kind, at)] = play(fast, *slow, *steep)
    assert kind == "raise"
    assert 300 * S <= at <= 350 * S


def test_a_distance_from_another_metric_returns_beyond_its_deadband() -> None:
    apart = rule(Condition("deviation", "supply", None, 5.0, 1.0, other="setpoint"))
    assert play(
        apart,
        row(0, supply=20.0),  # the other is not known yet
        row(1 * S, setpoint=20.0),
        row(2 * S, supply=26.0),
        row(3 * S, setpoint=21.5),  # 4.5 apart: inside the dead-band
        row(4 * S, setpoint=24.0),
    ) == [("raise", 2 * S), ("return", 4 * S)]


def test_a_motor_that_does_not_follow_its_command() -> None:
    follows = rule(Condition("mismatch", "running", other="commanded"), on_s=5)
    standing = Standing()
    for item in (row(0, running=False, commanded=False), row(10 * S, commanded=True), row(13 * S, running=True)):
        assert judge_rows(follows, standing, item)[0] == []
    judge_rows(follows, standing, row(20 * S, running=False))
    assert [c.at for c in judge_watermark(follows, standing, 25 * S)] == [25 * S]


def test_a_value_that_never_changes() -> None:
    stuck = rule(Condition("stuck", "flow", deadband=0.1, window_ms=10 * MIN))
    standing = Standing()
    for n in range(9):
        assert judge_rows(stuck, standing, row(n * MIN, flow=5.0 + 0.05 * (n % 2)))[0] == []
    assert [c.at for c in judge_watermark(stuck, standing, 11 * MIN)] == [11 * MIN]
    assert [c.kind for c in judge_rows(stuck, standing, row(12 * MIN, flow=6.0))[0]] == ["return"]


def test_a_counter_that_went_back() -> None:
    reset = rule(Condition("counter-reset", "kwh"))
    rows = [row(n * S, kwh=value) for n, value in enumerate((10.0, 11.0, 2.0, 3.0))]
    assert play(reset, *rows) == [("raise", 2 * S), ("return", 3 * S)]


@pytest.mark.parametrize(("every", "expected"), [(True, [("raise", 2 * S)]), (False, [("raise", 0)])])
def test_all_or_any_of_several(every: bool, expected: list[tuple[str, int]]) -> None:
    parts = (Part("t", ">", 80.0), Part("state", states=frozenset({"run"})))
    both = rule(Condition("combination", "t", parts=parts, every=every))
    assert play(both, row(0, t=90.0), row(1 * S, state="stop"), row(2 * S, state="run")) == expected


def test_what_begins_too_often() -> None:
    often = rule(Condition("repeated", "starts", states=frozenset({"true"}), window_ms=10 * MIN, count=3))
    standing = Standing()
    found = []
    for n in range(6):
        found += judge_rows(often, standing, row(n * MIN, starts=n % 2 == 1))[0]
    assert [(c.kind, c.at) for c in found] == [("raise", 5 * MIN)]
    assert [(c.kind, c.at) for c in judge_watermark(often, standing, 11 * MIN)] == [("return", 11 * MIN)]


def test_no_low_flow_at_a_pump_that_stands() -> None:
    guard = Part("run", states=frozenset({"running"}))
    low = rule(Condition("limit", "flow", "<", 2.0, 0.5, guard=guard), on_s=10)
    standing = Standing()
    assert judge_rows(low, standing, row(0, flow=0.0, run="stopped"))[0] == []
    assert judge_watermark(low, standing, 60 * S) == []
    judge_rows(low, standing, row(61 * S, run="running"))
    assert [c.at for c in judge_watermark(low, standing, 80 * S)] == [71 * S]
    assert [c.kind for c in judge_rows(low, standing, row(81 * S, run="stopped"))[0]] == ["return"]


def test_a_rule_is_watched_in_its_hours() -> None:
    night = Schedule(frozenset({0}), time(22), time(6), ZoneInfo("Europe/Berlin"))
    moments = {
        "2026-03-02T21:59+01:00": False,
        "2026-03-02T22:00+01:00": True,  # Monday
        "2026-03-03T05:59+01:00": True,  # still Monday's night
        "2026-03-03T06:00+01:00": False,
        "2026-03-03T23:00+01:00": False,
    }
    for text, expected in moments.items():
        assert night.holds(round(datetime.fromisoformat(text).timestamp() * 1000)) is expected, text
    open_door = rule(Condition("state", "door", states=frozenset({"open"}), schedule=night))
    standing = Standing()
    before = round(datetime(2026, 3, 2, 20, 59, tzinfo=UTC).timestamp() * 1000)
    assert judge_rows(open_door, standing, row(before, door="open"))[0] == []
    assert [c.kind for c in judge_watermark(open_door, standing, before + MIN)] == ["raise"]  # 22:00 in Berlin
    assert [c.kind for c in judge_watermark(open_door, standing, before + 9 * 60 * MIN)] == ["return"]


def test_a_value_that_ended_is_not_known_any_more() -> None:
    apart = rule(Condition("deviation", "supply", ">", 5.0, other="setpoint"), on_s=10)
    standing = Standing()
    judge_rows(apart, standing, row(0, supply=30.0, setpoint=20.0))
    ended = DeviceRows(device="d", times=[1 * S], values={}, marks=[(0, None, "no-response")])
    judge_rows(apart, standing, ended)
    assert judge_watermark(apart, standing, 60 * S) == []


_KINDS = st.sampled_from(
    [
        Condition("rate", "a", ">", 5.0, 1.0, window_ms=20 * S),
        Condition("deviation", "a", None, 10.0, 2.0, other="b"),
        Condition("mismatch", "a", other="b"),
        Condition("stuck", "a", deadband=1.0, window_ms=15 * S),
        Condition("counter-reset", "a"),
        Condition("combination", "a", parts=(Part("a", ">", 50.0), Part("b", "<", 50.0))),
        Condition("repeated", "a", ">", 50.0, window_ms=30 * S, count=2),
        Condition("limit", "a", ">", 50.0, 5.0, guard=Part("b", ">", 20.0)),
    ]
)


@given(
    _KINDS,
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 100, width=16), st.integers(1, 20)), max_size=40),
    st.integers(0, 39),
    st.integers(0, 10),
)
def test_a_restart_at_any_moment_changes_nothing(
    condition: Condition, readings: list[tuple[str, float, int]], restart: int, delay_s: int
) -> None:
    watched = rule(condition, delay_s, delay_s)

    def run(at: int | None) -> list[tuple[str, int]]:
        standing, moment, found = Standing(), 0, []
        for index, (name, value, later) in enumerate(readings):
            if index == at:
                standing = Standing.load(standing.dump())
            moment += later * S
            found += judge_rows(watched, standing, row(moment, **{name: value}))[0]
            found += judge_watermark(watched, standing, moment)
        return [(crossing.kind, crossing.at) for crossing in found]

    crossings = run(None)
    assert run(restart) == crossings
    assert [kind for kind, _ in crossings] == (["raise", "return"] * len(crossings))[: len(crossings)]
