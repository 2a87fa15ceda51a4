"""Dispatch on both databases: who is suggested, what is given out by itself, one owner whoever grabs; over HTTP."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.models import AlarmRule, RuleKind, Severity
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.app import create_app
from plantroom_cloud.assets.models import Asset, AssetKind
from plantroom_cloud.calendars.definition import CalendarIn
from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.database import Database
from plantroom_cloud.dispatch.models import NeedOf
from plantroom_cloud.dispatch.service import DispatchService
from plantroom_cloud.errors import ConflictError, InvalidFieldsError, NotFoundError
from plantroom_cloud.models import metadata
from plantroom_cloud.notifications.models import Rota
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.users.models import Role, Team, User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.clock import SystemClock

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
NIGHT = MONDAY + timedelta(hours=14)
USERS = UserService()  # slow to make


class _House:
    """ann and bob work by day, eva by night; ann knows electrics, all know lifts; they are of one team."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.notifications = NotificationService(
            USERS, AbsenceService(USERS), "http://x", lambda _session, _alarm: False
        )
        self.orders = WorkOrderService(self.notifications)
        self.calendars = CalendarService(SiteService())
        self.dispatch = DispatchService(
            self.orders, USERS, self.calendars, self.notifications, AbsenceService(USERS), AlarmService(self.orders)
        )

    def furnish(self, session: Session) -> None:
        session.add(Site(id="main", name="Main"))
        session.add(Team(id="hvac", name="HVAC"))
        session.flush()
        for name in ("ann", "bob", "eva"):
            session.add(User(name=name, password_hash="", role=Role.TECHNICIAN, team_id="hvac", created_at=MONDAY))
        session.add(User(name="zoe", password_hash="", role=Role.TECHNICIAN, sites=["other"], created_at=MONDAY))
        session.flush()
        night = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "00:00-06:00, 22:00-24:00")
        self.calendars.add(session, "day", CalendarIn(name="Day"))
        self.calendars.add(session, "night", CalendarIn(name="Night", **night))
        for name, shift, skills in (
            ("ann", "day", ["lifts", "Electrical"]),
            ("bob", "day", ["lifts"]),
            ("eva", "night", ["lifts"]),
        ):
            self.dispatch.set_person(session, name, skills, shift)

    def open(self, session: Session, *, skills: list[str] | None = None, **more: object) -> int:
        asset_id = more.get("asset_id")
        assert asset_id is None or isinstance(asset_id, int)
        order = self.orders.create(session, "Job", "", "main", None, "high", "hvac", "dan", MONDAY, asset_id=asset_id)
        assert order.id is not None
        if skills:
            self.dispatch.set_order_skills(session, order.id, skills, "dan", MONDAY)
        return order.id

    def best(self, session: Session, order: int, at: datetime = MONDAY) -> list[str]:
        found = self.dispatch.candidates(session, self.orders.get(session, order), at)
        return [each.person.name for each in found if each.fits]


@pytest.fixture
def house(database: Database) -> _House:
    house = _House(database)
    with database.write() as session:
        house.furnish(session)
    return house


def test_by_skill_shift_and_load(house: _House) -> None:
    with house.database.write() as session:
        first = house.open(session)
        assert house.best(session, first) == ["ann", "bob"]
        house.orders.claim(session, first, "ann", MONDAY)
        session.flush()
        second = house.open(session)
        assert house.best(session, second) == ["bob", "ann"]
        assert house.best(session, house.open(session, skills=["electrical"])) == ["ann"]
        assert house.best(session, second, NIGHT) == ["eva"]
        rota = Rota(team_id="hvac", users=["bob"], first_day="2026-03-01")
        house.notifications.on_call.set_rota(session, rota)
        session.flush()
        assert house.best(session, second, NIGHT) == ["bob", "eva"]
        all_of_them = house.dispatch.candidates(session, house.orders.get(session, second), MONDAY)
        assert "zoe" not in [each.person.name for each in all_of_them]  # may not see the site


