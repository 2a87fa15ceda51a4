"""A process that ends and begins anew in the middle of any delay, shelf, re-alarm, escalation, quiet hour, repetition
or back-off forgets nothing and does nothing twice: what is on record is the same as without."""

import itertools
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import Literal

import pytest
from sqlmodel import Session, col, select

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.models import Alarm, AlarmTransition, RuleEvent, Suppression
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.database import Database
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.ingest.connection import Received
from plantroom_cloud.ingest.service import IngestService
from plantroom_cloud.models import metadata
from plantroom_cloud.notifications.models import ChannelKind, Delivery, Notice, Notification, Preference
from plantroom_cloud.notifications.senders import SendError
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.telemetry.service import TelemetryService
from plantroom_cloud.telemetry.sqlite import SqliteTelemetryStore
from plantroom_cloud.telemetry.store import Retention
from plantroom_cloud.users.models import Role, Team, User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.batch import Batch, DeviceRows
from plantroom_shared.encoding import encode
from plantroom_shared.messages import Birth, BirthDevice, Metric
from tests.servers.postgres import Postgres

NOW = datetime(2026, 3, 1, 21, 57, tzinfo=UTC)
MS = round(NOW.timestamp() * 1000)
PERIOD_S = 5
STEPS = 72
TOLD = {"cause": "c", "consequence": "q", "response": "r", "impact": "serious", "respond_within_s": 3600}
ON_PUMP = {"device_id": "gw-a.pump", "team_id": "hvac"} | TOLD
RULES: list[dict[str, object]] = [
    {"name": "hot", "kind": "limit", "on_delay_s": 12, "off_delay_s": 12, "realarm_s": 40, "first_out": "g"},
    {"name": "very hot", "kind": "limit", "limit": 95, "first_out": "g", "latching": True},
    {"name": "fast", "kind": "rate", "limit": 60, "more": {"window_s": 15}, "on_delay_s": 7},
    {"name": "far", "kind": "deviation", "limit": 30, "more": {"other": "u"}, "on_delay_s": 12},
    {"name": "stuck", "kind": "stuck", "metric": "u", "more": {"window_s": 40}},
    {"name": "often", "kind": "repeated", "more": {"window_s": 180, "count": 3}},
    {"name": "both", "kind": "combination", "more": {"parts": [{"metric": "t", "operator": ">", "limit": 80}]}},
    {"name": "reset", "kind": "counter-reset", "metric": "u", "deadband": 1},
    {"name": "silent", "kind": "no-data", "metric": None, "on_delay_s": 20},
    {"name": "missing", "kind": "no-data", "metric": "w", "on_delay_s": 20},
    {"name": "event", "kind": "limit", "on_delay_s": 12, "cause": ""},
]
#: t and u at each step; None: the device is silent.
T: list[int | None] = [
    60,
    60,
    90,
    90,
    90,
    90,
    60,
    60,
    60,
    60,
    60,
    90,
    90,
    60,
    90,
    90,
    90,
    90,
    90,
    90,
    90,
    90,
    90,
    90,
    90,
    90,
    97,
    97,
]
T += [97, 60, 60, 60, 60, None, None, None, None, None, None, 60, 60, 90, 60, 90, 60, 90, 90, 90, 90, 90, 90, 90]
T += [60] * (STEPS - len(T))
#: w does not come in these steps, although the pump lives.
WITHOUT_W = range(8, 16)
U = [50 + step % 3 if step < 30 or 45 < step < 55 else 50 for step in range(STEPS)]


class _Process:
    """All that a process holds in memory."""

    def __init__(self, database: Database, store: SqliteTelemetryStore) -> None:
        def is_unanswered(session: Session, alarm_id: int) -> bool:
            return self.alarms.is_unanswered(session, alarm_id)

        self.told = NotificationService(UserService(), AbsenceService(UserService()), "", is_unanswered)
        self.orders = WorkOrderService(self.told)
        self.alarms = AlarmService(self.orders, self.told)
        self.orders.listen(self.alarms.follow_work_order)
        telemetry = TelemetryService(database, store)
        gateways, devices = GatewayService(), DeviceService()
        self.ingest = IngestService(database, gateways, devices, self.alarms, telemetry, [gateways, devices])


