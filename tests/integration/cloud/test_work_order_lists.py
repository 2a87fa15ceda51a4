"""Lists of work orders, and giving them to a team, on both relational databases."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from plantroom_cloud.database import Database
from plantroom_cloud.errors import ConflictError
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Team
from plantroom_cloud.workorders.models import WorkOrderState
from plantroom_cloud.workorders.repository import OrderQuery
from plantroom_cloud.workorders.service import WorkOrderService

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def orders(database: Database) -> WorkOrderService:
    """1 is high and open, 2 is tom's and the team's, 3 is closed and at the annex."""
    service = WorkOrderService()
    with database.write() as session:
        session.add_all([Site(id="main", name="Main"), Site(id="annex", name="Annex"), Team(id="hvac", name="HVAC")])
        session.flush()
        service.create(session, "Grease the pump", "", "main", None, "high", None, "anna", NOW)
        service.create(session, "Change filter 100%", "", "main", None, "low", "hvac", "anna", NOW)
        service.create(session, "Look at the lamp", "", "annex", None, "low", None, "anna", NOW)
        service.claim(session, 2, "tom", NOW)
        service.offer(session, 2, "eva", "tom", NOW)
        service.complete(session, 3, "done", "tom", NOW)
    return service


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (OrderQuery(), [3, 2, 1]),
        (OrderQuery(open_only=True), [2, 1]),
        (OrderQuery(sites=["annex"]), [3]),
        (OrderQuery(assignee="tom", open_only=True), [2]),
        (OrderQuery(nobody=True), [1]),
        (OrderQuery(team_id="hvac"), [2]),
        (OrderQuery(priority="high"), [1]),
        (OrderQuery(state=WorkOrderState.CLOSED), [3]),
        (OrderQuery(closed_since=NOW), [3]),
        (OrderQuery(closed_since=NOW + timedelta(seconds=1)), []),
        (OrderQuery(offered_to="eva"), [2]),
        (OrderQuery(text="PUMP"), [1]),
        (OrderQuery(text="100%"), [2]),
        (OrderQuery(text="#3"), [3]),
        (OrderQuery(text="nothing like it"), []),
    ],
)
def test_a_list_shows_what_was_asked_for(
    database: Database, orders: WorkOrderService, wanted: OrderQuery, found: Sequence[int]
) -> None:
    with database.read() as session:
        assert [order.id for order in orders.find(session, wanted)] == found


def test_a_list_goes_on_where_its_page_ended(database: Database, orders: WorkOrderService) -> None:
    with database.read() as session:
        assert [order.id for order in orders.find(session, OrderQuery(), None, 2)] == [3, 2]
        assert [order.id for order in orders.find(session, OrderQuery(), 2, 2)] == [1]


def test_work_is_given_to_a_team_until_it_is_finished(database: Database, orders: WorkOrderService) -> None:
    with database.write() as session:
        assert orders.dispatch(session, 1, "hvac", "dora", NOW).team_id == "hvac"
        assert orders.trail(session, 1)[-1].note == "to hvac"
        with pytest.raises(ConflictError):
            orders.dispatch(session, 3, "hvac", "dora", NOW)


def test_helpers_of_several_are_told_at_once(database: Database, orders: WorkOrderService) -> None:
    with database.write() as session:
        orders.join(session, 1, "eva", "anna", NOW)
        orders.join(session, 1, "bob", "anna", NOW + timedelta(minutes=1))
        assert orders.helpers_of(session, [1, 2]) == {1: ["eva", "bob"]}
