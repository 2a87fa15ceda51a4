"""When maintenance is due: by the calendar over clocks and holidays, by counters that are reset; as a person counts."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantroom_cloud.calendars.business import BusinessCalendar
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.plans.counter import Count
from plantroom_cloud.plans.due import Recurrence, moment_of

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = (((480, 960),),) * 5 + ((), ())
CALENDAR = BusinessCalendar(BERLIN, WEEK, {date(2026, 5, 1): "Labour Day"})
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rule(
    text: str, starts: str = "2026-01-31T08:00", *, avoid_holidays: bool = False, floating: bool = False
) -> Recurrence:
    return Recurrence(text, starts, "Europe/Berlin", CALENDAR, avoid_holidays, floating)


def local(found: list[datetime]) -> list[str]:
    return [f"{moment.astimezone(BERLIN):%m-%d %H:%M}" for moment in found]


def test_fixed_dates_keep_their_time_of_day_over_the_clocks() -> None:
    found = rule("FREQ=MONTHLY;BYMONTHDAY=-1").between(NOW, NOW + timedelta(days=120))
    assert local([due.at for due in found]) == ["01-31 08:00", "02-28 08:00", "03-31 08:00", "04-30 08:00"]


def test_a_day_without_work_moves_to_the_next_with_work_and_stays_the_same_due_time() -> None:
    dues = list(
        rule("FREQ=MONTHLY", "2026-01-01T08:00", avoid_holidays=True).between(
            NOW - timedelta(days=1), datetime(2026, 5, 31, tzinfo=UTC)
        )
    )
    # 1 February and 1 March are Sundays, 1 May is a holiday on a Friday
    assert local([due.at for due in dues]) == [
        "01-01 08:00",
        "02-02 08:00",
        "03-02 08:00",
        "04-01 08:00",
        "05-04 08:00",
    ]
    assert local([moment_of(due.key) for due in dues])[4] == "05-01 08:00"


def test_floating_begins_anew_when_it_was_done() -> None:
    plan = rule("FREQ=MONTHLY;INTERVAL=3", floating=True)
    after = plan.after_done(datetime(2026, 4, 17, 15, 30, tzinfo=UTC))
    assert after is not None
    assert local([after.at]) == ["07-17 08:00"]
    ahead = plan.forecast(after, datetime(2027, 5, 1, tzinfo=UTC))
    assert local([due.at for due in ahead]) == ["07-17 08:00", "10-17 08:00", "01-17 08:00", "04-17 08:00"]


def test_the_leap_day_comes_every_four_years() -> None:
    plan = rule("FREQ=YEARLY", "2024-02-29T08:00")
    first = plan.next(NOW)
    assert first is not None
    assert first.at.astimezone(BERLIN).date() == date(2028, 2, 29)


@pytest.mark.parametrize("text", ["FREQ=HOURLY", "often", "FREQ=MINUTELY;INTERVAL=30"])
def test_what_is_no_maintenance_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        rule(text).check()
    with pytest.raises(InvalidError, match="COUNT"):
        rule("FREQ=DAILY;COUNT=3", floating=True).check()


@pytest.mark.parametrize(
    ("text", "done", "due"),
    [
        ("FREQ=MONTHLY", "2026-01-31T17:00", "02-28 08:00"),
        ("FREQ=MONTHLY", "2028-01-31T17:00", "02-29 08:00"),
        ("FREQ=MONTHLY;INTERVAL=3", "2026-11-30T17:00", "02-28 08:00"),
        ("FREQ=YEARLY", "2028-02-29T17:00", "02-28 08:00"),
        ("FREQ=DAILY;INTERVAL=10", "2026-03-25T17:00", "04-04 08:00"),  # over the change of the clocks
    ],
)
def test_a_month_from_its_last_day_is_the_last_day_of_a_shorter_one(text: str, done: str, due: str) -> None:
    found = rule(text, floating=True).after_done(datetime.fromisoformat(done).replace(tzinfo=BERLIN))
    assert found is not None
    assert local([found.at]) == [due]


def test_what_is_done_ahead_is_not_due_once_more_on_its_day() -> None:
    plan = rule("FREQ=WEEKLY;BYDAY=FR", floating=True)
    friday = datetime(2026, 3, 6, 7, tzinfo=UTC)
    found = plan.after_done(friday - timedelta(days=3), friday)
    assert found is not None
    assert local([found.at]) == ["03-13 08:00"]


def test_a_time_of_day_that_is_missing_when_clocks_go_forward_keeps_its_offset() -> None:
    found = rule("FREQ=DAILY", "2026-03-28T02:30").between(datetime(2026, 3, 28, tzinfo=UTC), NOW + timedelta(days=89))
    assert [due.at.isoformat()[5:16] for due in found] == ["03-28T01:30", "03-29T01:30", "03-30T00:30"]


def test_the_year_is_foreseen_by_one_walk_and_by_many_alike() -> None:
    plan = rule("FREQ=MONTHLY;BYDAY=-1SU", avoid_holidays=True)
    end = NOW + timedelta(days=1500)
    one_by_one, due = [], plan.next(NOW)
    while due is not None and due.at <= end:
        one_by_one.append(due)
        due = plan.next(moment_of(due.key))
    assert list(plan.forecast(plan.next(NOW), end)) == one_by_one
    assert len(one_by_one) == 48


_rules = st.builds(
    lambda frequency, interval, more: f"FREQ={frequency};INTERVAL={interval}{more}",
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]),
    st.integers(1, 6),
    st.sampled_from(["", ";BYDAY=MO", ";BYMONTHDAY=-1", ";BYMONTHDAY=31"]),
)
_starts = st.integers(0, 3 * 366 * 1440 - 1).map(
    lambda minutes: (NOW + timedelta(minutes=minutes)).replace(tzinfo=None)
)
_moments = st.integers(0, 3 * 366 * 1440).map(lambda minutes: NOW + timedelta(minutes=minutes))


@settings(max_examples=60, deadline=None)
@given(_rules, _starts, _moments, st.integers(-40, 40), st.booleans())
def test_a_floating_plan_is_due_again_and_later_whenever_it_was_done(
    text: str, starts: datetime, last: datetime, days: int, avoid: bool
) -> None:
    plan = rule(text, starts.isoformat(), floating=True, avoid_holidays=avoid)
    done = last + timedelta(days=days)
    found = plan.after_done(done, last)
    assert found is not None
    assert moment_of(found.key) > last
    assert found.at.astimezone(BERLIN).date() > done.astimezone(BERLIN).date()
    zone = found.at.astimezone(BERLIN)
    assert zone.time() == starts.time() or zone.utcoffset() != (zone - timedelta(hours=3)).utcoffset()


@settings(max_examples=60, deadline=None)
@given(_rules, _starts, _moments, st.integers(0, 500))
def test_dates_that_move_for_a_holiday_never_move_back_nor_onto_one(
    text: str, starts: datetime, since: datetime, days: int
) -> None:
    found = list(rule(text, starts.isoformat(), avoid_holidays=True).between(since, since + timedelta(days=days)))
    for due in found:
        assert due.at >= moment_of(due.key)
        assert CALENDAR.is_working_day(due.at.astimezone(BERLIN).date())
    assert [due.key for due in found] == sorted({due.key for due in found})


def counted(*readings: float, every: float = 500, step: timedelta = timedelta(days=10)) -> Count:
    count = Count()
    for number, value in enumerate(readings):
        count = count.read(value, NOW + number * step, every)
    return count


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=40))
def test_a_counter_counts_its_rises_alone(readings: list[float]) -> None:
    count = counted(*readings, every=1e5)
    rises = sum(max(b - a, 0) for a, b in pairwise(readings))
    assert count.total == pytest.approx(rises)
    assert count.last == readings[-1]


@given(st.lists(st.floats(0, 1e7), max_size=10), st.floats(0, 1e7), st.floats(1, 1e6))
def test_whatever_a_counter_said_before_it_is_due_again_after_an_interval_of_use(
    before: list[float], new: float, every: float
) -> None:
    count = counted(*before, new, every=every, step=timedelta(minutes=1))
    base, value, at = count.total, new, NOW + timedelta(days=1)
    for _ in range(25):  # an interval in 25 parts, one a day
        value, at = value + every / 20, at + timedelta(days=1)
        count = count.read(value, at, every)
    assert count.full(base, every) == 1


def test_a_counter_that_is_replaced_or_misread_makes_nothing_due() -> None:
    minute = timedelta(minutes=1)
    count = counted(100, 590)
    for number, value in enumerate((40.0, 41.0, 8000.0, 8001.0, 0.0, 8002.0)):  # reset; replaced; a misread 0
        count = count.read(value, NOW + timedelta(days=11) + number * minute, 500)
    assert count.total == pytest.approx(492)
    assert not count.is_due(0, 500, 0)
    count = count.read(8012, NOW + timedelta(days=12), 500)
    assert count.is_due(0, 500, 0)


def test_what_was_used_while_the_gateway_was_away_counts() -> None:
    assert counted(0, 24, 24 * 91, step=timedelta(days=45)).total == 24 * 91


def test_a_reading_that_is_not_newer_changes_nothing() -> None:
    count = counted(0, 400)
    assert count.read(450, NOW + timedelta(days=10), 500) is count


def test_a_counter_is_foreseen_by_its_use() -> None:
    at = NOW + timedelta(days=10)
    count = counted(0, 400)
    assert count.per_day() == 40
    assert not count.is_due(0, 500, 0)
    assert count.is_due(0, 500, 3)
    assert not count.is_due(0, 500, 2)
    assert count.due_at(500, at) == at + timedelta(days=2.5)
    assert counted(5).due_at(500, at) is None


def test_the_rate_is_that_of_the_last_30_days() -> None:
    count = Count()
    for day in range(101):  # 10 a day for 60 days, then 2 a day
        count = count.read(min(day, 60) * 10 + max(day - 60, 0) * 2, NOW + timedelta(days=day), 500)
    assert count.per_day() == pytest.approx(2)
    assert count.total == 680
    assert len(count.days) <= 32
