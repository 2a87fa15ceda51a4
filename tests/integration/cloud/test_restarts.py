"""Sixty hours of a whole control plane, with a process that ends and begins anew in the middle of all that takes time.

A service level (in working time, held, escalated), a hand-over of those on call, a stand-in, a lead time, a floating or
counted interval, a condition that must hold, a round's window, a bag's deadline, a pairing, a shift, a proof, a
reopening, a lost gateway, a command, a back-off: nothing is forgotten or done twice, every table is the same as
without. The delays of alarms by telemetry are in test_alarm_restarts.py.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from plantroom_cloud import services as composition
from plantroom_cloud.access.models import AccessZone
from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.models import Alarm, AlarmRule
from plantroom_cloud.calendars.definition import CalendarIn
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.database import Database
from plantroom_cloud.gateways.service import expire_commands
from plantroom_cloud.ingest.connection import Received
from plantroom_cloud.models import metadata
from plantroom_cloud.notifications.models import ChannelKind, Preference, Rota, RotaOverride
from plantroom_cloud.notifications.senders import SendError
from plantroom_cloud.patrols.models import CodeKind
from plantroom_cloud.patrols.routes import RoutePlan, StopPlan
from plantroom_cloud.plans.form import PlanIn
from plantroom_cloud.services import Services, build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sla.policy import PolicyIn
from plantroom_cloud.sla.terms import EscalationStep
from plantroom_cloud.users.models import Role, Team, User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.waste import service as waste
from plantroom_cloud.waste.label import label_text, new_code
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_shared.batch import Batch, DeviceRows, Event, Value
from plantroom_shared.encoding import encode
from plantroom_shared.messages import Birth, BirthDevice, Metric, Status
from plantroom_shared.patrol_code import static_code
from tests.fakes.clock import HandClock
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres

BEGIN = datetime(2026, 3, 2, 5, tzinfo=UTC)  # a Monday
STEP = timedelta(minutes=30)
STEPS = (*range(64), *range(64, 122, 3))
USERS = UserService()  # slow to make, and remembers nothing
HOT = (range(5, 20), range(24, 26))
SILENT = range(40, 60)
BUSY = range(12, 16)  #: nothing goes out
DEVICES = ("pump", "scale-1", "scanner-1")
BACK = 50  #: the telemetry store takes what has waited
#: No process has to say the same twice of what it saw: who was heard when, and what pages are told.
LEFT_OUT = {"lease", "job_run", "change"}


#: The rows of each table.
Record = dict[str, list[dict[str, str]]]


def _plain(value: Any) -> str:
    """The same on both kinds of database."""
    if isinstance(value, Mapping):
        return str({name: _plain(value[name]) for name in sorted(value) if name != "evidence"})
    return str([_plain(item) for item in value]) if isinstance(value, list) else str(value)


class _Story:
    """What people, machines and the clock do, by step of half an hour."""

    def __init__(self, folder: Path, url: str, restarts: Collection[int]) -> None:
        folder.mkdir()
        self._config = CloudConfig(database_url=url, telemetry=Telemetry(path=folder / "t.db"))
        self._database = Database(url)
        self.sent: list[tuple[int, str]] = []
        self._chance: list[str] = []  #: what is drawn by lot, in the order of its making
        self.bags: list[str] = []
        self._seq = 0
        self.at = BEGIN
        self.services = self._begin()
        metadata.create_all(self.services.database.engine)
        self._furnish()
        for step in STEPS:
            if step in restarts:
                self.services.telemetry.store.close()
                self.services = self._begin()
            self.at = BEGIN + step * STEP
            self._hear(step)
            if step in ACTS:
                with self.services.database.write() as session:
                    ACTS[step](self, session)
            self._clocks(step)
            if step == BACK:
                self.services.telemetry_writer.drain(self.at)

    def _begin(self) -> Services:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(composition, "UserService", lambda: USERS)
            patch.setattr(composition, "Database", lambda _url: self._database)  # it knows nothing of what is in it
            services = build(self._config, HandClock())
        services.telemetry.store.open()
        return services

    def chance(self, drawn: str) -> str:
        self._chance.append(drawn)
        return drawn

    def _furnish(self) -> None:
        services, at = self.services, self.at
        with services.database.write() as session:
            session.add(Site(id="main", name="Main"))
            for team_id in ("hvac", "lifts"):
                session.add(Team(id=team_id, name=team_id))
            session.flush()
            for name, role, team in (
                ("ann", Role.TECHNICIAN, "hvac"),
                ("bob", Role.TECHNICIAN, "hvac"),
                ("eva", Role.TECHNICIAN, "lifts"),
                ("mia", Role.MANAGER, None),
            ):
                user = User(name=name, password_hash="x", role=role, team_id=team, created_at=at)
                session.add(user)
                session.flush()
                told = services.notifications
                made = told.add_channel(session, user, ChannelKind.WEBHOOK, "http://x", "", {}, at)
                self.chance(made.secret)
                quiet = Preference(user_id=0, quiet_from="22:00", quiet_to="06:00", repeat_s=14_400, group_s=2400)
                told.choose(session, user, quiet)
            rota = Rota(team_id="hvac", users=["ann", "bob"], first_day="2026-03-01", days=1, handover="08:00")
            told.on_call.set_rota(session, rota)
            told.on_call.set_steps(session, "hvac", [(1800, "on-call"), (3600, "managers")])
            services.calendars.add(session, "office", CalendarIn(name="Office"))
            services.calendars.set_site(session, "main", "office")
            chain = [EscalationStep(percent=50, to="user:bob"), EscalationStep(minutes=500, to="on-call")]
            promise = PolicyIn(name="Repairs", kind="corrective", response_min=90, restoration_min=600, steps=chain)
            services.sla.add(session, promise, at)
            services.dispatch.set_person(session, "eva", [], "office")
            services.dispatch.set_automatic(session, "lifts", automatic=True)
            services.alarms.ensure_system_rules(session, at)
            for gateway in ("gw-a", "gw-b"):
                services.gateways.enrol(session, gateway, "main", "", "", at)
            services.departments.add(session, "ward-3", "main", "Ward 3", ["ann"])
        for gateway in ("gw-a", "gw-b"):
            devices = [
                BirthDevice(
                    device=name, label=name, kind=name.partition("-")[0], profile=f"x/{name}",
                    metrics=[Metric(name=metric, label=metric) for metric in ("t", "hours", "bar")],
                )
                for name in DEVICES
            ]  # fmt: skip
            born = Birth(v=1, gateway=gateway, boot="b", at=1, config_version="1", devices=devices)
            self._take(gateway, "status", encode(Status(v=1, gateway=gateway, state="online", boot="b", at=1)))
            self._take(gateway, "birth", encode(born))
        with services.database.write() as session:
            self._rules(session)
            self._plans(session)
            self._rounds(session)

    def _rules(self, session: Session) -> None:
        said = {
            "name": "Hot", "kind": "limit", "device_id": "gw-a.pump", "metric": "t", "operator": ">", "limit": 80,
            "realarm_s": 7200, "proving_s": 7200, "team_id": "hvac", "cause": "c", "consequence": "q",
            "response": "r", "impact": "serious", "respond_within_s": 3600,
        }  # fmt: skip
        self.services.alarms.create_rule(session, RuleDefinition.model_validate(said), "mia", self.at)

    def _plans(self, session: Session) -> None:
        rule = session.exec(select(AlarmRule).where(AlarmRule.name == "Hot")).one()
        on_pump = {"device_id": "gw-a.pump"}
        for said in (
            {"title": "ahead", "rule": "FREQ=DAILY", "starts": "2026-03-03T08:00", "lead_days": 1},
            {"title": "floating", "rule": "FREQ=DAILY", "starts": "2026-03-02T09:00", "floating": True},
            {"title": "counter", "trigger": "counter", "metric": "hours", "every": 10} | on_pump,
            {"title": "condition", "trigger": "condition", "metric": "bar", "limit": 5, "held_s": 5400} | on_pump,
            {"title": "alarm", "trigger": "alarm", "alarm_rule_id": rule.id},
        ):
            wanted = PlanIn.model_validate({"site_id": "main"} | said)
            self.services.plans.save(session, wanted.new(self.at), self.at, wanted.used)

    def _rounds(self, session: Session) -> None:
        points = self.services.patrols.points
        for name in ("roof", "cellar"):
            made = points.add(session, name, "main", name, CodeKind.STATIC, "mia", self.at)
            self.chance(points.current_key(session, made).key)
        stops = [StopPlan("roof"), StopPlan("cellar")]
        for hour in (12, 20):
            plan = RoutePlan(
                "main", f"Round {hour}", stops, rule=f"FREQ=DAILY;BYHOUR={hour}", starts="2026-01-01T00:00",
                timezone="UTC", release_ahead_s=3600, duration_s=5400, team_id="hvac",
            )  # fmt: skip
            self.services.patrols.routes.save(session, None, plan, "mia", self.at)

    def _take(self, gateway: str, kind: str, payload: bytes) -> None:
        self.services.ingest.process([Received(f"plantroom/v1/{gateway}/{kind}", payload, 1)], self.at)

    def _batch(self, gateway: str, **more: Any) -> None:
        self._seq += 1
        now = round(self.at.timestamp() * 1000)
        batch = Batch(
            v=1, gateway=gateway, outbox="o", stream="telemetry", seq=self._seq, boot="b", sent_at=now, **more
        )
        batch.complete_until = now
        self._take(gateway, "data", encode(batch))

    def _hear(self, step: int) -> None:
        now = round(self.at.timestamp() * 1000)
        values: dict[str, list[Value]] = {
            "t": [90.0 if any(step in hot for hot in HOT) else 40.0],
            "hours": [100.0 + step / 2],
        }
        values["bar"] = [6.0 if 3 < step < 9 or 70 < step < 90 else 4.0]
        self._batch("gw-a", telemetry=[DeviceRows(device="pump", times=[now], values=values)])
        if step not in SILENT:
            self._batch("gw-b", telemetry=[DeviceRows(device="pump", times=[now], values={"t": [40.0]})])

    def event(self, kind: str, device: str, data: dict[str, Any]) -> Event:
        """Of now."""
        self._seq += 1
        return Event(id=f"e{self._seq}", kind=kind, time=round(self.at.timestamp() * 1000), device=device, data=data)

    def weighed(self, session: Session, code: str, station: str, *, scan_only: bool = False) -> None:
        scan = self.event("scan", "scanner-1", {"kind": "label", "text": label_text(code), "station": station})
        load = {"kg": 4.0, "value": 4.0, "unit": "kg", "stable": True, "raw": "00", "station": station}
        for event in (scan, self.event("weighing", "scale-1", load))[: 1 if scan_only else 2]:
            self.services.weighings.apply_event(session, "gw-a", event, self.at)

    def _clocks(self, step: int) -> None:
        services, at = self.services, self.at
        with services.database.write() as session:
            for tick in (services.alarms.tick, *(each.tick for each in services.tickers), expire_commands):
                tick(session, at)
                session.flush()
            services.plans.tick(session, at)
            outgoing = services.notifications.sending.claim(session, at)
        for item in outgoing:
            error = SendError("busy") if step in BUSY else None
            if error is None:
                self.sent += [(step, line.key) for line in item.message.lines]
            with services.database.write() as session:
                services.notifications.sending.settle(session, item, error, at)

    def order(self, session: Session, title: str) -> int:
        """The newest."""
        query = select(WorkOrder).where(col(WorkOrder.title).startswith(title)).order_by(col(WorkOrder.id).desc())
        found = session.exec(query).first()
        assert found is not None, title
        return found.id or 0

    def record(self) -> Record:
        """All that is left of it, by table."""
        found: Record = {"sent": [{"step": str(step), "key": key} for step, key in self.sent]}
        with self.services.database.read() as session:
            for table in metadata.sorted_tables:
                if table.name not in LEFT_OUT:
                    rows = session.connection().execute(table.select()).mappings()
                    # readings beside an alarm are those in memory; numbers are given out anew on SQLite
                    unlike = {"evidence", "id"} if table.name == "telemetry_journal" else {"evidence"}
                    plain = [
                        {name: self._without_chance(_plain(row[name])) for name in row if name not in unlike}
                        for row in rows
                    ]
                    found[table.name] = sorted(plain, key=str)
        self.services.telemetry.store.close()
        self.services.database.close()
        return found

    def _without_chance(self, text: str) -> str:
        for number, drawn in enumerate(self._chance):
            text = text.replace(drawn, f"<{number}>")
        return text


def _labels(story: _Story, session: Session) -> None:
    """Drawn by lot, but in order: bags that are looked at together are looked at by their codes."""
    drawn = sorted(new_code() for _ in range(3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waste, "new_code", iter(drawn).__next__)
        story.services.waste.print_labels(session, "ward-3", "sharps", 3, "ann", story.at)
    story.bags += [story.chance(code) for code in drawn]


def _collect(story: _Story, session: Session, number: int) -> None:
    """In the ward."""
    story.weighed(session, story.bags[number], "ward-3")
    for role, name in (("ward", "ann"), ("collector", "bob")):
        person = session.exec(select(User).where(User.name == name)).one()
        story.services.waste.custody.sign(session, story.bags[number], "collected", role, person, "login", story.at)


def _leak(story: _Story, session: Session) -> None:
    story.services.work_orders.create(session, "Leak", "", "main", None, "high", "hvac", "mia", story.at)


def _night_job(story: _Story, session: Session) -> None:
    story.services.work_orders.create(session, "Lift", "", "main", None, "low", "lifts", "mia", story.at)


def _hold(story: _Story, session: Session) -> None:
    orders = story.services.work_orders
    orders.start(session, story.order(session, "Leak"), "ann", story.at)
    orders.hold(session, story.order(session, "Leak"), "parts", "", "ann", story.at)


def _resume(story: _Story, session: Session) -> None:
    story.services.work_orders.resume(session, story.order(session, "Leak"), "ann", story.at)


def _alarm(session: Session) -> int:
    found = session.exec(select(Alarm.id).where(Alarm.name == "Hot").order_by(col(Alarm.id).desc())).first()
    assert found is not None
    return found


def _acknowledge(story: _Story, session: Session) -> None:
    story.services.alarms.acknowledge(session, _alarm(session), "ann", "seen", story.at)


def _shelve(story: _Story, session: Session) -> None:
    story.services.alarms.shelve(session, _alarm(session), "known", 60, "ann", story.at)


def _complete(story: _Story, session: Session) -> None:
    story.services.work_orders.complete(session, story.order(session, "Hot"), "", "ann", story.at)


def _floating_done(story: _Story, session: Session) -> None:
    story.services.work_orders.complete(session, story.order(session, "floating"), "", "ann", story.at)


def _counter_done(story: _Story, session: Session) -> None:
    story.services.work_orders.complete(session, story.order(session, "counter"), "", "ann", story.at)


def _stand_in(story: _Story, session: Session) -> None:
    while_away = RotaOverride(team_id="hvac", user="mia", starts_at=story.at + STEP, ends_at=story.at + 4 * STEP)
    story.services.notifications.on_call.stand_in(session, while_away)


def _command(story: _Story, session: Session) -> None:
    made = story.services.gateways.command(session, "gw-a", "pump", "start", {}, "test", "mia", 1800, story.at)
    story.chance(made.id)


def _walk(story: _Story, session: Session) -> None:
    """One of the two points of the round."""
    points = story.services.patrols.points
    key = points.current_key(session, points.get(session, "roof")).key
    event = story.event("scan", "scanner-1", {"kind": "patrol", "text": story.chance(static_code("roof", key))})
    story.services.patrols.apply_event(session, "gw-a", event, story.at)


def _zone(story: _Story, session: Session) -> None:
    story.services.access.rights.put(session, AccessZone(id="yard", site_id="main", name="Yard"), "mia", story.at)


ACTS: dict[int, Callable[[_Story, Session], None]] = {
    2: _labels,
    3: lambda story, session: _collect(story, session, 1),  # never reaches the store
    4: lambda story, session: _collect(story, session, 0),
    6: _leak,  # Monday 08:00
    7: lambda story, session: story.weighed(session, story.bags[0], "waste-store"),  # too long after 48 h
    8: _acknowledge,  # told again two hours later
    9: _hold,
    11: lambda story, session: story.weighed(session, story.bags[2], "ward-3", scan_only=True),
    14: _shelve,
    15: _command,
    16: _zone,
    17: _stand_in,
    18: _floating_done,
    22: _complete,  # it comes back while it is proven
    28: _complete,  # it does not
    30: _night_job,  # until somebody's shift begins
    45: _counter_done,
    56: _resume,  # Tuesday 09:00
    62: _walk,
    100: _floating_done,
}


NewUrl = Callable[[str], str]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewUrl:
    """Of an empty database, by a name."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("restarts")
        return lambda name: f"sqlite:///{folder / name}.db"
    postgres: Postgres = request.getfixturevalue("postgres")
    return lambda name: postgres.create_database(f"{name}_{free_port()}")


