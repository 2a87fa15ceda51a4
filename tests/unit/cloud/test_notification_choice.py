"""Who is told what, and when."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.notifications.choice import SEVERITIES, Quiet, due_at, retry_at, wants
from plantroom_cloud.notifications.message import NAMED, Line, compose
from plantroom_cloud.notifications.models import Rota, RotaOverride
from plantroom_cloud.notifications.rota import on_call

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Quiet(time(22), time(6), BERLIN)


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-03-10T21:59", "2026-03-10T21:59"),
        ("2026-03-10T22:00", "2026-03-11T06:00"),
        ("2026-03-11T05:59", "2026-03-11T06:00"),
        ("2026-03-11T06:00", "2026-03-11T06:00"),
        ("2026-03-28T23:00", "2026-03-29T06:00"),  # summer time begins in that night
    ],
)
def test_quiet_hours_end_in_local_time(local: str, expected: str) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=BERLIN)
    assert due_at("high", at, NIGHT) == datetime.fromisoformat(expected).replace(tzinfo=BERLIN)
    assert due_at("critical", at, NIGHT) == at


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1)), st.times(), st.times())  # noqa: DTZ001
def test_nothing_goes_out_within_quiet_hours(naive: datetime, begins: time, ends: time) -> None:
    quiet = Quiet(begins, ends, ZoneInfo("Asia/Shanghai"))
    at = naive.replace(tzinfo=UTC)
    due = due_at("low", at, quiet)
    assert due >= at
    assert due - at <= timedelta(days=1)
    assert quiet.over_at(due) == due


def test_a_kind_is_wanted_from_its_severity_on() -> None:
    least = {"alarm": "high", "system": "none"}
    assert [severity for severity in SEVERITIES if wants(least, "alarm", severity)] == ["high", "critical"]
    assert not any(wants(least, "system", severity) for severity in SEVERITIES)
    assert all(wants(least, "work-order", severity) for severity in SEVERITIES)


def test_tries_come_further_and_further_apart() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    waits = [(retry_at(attempts, at) - at).total_seconds() for attempts in range(1, 10)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (10, 3600)


def test_each_takes_a_turn_and_hands_over_at_the_local_hour() -> None:
    rota = Rota(team_id="t", users=["ann", "bob"], first_day="2026-03-02", days=7, handover="08:00", timezone="UTC")

    def who(text: str) -> list[str]:
        return list(on_call(rota, overrides, datetime.fromisoformat(text).replace(tzinfo=UTC)))

    overrides: list[RotaOverride] = []
    assert who("2026-03-02T08:00") == ["ann"]
    assert who("2026-03-09T07:59") == ["ann"]
    assert who("2026-03-09T08:00") == ["bob"]
    assert who("2026-03-16T08:00") == ["ann"]
    begins, ends = datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    overrides.append(RotaOverride(team_id="t", user="cid", starts_at=begins, ends_at=ends))
    assert who("2026-03-03T12:00") == ["cid"]
    assert who("2026-03-04T00:00") == ["ann"]
    assert on_call(None, [], begins) == ()


def test_a_flood_is_one_message_that_counts_what_it_does_not_name() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    lines = [Line(f"k{n}", "alarm", "low", f"subject {n}", "", f"/alarms/{n}", at) for n in range(NAMED + 5)]
    lines.append(Line("worst", "alarm", "critical", "the worst", "", "/alarms/99", at))
    message = compose("id", lines, "https://plant.example")
    assert message.subject == f"[critical] {NAMED + 6} messages, first: the worst"
    assert message.body.startswith("[critical] the worst\nhttps://plant.example/alarms/99")
    assert "… and 6 more" in message.body
