"""When maintenance is due: by the calendar over clocks and holidays, by counters that are reset; as a person counts."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.calendars.business import BusinessCalendar
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.plans.counter import Count
from plantroom_cloud.plans.due import Recurrence, moment_of

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = (((480, 960),),) * 5 + ((), ())
CALENDAR = BusinessCalendar(BERLIN, WEEK, {date(2026, 5, 1): "Labour Day"})
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rule(text: str, starts: str = "2026-01-31T08:00", **more: bool) -> Recurrence:
    return Recurrence(text, starts, CALENDAR, **more)


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


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=40))
def test_a_counter_counts_its_rises_alone(readings: list[float]) -> None:
    count = Count()
    for hour, value in enumerate(readings):
        count = count.read(value, NOW + timedelta(hours=hour))
    rises = sum(max(b - a, 0) for a, b in pairwise(readings))
    assert count.total == pytest.approx(rises)
    assert count.last == readings[-1]


def test_a_used_counter_that_is_put_in_makes_nothing_due_and_counting_goes_on() -> None:
    count = Count().read(100, NOW)
    count = count.read(590, NOW + timedelta(days=10))
    count = count.read(40, NOW + timedelta(days=11))  # another meter
    assert count.number(500, 0, NOW + timedelta(days=11)) == 0
    count = count.read(60, NOW + timedelta(days=12))
    assert count.number(500, 0, NOW + timedelta(days=12)) == 1


def test_a_counter_is_foreseen_by_its_use() -> None:
    at = NOW + timedelta(days=10)
    count = Count().read(0, NOW).read(400, at)
    assert count.per_day(at) == 40
    assert count.number(500, 0, at) == 0
    assert count.number(500, 3, at) == 1
    assert count.due_at(1, 500, at) == at + timedelta(days=2.5)
    assert Count().read(5, NOW).due_at(1, 500, NOW + timedelta(days=1)) is None
