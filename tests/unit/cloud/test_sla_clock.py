"""The clocks of an order against a count minute by minute over random histories; pauses, reopening, alarms."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plantroom_cloud.calendars.business import ALWAYS, BusinessCalendar
from plantroom_cloud.sla.clock import Course, Line, Spell, courses
from plantroom_cloud.sla.figures import Judged, kept
from plantroom_cloud.sla.models import ClockKind, SlaPolicy
from plantroom_cloud.sla.policy import holding
from plantroom_cloud.sla.terms import EscalationStep, Terms, marks
from plantroom_cloud.workorders.models import WorkOrderState as S
from plantroom_cloud.workorders.transitions import Step, next_state, steps

T0 = datetime(2026, 3, 27, 9, tzinfo=UTC)  # a Friday; clocks change on Sunday
MINUTE = timedelta(minutes=1)
OFFICE = BusinessCalendar(
    ZoneInfo("Europe/Berlin"), (((480, 720), (780, 1020)),) * 5 + (((120, 240),), ((60, 300),)), {date(2026, 3, 31): ""}
)
PAUSES = ("parts", "access")
REASONS = ("parts", "access", "other")


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def trail(*lines: tuple[float, str, S] | tuple[float, str, S, str]) -> list[Line]:
    return [Line(at(line[0]), line[1], line[2], *line[3:]) for line in lines]


OPENED = (0, "open", S.OPEN)


@st.composite
def _history(draw: st.DrawFn) -> list[Line]:
    """Steps that the state machine allows, at whole minutes."""
    state, minute = S.OPEN, 0
    lines = [Line(at(0), "open", state)]
    for _ in range(draw(st.integers(0, 14))):
        possible = steps(state)
        if not possible:
            break
        minute += draw(st.integers(0, 700))
        step = draw(st.sampled_from(possible))
        state = next_state(state, step)
        reason = draw(st.sampled_from(REASONS)) if step is Step.HOLD else ""
        lines.append(Line(at(minute), str(step), str(state), reason))
    return lines


def _naive(lines: Sequence[Line], until: datetime, calendar: BusinessCalendar) -> tuple[int, list[int]]:
    """Walk minute by minute through the states; minutes of the response, and of each restoration."""
    response, restorations = 0, [0]
    answered = over = paused = False
    now, index = T0, 0
    while now < until:
        while index < len(lines) and lines[index].at <= now:
            line = lines[index]
            index += 1
            if line.action == "reopen":
                restorations.append(0)
                over = paused = False
            if line.action in ("claim", "accept", "transfer", "start") or line.after in (S.CANCELLED, S.REJECTED):
                answered = True
            over = over or line.after in (S.DONE, S.CLOSED, S.CANCELLED, S.REJECTED)
            if line.action == "hold":
                paused = line.reason in PAUSES
            elif line.after != S.ON_HOLD:
                paused = False
        works = calendar.is_working(now)
        response += works and not answered
        restorations[-1] += works and not over and not paused
        now += MINUTE
    return response, restorations


@settings(max_examples=60, deadline=None)
@given(_history(), st.integers(0, 900), st.sampled_from([OFFICE, ALWAYS]))
def test_each_clock_is_what_a_count_by_the_minute_says(
    lines: list[Line], more: int, calendar: BusinessCalendar
) -> None:
    until = lines[-1].at + more * MINUTE
    response, *restorations = courses(lines, [], PAUSES)
    naive = _naive(lines, until, calendar)
    assert response.elapsed(calendar, until) == naive[0] * MINUTE
    assert [clock.elapsed(calendar, until) for clock in restorations] == [count * MINUTE for count in naive[1]]
    assert [clock.round for clock in restorations] == list(range(1, len(restorations) + 1))


@settings(max_examples=60, deadline=None)
@given(_history(), st.integers(1, 3000), st.sampled_from([OFFICE, ALWAYS]))
def test_a_mark_is_reached_when_so_much_has_elapsed(lines: list[Line], amount: int, calendar: BusinessCalendar) -> None:
    for clock in courses(lines, [], PAUSES):
        moment = clock.reached(calendar, amount * MINUTE)
        if moment is None:  # it paused or ended before
            assert clock.ended_at is not None or clock.is_paused
            assert clock.elapsed(calendar, at(1_000_000)) < amount * MINUTE
        else:
            assert clock.elapsed(calendar, moment) == amount * MINUTE
            assert clock.elapsed(calendar, moment - timedelta(seconds=1)) < amount * MINUTE


@settings(max_examples=40, deadline=None)
@given(_history(), st.data())
def test_what_is_final_stays_whatever_follows(lines: list[Line], data: st.DataObject) -> None:
    seen = data.draw(st.integers(1, len(lines)))
    before = {(clock.kind, clock.round): clock for clock in courses(lines[:seen], [], PAUSES) if clock.final}
    after = {(clock.kind, clock.round): clock for clock in courses(lines, [], PAUSES)}
    assert all(after[key] == clock for key, clock in before.items())


def test_only_named_reasons_pause_it_and_a_transfer_on_hold_does_not_end_the_pause() -> None:
    begun = (OPENED, (10, "claim", S.ASSIGNED), (20, "start", S.IN_PROGRESS))
    for reason, elapsed in (("parts", 30), ("other", 90)):
        held = trail(*begun, (30, "hold", S.ON_HOLD, reason), (60, "transfer", S.ON_HOLD, "from ann"))
        clock = courses(held, [], PAUSES)[1]
        assert clock.is_paused is (reason == "parts")
        assert clock.elapsed(ALWAYS, at(90)) == elapsed * MINUTE
    assert clock.reached(ALWAYS, 100 * MINUTE) == at(100)
    done = trail(*begun, (30, "hold", S.ON_HOLD, "parts"), (90, "resume", S.IN_PROGRESS), (100, "complete", S.DONE))
    response, restoration = courses(done, [], PAUSES)
    assert (response.ended_at, restoration.ended_at) == (at(10), at(100))
    assert restoration.elapsed(ALWAYS, at(500)) == 40 * MINUTE


def test_an_alarm_restores_by_its_return_not_by_the_word_of_the_technician() -> None:
    working = trail(OPENED, (5, "claim", S.ASSIGNED), (6, "start", S.IN_PROGRESS))
    done = [*working, *trail((60, "complete", S.DONE))]
    active, gone = Spell(at(-1), None), Spell(at(-1), at(70))

    def restoration(lines: list[Line], *spells: Spell) -> Course:
        return courses(lines, spells, PAUSES)[-1]

    assert restoration(done, active).ended_at is None
    assert (restoration(done, gone).ended_at, restoration(done, gone).final) == (at(70), True)
    back = restoration(working, Spell(at(-1), at(50)))
    assert (back.ended_at, back.final) == (at(50), False)  # it may come again before it is done
    assert restoration(working, Spell(at(-1), at(50)), Spell(at(55), None)).ended_at is None
    closed = [*done, *trail((80, "verify", S.CLOSED))]
    assert restoration(closed, active).ended_at == at(80)  # a manager's word against the sensor's


def test_reopening_starts_a_new_restoration_and_no_new_response() -> None:
    lines = trail(
        OPENED,
        (5, "claim", S.ASSIGNED),
        (6, "start", S.IN_PROGRESS),
        (60, "complete", S.DONE),
        (90, "reopen", S.OPEN),
        (95, "claim", S.ASSIGNED),
    )
    spells = [Spell(at(-1), at(50)), Spell(at(89), None)]
    response, first, second = courses(lines, spells, PAUSES)
    assert (response.ended_at, first.ended_at, second.ended_at) == (at(5), at(50), None)
    assert (second.round, second.started_at, second.elapsed(ALWAYS, at(100))) == (2, at(90), 10 * MINUTE)


def test_a_cancelled_order_promises_nothing_any_more() -> None:
    clocks = courses(trail(OPENED, (30, "cancel", S.CANCELLED)), [], PAUSES)
    assert [(clock.void, clock.final) for clock in clocks] == [(True, True)] * 2


def test_marks_in_their_order() -> None:
    chain = [
        EscalationStep(percent=50, to="team"),
        EscalationStep(minutes=30, to="user:eva"),
        EscalationStep(clock=ClockKind.RESPONSE, percent=100, to="managers"),
    ]
    terms = Terms(name="x", response_min=15, restoration_min=240, steps=chain)
    assert [(mark.name, mark.after / MINUTE, mark.to) for mark in marks(terms, ClockKind.RESTORATION)] == [
        ("step-2", 30, "user:eva"),
        ("step-1", 120, "team"),
        ("warning", 192, ""),
        ("breach", 240, ""),
    ]
    assert [mark.name for mark in marks(terms, ClockKind.RESPONSE)] == ["warning", "breach", "step-3"]
    assert marks(Terms(name="x", response_min=1), ClockKind.RESTORATION) == []


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ({"to": "team"}, "say when"),
        ({"percent": 50, "minutes": 5, "to": "team"}, "not both"),
        ({"percent": 50, "to": "boss"}, "use assignee"),
        ({"percent": 50, "to": "user:"}, "use assignee"),
    ],
)
def test_steps_that_cannot_be_say_why(step: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        EscalationStep.model_validate(step)


def test_the_most_exact_policy_holds() -> None:
    def policy(number: int, site: str = "", priority: str = "", kind: str = "", *, enabled: bool = True) -> SlaPolicy:
        return SlaPolicy(id=number, site_id=site, priority=priority, kind=kind, enabled=enabled, changed_at=T0)

    every = [
        policy(1),
        policy(2, kind="corrective"),
        policy(3, priority="high"),
        policy(4, site="main"),
        policy(5, site="main", priority="high", enabled=False),
    ]
    asked = [("main", "high", "corrective"), ("east", "high", "corrective"), ("east", "low", "corrective")]
    found = [holding(every, *order) for order in (*asked, ("east", "low", "patrol"))]
    assert [policy.id for policy in found if policy] == [4, 3, 2, 1]
    assert holding([every[4]], "main", "high", "corrective") is None


def test_the_share_by_group() -> None:
    def clock(priority: str, month: int, *, breached: bool) -> Judged:
        begun = datetime(2026, month, 1, 3, tzinfo=UTC)
        return Judged(ClockKind.RESPONSE, "main", priority, "", begun, "America/New_York", breached)

    clocks = [clock("high", 4, breached=False), clock("high", 4, breached=True), clock("low", 5, breached=False)]
    assert [(row.group, row.met, row.breached, row.share) for row in kept(clocks, "priority")] == [
        ("high", 1, 1, 0.5),
        ("low", 1, 0, 1.0),
    ]
    assert [row.group for row in kept(clocks, "month")] == ["2026-03", "2026-04"]  # still the month before, there
