"""Who is there: substitutes, the rota without those who are away, days as people say them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.absences.pages import span_of
from plantroom_cloud.absences.standing import present
from plantroom_cloud.errors import InvalidFieldsError
from plantroom_cloud.notifications.models import Rota, RotaOverride
from plantroom_cloud.notifications.rota import on_call, turns
from plantroom_cloud.web.forms import Submitted

BERLIN = ZoneInfo("Europe/Berlin")
_NAMES = st.sampled_from(["ann", "bob", "cid", "dot"])


def test_who_stands_in_is_there_instead() -> None:
    assert present(["ann", "bob"], {}) == ["ann", "bob"]
    assert present(["ann", "bob"], {"ann": None}) == ["bob"]
    assert present(["ann", "bob"], {"ann": "bob"}) == ["bob"]
    assert present(["ann"], {"ann": "bob", "bob": "cid"}) == ["cid"]
    assert present(["ann"], {"ann": "bob", "bob": None}) == []
    assert present(["ann"], {"ann": "bob", "bob": "ann"}) == []  # each stands in for the other


@given(st.lists(_NAMES), st.dictionaries(_NAMES, st.none() | _NAMES))
def test_nobody_who_is_away_is_found_and_nobody_twice(names: list[str], away: dict[str, str | None]) -> None:
    found = present(names, away)
    assert not set(found) & set(away)
    assert len(found) == len(set(found))
    assert {name for name in names if name not in away} <= set(found)


def test_the_next_in_turn_is_called_where_nobody_stands_in() -> None:
    rota = Rota(team_id="t", users=["ann", "bob", "cid"], first_day="2026-03-02", days=7)
    week_of_bob = datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert list(on_call(rota, [], {}, week_of_bob)) == ["bob"]
    assert list(on_call(rota, [], {"bob": None}, week_of_bob)) == ["cid"]
    assert list(on_call(rota, [], {"bob": None, "cid": None}, week_of_bob)) == ["ann"]
    assert list(on_call(rota, [], {"bob": "dot"}, week_of_bob)) == ["dot"]
    assert list(on_call(rota, [], {"ann": None, "bob": None, "cid": None}, week_of_bob)) == []
    begins, ends = datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC)
    standing_in = [RotaOverride(team_id="t", user="ann", starts_at=begins, ends_at=ends)]
    assert list(on_call(rota, standing_in, {}, week_of_bob)) == ["ann"]
    assert list(on_call(rota, standing_in, {"ann": None}, week_of_bob)) == ["bob"]


@given(st.integers(0, 365 * 24 * 60), st.integers(1, 20))
def test_the_turns_shown_are_those_that_are_called(minute: int, days: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    rota = Rota(team_id="t", users=["ann", "bob", "cid"], first_day="2026-03-02", days=days, timezone="Europe/Berlin")
    found = turns(rota, at, 4)
    assert found[0][0] <= at < found[1][0]
    assert [(name,) for _begins, name in found] == [tuple(on_call(rota, [], {}, begins)) for begins, _name in found]
    assert turns(Rota(team_id="t", users=[], first_day="2026-03-02"), at, 4) == []


def _form(**fields: str) -> Submitted:
    return Submitted({name: [value] for name, value in fields.items()})


def test_days_are_whole_unless_hours_are_said() -> None:
    days = _form(starts_at="2026-03-28", ends_at="2026-03-29")
    assert span_of(days, BERLIN) == (  # the second day has 23 hours
        datetime(2026, 3, 27, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    )
    hours = _form(starts_at="2026-03-02", from_hour="13:30", ends_at="2026-03-02", to_hour="15:00")
    assert span_of(hours, BERLIN) == (
        datetime(2026, 3, 2, 12, 30, tzinfo=UTC),
        datetime(2026, 3, 2, 14, tzinfo=UTC),
    )
    with pytest.raises(InvalidFieldsError) as told:
        span_of(_form(starts_at="soon", ends_at="0001-01-01", from_hour="noon"), BERLIN)
    assert set(told.value.fields) == {"starts_at", "ends_at", "from_hour"}
