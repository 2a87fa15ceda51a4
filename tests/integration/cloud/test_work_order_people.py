"""Who does it: accepted, given back, taken over by consent, by several."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlmodel import Session

from plantroom_cloud.database import Database
from plantroom_cloud.errors import ConflictError, InvalidError
from plantroom_cloud.sites.models import Site
from plantroom_cloud.workorders.models import WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def order(database: Database) -> int:
    with database.write() as session:
        session.add(Site(id="main", name="Main"))
        session.flush()
        made = WorkOrderService().create(session, "Seal", "", "main", None, "high", None, "dan", NOW)
        assert made.id is not None
        return made.id


def test_the_assignee_accepts_or_gives_it_back_with_a_reason(database: Database, order: int) -> None:
    orders = WorkOrderService()
    with database.write() as session:
        orders.assign(session, order, "ann", "dan", NOW)
        with pytest.raises(ConflictError, match="ann's, not bob's"):
            orders.accept(session, order, "bob", NOW)
        assert orders.accept(session, order, "ann", NOW).state is WorkOrderState.ACCEPTED
        with pytest.raises(InvalidError):
            orders.decline(session, order, " ", "ann", NOW)
        back = orders.decline(session, order, "no ladder", "ann", NOW)
        assert (back.state, back.assignee) == (WorkOrderState.OPEN, None)
        assert [(entry.action, entry.note) for entry in orders.trail(session, order)][-1] == ("decline", "no ladder")


def test_it_is_taken_over_only_by_who_was_asked_and_agrees(database: Database, order: int) -> None:
    orders = WorkOrderService()
    with database.write() as session:
        orders.claim(session, order, "ann", NOW)
        orders.start(session, order, "ann", NOW)
        orders.offer(session, order, "bob", "ann", NOW)
        assert orders.get(session, order).assignee == "ann"
        with pytest.raises(ConflictError, match="not offered to cid"):
            orders.take_over(session, order, "cid", NOW)
        taken = orders.take_over(session, order, "bob", NOW)
        assert (taken.assignee, taken.state, taken.offered_to) == ("bob", WorkOrderState.IN_PROGRESS, None)


def test_several_work_on_it(database: Database, order: int) -> None:
    orders = WorkOrderService()
    with database.write() as session:
        orders.claim(session, order, "ann", NOW)
        for name in ("bob", "bob", "ann"):
            orders.join(session, order, name, "ann", NOW)
        assert orders.helpers(session, order) == ["bob"]


def test_a_rejected_request_says_why_and_is_over(database: Database) -> None:
    orders = WorkOrderService()
    with database.write() as session:
        session.add(Site(id="main", name="Main"))
        session.flush()
        made = orders.create(session, "Paint", "", "main", None, "low", None, "requester", NOW, requester="Zoe")
        assert made.id is not None
        with pytest.raises(ConflictError, match="requested cannot claim"):
            orders.claim(session, made.id, "ann", NOW)
        with pytest.raises(InvalidError):
            orders.reject(session, made.id, "", "dan", NOW)
        orders.reject(session, made.id, "the landlord paints", "dan", NOW)
        assert (made.state, made.resolution) == (WorkOrderState.REJECTED, "the landlord paints")
        assert orders.count_open(session) == 0


NAMES = ("ann", "bob", "cid", "eva")


def _at_once(database: Database, step: Callable[[Session, str], object]) -> list[str]:
    """Who of four got through, each in a transaction of his own."""
    together = Barrier(len(NAMES))

    def one(name: str) -> str:
        together.wait()
        try:
            with database.write() as session:
                step(session, name)
        except ConflictError:
            return ""
        return name

    with ThreadPoolExecutor(len(NAMES)) as threads:
        return [name for name in threads.map(one, NAMES) if name]


def test_of_several_who_grab_it_at_once_one_has_it(database: Database, order: int) -> None:
    orders = WorkOrderService()
    for _ in range(5):
        winners = _at_once(database, lambda session, name: orders.claim(session, order, name, NOW))
        assert len(winners) == 1
        with database.write() as session:
            assert orders.get(session, order).assignee == winners[0]
            assert [entry.actor for entry in orders.trail(session, order) if entry.action == "claim"][-1] == winners[0]
            orders.decline(session, order, "again", winners[0], NOW)


def test_of_a_taker_and_a_canceller_at_once_one_succeeds(database: Database, order: int) -> None:
    orders = WorkOrderService()
    with database.write() as session:
        orders.claim(session, order, "ann", NOW)
        orders.start(session, order, "ann", NOW)

    def step(session: Session, name: str) -> None:
        if name == "ann":
            orders.complete(session, order, "done", name, NOW)
        else:
            orders.cancel(session, order, "not needed", name, NOW)

    assert len(_at_once(database, step)) == 1
    with database.read() as session:
        trail = orders.trail(session, order)
        assert [entry.action in ("complete", "verify", "cancel") for entry in trail].count(True) in (1, 2)
        assert trail[-1].to_state == orders.get(session, order).state
