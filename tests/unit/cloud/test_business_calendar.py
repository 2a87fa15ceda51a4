"""Working time against a count minute by minute, over changes of the clocks; hours and days as people write them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plantroom_cloud.calendars.business import ALWAYS, FARTHEST, BusinessCalendar, Span
from plantroom_cloud.calendars.definition import read_days, read_spans, show_spans
from plantroom_cloud.calendars.public_holidays import check_country, countries, year_of
from plantroom_cloud.errors import InvalidFieldsError

MINUTE = timedelta(minutes=1)
#: Clocks change at 01:00 UTC, at local midnight, by half an hour, never.
ZONES = ("Europe/Berlin", "America/Santiago", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Shanghai", "UTC")
OFFICE: tuple[tuple[Span, ...], ...] = (((480, 720), (780, 1020)),) * 5 + ((), ())


def _naive(calendar: BusinessCalendar, start: datetime, end: datetime) -> timedelta:
    """Look at the wall clock each minute."""
    count, at = 0, start
    while at < end:
        local = at.astimezone(calendar.zone)
        minutes = local.hour * 60 + local.minute
        if local.date() not in calendar.holidays:
            count += any(begin <= minutes < until for begin, until in calendar.hours[local.weekday()])
        at += MINUTE
    return count * MINUTE


@st.composite
def _hours(draw: st.DrawFn) -> tuple[tuple[Span, ...], ...]:
    week = []
    for _ in range(7):
        cuts = sorted(draw(st.sets(st.integers(0, 96), max_size=4)))
        week.append(tuple((begin * 15, end * 15) for begin, end in zip(cuts[::2], cuts[1::2], strict=False)))
    return tuple(week)


_NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
_STARTS = st.integers(0, 358 * 1440).map(lambda minutes: _NEW_YEAR + minutes * MINUTE)
_SPRING = datetime(2026, 3, 28, 22, tzinfo=UTC)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), _hours(), _STARTS, st.integers(0, 4 * 1440), st.sets(st.integers(0, 4), max_size=2))
@example("Europe/Berlin", (((0, 180), (210, 1440)),) * 7, _SPRING, 1440, set())
@example("Europe/Berlin", (((150, 165),),) * 7, datetime(2026, 10, 24, 20, tzinfo=UTC), 1440, set())
@example("Asia/Beirut", (((0, 1440),),) * 7, datetime(2026, 3, 28, 12, tzinfo=UTC), 1440, set())
@example("Australia/Lord_Howe", (((105, 135),),) * 7, datetime(2026, 4, 4, 10, tzinfo=UTC), 1440, set())
def test_working_time_is_what_a_count_by_the_minute_says(
    zone: str, hours: tuple[tuple[Span, ...], ...], start: datetime, minutes: int, off: set[int]
) -> None:
    free = {(start + timedelta(days=number)).date(): "free" for number in off}
    calendar = BusinessCalendar(ZoneInfo(zone), hours, free)
    end = start + minutes * MINUTE
    worked = calendar.working_between(start, end)
    assert worked == _naive(calendar, start, end)
    assert all(calendar.is_working(since) for since, _ in calendar.pieces(start, end))
    if worked:
        reached = calendar.add_working(start, worked)
        assert start < reached <= end
        assert calendar.working_between(start, reached) == worked
        assert calendar.working_between(start, reached - timedelta(seconds=1)) < worked


def test_a_day_of_23_and_one_of_25_hours() -> None:
    berlin = BusinessCalendar(ZoneInfo("Europe/Berlin"), ((((0, 1440),),) * 6) + (((0, 360),),))
    sunday = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert berlin.working_between(sunday, sunday + timedelta(hours=23)) == timedelta(hours=5)
    sunday = datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert berlin.working_between(sunday, sunday + timedelta(hours=25)) == timedelta(hours=7)
    assert berlin.add_working(sunday, timedelta(hours=7)) == datetime(2026, 10, 25, 5, tzinfo=UTC)


def test_over_a_weekend_and_holidays() -> None:
    office = BusinessCalendar(ZoneInfo("Europe/Berlin"), OFFICE, {date(2026, 12, 24): ""}, country="DE")
    wednesday = datetime(2026, 12, 23, 15, tzinfo=UTC)  # 16:00 there
    assert [office.is_working_day(date(2026, 12, day)) for day in (23, 24, 25, 26, 28)] == [True, *[False] * 3, True]
    assert (office.holiday(date(2026, 12, 24)), office.holiday(date(2026, 12, 25))) == ("holiday", "Christmas Day")
    assert office.add_working(wednesday, timedelta(hours=2)) == datetime(2026, 12, 28, 8, tzinfo=UTC)
    assert office.add_working(wednesday, timedelta(0)) == wednesday
    assert office.working_between(wednesday, wednesday - MINUTE) == timedelta(0)


def test_days_that_are_worked_although_free() -> None:
    china = BusinessCalendar(ZoneInfo("Asia/Shanghai"), OFFICE, country="CN", worked=frozenset({date(2026, 10, 1)}))
    assert china.is_working_day(date(2026, 5, 9))  # a Saturday worked for a day off in May
    assert not china.is_working_day(date(2026, 5, 16))
    assert (china.is_working_day(date(2026, 10, 1)), china.is_working_day(date(2026, 10, 2))) == (True, False)
    assert china.spans(date(2026, 5, 9)) == OFFICE[0]


def test_always_is_the_plain_difference() -> None:
    start = datetime(2026, 3, 28, 12, 0, 0, 123, tzinfo=UTC)
    assert ALWAYS.is_always
    assert ALWAYS.working_between(start, start + timedelta(days=2.5)) == timedelta(days=2.5)
    assert ALWAYS.add_working(start, timedelta(hours=30)) == start + timedelta(hours=30)


def test_a_calendar_in_which_nobody_works_ends() -> None:
    nobody = BusinessCalendar(hours=((),) * 7)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert nobody.add_working(start, MINUTE) == start + FARTHEST


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", ()),
        ("08:00-17:00", ((480, 1020),)),
        ("13:00 - 17:00, 8:00–12:00", ((480, 720), (780, 1020))),
        ("00:00-24:00", ((0, 1440),)),
    ],
)
def test_hours_as_people_write_them(text: str, spans: Sequence[Span]) -> None:
    assert read_spans(text) == spans
    assert read_spans(show_spans(read_spans(text))) == spans


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("9-5", "write it like 08:00-12:00"),
        ("22:00-06:00", "ends before it begins"),
        ("08:00-24:30", "the last moment is 24:00"),
        ("08:00-12:00, 11:00-13:00", "11:00 lies within"),
    ],
)
def test_hours_that_cannot_be_say_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_spans(text)


def test_days_by_line() -> None:
    assert read_days("2026-12-24 Christmas Eve\n\n2026-12-30 to 2026-12-31 Closed", "holidays") == {
        "2026-12-24": "Christmas Eve",
        "2026-12-30": "Closed",
        "2026-12-31": "Closed",
    }
    for wrong in ("24.12.2026", "2026-12-31 to 2026-12-30 x"):
        with pytest.raises(InvalidFieldsError, match="holidays"):
            read_days(wrong, "holidays")


def test_countries_are_checked() -> None:
    check_country("DE", "BY")
    check_country("", "")
    for country, region in (("XX", ""), ("DE", "QQ"), ("", "BY")):
        with pytest.raises(InvalidFieldsError):
            check_country(country, region)
    assert countries()["CN"] == "China"
    assert date(2026, 1, 6) in year_of("DE", "BY", 2026).holidays
    assert date(2026, 1, 6) not in year_of("DE", "", 2026).holidays
