"""Granted or denied, and why; by examples, by properties, and fast enough with 50,000 credentials."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantroom_edge.access.decision import Around, Decision, Mode, Reason, Rules, Shown, decide
from plantroom_edge.access.hours import Hours
from plantroom_edge.access.whereabouts import FORGET_AFTER_MS, WRONG_PIN_WINDOW_MS, Whereabouts, WrongPins
from plantroom_shared.allow_list import AllowList, Credential, GateRule, Grant, Span, hash_pin, pin_fits

BERLIN = ZoneInfo("Europe/Berlin")
PIN = hash_pin("4711")


def ms(year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> int:
    """Wall clock in Berlin."""
    return round(datetime(year, month, day, hour, minute, tzinfo=BERLIN).timestamp() * 1000)


MONDAY_NOON = ms(2026, 11, 23)


def rules(**changes: Any) -> Rules:
    document = AllowList(
        time_zone="Europe/Berlin",
        holidays=["2026-12-25"],
        profiles={
            "office": [Span([1, 2, 3, 4, 5], "07:00", "19:00")],
            "nights": [Span([1, 2, 3, 4, 5, 6, 7, 8], "22:00", "06:00")],
            "holidays": [Span([8], "10:00", "12:00")],
        },
        groups={
            "staff": [Grant("yard", "office"), Grant("yard", "holidays")],
            "guards": [Grant("yard"), Grant("street")],
            "visitors": [Grant("canteen")],
        },
        gates={
            "gate-1": GateRule("yard", pin="nights"),
            "gate-2": GateRule("yard", "street", anti_passback="hard"),
            "gate-3": GateRule("yard", "street", anti_passback="soft"),
        },
        credentials={
            "w26:1:1": Credential("anna", ["staff"]),
            "w26:1:2": Credential("bert", ["guards"], pin=PIN, through_lockdown=True),
            "w26:1:3": Credential("carl", ["visitors"]),
            "w26:1:4": Credential("dora", ["staff"], standing="blocked"),
            "w26:1:5": Credential("emil", ["staff"], standing="lost"),
            "w26:1:6": Credential("fred", ["guards"], ms(2026, 11, 1), ms(2026, 11, 30)),
        },
    )
    return Rules.check(msgspec.structs.replace(document, **changes), 7)


def show(card: int, gate: str = "gate-1", at: int = MONDAY_NOON, around: Around | None = None, **more: Any) -> Decision:
    return decide(rules(), Shown(f"w26:1:{card}", gate, more.pop("direction", "in"), **more), around or Around(), at)


def test_a_card_in_its_hours_is_granted_with_the_version_of_the_list() -> None:
    assert show(1) == Decision("granted", Reason.GRANTED, 7, "anna", "yard")


@pytest.mark.parametrize(
    ("card", "at", "reason"),
    [
        (99, MONDAY_NOON, Reason.UNKNOWN),
        (3, MONDAY_NOON, Reason.WRONG_ZONE),
        (4, MONDAY_NOON, Reason.BLOCKED),
        (5, MONDAY_NOON, Reason.LOST),
        (1, ms(2026, 11, 23, 6, 59), Reason.OUTSIDE_HOURS),
        (1, ms(2026, 11, 23, 19, 0), Reason.OUTSIDE_HOURS),
        (1, ms(2026, 11, 22), Reason.OUTSIDE_HOURS),  # Sunday
        (1, ms(2026, 12, 25, 13), Reason.OUTSIDE_HOURS),  # a Friday, but a holiday
        (6, ms(2026, 10, 31), Reason.NOT_YET_VALID),
        (6, ms(2026, 11, 30), Reason.EXPIRED),
    ],
)
def test_what_is_denied_says_why(card: int, at: int, reason: Reason) -> None:
    denied = show(card, at=at)
    assert (denied.outcome, denied.reason, denied.version) == ("denied", reason, 7)


def test_a_holiday_has_hours_of_its_own() -> None:
    assert show(1, at=ms(2026, 12, 25, 11)).outcome == "granted"


def test_without_a_list_nothing_opens() -> None:
    assert decide(None, Shown("w26:1:1", "gate-1", "in"), Around(), MONDAY_NOON) == Decision(
        "denied", Reason.NO_LIST, 0
    )


def test_a_gate_that_the_list_does_not_know_stays_shut() -> None:
    assert show(2, "gate-9").reason is Reason.UNKNOWN_GATE


@pytest.mark.parametrize("doubt", [Reason.OUTAGE, Reason.UNREADABLE])
def test_a_doubtful_card_opens_nothing_whoever_holds_it(doubt: Reason) -> None:
    assert show(2, doubt=doubt) == Decision("denied", doubt, 7, "bert")


def test_in_a_lock_down_only_those_pass_who_must() -> None:
    locked = Around(mode=Mode.LOCKED)
    assert show(1, around=locked).reason is Reason.LOCKED_DOWN
    assert show(2, around=locked).outcome == "granted"


def test_leaving_needs_no_grant_where_the_outside_is_no_zone() -> None:
    assert show(3, "gate-1", direction="out").outcome == "granted"
    assert show(3, "gate-2", direction="out").reason is Reason.WRONG_ZONE
    assert show(4, "gate-1", direction="out").reason is Reason.BLOCKED


def test_anti_passback_denies_or_marks() -> None:
    inside = Around(whereabouts="yard")
    assert show(2, "gate-2", around=inside).reason is Reason.ANTI_PASSBACK
    assert show(2, "gate-2", around=inside, direction="out").outcome == "granted"
    soft = show(2, "gate-3", around=inside)
    assert (soft.outcome, soft.reason) == ("granted", Reason.PASSBACK)


def test_at_night_the_card_needs_its_pin() -> None:
    night = ms(2026, 11, 23, 23)
    assert show(2, at=night) == Decision("pin", Reason.PIN_NEEDED, 7, "bert", "yard")
    assert show(2, at=night, pin="4711").outcome == "granted"
    assert show(2, at=night, pin="4712").reason is Reason.WRONG_PIN
    assert show(2, at=night, pin="4711", around=Around(pin_locked=True)).reason is Reason.PIN_LOCKED
    assert show(6, at=night).reason is Reason.NO_PIN
    assert show(2, at=ms(2026, 11, 24, 5, 59)).outcome == "pin"  # the span began yesterday
    assert show(2, at=ms(2026, 11, 24, 6, 0)).outcome == "granted"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"time_zone": "Europe/Atlantis"}, "Europe/Berlin"),
        ({"holidays": ["25.12.2026"]}, "2026-12-25"),
        ({"profiles": {"office": [Span([9])]}, "groups": {}, "gates": {}, "credentials": {}}, "1 (Monday)"),
        ({"profiles": {"office": [Span([1], "7 am")]}, "groups": {}, "gates": {}, "credentials": {}}, "07:30"),
        ({"profiles": {"office": [Span([1], "07:00", "24:01")]}, "groups": {}, "credentials": {}}, "24:01"),
        ({"groups": {"staff": [Grant("yard", "weekends")]}}, "'weekends'"),
        ({"gates": {"gate-1": GateRule("yard", pin="weekends")}}, "'weekends'"),
        ({"credentials": {"w26:1:1": Credential("anna", ["directors"])}}, "directors"),
    ],
)
def test_a_list_that_cannot_be_decided_by_is_refused_with_the_reason(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)")):
        rules(**change)


def test_a_pin_is_kept_salted() -> None:
    assert hash_pin("4711") != hash_pin("4711")
    assert pin_fits("4711", PIN)
    assert not pin_fits("04711", PIN)
    for wrong in ("123", "123456789", "12a4", "١٢٣٤"):
        with pytest.raises(ValueError, match="4 to 8 digits"):
            hash_pin(wrong)


def test_the_document_survives_the_wire() -> None:
    document = rules().document
    assert msgspec.convert(msgspec.to_builtins(document), AllowList) == document


# -- properties

_cards = st.integers(1, 8)
_moments = st.integers(ms(2026, 1, 1), ms(2027, 1, 1))
_arounds = st.builds(Around, st.sampled_from(Mode), st.sampled_from([None, "yard", "street"]), st.booleans())
_shown = st.builds(
    Shown,
    _cards.map(lambda card: f"w26:1:{card}"),
    st.sampled_from(["gate-1", "gate-2", "gate-3", "gate-9"]),
    st.sampled_from(["in", "out"]),
    st.sampled_from([None, "4711", "0000"]),
    st.sampled_from([None, None, None, Reason.OUTAGE, Reason.UNREADABLE]),
)
_RULES = rules()


@given(_shown, _arounds, _moments)
@settings(max_examples=400, deadline=None)
def test_what_is_granted_has_every_right(shown: Shown, around: Around, at: int) -> None:
    decision = decide(_RULES, shown, around, at)
    assert decision == decide(_RULES, shown, around, at)
    if decision.outcome == "denied":
        assert decision.reason not in (Reason.GRANTED, Reason.PASSBACK, Reason.PIN_NEEDED)
        return
    credential = _RULES.document.credentials[shown.credential]
    assert shown.doubt is None
    assert credential.standing == "active"
    assert (credential.valid_from or 0) <= at < (credential.valid_until or at + 1)
    assert around.mode is not Mode.LOCKED or credential.through_lockdown
    if decision.zone:
        grants = [g for group in credential.groups for g in _RULES.document.groups[group] if g.zone == decision.zone]
        assert any(_RULES.hours.open(grant.profile, at) for grant in grants)


@given(_shown, _arounds, _moments)
@settings(max_examples=200, deadline=None)
def test_taking_a_right_away_never_opens_a_gate(shown: Shown, around: Around, at: int) -> None:
    document = _RULES.document
    without = {key: msgspec.structs.replace(c, groups=c.groups[:-1]) for key, c in document.credentials.items()}
    less = Rules.check(msgspec.structs.replace(document, credentials=without), 8)
    if decide(less, shown, around, at).outcome == "granted":
        assert decide(_RULES, shown, around, at).outcome == "granted"


@given(
    st.integers(0, 24 * 60), st.integers(0, 24 * 60), st.sets(st.integers(1, 8), min_size=1), st.integers(0, 400 * 1440)
)
@settings(max_examples=300, deadline=None)
def test_a_span_holds_as_a_list_of_minutes_says(start: int, end: int, days: set[int], minute: int) -> None:
    """Against the plain definition, in UTC: a span is the minutes from its start on, on each of its days."""
    hours = Hours("UTC", ["2026-01-06"], {"p": [Span(sorted(days), clock(start), clock(end))]})
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)

    def begins(day: datetime) -> bool:
        kind = 8 if (day.year, day.month, day.day) == (2026, 1, 6) else day.isoweekday()
        return kind in days

    today = at.replace(hour=0, minute=0)
    length = end - start if end > start else end - start + 24 * 60
    expected = any(
        begins(day) and timedelta(minutes=start) <= at - day < timedelta(minutes=start + length)
        for day in (today, today - timedelta(days=1))
    )
    assert hours.open("p", round(at.timestamp() * 1000)) is expected


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def test_hours_follow_the_wall_clock_through_the_change_of_time() -> None:
    hours = Hours("Europe/Berlin", [], {"day": [Span([1, 2, 3, 4, 5, 6, 7], "07:00", "19:00")]})
    for day in (24, 25, 26):  # clocks go back on 2026-10-25
        assert hours.open("day", ms(2026, 10, day, 7))
        assert not hours.open("day", ms(2026, 10, day, 6, 59))


# -- memory


def test_whereabouts_are_forgotten_in_time_and_survive_a_restart() -> None:
    seen = Whereabouts()
    seen.passed("anna", "yard", 1000)
    again = Whereabouts()
    again.load(seen.dump())
    assert again.of("anna", 2000) == "yard"
    assert again.of("bert", 2000) is None
    assert again.of("anna", 1000 + FORGET_AFTER_MS) is None
    assert again.of("anna", 0) is None  # the clock went back: nobody is held by a moment to come


def test_three_wrong_pins_lock_for_a_while() -> None:
    pins = WrongPins()
    for at in (0, 1000, 2000):
        assert not pins.locked("w26:1:2", at)
        pins.wrong("w26:1:2", at)
    assert pins.locked("w26:1:2", 3000)
    assert not pins.locked("w26:1:1", 3000)
    assert not pins.locked("w26:1:2", 2001 + WRONG_PIN_WINDOW_MS)
    pins.right("w26:1:2")
    assert not pins.locked("w26:1:2", 3000)


def test_fifty_thousand_credentials_are_decided_well_within_50_ms() -> None:
    """The median of many, so that a busy machine does not decide; the usual is some microseconds."""
    many = {f"w26:{n // 65536}:{n % 65536}": Credential(f"p{n}", ["staff", "guards"], pin=PIN) for n in range(50_000)}
    big = rules(credentials=many)
    night, took = ms(2026, 11, 23, 23), []
    for n in range(0, 50_000, 2_500):
        start = time.perf_counter()
        decided = decide(big, Shown(f"w26:0:{n}", "gate-1", "in", pin="4711"), Around(), night)
        took.append(time.perf_counter() - start)
        assert decided.outcome == "granted"
    assert sorted(took)[len(took) // 2] < 0.05


@pytest.mark.parametrize("name", ["Europe", "x" * 300, "Mars/Base", ""])
def test_a_wrong_time_zone_is_told(name: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        Hours(name, [], {})
