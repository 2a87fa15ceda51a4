"""Leases and due times on both databases: one process at a time, each due time once."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from plantroom_cloud.database import Database
from plantroom_cloud.errors import ConflictError
from plantroom_cloud.jobs.leased import Leased
from plantroom_cloud.jobs.service import LEASE, JobService, is_gone, this_process
from plantroom_cloud.jobs.timers import Plan, Timers
from plantroom_cloud.telemetry.loop import WriterLoop
from plantroom_cloud.telemetry.sqlite import SqliteTelemetryStore
from plantroom_cloud.telemetry.store import Retention
from plantroom_cloud.telemetry.writer import TelemetryWriter

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ELSEWHERE = ("far-away/1/1", "far-away/2/2")


def take(database: Database, holder: str, at: datetime = NOW) -> bool:
    with database.write() as session:
        return JobService(holder).take(session, "scheduler", at)


def test_one_holder_at_a_time_until_it_ends_or_gives_back(database: Database) -> None:
    first, second = ELSEWHERE
    assert take(database, first)
    assert not take(database, second)
    assert take(database, first, NOW + LEASE / 2)  # renewed
    assert not take(database, second, NOW + LEASE)
    assert take(database, second, NOW + 2 * LEASE)
    assert not take(database, first, NOW + 2 * LEASE)
    with database.write() as session:
        JobService(second).give_back(session, "scheduler")
    assert take(database, first, NOW + 2 * LEASE)


def test_a_holder_that_has_died_on_this_machine_is_followed_at_once(database: Database) -> None:
    code = "from plantroom_cloud.jobs.service import this_process; print(this_process())"
    gone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert is_gone(gone)
    assert not is_gone(this_process())
    assert not is_gone(ELSEWHERE[0])
    assert take(database, gone)
    assert take(database, this_process())


def test_two_schedulers_do_what_is_due_once(database: Database) -> None:
    done: list[datetime] = []
    now = [NOW]
    plan = Plan("patrol", timedelta(minutes=10), done.append)
    timers = [Timers([], [plan], JobService(holder), database, lambda: now[0]) for holder in ELSEWHERE]
    assert [each.do_if_due(plan) for each in timers] == [True, False]
    now[0] += timedelta(minutes=9)
    assert [each.do_if_due(plan) for each in timers] == [False, False]
    now[0] += timedelta(minutes=1)
    assert [each.do_if_due(plan) for each in reversed(timers)] == [True, False]
    assert done == [NOW, NOW + timedelta(minutes=10)]
    with database.read() as session:
        runs = JobService("").runs(session, "patrol")
    assert [(run.due_at, run.claimed_by, run.finished_at) for run in runs] == [
        (NOW + timedelta(minutes=10), ELSEWHERE[1], NOW + timedelta(minutes=10)),
        (NOW, ELSEWHERE[0], NOW),
    ]


def test_work_that_fails_is_told_and_due_again(database: Database) -> None:
    def fail(_at: datetime) -> None:
        raise ConflictError("not now")

    plan = Plan("report", timedelta(hours=1), fail)
    Timers([], [plan], JobService("me"), database, lambda: NOW).do_if_due(plan)
    with database.read() as session:
        assert [run.error for run in JobService("me").runs(session, "report")] == ["not now"]


async def test_what_fails_stops_no_other_clock(database: Database) -> None:
    done: list[str] = []

    def fail(*_args: object) -> None:
        raise ValueError("a mistake of one domain")

    def work(_at: datetime) -> None:
        done.append("plan")

    def tick(_session: Session, _at: datetime) -> None:
        done.append("tick")

    plans = [Plan("wrong", timedelta(hours=1), fail), Plan("right", timedelta(hours=1), work)]
    timers = Timers([fail, tick], plans, JobService("me"), database, lambda: NOW)
    await timers._tick()
    await timers._look()
    assert done == ["tick", "plan"]
    with database.read() as session:
        assert [run.error for run in JobService("me").runs(session, "wrong")] == ["ValueError: a mistake of one domain"]


async def test_leased_work_ends_with_the_lease_and_is_taken_over(database: Database) -> None:
    running: list[str] = []
    begun = {holder: asyncio.Event() for holder in ELSEWHERE}

    def leased(holder: str) -> Leased:
        return Leased("writer", JobService(holder), database, lambda: NOW)

    async def work(holder: str) -> None:
        running.append(holder)
        begun[holder].set()
        try:
            await asyncio.Event().wait()
        finally:
            running.remove(holder)

    tasks = [asyncio.create_task(leased(holder).run(lambda h=holder: work(h))) for holder in ELSEWHERE]  # type: ignore[misc]
    await asyncio.wait([asyncio.create_task(event.wait()) for event in begun.values()], return_when="FIRST_COMPLETED")
    [holder] = running
    place = ELSEWHERE.index(holder)
    tasks[place].cancel()
    await asyncio.wait([tasks[place]])
    await asyncio.wait_for(begun[ELSEWHERE[1 - place]].wait(), 60)
    assert running == [ELSEWHERE[1 - place]]
    tasks[1 - place].cancel()
    await asyncio.wait(tasks)
    assert running == []


class Held(Database):
    """Keeps one write waiting when it is told to."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.hold_next = threading.Event()
        self.held = threading.Event()
        self.go_on = threading.Event()

    @contextmanager
    def write(self) -> Iterator[Session]:
        if self.hold_next.is_set():
            self.hold_next.clear()
            self.held.set()
            self.go_on.wait()
        with super().write() as session:
            yield session


async def test_a_lease_that_is_being_renewed_when_its_work_ends_is_given_back(database: Database) -> None:
    first, second = ELSEWHERE
    slow = Held(database.url)

    async def work() -> None:
        slow.hold_next.set()
        await asyncio.Event().wait()

    leased = asyncio.create_task(Leased("scheduler", JobService(first), slow, lambda: NOW).run(work))
    await asyncio.to_thread(slow.held.wait)  # it asks for its renewal
    leased.cancel()
    await asyncio.wait([leased], timeout=0.5)  # time enough to give it back too soon
    slow.go_on.set()
    await asyncio.wait([leased])
    slow.close()
    assert take(database, second)


class SlowWriter(TelemetryWriter):
    """Moves nothing until it is told to go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def forget(self) -> None:
        """It knows nothing."""

    def drain(self, at: datetime) -> int:
        self.begun.set()
        self.go_on.wait()
        return 0


async def test_nobody_takes_over_beside_a_writer_that_is_still_moving(database: Database, tmp_path: Path) -> None:
    first, second = ELSEWHERE
    writer, store = SlowWriter(), SqliteTelemetryStore(tmp_path / "telemetry.db", Retention(None, {}))
    loop = WriterLoop(writer, store, lambda: NOW)
    leased = asyncio.create_task(Leased("scheduler", JobService(first), database, lambda: NOW).run(loop.run))
    await asyncio.to_thread(writer.begun.wait)
    leased.cancel()
    await asyncio.wait([leased], timeout=0.5)  # time enough to give it back too soon
    assert not take(database, second)
    writer.go_on.set()
    await asyncio.wait([leased])
    store.close()
    assert take(database, second)
