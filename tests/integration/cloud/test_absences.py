"""People who are away: not proposed, not given work, not called; over HTTP who may say so; on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from plantroom_cloud.absences.models import Absence, AbsenceReason
from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState, RuleKind, Severity
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.app import create_app
from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.database import Database
from plantroom_cloud.dispatch.service import DispatchService
from plantroom_cloud.errors import ConflictError, ForbiddenError, InvalidFieldsError
from plantroom_cloud.migration import migrate
from plantroom_cloud.notifications.models import Notice, NoticeKind, Notification, Rota
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.services import Services, build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.sla.told import Escalation
from plantroom_cloud.users.models import Role, Team, User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.clock import SystemClock

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
USERS = UserService()  # slow to make


class _House:
    """ann, bob and cid are of one team, mia manages; ann is on call, then bob, then cid."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.absences = AbsenceService(USERS)
        self.notifications = NotificationService(USERS, self.absences, "", lambda _session, _alarm: True)
        self.orders = WorkOrderService(self.notifications)
        calendars = CalendarService(SiteService())
        self.dispatch = DispatchService(
            self.orders, USERS, calendars, self.notifications, self.absences, AlarmService(self.orders)
        )
        self.escalation = Escalation(USERS, self.notifications, self.absences)
        with database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.add(Team(id="hvac", name="HVAC"))
            session.flush()
            for name, role, team in (
                ("ann", Role.TECHNICIAN, "hvac"),
                ("bob", Role.TECHNICIAN, "hvac"),
                ("cid", Role.TECHNICIAN, "hvac"),
                ("mia", Role.MANAGER, None),
                ("root", Role.ADMIN, None),
            ):
                session.add(User(name=name, password_hash="", role=role, team_id=team, created_at=MONDAY))
            session.flush()
            rota = Rota(team_id="hvac", users=["ann", "bob", "cid"], first_day="2026-03-02")
            self.notifications.on_call.set_rota(session, rota)

    def away(self, session: Session, name: str, substitute: str | None = None, actor: str = "mia") -> Absence:
        absence = Absence(
            user=name,
            reason=AbsenceReason.SICK,
            starts_at=MONDAY,
            ends_at=MONDAY + DAY,
            substitute=substitute,
            entered_by="",
            entered_at=MONDAY,
        )
        return self.absences.enter(session, absence, USERS.get(session, actor), MONDAY)

    def told(self, session: Session) -> dict[str, list[str]]:
        """Subject → who was told, in turn."""
        rows = session.exec(
            select(Notice.subject, User.name)
            .join(Notification, Notification.notice_id == Notice.id)  # type: ignore[arg-type]
            .join(User, User.id == Notification.user_id)  # type: ignore[arg-type]
            .order_by(Notification.id)  # type: ignore[arg-type]
        )
        found: dict[str, list[str]] = {}
        for subject, name in rows:
            found.setdefault(subject, []).append(name)
        return found


@pytest.fixture
def house(database: Database) -> _House:
    return _House(database)


def test_who_is_away_is_neither_proposed_nor_given_work(house: _House) -> None:
    with house.database.write() as session:
        order = house.orders.create(session, "Filter", "", "main", None, "high", "hvac", "mia", MONDAY)
        assert order.id is not None
        absence = house.away(session, "ann")
        names = [each.person.name for each in house.dispatch.candidates(session, order, MONDAY)]
        assert "ann" not in names
        assert {"bob", "cid"} <= set(names)
        house.dispatch.set_automatic(session, "hvac", automatic=True)
        house.dispatch.tick(session, MONDAY)
        assert house.orders.get(session, order.id).assignee == "bob"
        after = [each.person.name for each in house.dispatch.candidates(session, order, MONDAY + DAY)]
        assert "ann" in after  # back
        assert absence.id is not None
        house.absences.end(session, absence.id, USERS.get(session, "ann"), MONDAY + timedelta(hours=2))
        names = [e.person.name for e in house.dispatch.candidates(session, order, MONDAY + timedelta(hours=2))]
        assert "ann" in names


