"""Figures of reliability against an independent count, second by second, over made-up histories."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantroom_cloud.reliability.failures import failures
from plantroom_cloud.reliability.figures import DEFINITIONS, figures, mean_parts
from plantroom_cloud.reliability.records import Down, Due, Fault, Fix, History, OpenWork, Part, Step, Work
from plantroom_cloud.reliability.spans import cut, length, union
from plantroom_cloud.reliability.tally import Tally, tally

ZERO = datetime(2026, 1, 1, tzinfo=UTC)
LAST = 240  #: seconds of a made-up history
REPEAT = timedelta(seconds=20)


def at(second: int) -> datetime:
    return ZERO + timedelta(seconds=second)


def seconds(moment: datetime | None) -> int:
    return LAST * 9 if moment is None else round((moment - ZERO).total_seconds())


# ---- the same, counted another way: what is each second?


@dataclass
class Counted:
    observed: int = 0
    down: int = 0
    planned: int = 0
    begun: int = 0
    restored: int = 0
    parts: dict[str, int] = field(default_factory=dict)


def count(history: History, start: int, end: int) -> Counted:
    """Walks through the seconds; knows no spans."""
    found = Counted(parts={part.value: 0 for part in Part})
    watched = [any(seconds(a) <= s < seconds(b) for a, b in history.observed) for s in range(LAST * 2)]

    def holds(row: Fault | Down, second: int) -> bool:
        return seconds(row.start) <= second < seconds(row.end)

    alive = [f for f in history.faults if seconds(f.start) < end and seconds(f.end) > seconds(f.start)]
    # which faults belong together: neighbours by work order and cycle, or by a common second, until nothing changes
    label = {index: index for index in range(len(alive))}
    changed = True
    while changed:
        changed = False
        for one, a in enumerate(alive):
            for two, b in enumerate(alive):
                same = (a.order_id, a.cycle) == (b.order_id, b.cycle)
                common = any(holds(a, s) and holds(b, s) for s in range(end))
                if (same or common) and label[one] != label[two]:
                    label[one] = label[two] = min(label[one], label[two])
                    changed = True
    for name in set(label.values()):
        members = [fault for index, fault in enumerate(alive) if label[index] == name]
        first = min(seconds(fault.start) for fault in members)
        found.begun += start <= first < end and watched[first]
        last = max(seconds(fault.end) for fault in members)
        if last <= end and last - 1 >= start and watched[last - 1]:
            found.restored += 1
            for second in range(start, end):
                if watched[second] and any(holds(fault, second) for fault in members):
                    found.parts[doing(history, members, second)] += 1
    for second in range(start, end):
        if not watched[second]:
            continue
        found.observed += 1
        failed = any(holds(fault, second) for fault in alive)
        other = [row for row in history.downs if holds(row, second)]
        found.down += failed or bool(other)
        found.planned += not failed and bool(other) and all(row.planned for row in other)
    return found


def doing(history: History, members: list[Fault], second: int) -> str:
    fault = min(
        (f for f in members if seconds(f.start) <= second < seconds(f.end)), key=lambda f: (f.start, f.order_id)
    )
    if second < seconds(fault.detected):
        return "detect"
    states = [step.state for step in history.steps if step.order_id == fault.order_id and seconds(step.at) <= second]
    state = states[-1] if states else "open"
    if state in ("done", "closed"):
        return "prove"
    if state == "on-hold":
        return "wait"
    if state != "in-progress":
        return "respond"
    busy = [
        row.activity
        for row in history.work
        if row.order_id == fault.order_id and seconds(row.start) <= second < seconds(row.end)
    ]
    for activities, part in (
        (("repair", "maintain"), "repair"),
        (("diagnose",), "diagnose"),
        (("wait",), "wait"),
        (("travel",), "respond"),
    ):
        if any(activity in activities for activity in busy):
            return part
    return "repair"


# ---- made-up histories

_SECOND = st.integers(0, LAST)


@st.composite
def _spans(draw: st.DrawFn, open_end: bool = True) -> tuple[int, int | None]:
    start = draw(_SECOND)
    end = None if open_end and draw(st.integers(0, 9)) == 0 else start + draw(st.integers(0, 70))
    return start, end


def _moment(second: int | None) -> datetime | None:
    return None if second is None else at(second)


@st.composite
def _histories(draw: st.DrawFn) -> History:
    observed = union(
        (at(a), at(a + n)) for a, n in draw(st.lists(st.tuples(_SECOND, st.integers(1, 200)), min_size=1, max_size=3))
    )
    orders = st.integers(1, 3)
    faults, taken = [], set()
    for start, end in draw(st.lists(_spans(), max_size=6)):
        order, cycle = draw(orders), draw(st.integers(0, 1))
        if (start, order) in taken:  # of one work order only one fault begins at a moment
            continue
        taken.add((start, order))
        detected = start + draw(st.integers(0, 8))
        faults.append(Fault(at(start), _moment(end), at(detected), order, cycle))
    downs = [
        Down(at(start), _moment(end), draw(st.booleans()), "maintenance", draw(orders))
        for start, end in draw(st.lists(_spans(), max_size=4))
    ]
    states = st.sampled_from(["open", "assigned", "accepted", "in-progress", "on-hold", "done", "closed"])
    steps = sorted(draw(st.lists(st.tuples(_SECOND, orders, states), max_size=10)), key=lambda row: row[0])
    activities = st.sampled_from(["travel", "diagnose", "repair", "maintain", "wait", "other"])
    work = [
        Work(draw(orders), draw(activities), at(start), _moment(end))
        for start, end in draw(st.lists(_spans(), max_size=5))
    ]
    return History(observed, faults, downs, [Step(order, at(second), state) for second, order, state in steps], work)


@settings(max_examples=300, deadline=None)
@given(_histories(), st.integers(0, LAST), st.integers(1, LAST))
def test_every_figure_is_what_a_count_of_the_seconds_gives(history: History, start: int, width: int) -> None:
    end = start + width
    found = tally(history, at(start), at(end), at(end), REPEAT)
    counted = count(history, start, end)
    assert found.observed.total_seconds() == counted.observed
    assert found.down.total_seconds() == counted.down
    assert found.planned_down.total_seconds() == counted.planned
    assert (found.failures, found.restored) == (counted.begun, counted.restored)
    assert {part.value: took.total_seconds() for part, took in found.restoring.items()} == counted.parts
    told = figures(found, None)
    mtbf, mttr, availability = (told[key].value for key in ("mtbf", "mttr", "availability"))
    watched = counted.observed > 0
    assert mtbf == ((counted.observed - counted.down) / counted.begun if counted.begun and watched else None)
    assert mttr == (sum(counted.parts.values()) / counted.restored if counted.restored else None)
    assert availability == ((counted.observed - counted.down) / counted.observed if watched else None)
    for figure in told.values():
        assert (figure.value is None) == bool(figure.why)
    means = mean_parts(found)
    if means is not None:
        assert sum(means.values()) == pytest.approx(mttr)


@given(_histories(), _histories(), st.integers(0, LAST))
def test_figures_of_several_are_those_of_their_sums(one: History, two: History, start: int) -> None:
    both = [tally(history, at(start), at(LAST), at(LAST), REPEAT) for history in (one, two)]
    total = both[0] + both[1]
    assert total.observed == both[0].observed + both[1].observed
    assert total.restoration == both[0].restoration + both[1].restoration
    value = figures(total, None)["mtbf"].value
    if value is not None:
        assert value * total.failures == pytest.approx(total.operating.total_seconds())
    assert total + Tally() == total


@given(st.lists(st.tuples(_SECOND, st.integers(-5, 60))), st.lists(st.tuples(_SECOND, st.integers(1, 60))))
def test_spans_are_sets_of_seconds(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    def whole(spans: list[tuple[int, int]]) -> set[int]:
        return {second for start, n in spans for second in range(start, start + n)}

    a, b = union((at(s), at(s + n)) for s, n in one), union((at(s), at(s + n)) for s, n in two)
    assert length(a).total_seconds() == len(whole(one))
    assert all(before[1] < after[0] for before, after in pairwise(a))
    assert length(cut(a, b)).total_seconds() == len(whole(one) & whole(two))


@given(
    st.lists(st.tuples(_SECOND, st.none() | st.integers(1, 60)), max_size=8),
    st.lists(st.tuples(_SECOND, st.integers(0, 20), st.none() | st.integers(-30, 60)), max_size=8),
    st.integers(0, LAST),
    st.integers(1, LAST),
)
def test_fixes_that_hold_and_work_in_time(
    fixes: list[tuple[int, int | None]], dues: list[tuple[int, int, int | None]], start: int, width: int
) -> None:
    end = start + width
    now = end + 5
    history = History(
        fixes=[
            Fix(number, at(done), None if again is None else at(done + again))
            for number, (done, again) in enumerate(fixes)
        ],
        dues=[
            Due("Filter", at(due), timedelta(seconds=late), None if done is None else at(due + done))
            for due, late, done in dues
        ],
    )
    found = tally(history, at(start), at(end), at(now), REPEAT)
    judged = [again for done, again in fixes if start <= done < end and done + 20 <= now]
    assert (found.fixes, found.fixed) == (len(judged), len([a for a in judged if a is None or a >= 20]))
    owed = [(late, done) for due, late, done in dues if start <= due < end and due + late <= now]
    assert (found.due, found.met) == (len(owed), len([1 for late, done in owed if done is not None and done <= late]))


def test_what_is_not_known_is_no_number() -> None:
    told = figures(Tally(), None)
    assert {key: figure.value for key, figure in told.items()} == dict.fromkeys(told)
    assert told["mtbf"].why == "it was not observed in the period"
    quiet = tally(History(observed=[(at(0), at(100))]), at(0), at(50), at(50), REPEAT)
    assert figures(quiet, None)["mtbf"].why == "no failure began in the period"
    assert figures(quiet, None)["availability"].value == 1.0
    assert tally(History(observed=[(at(0), at(100))]), at(60), at(90), at(50), REPEAT) == Tally()


def test_the_backlog_in_weeks() -> None:
    work = [OpenWork(1, "a", 90), OpenWork(2, "b", None), OpenWork(3, "c", 4470)]
    found = tally(History(open_work=work), at(0), at(1), at(1), REPEAT)
    assert figures(found, Decimal(38))["backlog"].value == 2.0
    assert found.unestimated == 1
    assert "hours of work in a week" in figures(found, None)["backlog"].why
    unknown = tally(History(open_work=work[1:2]), at(0), at(1), at(1), REPEAT)
    assert "none of 1 open orders" in figures(unknown, Decimal(38))["backlog"].why


def test_an_alarm_that_flickers_before_the_repair_is_one_failure() -> None:
    faults = [Fault(at(s), at(s + 5), at(s), 1) for s in (10, 30, 50)]
    faults.append(Fault(at(90), at(95), at(90), 1, cycle=1))  # it was said to be done between
    assert [(f.start, f.end, len(f.spans)) for f in failures(faults, at(200))] == [
        (at(10), at(55), 3),
        (at(90), at(95), 1),
    ]
    found = tally(History(observed=[(at(0), at(200))], faults=faults), at(0), at(200), at(200), REPEAT)
    assert (found.failures, found.down.total_seconds()) == (2, 20)


def test_one_that_begins_when_another_ends_is_another() -> None:
    faults = [Fault(at(0), at(10), at(0), 1), Fault(at(10), at(20), at(10), 2), Fault(at(19), at(30), at(19), 3)]
    assert [len(failure.faults) for failure in failures(faults, at(99))] == [1, 2]


def test_each_definition_names_its_formula_and_source() -> None:
    assert len({definition.key for definition in DEFINITIONS}) == len(DEFINITIONS) == 6
    for definition in DEFINITIONS:
        assert "÷" in definition.formula
        assert "SMRP" in definition.source