class _Story:
    """Six minutes of a pump; what people and the mail server do is said by step."""

    def __init__(self, folder: Path, database: str, restarts: Collection[int]) -> None:
        folder.mkdir()
        self.database = Database(database)
        metadata.create_all(self.database.engine)
        self.store = SqliteTelemetryStore(folder / "t.db", Retention(None, {}))
        self.store.open()
        self.sent: list[tuple[int, str]] = []
        self.refused: list[tuple[int, str]] = []
        self.at = NOW
        self.process = _Process(self.database, self.store)
        self._furnish()
        for step in range(STEPS):
            if step in restarts:
                self.process = _Process(self.database, self.store)
            self.at = NOW + timedelta(seconds=step * PERIOD_S)
            self._data(step)
            if step in ACTS:
                with self.database.write() as session:
                    ACTS[step](self, session)
            self._clocks(step)

    def _furnish(self) -> None:
        gateways = GatewayService()
        with self.database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.add(Team(id="hvac", name="HVAC"))
            session.flush()
            gateways.enrol(session, "gw-a", "main", "", "", NOW)
            users = [User(name="ann", password_hash="x", role=Role.TECHNICIAN, team_id="hvac", created_at=NOW)]
            users.append(User(name="mia", password_hash="x", role=Role.MANAGER, created_at=NOW))
            for user in users:
                session.add(user)
                session.flush()
                self.process.told.add_channel(session, user, ChannelKind.WEBHOOK, "http://x", "", {}, NOW)
            quiet = Preference(user_id=0, quiet_from="22:00", quiet_to="22:01", repeat_s=60, group_s=20)
            self.process.told.choose(session, users[0], quiet)
            self.process.told.on_call.set_steps(session, "hvac", [(25, "managers"), (70, "user:mia")])
        metrics = [Metric(name=name, label=name.upper()) for name in "tuw"]
        device = BirthDevice(device="pump", label="Pump", profile="p", metrics=metrics)
        self._take("birth", encode(Birth(v=1, gateway="gw-a", boot="b", at=MS, config_version="1", devices=[device])))
        with self.database.write() as session:
            for said in RULES:
                whole = {"metric": "t", "operator": ">", "limit": 80, "proving_s": 20} | ON_PUMP | said
                self.process.alarms.create_rule(session, RuleDefinition.model_validate(whole), "mia", NOW)

    def _take(self, kind: str, payload: bytes) -> None:
        self.process.ingest.process([Received(f"plantroom/v1/gw-a/{kind}", payload, 1)], self.at)

    def _data(self, step: int) -> None:
        moment = MS + step * PERIOD_S * 1000
        value = T[step]
        rows = DeviceRows(device="pump", times=[moment], values={"t": [value], "u": [U[step]]})
        if step not in WITHOUT_W:
            rows.values["w"] = [1.0]
        batch = Batch(v=1, gateway="gw-a", outbox="o", stream="telemetry", seq=step + 1, boot="b", sent_at=moment)
        batch.complete_until, batch.telemetry = moment, [rows] if value is not None else []
        self._take("data", encode(batch))

    def _clocks(self, step: int) -> None:
        with self.database.write() as session:
            self.process.alarms.tick(session, self.at)
            self.process.told.tick(session, self.at)
            outgoing = self.process.told.sending.claim(session, self.at)
        for item in outgoing:
            error = SendError("busy") if step in range(8, 14) else None
            (self.refused if error else self.sent).extend((step, line.key) for line in item.message.lines)
            with self.database.write() as session:
                self.process.told.sending.settle(session, item, error, self.at)

    def newest(self, session: Session, name: str) -> int:
        query = select(Alarm.id).where(Alarm.name == name).order_by(col(Alarm.id).desc())
        found = session.exec(query).first()
        assert found is not None
        return found

    def record(self) -> dict[str, list[object]]:
        """All that is left of it."""
        found: dict[str, list[object]] = {"sent": [*self.sent], "refused": [*self.refused]}
        with self.database.read() as session:
            for table in (Alarm, AlarmTransition, RuleEvent, Suppression, Notice, Notification, Delivery, WorkOrder):
                rows = sorted(session.exec(select(table)), key=attrgetter("id"))
                found[table.__name__] = [row.model_dump(exclude={"evidence"}) for row in rows]
        self.store.close()
        self.database.close()
        return found


