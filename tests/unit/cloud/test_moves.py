"""What each role may do with a work order in each state, and where the board puts it."""

from datetime import UTC, datetime, timedelta

import pytest

from plantroom_cloud.users.models import Role, User
from plantroom_cloud.workorders.board import Card, columns
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_cloud.workorders.moves import moves
from plantroom_cloud.workorders.transitions import TRANSITIONS, Step

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
S = WorkOrderState


def order(state: S, assignee: str | None = None, *, number: int = 1, priority: str = "low", age: int = 0) -> WorkOrder:
    return WorkOrder(
        id=number, title="Seal", state=state, priority=priority, site_id="main", assignee=assignee,
        opened_at=NOW - timedelta(minutes=age),
    )  # fmt: skip


def person(name: str, role: Role) -> User:
    return User(name=name, role=role, password_hash="", created_at=NOW)


TOM = person("tom", Role.TECHNICIAN)


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("assignee", [None, "tom", "eva"])
def test_every_move_is_one_that_the_state_machine_knows(state: S, role: Role, assignee: str | None) -> None:
    found = moves(order(state, assignee), person("tom", role))
    for move in found:
        step = Step.TRANSFER if move.step == "take-over" else Step(move.step)
        claimed = (state, step) == (S.OPEN, Step.START)
        assert move.to is (S.IN_PROGRESS if claimed else TRANSITIONS[state, step])
    if role in (Role.VIEWER, Role.REQUESTER):
        assert found == []


@pytest.mark.parametrize(
    ("state", "assignee", "user", "steps"),
    [
        (S.OPEN, None, TOM, ["claim", "start"]),
        (S.OPEN, "eva", TOM, []),  # reopened: still hers
        (S.ASSIGNED, "tom", TOM, ["accept", "start", "decline"]),
        (S.ASSIGNED, "eva", TOM, []),
        (S.IN_PROGRESS, "tom", TOM, ["complete", "hold"]),
        (S.IN_PROGRESS, "eva", person("dan", Role.DISPATCHER), ["complete", "hold", "cancel"]),
        (S.REQUESTED, None, person("dan", Role.DISPATCHER), ["approve", "reject"]),
        (S.DONE, "tom", person("dan", Role.DISPATCHER), ["reopen"]),
        (S.DONE, "tom", person("mia", Role.MANAGER), ["verify", "reopen"]),
    ],
)
def test_who_may_do_what(state: S, assignee: str | None, user: User, steps: list[str]) -> None:
    assert [move.step for move in moves(order(state, assignee), user)] == steps


def test_a_helper_may_finish_it_and_who_was_asked_may_take_it_over() -> None:
    evas = order(S.IN_PROGRESS, "eva")
    assert [move.step for move in moves(evas, TOM, helps=True)] == ["complete", "hold"]
    evas.offered_to = "tom"
    assert [move.step for move in moves(evas, TOM)] == ["take-over"]


def test_a_round_is_walked_and_not_dragged() -> None:
    patrol = order(S.OPEN)
    patrol.kind = "patrol"
    assert [move.step for move in moves(patrol, TOM)] == ["claim"]


def test_the_most_pressing_card_stands_on_top() -> None:
    late = order(S.OPEN, number=1)
    late.sla_state = "breached"
    found = [
        order(S.OPEN, number=2, age=5),
        order(S.OPEN, number=3, age=60),
        order(S.OPEN, number=4, priority="critical"),
        late,
        order(S.ON_HOLD, number=5),
        order(S.CANCELLED, number=6),
    ]
    board = {
        column.state: [card.order.id for card in column.cards] for column in columns(Card(o, (), "") for o in found)
    }
    assert board[S.OPEN] == [1, 4, 3, 2]
    assert board[S.ON_HOLD] == [5]
    assert sum(len(cards) for cards in board.values()) == 5


def test_a_card_says_where_it_may_go() -> None:
    dan = person("dan", Role.DISPATCHER)
    free = order(S.OPEN)
    assert Card(free, moves(free, dan), "").targets == "assigned in-progress cancelled"