def test_the_rota_and_service_levels_pass_over_who_is_away(house: _House) -> None:
    with house.database.write() as session:
        order = house.orders.create(session, "Filter", "", "main", None, "high", "hvac", "mia", MONDAY)
        assert order.id is not None
        house.orders.claim(session, order.id, "ann", MONDAY)
        assert list(house.notifications.on_call.now(session, "hvac", MONDAY)) == ["ann"]
        assert house.escalation.meant(session, order, "assignee", MONDAY) == ["ann"]
        absence = house.away(session, "ann", "cid")
        assert list(house.notifications.on_call.now(session, "hvac", MONDAY)) == ["cid"]
        assert house.escalation.meant(session, order, "assignee", MONDAY) == ["cid"]
        assert house.escalation.meant(session, order, "on-call", MONDAY) == ["cid"]
        assert house.escalation.meant(session, order, "team", MONDAY) == ["bob", "cid"]
        USERS.get(session, "cid").active = False
        session.flush()
        assert list(house.notifications.on_call.now(session, "hvac", MONDAY)) == ["bob"]  # nobody stands in any more
        assert house.escalation.meant(session, order, "assignee", MONDAY) == []
        key = f"sla/{order.id}/response/1/warning"
        assert house.escalation.tell(session, order, key, "Nearly due", "", "assignee", MONDAY) == []
        house.notifications.tick(session, MONDAY)
        assert house.told(session)["Nearly due"] == ["bob"]  # of who is there
        assert absence.id is not None


def test_an_escalation_goes_on_to_who_is_there(house: _House) -> None:
    with house.database.write() as session:
        _alarm(session)
        steps = [(300, "user:ann"), (600, "user:bob"), (900, "managers")]
        house.notifications.on_call.set_steps(session, "hvac", steps)
        house.away(session, "ann")
        house.away(session, "bob", "cid")
        house.notifications.announce(
            session, "alarm/1", NoticeKind.ALARM, "high", "main", "Hot", MONDAY, team_id="hvac", alarm_id=1
        )
        house.notifications.tick(session, MONDAY)
        assert house.told(session) == {"Hot": ["cid"]}  # on call: ann, then bob, for whom cid stands in
        house.notifications.tick(session, MONDAY + timedelta(seconds=300))
        notice = session.exec(select(Notice)).one()
        assert notice.step == 3  # ann's step fell to the one after it, which was told already
        house.away(session, "mia", actor="root")
        house.notifications.tick(session, MONDAY + timedelta(seconds=900))
        assert house.told(session) == {"Hot": ["cid", "root"]}  # no manager there: administrators
        house.notifications.tick(session, MONDAY + DAY)
        assert house.told(session) == {"Hot": ["cid", "root"]}


def test_what_is_said_to_one_person_waits_and_is_told_to_who_stands_in(house: _House) -> None:
    with house.database.write() as session:
        order = house.orders.create(session, "Filter", "", "main", None, "high", None, "mia", MONDAY)
        assert order.id is not None
        house.away(session, "ann", "bob")
        house.orders.assign(session, order.id, "ann", "mia", MONDAY)
        house.notifications.tick(session, MONDAY)
        assert house.told(session)["Yours now: Filter"] == ["ann", "bob"]