def _acknowledge(story: _Story, session: Session) -> None:
    story.process.alarms.acknowledge(session, story.newest(session, "hot"), "ann", "seen", story.at)


def _shelve(story: _Story, session: Session) -> None:
    story.process.alarms.shelve(session, story.newest(session, "far"), "known", 1, "ann", story.at)


def _shelve_once(story: _Story, session: Session) -> None:
    story.process.alarms.shelve(session, story.newest(session, "both"), "known", None, "ann", story.at, once=True)


def _start(story: _Story, session: Session) -> None:
    [order, *_] = session.exec(select(WorkOrder).order_by(WorkOrder.id)).all()  # type: ignore[arg-type]
    story.process.orders.start(session, order.id or 0, "ann", story.at, out_of_service=True)


def _complete(story: _Story, session: Session) -> None:
    [order, *_] = session.exec(select(WorkOrder).order_by(WorkOrder.id)).all()  # type: ignore[arg-type]
    story.process.orders.complete(session, order.id or 0, "greased", "ann", story.at)


ACTS: dict[int, Callable[[_Story, Session], None]] = {
    17: _acknowledge,  # told again 40 s later
    19: _shelve,  # until step 31
    20: _shelve_once,
    46: _start,
    53: _complete,  # proven 20 s later
}


Kind = Literal["sqlite", "postgresql"]


class _Databases:
    """New ones of both kinds, and what is on record of a story without restarts."""

    def __init__(self, folder: Path, postgres: Postgres) -> None:
        self._folder = folder
        self._postgres = postgres
        self._numbers = itertools.count()
        self._without: dict[Kind, dict[str, list[object]]] = {}

    def new(self, kind: Kind) -> str:
        """The URL of an empty one."""
        number = next(self._numbers)
        if kind == "postgresql":
            return self._postgres.create_database(f"restarts_{number}")
        return f"sqlite:///{self._folder / str(number)}.db"

    def without(self, kind: Kind) -> dict[str, list[object]]:
        if kind not in self._without:
            self._without[kind] = _Story(self._folder / f"without-{kind}", self.new(kind), ()).record()
        return self._without[kind]


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> _Databases:
    return _Databases(tmp_path_factory.mktemp("story"), postgres)


@pytest.mark.timeout(400)
def test_the_story_has_every_clock(databases: _Databases) -> None:
    without = databases.without("sqlite")
    alarms, steps = without["Alarm"], without["AlarmTransition"]
    assert {alarm["name"] for alarm in alarms} == {str(rule["name"]) for rule in RULES} - {"event"}  # type: ignore[index]
    told = {str(step["note"]) for step in steps}  # type: ignore[index]
    assert {"still active", "its time is over", "returned to normal", "the alarm that told of it is over"} <= told
    assert any("work order" in note for note in told)
    assert len(without["RuleEvent"]) > 1
    assert without["refused"]
    assert {notification["step"] for notification in without["Notification"]} >= {0, 1}  # type: ignore[index]
    assert max(delivery["repeat"] for delivery in without["Delivery"]) > 0  # type: ignore[index]
    assert any(order["verified_by"] == "telemetry" for order in without["WorkOrder"])  # type: ignore[index]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("kind", "restarts"),
    [
        *(pytest.param("sqlite", range(phase, STEPS, 3), id=f"sqlite-phase-{phase}") for phase in range(3)),
        pytest.param("sqlite", range(STEPS), id="sqlite-each"),
        pytest.param("postgresql", range(1, STEPS, 3), id="postgresql-phase-1"),
        pytest.param("postgresql", range(STEPS), id="postgresql-each"),
    ],
)
def test_a_restart_changes_nothing(databases: _Databases, tmp_path: Path, kind: Kind, restarts: range) -> None:
    """Each step is one before which the process ends: all of them, or each third, with what was gathered in between."""
    found = _Story(tmp_path / "with", databases.new(kind), restarts).record()
    for name, rows in databases.without(kind).items():
        assert found[name] == rows, name
