"""The figures of IEC 62682 from activations, against numbers worked out by hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.alarms.kpi import Activation, figures
from plantroom_cloud.alarms.period import period
from plantroom_cloud.alarms.targets import target_rows
from plantroom_cloud.errors import InvalidError

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)


def at(minutes: float, name: str = "a", severity: str = "low", lasts: float | None = 5) -> Activation:
    raised = START + timedelta(minutes=minutes)
    returned = raised + timedelta(minutes=lasts) if lasts is not None else None
    return Activation(name, severity, raised, returned, raised + timedelta(minutes=1))


def test_a_quiet_day() -> None:
    found = figures([at(60), at(700, "b", "high")], START, END)
    assert (found.activations, found.per_day, found.peak_ten_minutes) == (2, 2.0, 1)
    assert found.per_ten_minutes == 2 / 144
    assert found.distribution == {0: 142, 1: 2}
    assert (found.share_in_flood, found.chattering, found.stale) == (0.0, [], 0)
    assert found.priorities == {"low": 0.5, "high": 0.5}
    assert found.median_to_acknowledge == timedelta(minutes=1)


def test_a_flood_begins_above_ten_and_ends_below_five() -> None:
    counts = {5: 10, 6: 11, 7: 5, 8: 4, 9: 11}
    found = figures(
        [at(period * 10 + n * 0.5, f"n{n}") for period, count in counts.items() for n in range(count)], START, END
    )
    assert found.floods == 2
    assert found.share_in_flood == 3 / 144  # periods 6, 7 and 9
    assert found.share_over_ten == 2 / 144
    assert found.peak_ten_minutes == 11


def test_bad_actors() -> None:
    chatter = [at(100 + n * 0.4, "chatter", lasts=0.1) for n in range(4)]
    stale = Activation("stale", "high", START - timedelta(hours=30), None, None)
    found = figures([*chatter, at(300, "calm"), stale], START, END)
    assert found.chattering == ["chatter"]
    assert found.fleeting == 4
    assert found.stale == 1
    assert [(actor.name, actor.count, actor.chattering) for actor in found.bad_actors] == [
        ("chatter", 4, True),
        ("calm", 1, False),
    ]
    verdicts = {row.name: row.verdict for row in target_rows(found)}
    assert verdicts["Chattering alarms"] == "fair"
    assert verdicts["Alarms a day"] == "good"


def test_days_and_hours_are_local_and_stale_is_the_most_on_any_day() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start, end = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 30, 22, tzinfo=UTC)  # the 29th has 23 hours

    def raised(hour: int, minute: int = 0, day: int = 29) -> Activation:
        moment = datetime(2026, 3, day, hour, minute, tzinfo=berlin)
        return Activation("a", "low", moment, moment + timedelta(minutes=1), None)

    long = Activation("b", "low", start - timedelta(hours=20), start + timedelta(hours=30), None)
    found = figures([raised(0), raised(23, 59), raised(0, day=30), long], start, end, berlin)
    assert found.by_day == [(date(2026, 3, 29), 2), (date(2026, 3, 30), 1)]
    assert (found.by_hour[0], found.by_hour[23], sum(found.by_hour)) == (2, 1, 3)
    assert found.stale == 1, "at the end of the 29th; at the end it was over"
    assert (found.median_to_acknowledge, found.slow_to_acknowledge) == (None, None)


def test_busy_hours_and_slow_acknowledgement() -> None:
    found = figures([at(n, f"n{n}") for n in range(31)] + [at(60 + n, f"m{n}") for n in range(30)], START, END)
    assert (found.peak_hour, found.share_busy_hours) == (31, 1 / 24)
    waits = [Activation("a", "low", START, None, START + timedelta(minutes=n)) for n in range(1, 11)]
    assert figures(waits, START, END).slow_to_acknowledge == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("days", "first", "last", "start", "end"),
    [
        (7, "", "", datetime(2026, 3, 23, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC)),
        (7, "2026-03-29", "2026-03-29", datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (7, "2026-03-29", "", datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC)),
        (7, "", "2026-03-28", datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC)),
    ],
)
def test_a_period_is_of_whole_local_days(days: int, first: str, last: str, start: datetime, end: datetime) -> None:
    found = period(days, first, last, datetime(2026, 3, 30, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert (found.start, found.end) == (start, end)


@pytest.mark.parametrize(
    ("first", "last"),
    [("x", ""), ("2026-03-02", "2026-03-01"), ("2020-01-01", "2026-03-01"), ("9999-12-31", "9999-12-31")],
)
def test_a_period_that_cannot_be_is_refused(first: str, last: str) -> None:
    with pytest.raises(InvalidError):
        period(30, first, last, END, ZoneInfo("UTC"))


@given(st.lists(st.tuples(st.floats(0, 1439.9), st.sampled_from("abcdefghijklmnop")), max_size=300))
def test_the_parts_add_up(raised: list[tuple[float, str]]) -> None:
    found = figures([at(minutes, name) for minutes, name in raised], START, END)
    assert sum(count * periods for count, periods in found.distribution.items()) == found.activations == len(raised)
    assert sum(found.distribution.values()) == 144
    assert 0 <= found.top_share <= 1
    assert found.share_over_ten <= found.share_in_flood <= 1
