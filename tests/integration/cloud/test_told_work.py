"""Whom new work is told: planned, followed up, asked for, opened by hand, given back; once each, by choice of kind."""

from datetime import UTC, datetime

import pytest
from sqlmodel import Session, select

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.assets.service import AssetService
from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.checklists.definition import StepDefinition, StepKind
from plantroom_cloud.checklists.judge import Given
from plantroom_cloud.checklists.service import ChecklistService
from plantroom_cloud.database import Database
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import ConflictError, InvalidError
from plantroom_cloud.notifications.models import Preference
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.plans.form import PlanIn
from plantroom_cloud.plans.service import PlanService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.users.models import Role, Team, User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
USERS = UserService()  # slow to make


class _House:
    """ann and bob are of the team, mia manages."""

    def __init__(self, database: Database) -> None:
        self.database = database
        absences = AbsenceService(USERS)
        self.notifications = NotificationService(USERS, absences, "", lambda _session, _alarm: False)
        self.orders = WorkOrderService(self.notifications)
        sites, devices, photos = SiteService(), DeviceService(), PhotoService()
        assets = AssetService(sites, USERS, self.orders, photos)
        self.checklists = ChecklistService(self.orders, devices, assets, photos, lambda *_: [])
        calendars = CalendarService(sites)
        alarms = AlarmService(self.orders)
        self.plans = PlanService(self.orders, devices, sites, calendars, alarms, self.checklists.attach)
        self.orders.listen(self.plans.follow_work_order)
        with database.write() as session:
            session.add(Site(id="main", name="Main", timezone="Asia/Shanghai"))
            session.add(Team(id="hvac", name="HVAC"))
            session.flush()
            for name, role, team in (
                ("ann", Role.TECHNICIAN, "hvac"),
                ("bob", Role.TECHNICIAN, "hvac"),
                ("mia", Role.MANAGER, None),
            ):
                session.add(User(name=name, password_hash="", role=role, team_id=team, created_at=NOW))

    def open(self, session: Session, team: str | None = "hvac", requester: str = "") -> WorkOrder:
        return self.orders.create(
            session, "Filter", "Dirty", "main", None, "high", team, "dan", NOW, requester=requester
        )

    def told(self, session: Session, name: str) -> list[str]:
        """To one person, oldest first."""
        self.notifications.tick(session, NOW)
        user = session.exec(select(User).where(User.name == name)).one()
        return [notice.subject for _one, notice in reversed(self.notifications.inbox(session, user))]


@pytest.fixture
def house(database: Database) -> _House:
    return _House(database)


def test_planned_work_is_told_to_its_team_once(house: _House) -> None:
    wanted = PlanIn.model_validate(
        {
            "title": "Grease it",
            "site_id": "main",
            "team_id": "hvac",
            "starts": "2026-03-05T06:00",
            "rule": "FREQ=MONTHLY;BYMONTHDAY=5;BYHOUR=6;BYMINUTE=0",
            "lead_days": 3,
        }
    )
    with house.database.write() as session:
        house.plans.save(session, wanted.new(NOW), NOW, wanted.used)
    for _ in range(2):  # two processes that look
        with house.database.write() as session:
            house.plans.tick(session, NOW)
    with house.database.write() as session:
        subject = "Planned work, due 2026-03-05: Grease it"  # the day of the site
        assert house.told(session, "ann") == [subject]
        assert house.told(session, "bob") == [subject]
        assert house.told(session, "mia") == []


def test_the_follow_up_of_a_failed_step_is_told(house: _House) -> None:
    with house.database.write() as session:
        step = StepDefinition(kind=StepKind.CHECK, label="Belt", follow_up="medium")
        template = house.checklists.templates.make(session, "Fan", "", [step], "mia", NOW)
        order = house.open(session)
        assert order.id is not None
        assert template.id is not None
        house.checklists.attach(session, order.id, template.id, "ann", NOW)
        [checklist] = house.checklists.of_order(session, order.id, NOW)
        for ref in ("one", "one"):  # sent twice
            given = Given(value=False, note="torn")
            house.checklists.answer(session, order.id, checklist.steps[0].id, ref, given, "ann", None, NOW)
        assert house.told(session, "bob") == ["New work: Filter", "New work: Belt: torn"]
        assert house.told(session, "mia") == []


def test_a_request_is_told_to_who_decides_and_an_order_without_a_team_too(house: _House) -> None:
    with house.database.write() as session:
        house.open(session, requester="Ward 3, 1234")
        house.open(session, team=None)
        assert house.told(session, "mia") == ["Asked for: Filter", "New work: Filter"]
        assert house.told(session, "ann") == []


def test_who_chose_to_hear_nothing_of_work_orders_hears_nothing(house: _House) -> None:
    with house.database.write() as session:
        ann = session.exec(select(User).where(User.name == "ann")).one()
        house.notifications.choose(session, ann, Preference(user_id=0, least={"work-order": "critical"}))
        house.open(session)
        assert house.told(session, "ann") == []
        assert house.told(session, "bob") == ["New work: Filter"]


def test_given_to_a_team_given_back_cancelled_and_opened_again(house: _House) -> None:
    with house.database.write() as session:
        order = house.open(session, team=None)
        assert order.id is not None
        house.orders.dispatch(session, order.id, "hvac", "mia", NOW)
        assert house.told(session, "ann") == ["For your team: Filter"]
        house.orders.claim(session, order.id, "ann", NOW)
        house.orders.decline(session, order.id, "no ladder", "ann", NOW)
        assert house.told(session, "mia")[-1] == "ann gave back: Filter"
        house.orders.claim(session, order.id, "bob", NOW)
        house.orders.complete(session, order.id, "changed", "bob", NOW)
        assert house.orders.get(session, order.id).state is WorkOrderState.CLOSED
        with pytest.raises(InvalidError, match="say why"):
            house.orders.reopen(session, order.id, " ", "mia", NOW)
        again = house.orders.reopen(session, order.id, "still dirty", "mia", NOW)
        assert (again.state, again.reopened, again.closed_at, again.assignee) == (WorkOrderState.OPEN, 1, None, "bob")
        assert house.orders.trail(session, order.id)[-1].note == "still dirty"
        house.orders.cancel(session, order.id, "removed", "mia", NOW)
        assert house.told(session, "bob")[-2:] == ["Opened again: Filter", "Cancelled: Filter"]
        with pytest.raises(ConflictError, match="cannot reopen"):
            house.orders.reopen(session, order.id, "why not", "mia", NOW)
