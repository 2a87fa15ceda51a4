"""Two ingest processes and two schedulers at once, each with its own connections: one alarm, one work order, one
notification; the alarm's steps are taken once, whoever comes first."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Barrier

import pytest
from sqlmodel import Session, col, select

from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState, AlarmTransition
from plantroom_cloud.database import Database
from plantroom_cloud.errors import ConflictError
from plantroom_cloud.ingest.connection import Received
from plantroom_cloud.notifications.models import ChannelKind, Notice, Notification
from plantroom_cloud.telemetry.sqlite import SqliteTelemetryStore
from plantroom_cloud.telemetry.store import Retention
from plantroom_cloud.users.models import Role, User
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_shared.encoding import encode
from tests.integration.cloud.test_alarm_restarts import _Process
from tests.integration.cloud.test_ingest import NOW, Cloud, batch


class _Two:
    """Two processes on one database."""

    def __init__(self, database: Database, folder: Path) -> None:
        cloud = Cloud(database, folder)
        self.database = database
        self.store = SqliteTelemetryStore(folder / "two.db", Retention(None, {}))
        self.databases = [Database(database.engine.url.render_as_string(hide_password=False)) for _ in range(2)]
        self.processes = [_Process(own, self.store) for own in self.databases]
        self.sent: list[str] = []
        self.at = NOW
        with database.write() as session:
            user = User(name="mia", password_hash="x", role=Role.MANAGER, created_at=NOW)
            session.add(user)
            session.flush()
            self.processes[0].told.add_channel(session, user, ChannelKind.WEBHOOK, "http://x", "", {}, NOW)
            rule = session.exec(select(AlarmRule).where(AlarmRule.key == "hot")).one()
            rule.on_delay_s, rule.realarm_s = 0, 60
            session.add(rule)
        del cloud

    def both(self, act: Callable[[_Process, Database], None]) -> list[str]:
        """At once; the names of the refusals."""
        barrier = Barrier(2)

        def run(process: _Process, database: Database) -> str:
            barrier.wait()
            try:
                act(process, database)
            except ConflictError as error:
                return type(error).__name__
            return ""

        with ThreadPoolExecutor(2) as pool:
            return [*pool.map(run, self.processes, self.databases)]

    def data(self, seq: int, value: float) -> None:
        """A broker that delivers one message to both."""
        seconds = (self.at - NOW).total_seconds()
        payload = encode(batch(seq, (seconds, value), until=seconds))
        received = Received("plantroom/v1/gw-a/data", payload, 1)

        def take(process: _Process, _database: Database) -> None:
            process.ingest.process([received], self.at)

        self.both(take)

    def clocks(self, **later: float) -> None:
        """Two schedulers."""
        self.at += timedelta(**later)

        def tick(process: _Process, database: Database) -> None:
            with database.write() as session:
                process.alarms.tick(session, self.at)
            with database.write() as session:
                process.told.tick(session, self.at)
            with database.write() as session:
                outgoing = process.told.sending.claim(session, self.at)
            for item in outgoing:
                self.sent.extend(line.key for line in item.message.lines)
                with database.write() as session:
                    process.told.sending.settle(session, item, None, self.at)

        self.both(tick)

    def close(self) -> None:
        for database in self.databases:
            database.close()


@pytest.fixture
def two(database: Database, tmp_path: Path) -> Iterator[_Two]:
    two = _Two(database, tmp_path)
    yield two
    two.close()


def _steps(session: Session) -> list[tuple[AlarmState, AlarmState]]:
    found = session.exec(select(AlarmTransition).order_by(col(AlarmTransition.id)))
    return [(step.from_state, step.to_state) for step in found]


def test_one_alarm_one_order_one_notification(two: _Two) -> None:
    two.data(1, 90.0)
    two.clocks(seconds=1)
    refused = two.both(lambda process, database: _do(process, database, "acknowledge", 1, "ann", "", two.at))
    assert sorted(refused) == ["", "ConflictError"], "of two who acknowledge at once one was first"
    two.clocks(seconds=61)  # told again
    refused = two.both(lambda process, database: _do(process, database, "shelve", 1, "known", 1, "ann", two.at))
    assert sorted(refused) == ["", "ConflictError"]
    two.clocks(seconds=61)  # the shelf ends: told again
    two.data(2, 20.0)
    two.clocks(seconds=1)
    two.data(3, 91.0)
    two.clocks(seconds=120)
    unack, ack, shelved = AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.SHELVED
    with two.database.read() as session:
        first, second = [alarm for alarm in session.exec(select(Alarm).order_by(col(Alarm.id))) if alarm.device_id]
        assert (first.active, second.active) == (False, True)
        found = select(AlarmTransition).where(AlarmTransition.alarm_id == first.id).order_by(col(AlarmTransition.id))
        assert [(step.from_state, step.to_state) for step in session.exec(found)] == [
            (AlarmState.NORMAL, unack),
            (unack, ack),
            (ack, unack),
            (unack, shelved),
            (shelved, unack),
            (unack, AlarmState.RETURNED),
        ]
        orders = session.exec(select(WorkOrder).where(WorkOrder.device_id == "gw-a.pump")).all()
        assert len(orders) == 1
        keys = [notice.key for notice in session.exec(select(Notice)) if notice.key.startswith(f"alarm/{first.id}/")]
        assert sorted(key.split("/")[2] for key in keys) == ["raised", "re-alarm", "released"]
        told = session.exec(select(Notification)).all()
        assert len({(one.notice_id, one.user_id) for one in told}) == len(told)
    assert len(two.sent) == len(set(two.sent)) >= len(keys)


def test_what_another_process_judged_is_known_though_the_watermark_stood_still(two: _Two) -> None:
    """It comes late, or is a part of what was said before."""

    def take(which: int, seq: int, seconds: float, value: float) -> None:
        two.at += timedelta(seconds=1)
        payload = encode(batch(seq, (seconds, value), until=100 if seq == 1 else seconds))
        two.processes[which].ingest.process([Received("plantroom/v1/gw-a/data", payload, 1)], two.at)

    for which, seq, seconds, value in (
        (0, 1, 1, 20.0),
        (1, 2, 2, 90.0),
        (0, 3, 3, 20.0),
        (1, 4, 4, 91.0),
        (0, 5, 5, 20.0),
    ):
        take(which, seq, seconds, value)
    with two.database.read() as session:
        alarms = [alarm for alarm in session.exec(select(Alarm).order_by(col(Alarm.id))) if alarm.device_id]
        assert [(alarm.value, alarm.active) for alarm in alarms] == [(90.0, False), (91.0, False)]


def _do(process: _Process, database: Database, step: str, *args: object) -> None:
    with database.write() as session:
        at = args[-1]
        assert isinstance(at, datetime)
        getattr(process.alarms, step)(session, *args[:-1], at)


def test_who_acknowledges_while_it_returns_leaves_nothing_behind(two: _Two) -> None:
    """Whichever is first: in the end it is normal, and each step follows from the one before."""
    for turn in range(4):
        two.at += timedelta(seconds=10)
        two.data(2 * turn + 1, 90.0)
        with two.database.read() as session:
            [alarm] = session.exec(select(Alarm).where(col(Alarm.active).is_(True)))
        seconds = (two.at - NOW).total_seconds() + 5
        received = Received("plantroom/v1/gw-a/data", encode(batch(2 * turn + 2, (seconds, 20.0), until=seconds)), 1)
        acts = iter([True, False])
        chosen = {id(process): next(acts) for process in two.processes}

        def act(
            process: _Process,
            database: Database,
            chosen: dict[int, bool] = chosen,
            alarm: Alarm = alarm,
            received: Received = received,
        ) -> None:
            if chosen[id(process)]:
                _do(process, database, "acknowledge", alarm.id, "ann", "", two.at)
            else:
                process.ingest.process([received], two.at)

        assert two.both(act) == ["", ""]
        with two.database.read() as session:
            ended = session.get_one(Alarm, alarm.id)
            assert (ended.active, ended.state) == (False, AlarmState.NORMAL)
    with two.database.read() as session:
        steps = _steps(session)
    assert all(before[1] is after[0] or after[0] is AlarmState.NORMAL for before, after in pairwise(steps))