def test_what_cannot_be_is_refused(house: _House) -> None:
    with house.database.write() as session:
        first = house.away(session, "ann", actor="ann")
        assert house.away(session, "ann", actor="ann").id == first.id  # a thumb that tapped twice
        with pytest.raises(ForbiddenError, match="a manager"):
            house.away(session, "bob", actor="ann")
        with pytest.raises(ConflictError, match="already"):
            house.away(session, "ann", "bob")
        with pytest.raises(InvalidFieldsError, match="somebody else"):
            house.away(session, "bob", "bob")
        with pytest.raises(InvalidFieldsError, match="no active person 'zoe'"):
            house.away(session, "bob", "zoe")
        assert first.id is not None
        ann = USERS.get(session, "ann")
        with pytest.raises(InvalidFieldsError, match="before the beginning"):
            house.absences.change(session, first.id, AbsenceReason.SICK, MONDAY, MONDAY, None, "", ann, MONDAY)
        changed = house.absences.change(
            session,
            first.id,
            AbsenceReason.TRAINING,
            MONDAY + DAY,
            MONDAY + 3 * DAY,
            "bob",
            " fire drill ",
            ann,
            MONDAY,
        )
        assert (changed.note, changed.substitute, changed.reason) == ("fire drill", "bob", AbsenceReason.TRAINING)
        assert house.absences.away(session, MONDAY) == {}
        house.absences.end(session, first.id, ann, MONDAY)  # it has not begun: taken back
        assert house.absences.between(session, MONDAY) == []


def _alarm(session: Session) -> None:
    rule = AlarmRule(name="Hot", kind=RuleKind.LIMIT, severity=Severity.HIGH, profile="p", updated_at=MONDAY)
    session.add(rule)
    session.flush()
    assert rule.id is not None
    session.add(
        Alarm(
            id=1,
            rule_id=rule.id,
            source="gw.p",
            site_id="main",
            name="Hot",
            severity=Severity.HIGH,
            state=AlarmState.UNACKNOWLEDGED,
            active=True,
            raised_at=MONDAY,
            detected_at=MONDAY,
        )
    )
    session.flush()


@pytest.fixture
def building(tmp_path: Path) -> Iterator[Services]:
    telemetry = Telemetry(path=tmp_path / "telemetry.db")
    services = build(CloudConfig(database_url=f"sqlite:///{tmp_path / 'p.db'}", telemetry=telemetry), SystemClock())
    migrate(services.database)
    with services.database.write() as session:
        services.sites.ensure(session, "main", "Main")
        services.accounts.add_team(session, "hvac", "HVAC", "x", services.now())
        for name, role in (("mia", Role.MANAGER), ("dan", Role.DISPATCHER), ("tom", Role.TECHNICIAN)):
            services.users.add(session, name, "correct horse battery", role, services.now(), name.capitalize())
    yield services
    services.database.close()


def _client(services: Services, name: str) -> TestClient:
    with services.database.write() as session:
        token = services.users.make_token(session, services.users.get(session, name), "test", services.now())
    return TestClient(create_app(services), base_url="http://test", headers={"Authorization": f"Bearer {token}"})


def test_over_http_and_on_the_pages(building: Services) -> None:
    mia, dan, tom = (_client(building, name) for name in ("mia", "dan", "tom"))
    now = building.now()
    body = {
        "user": "tom",
        "reason": "sick",
        "starts_at": (now - DAY).isoformat(),
        "ends_at": (now + DAY).isoformat(),
        "note": "influenza",
    }
    assert dan.post("/api/v1/absences", json=body).status_code == 403
    made = tom.post("/api/v1/absences", json=body)
    assert (made.status_code, made.json()["reason"], made.json()["note"]) == (201, "sick", "influenza")
    seen = dan.get("/api/v1/absences").json()["items"]
    assert [(each["user"], each["reason"], each["note"]) for each in seen] == [("tom", None, None)]  # not his business
    assert mia.get("/api/v1/absences?of=tom").json()["items"][0]["reason"] == "sick"
    assert mia.get("/api/v1/absences?of=dan").json()["items"] == []
    people = {each["user"]: each["away_until"] for each in dan.get("/api/v1/dispatch/people").json()["items"]}
    assert people["tom"] is not None
    assert people["dan"] is None
    page = dan.get("/dispatch").text
    assert "away now" in page
    assert "nobody stands in" in page
    assert "sick" not in page
    assert "influenza" not in dan.get("/absences").text
    assert "influenza" in mia.get("/absences").text
    number = made.json()["id"]
    change = {name: body[name] for name in ("reason", "starts_at", "ends_at")} | {"substitute": "dan"}
    assert tom.put(f"/api/v1/absences/{number}", json=change).json()["substitute"] == "dan"
    assert "Dan stands in" in dan.get("/dispatch").text
    assert dan.post(f"/api/v1/absences/{number}/end").status_code == 403
    assert tom.post(f"/api/v1/absences/{number}/end").status_code == 204
    assert tom.get("/api/v1/absences").json()["items"] == []
    today = now.date().isoformat()
    wanted = {"starts_at": today, "ends_at": today, "reason": "training", "substitute": "", "note": ""}
    assert tom.post("/absences", data=wanted, follow_redirects=False).status_code == 303
    wrong = tom.post("/absences", data=wanted | {"ends_at": "2026-02-30", "reason": "?"}, headers={"X-Here": "1"})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["ends_at"])
    number = tom.get("/api/v1/absences").json()["items"][0]["id"]
    assert mia.delete(f"/api/v1/absences/{number}").status_code == 204
    with building.database.read() as session:
        done = [entry.action for entry in building.users.audited(session, "user/tom")]
    assert {"absence.enter", "absence.change", "absence.end", "absence.remove"} <= set(done)


