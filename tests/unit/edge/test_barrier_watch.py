"""A gate watched by its limit switches: what is forced, what met an obstacle, what was confirmed."""

import pytest

from plantroom_edge.driver import Outcome
from plantroom_edge.drivers.modbus_relay_barrier.decode import Inputs, Position, read_inputs
from plantroom_edge.drivers.modbus_relay_barrier.profile import Contacts
from plantroom_edge.drivers.modbus_relay_barrier.watch import Expectation, Watch, patience

UP, DOWN, BETWEEN, BOTH = Inputs(True, False), Inputs(False, True), Inputs(False, False), Inputs(True, True)
TRAVEL = 2.0


def _watch(*, opens_itself: bool = False) -> Watch:
    return Watch(TRAVEL, opens_itself=opens_itself)


def feed(watch: Watch, *readings: tuple[float, Inputs]) -> list[bool]:
    return [watch.feed(inputs, at) for at, inputs in readings]


def told(watch: Watch) -> set[str]:
    return {name for name in ("forced", "not_closing", "obstacle") if getattr(watch, name)}


def test_contacts_are_read_as_they_are_wired() -> None:
    assert read_inputs([True, False, True, False], Contacts()) == Inputs(True, False, True, False)
    wired = Contacts(up=3, down=0, loop=None, fault=1, inverted=("down", "fault"))
    assert read_inputs([True, True, False, True], wired) == Inputs(True, False, None, False)
    assert wired.count == 4
    with pytest.raises(ValueError, match="input of its own"):
        Contacts(up=1, down=1)


@pytest.mark.parametrize(
    ("inputs", "position"),
    [(UP, Position.OPEN), (DOWN, Position.CLOSED), (BETWEEN, Position.BETWEEN), (BOTH, Position.CONTRADICTORY)],
)
def test_position(inputs: Inputs, position: Position) -> None:
    assert inputs.position is position


def test_what_leaves_its_closed_end_unasked_is_forced_once_and_until_it_is_closed() -> None:
    watch = _watch()
    assert feed(watch, (0, DOWN), (1, BETWEEN), (1.2, BETWEEN), (1.4, BETWEEN), (2, UP), (60, UP)) == [
        *[False] * 3,
        True,
        False,
        False,
    ]
    assert told(watch) == {"forced"}
    feed(watch, (61, BETWEEN), (62, DOWN))
    assert told(watch) == set()


def test_a_gate_thrown_open_between_two_readings_is_forced() -> None:
    watch = _watch()
    assert feed(watch, (0, DOWN), (1, UP), (1.4, UP)) == [False, False, True]


def test_a_bouncing_switch_forces_nothing() -> None:
    watch = _watch()
    feed(watch, (0, DOWN), (1, BETWEEN), (1.1, DOWN), (2, BETWEEN), (2.2, DOWN), (9, DOWN))
    assert not watch.forced


def test_what_was_asked_is_not_forced_and_one_asking_opens_once() -> None:
    watch = _watch()
    feed(watch, (0, DOWN))
    watch.asked_open(1)
    feed(watch, (1.2, DOWN), (1.5, BETWEEN), (2, BETWEEN), (3, UP), (3.5, UP))
    assert told(watch) == set()
    feed(watch, (3.6, BETWEEN), (4, DOWN), (4.2, BETWEEN), (4.6, BETWEEN))
    assert told(watch) == {"forced"}


def test_nothing_is_held_against_a_gate_that_nobody_watched() -> None:
    watch = _watch()
    assert feed(watch, (0, UP), (1, UP)) == [False, False]  # open when the gateway starts
    feed(watch, (2, DOWN))
    watch.forget()
    feed(watch, (60, UP), (61, UP))  # opened while the board did not answer
    assert not watch.forced


def test_a_gate_that_opens_itself_or_is_held_is_not_forced() -> None:
    own = _watch(opens_itself=True)
    feed(own, (0, DOWN), (1, BETWEEN), (2, BETWEEN), (3, UP))
    held = _watch()
    held.held = True
    feed(held, (0, DOWN), (1, BETWEEN), (2, BETWEEN), (3, UP))
    assert not own.forced
    assert not held.forced


def test_a_stuck_switch_is_no_movement() -> None:
    watch = _watch()
    feed(watch, (0, DOWN), (1, BOTH), (2, BOTH), (3, DOWN))
    assert not watch.forced


def test_what_turns_round_while_it_closes_met_an_obstacle() -> None:
    watch = _watch()
    feed(watch, (0, UP), (1, BETWEEN), (1.5, BETWEEN), (2, UP))
    assert told(watch) == {"obstacle"}
    feed(watch, (9, BETWEEN), (10, DOWN))
    assert told(watch) == set()


def test_what_is_told_to_open_again_while_it_closes_met_none() -> None:
    watch = _watch()
    feed(watch, (0, UP), (1, BETWEEN))
    watch.asked_open(1.2)
    feed(watch, (1.5, BETWEEN), (2, UP))
    assert not watch.obstacle


def test_not_closing_is_told_after_its_time_and_until_it_is_closed_or_opened_by_order() -> None:
    watch = _watch()
    feed(watch, (0, UP))
    watch.asked_close(1)
    feed(watch, (1 + patience(TRAVEL) - 0.1, UP))
    assert told(watch) == set()
    feed(watch, (1 + patience(TRAVEL), UP))
    assert told(watch) == {"not_closing"}
    feed(watch, (20, DOWN))
    assert told(watch) == set()


def judge(end: str, before: Position, after: Inputs, at: float, *, sure: bool = True) -> Outcome | None:
    watch = _watch()
    watch.feed(after, at)
    return Expectation("open" if end == "open" else "closed", before, 10.0, sure).judge(watch, at)


@pytest.mark.parametrize(
    ("end", "before", "after", "at", "sure", "state"),
    [
        ("open", Position.CLOSED, UP, 3, True, "done"),
        ("open", Position.CLOSED, UP, 3, False, "done"),  # no answer, but a limit switch saw it
        ("open", Position.CLOSED, DOWN, 3, True, None),
        ("open", Position.CLOSED, DOWN, 10, True, "failed"),
        ("open", Position.CLOSED, DOWN, 10, False, "unconfirmed"),
        ("open", Position.CLOSED, BETWEEN, 10, True, "unconfirmed"),
        ("open", Position.CLOSED, BOTH, 10, True, "unconfirmed"),
        ("open", Position.CONTRADICTORY, UP, 3, True, "unconfirmed"),  # the switch was on before
        ("closed", Position.OPEN, DOWN, 3, True, "done"),
        ("closed", Position.OPEN, UP, 10, True, "failed"),
        ("closed", Position.BETWEEN, BETWEEN, 10, True, "unconfirmed"),
    ],
)
def test_only_a_limit_switch_confirms(
    end: str, before: Position, after: Inputs, at: float, sure: bool, state: str | None
) -> None:
    outcome = judge(end, before, after, at, sure=sure)
    assert (outcome.state if outcome is not None else None) == state


def test_nobody_confirms_what_was_not_seen() -> None:
    watch = _watch()
    expectation = Expectation("open", Position.CLOSED, 10.0, sure=True)
    assert expectation.judge(watch, 9) is None
    outcome = expectation.judge(watch, 10)
    assert outcome is not None
    assert outcome.state == "unconfirmed"