def test_skills_by_rule_class_and_plan(house: _House) -> None:
    with house.database.write() as session:
        rule = AlarmRule(name="Hot", kind=RuleKind.LIMIT, severity=Severity.HIGH, profile="p", updated_at=MONDAY)
        lift = Asset(
            code="L1", name="Lift", kind=AssetKind.EQUIPMENT, site_id="main", equipment_class="lift", created_at=MONDAY
        )
        session.add_all([rule, lift])
        session.flush()
        house.dispatch.set_need(session, NeedOf.CLASS, "lift", ["Lifts"])
        house.dispatch.set_need(session, NeedOf.RULE, str(rule.id), ["electrical"])
        with pytest.raises(NotFoundError, match="no class 'boat'"):
            house.dispatch.set_need(session, NeedOf.CLASS, "boat", ["rowing"])
        order = house.orders.get(session, house.open(session, skills=["heights"], asset_id=lift.id))
        order.rule_id = rule.id
        assert house.dispatch.needed(session, order) == ["electrical", "heights", "lifts"]
        house.dispatch.set_need(session, NeedOf.CLASS, "lift", [])
        assert house.dispatch.needed(session, order) == ["electrical", "heights"]
        assert [row.ref for row in house.dispatch.needs(session)] == [str(rule.id)]
        with pytest.raises(InvalidFieldsError, match="no calendar"):
            house.dispatch.set_person(session, "ann", [], "gone")


def test_the_pool_shows_the_most_urgent_first(house: _House) -> None:
    with house.database.write() as session:
        for priority in ("low", "critical", "medium", "critical", "high"):
            house.orders.create(session, "Job", "", "main", None, priority, None, "dan", MONDAY)
        assert [(order.priority, order.id) for order in house.dispatch.pool(session)] == [
            ("critical", 2),
            ("critical", 4),
            ("high", 5),
            ("medium", 3),
            ("low", 1),
        ]


def test_a_team_that_wants_it_has_its_work_given_out(house: _House) -> None:
    with house.database.write() as session:
        orders = [house.open(session) for _ in range(3)]
        special = house.open(session, skills=["welding"])
        house.dispatch.tick(session, MONDAY)
        assert {house.orders.get(session, order).state for order in orders} == {WorkOrderState.OPEN}
        house.dispatch.set_automatic(session, "hvac", automatic=True)
        house.dispatch.tick(session, MONDAY)
        assert [house.orders.get(session, order).assignee for order in orders] == ["ann", "bob", "ann"]
        assert house.orders.get(session, special).assignee is None  # nobody can: it waits in the pool
        house.orders.decline(session, orders[1], "no ladder", "bob", MONDAY)
        house.dispatch.tick(session, MONDAY)
        assert house.orders.get(session, orders[1]).assignee == "ann"  # not to who gave it back
        entry = house.orders.trail(session, orders[1])[-1]
        assert (entry.actor, entry.action, entry.note) == ("dispatch", "assign", "to ann")
        house.dispatch.set_person(session, "eva", ["lifts", "welding"], "night")
        house.dispatch.tick(session, MONDAY)
        assert house.orders.get(session, special).assignee is None  # she is not there yet
        house.dispatch.tick(session, NIGHT)
        assert house.orders.get(session, special).assignee == "eva"


def test_two_schedulers_and_a_grabber_at_once_give_it_to_one(house: _House) -> None:
    with house.database.write() as session:
        orders = [house.open(session) for _ in range(6)]
        house.dispatch.set_automatic(session, "hvac", automatic=True)
    together = Barrier(3)

    def tick(_number: int) -> None:
        mine = _House(house.database)
        together.wait()
        for _ in range(3):
            with mine.database.write() as session:
                mine.dispatch.tick(session, MONDAY)

    def grab() -> set[int]:
        together.wait()
        got = set()
        for order in orders:
            try:
                with house.database.write() as session:
                    house.orders.claim(session, order, "eva", MONDAY)
            except ConflictError:
                continue
            got.add(order)
        return got

    with ThreadPoolExecutor(3) as threads:
        ticks = [threads.submit(tick, number) for number in range(2)]
        grabbed = threads.submit(grab).result()
        for future in ticks:
            future.result()
    tick_left = _House(house.database)
    with house.database.write() as session:
        tick_left.dispatch.tick(session, MONDAY)
    with house.database.read() as session:
        for order in orders:
            given = [e.action for e in house.orders.trail(session, order) if e.action in ("assign", "claim")]
            assert given == (["claim"] if order in grabbed else ["assign"])
            assert (house.orders.get(session, order).assignee == "eva") is (order in grabbed)