def test_turns_stand_ins_and_escalation_over_http_and_on_the_page(building: Services) -> None:
    mia, tom = _client(building, "mia"), _client(building, "tom")
    path = "/on-call/hvac"
    rota = {"users": "tom, dan", "first_day": "2026-03-02", "days": "7", "handover": "08:00", "timezone": "UTC"}
    assert tom.post(f"{path}/rota", data=rota).status_code == 403
    wrong = {"users": "tom, zoe", "first_day": "soon", "days": "x", "handover": "8", "timezone": "UTC"}
    answer = mia.post(f"{path}/rota", data=wrong, headers={"X-Here": "1"})
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"users", "first_day", "days", "handover"})
    answer = mia.post(f"{path}/rota", data=rota, headers={"X-Here": "1"})
    assert (answer.status_code, answer.headers["X-Go"]) == (204, "/on-call#team-hvac")
    now = building.now()
    hours = {"starts_at": f"{now - DAY:%Y-%m-%dT%H:%M}", "ends_at": f"{now + DAY:%Y-%m-%dT%H:%M}"}
    assert mia.post(f"{path}/stand-in", data=hours | {"user": "mia"}, follow_redirects=False).status_code == 303
    wrong = hours | {"user": "mia", "starts_at": "noon"}
    answer = mia.post(f"{path}/stand-in", data=wrong, headers={"X-Here": "1"})
    assert list(answer.json()["fields"]) == ["starts_at"]
    steps = {"minutes": ["5", "30", ""], "to": ["team", "managers", ""]}
    assert mia.post(f"{path}/escalation", data=steps, follow_redirects=False).status_code == 303
    answer = mia.post(f"{path}/escalation", data={"minutes": ["five"], "to": ["team"]}, headers={"X-Here": "1"})
    assert list(answer.json()["fields"]) == ["minutes"]
    said = tom.get("/api/v1/teams/hvac/on-call").json()
    assert (said["on_call"], said["rota"]["users"]) == (["mia"], ["tom", "dan"])
    assert said["escalation"] == [{"after_s": 300, "to": "team"}, {"after_s": 1800, "to": "managers"}]
    page = tom.get("/on-call").text
    assert "Mia</strong> stands in" in page
    assert "Take back" not in page  # only a manager does
    [stand_in] = said["stand_ins"]
    assert tom.delete(f"/api/v1/teams/hvac/stand-ins/{stand_in['id']}").status_code == 403
    answer = mia.post(f"{path}/end-stand-in", data={"stand_in": stand_in["id"]}, follow_redirects=False)
    assert answer.status_code == 303
    assert mia.delete(f"/api/v1/teams/hvac/stand-ins/{stand_in['id']}").status_code == 404
    assert tom.get("/api/v1/teams/hvac/on-call").json()["on_call"] in (["tom"], ["dan"])
    assert mia.post("/on-call/none/rota", data=rota).status_code == 404
    assert mia.post(f"{path}/dance", data=rota).status_code == 404
