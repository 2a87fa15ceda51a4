"""Who is told what, and when."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.language import CHINESE, ENGLISH
from plantroom_cloud.notifications.choice import SEVERITIES, Quiet, due_at, retry_at, wants
from plantroom_cloud.notifications.message import NAMED, Line, Place, compose
from plantroom_cloud.notifications.models import Rota, RotaOverride
from plantroom_cloud.notifications.rota import on_call
from plantroom_shared.said import said

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
        return list(on_call(rota, overrides, {}, datetime.fromisoformat(text).replace(tzinfo=UTC)))

    overrides: list[RotaOverride] = []
    assert who("2026-03-02T08:00") == ["ann"]
    assert who("2026-03-09T07:59") == ["ann"]
    assert who("2026-03-09T08:00") == ["bob"]
    assert who("2026-03-16T08:00") == ["ann"]
    begins, ends = datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    overrides.append(RotaOverride(team_id="t", user="cid", starts_at=begins, ends_at=ends))
    assert who("2026-03-03T12:00") == ["cid"]
    assert who("2026-03-04T00:00") == ["ann"]
    assert on_call(None, [], {}, begins) == ()


def test_a_flood_is_one_message_that_counts_what_it_does_not_name() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    lines = [Line(f"k{n}", "alarm", "low", f"subject {n}", "", f"/alarms/{n}", at) for n in range(NAMED + 5)]
    lines.append(Line("worst", "alarm", "critical", "the worst", "", "/alarms/99", at))
    message = compose("id", lines, "https://plant.example", ENGLISH)
    assert message.subject == f"[critical] {NAMED + 6} messages, first: the worst"
    assert message.body.startswith("[critical] the worst\n2026-03-01 00:00 UTC\nhttps://plant.example/alarms/99")
    assert "… and 6 more: https://plant.example/notifications" in message.body


def test_a_message_is_told_in_the_language_of_its_reader_and_by_the_time_of_the_place() -> None:
    at = datetime(2026, 3, 1, 18, 5, tzinfo=UTC)
    shanghai, berlin = Place("上海院区", "Asia/Shanghai"), Place("Haus B", "Europe/Berlin")
    subject = said("Response is nearly due: %(title)s", title="Pump 3, Haus B")
    body = said("%(who)s It is %(state)s.", who=said("%(assignee)s has it.", assignee="li"), state="in-progress")
    line = Line("k", "work-order", "high", subject, body, "/work-orders/1", at, shanghai)
    chinese, english = (compose("id", [line], "https://p.example", tongue) for tongue in (CHINESE, ENGLISH))
    assert (chinese.subject, english.subject) == (
        "[高] 响应即将到期：Pump 3, Haus B",
        "[high] Response is nearly due: Pump 3, Haus B",
    )
    assert (
        chinese.body == "由 li 负责。状态：处理中。\n\n2026年3月2日 02:05 · 上海院区\n\nhttps://p.example/work-orders/1"
    )
    assert english.body.startswith("li has it. It is in-progress.\n\n2026-03-02 02:05 · 上海院区")
    several = compose("id", [line, replace(line, severity="low", place=berlin)], "https://p.example", CHINESE)
    assert several.subject == "[高] 2 条消息，首条：响应即将到期：Pump 3, Haus B"
    assert [part.splitlines()[1] for part in several.body.split("\n\n")] == [
        "2026年3月2日 02:05 · 上海院区",
        "2026年3月1日 19:05 · Haus B",
    ]
    assert [line.subject for line in several.lines] == ["响应即将到期：Pump 3, Haus B"] * 2