@pytest.fixture
def people(tmp_path: Path) -> Iterator[dict[str, TestClient]]:
    telemetry = Telemetry(path=tmp_path / "telemetry.db")
    services = build(CloudConfig(database_url=f"sqlite:///{tmp_path / 'p.db'}", telemetry=telemetry), SystemClock())
    metadata.create_all(services.database.engine)
    app, found = create_app(services), {}
    with services.database.write() as session:
        services.sites.ensure(session, "main", "Main")
        services.accounts.add_team(session, "hvac", "HVAC", "x", services.now())
        for name, role in (("mia", Role.MANAGER), ("dan", Role.DISPATCHER), ("tom", Role.TECHNICIAN)):
            user = services.users.add(session, name, "correct horse battery", role, services.now())
            token = services.users.make_token(session, user, "test", services.now())
            found[name] = TestClient(app, base_url="http://test", headers={"Authorization": f"Bearer {token}"})
    yield found
    services.database.close()


def test_over_http_and_on_the_pages(people: dict[str, TestClient]) -> None:
    mia, dan, tom = people["mia"], people["dan"], people["tom"]
    body = {"skills": ["Lifts"], "shift": ""}
    assert dan.put("/api/v1/dispatch/people/tom", json=body).status_code == 403
    assert mia.put("/api/v1/dispatch/people/tom", json=body).json() == {"skills": ["lifts"], "shift": ""}
    wrong = mia.put("/api/v1/dispatch/people/tom", json=body | {"shift": "gone"})
    assert (wrong.status_code, wrong.json()["detail"]) == (422, "shift: there is no calendar 'gone'")
    order = tom.post("/api/v1/work-orders", json={"title": "Door sticks", "site_id": "main"}).json()["id"]
    assert dan.put(f"/api/v1/dispatch/orders/{order}/skills", json={"skills": ["lifts"]}).json()["skills"] == ["lifts"]
    found = dan.get(f"/api/v1/dispatch/orders/{order}/candidates").json()["items"]
    assert [(each["user"], each["fits"], each["missing"]) for each in found] == [
        ("tom", True, []),
        ("dan", False, ["lifts"]),
        ("mia", False, ["lifts"]),
    ]
    assert tom.get(f"/api/v1/dispatch/orders/{order}/candidates").status_code == 403
    assert tom.get(f"/api/v1/work-orders/{order}").json()["skills"] == ["lifts"]
    assert mia.put("/api/v1/dispatch/teams/hvac", json={"automatic": True}).status_code == 200
    assert tom.get("/api/v1/dispatch/teams/hvac").json() == {"automatic": True}
    assert mia.put("/api/v1/dispatch/teams/gone", json={"automatic": True}).status_code == 404
    assert mia.put("/api/v1/dispatch/needs/class/boat", json={"skills": ["rowing"]}).status_code == 404
    assert {each["user"]: each["load"] for each in dan.get("/api/v1/dispatch/people").json()["items"]}["tom"] == 0

    assert tom.get("/dispatch").status_code == 403
    page = dan.get("/dispatch").text
    assert "has lifts, on shift, no open orders" in page
    assert "lacks lifts" in page
    given = dan.post(f"/work-orders/{order}/assign", data={"team_id": "", "person": "tom"}, follow_redirects=False)
    assert given.status_code == 303
    assert "The pool is empty" in dan.get("/dispatch").text
    tom.post(f"/work-orders/{order}/join", data={"to": "dan"})
    assert "tom, with dan" in dan.get(f"/work-orders/{order}").text
    asked = dan.post(f"/dispatch/orders/{order}/skills", data={"skills": "lifts, doors"}, follow_redirects=False)
    assert (asked.status_code, tom.get(f"/api/v1/dispatch/orders/{order}/skills").json()["skills"]) == (
        303,
        ["doors", "lifts"],
    )
