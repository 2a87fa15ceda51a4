"""Recurrence rules in local time, also on the two nights when the clocks are moved."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from plantroom_cloud.errors import InvalidError
from plantroom_cloud.recurrence import check_rule, check_zone, next_occurrence, occurrences

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)


def local(rule: str, after: datetime, hours: float, starts: str = "2026-01-01T00:00", zone: str = BERLIN) -> list[str]:
    found = occurrences(rule, starts, zone, after, after + timedelta(hours=hours))
    return [moment.astimezone(ZoneInfo(zone)).strftime("%d %H:%M") for moment in found]


def test_a_time_of_day_stays_the_same_across_both_changes() -> None:
    rule = "FREQ=DAILY;BYHOUR=6,22;BYMINUTE=0"
    assert local(rule, SPRING, 48) == ["28 22:00", "29 06:00", "29 22:00", "30 06:00"]
    assert local(rule, AUTUMN, 48) == ["24 22:00", "25 06:00", "25 22:00", "26 06:00"]


def test_a_time_that_the_spring_night_lacks_is_taken_by_the_offset_before() -> None:
    assert local("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", SPRING, 48) == ["29 03:30", "30 02:30"]


def test_a_time_that_the_autumn_night_has_twice_counts_once_the_first_time() -> None:
    found = list(
        occurrences("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "2026-01-01T00:00", BERLIN, AUTUMN, AUTUMN + timedelta(1))
    )
    assert found == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]


def test_hourly_rounds_are_an_hour_apart_on_every_night() -> None:
    for night in (SPRING, AUTUMN):
        found = list(occurrences("FREQ=HOURLY", "2026-01-01T00:00", BERLIN, night, night + timedelta(hours=24)))
        assert len(found) == 24
        assert {b - a for a, b in pairwise(found)} == {timedelta(hours=1)}


def test_working_days_until_a_day_and_a_number_of_times() -> None:
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    assert local("FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=7;BYMINUTE=0", monday, 168) == ["02 07:00", "04 07:00"]
    assert local("FREQ=DAILY;UNTIL=20260304T230000Z", monday, 168) == ["03 00:00", "04 00:00", "05 00:00"]
    assert local("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", monday, 31 * 24) == ["31 00:00"]
    assert local("FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=8", monday, 31 * 24) == ["31 08:00"]
    assert local("RRULE:FREQ=DAILY;COUNT=2", monday, 168, "2026-03-03T08:00") == ["03 08:00", "04 08:00"]


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["FREQ=HOURLY;INTERVAL=2", "FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "FREQ=MINUTELY;INTERVAL=20"]),
    st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai"]),
    st.integers(0, 400 * 24),
    st.integers(1, 60),
)
def test_it_does_not_matter_how_the_time_is_cut(rule: str, zone: str, start: int, hours: int) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=start)
    middle, end = begin + timedelta(hours=hours), begin + timedelta(hours=60)
    whole = list(occurrences(rule, "2025-12-01T00:00", zone, begin, end))
    parts = [*occurrences(rule, "2025-12-01T00:00", zone, begin, middle),
             *occurrences(rule, "2025-12-01T00:00", zone, middle, end)]  # fmt: skip
    assert parts == whole == sorted(set(whole))


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(
        ["FREQ=MINUTELY;INTERVAL=11", "FREQ=HOURLY;INTERVAL=5;BYDAY=MO,TU", "FREQ=DAILY;INTERVAL=3;BYHOUR=4,9"]
    ),
    st.integers(0, 30 * 24),
)
def test_a_rule_that_began_long_ago_is_the_same_rule(rule: str, hours: int) -> None:
    made = rrulestr(rule, dtstart=datetime.fromisoformat("2026-01-01T00:03"))
    begin = datetime.fromisoformat("2026-01-01") + timedelta(hours=hours)
    plain = [m.replace(tzinfo=UTC) for m in made.between(begin, begin + timedelta(days=2), inc=True)]
    zoned = begin.replace(tzinfo=UTC) - timedelta(seconds=1)
    assert list(occurrences(rule, "2026-01-01T00:03", "UTC", zoned, zoned + timedelta(days=2, seconds=1))) == plain


def test_the_next_one_is_found_however_far() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    assert next_occurrence("FREQ=YEARLY;INTERVAL=2", "2025-05-01T08:00", "UTC", at) == datetime(
        2027, 5, 1, 8, tzinfo=UTC
    )
    assert next_occurrence("FREQ=DAILY;COUNT=1", "2026-01-01T00:00", "UTC", at) is None


@pytest.mark.parametrize(("rule", "said"), [
    ("every day", "FREQ=DAILY"),
    ("FREQ=SECONDLY", "by the second"),
    ("FREQ=MINUTELY", "more than 200"),
    ("FREQ=DAILY;BYHOUR=25", "0..23"),
    ("FREQ=DAILY\nFREQ=WEEKLY", "one recurrence rule"),
    ("FREQ=DAILY;COLOUR=RED", "COLOUR"),
    ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "never due"),
    ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", "never due"),
    ("FREQ=DAILY;BYSETPOS=3", "BYSETPOS"),
    ("FREQ=HOURLY;INTERVAL=168", "1 to 24"),
    ("FREQ=YEARLY;BYWEEKNO=20", "not known here"),
    ("FREQ=HOURLY;INTERVAL=2;BYHOUR=7", "empty set"),
])  # fmt: skip
def test_wrong_rules_are_refused_with_what_would_be_right(rule: str, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        check_rule(rule, "2026-01-01T00:00", "UTC")


def test_wrong_starts_and_zones() -> None:
    with pytest.raises(InvalidError, match="2026-03-01T06:00"):
        check_rule("FREQ=DAILY", "tomorrow", "UTC")
    with pytest.raises(InvalidError, match="without an offset"):
        check_rule("FREQ=DAILY", "2026-01-01T00:00+01:00", "UTC")
    with pytest.raises(InvalidError, match="Europe/Berlin"):
        check_zone("Berlin")