@pytest.fixture(scope="module")
def without(new_url: NewUrl, tmp_path_factory: pytest.TempPathFactory) -> Record:
    return _Story(tmp_path_factory.mktemp("story") / "x", new_url("without"), ()).record()


@pytest.mark.timeout(400)
def test_the_story_has_every_clock(without: Record) -> None:
    def of(table: str, column: str) -> list[str]:
        return [row[column] for row in without[table]]

    assert {
        "Hot", "Gateway lost", "Bag is missing", "Bag is long in store", "Bag is too long in store",
        "Ward without pickup", "Patrol point missed", "Telemetry store does not keep up",
    } <= set(of("alarm", "name"))  # fmt: skip
    told = {key.rpartition("/")[0] if key.startswith("sla/") else key for key in of("sent", "key")}
    assert any("re-alarm" in key for key in told), "acknowledged, and nothing came of it"
    assert any("released" in key for key in told), "the shelf has ended"
    assert {key.rpartition("/")[2] for key in told if key.startswith("sla/")} == {
        "warning",
        "breach",
        "step-1",
        "step-2",
    }
    hot = next(row["id"] for row in without["notice"] if row["key"] == "alarm/2/raised")
    steps = {(row["user_id"], row["step"]) for row in without["notification"] if row["notice_id"] == hot}
    assert steps == {("1", "0"), ("2", "1"), ("4", "2")}, (
        "at first ann is on call, after the hand-over bob; then mia hears"
    )
    assert any(int(row["repeat"]) > 1 for row in without["notification_delivery"])
    assert any(int(row["attempts"]) > 1 for row in without["notification_delivery"]), "it went out after a back-off"
    plans = {row["id"]: row["title"] for row in without["maintenance_plan"]}
    came = Counter(plans[plan] for plan in of("plan_occurrence", "plan_id"))
    assert came == {"ahead": 3, "floating": 2, "counter": 2, "condition": 1, "alarm": 1}
    trail = {(row["actor"], row["action"]) for row in without["work_order_entry"]}
    assert {("telemetry", "reopen"), ("telemetry", "verify"), ("dispatch", "assign"), ("ann", "hold")} <= trail
    assert set(of("patrol_round", "state")) == {"missed"}
    assert of("gatewaycommand", "state") == ["expired"]
    assert "no-weighing" in of("label_scan", "state")


@pytest.mark.timeout(400)
def test_a_restart_before_each_step_changes_nothing(new_url: NewUrl, without: Record, tmp_path: Path) -> None:
    found = _Story(tmp_path / "x", new_url("each"), STEPS).record()
    for name, rows in without.items():
        assert found[name] == rows, name
