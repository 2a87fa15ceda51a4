"""Who follows live hears of each change once, and keeps nobody waiting; and the journal that fills is an alarm."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.database import Database
from plantroom_cloud.errors import TooManyRequestsError
from plantroom_cloud.models import metadata
from plantroom_cloud.services import Services, build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.stream import changes as changes_module
from plantroom_cloud.stream.changes import Changes
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.telemetry.watch import RULE, JournalWatch
from plantroom_shared.batch import DeviceRows
from plantroom_shared.clock import SystemClock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def changes(database: Database) -> AsyncIterator[Changes]:
    changes = Changes(database)
    task = asyncio.create_task(changes.run())
    yield changes
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def write(database: Database, *refs: str) -> None:
    with database.write() as session:
        for ref in refs:
            record_change(session, "alarm", ref, NOW)


async def next_alarm(events: AsyncIterator[str]) -> str:
    async with asyncio.timeout(60):
        async for event in events:
            if "event: alarm" in event or "event: reload" in event:
                return event
    raise AssertionError("the stream ended")


async def test_every_follower_hears_of_each_change_once(database: Database, changes: Changes) -> None:
    write(database, "1")
    late = await changes.follow(0)
    assert '"ref": "1"' in await next_alarm(late)
    both = [late, await changes.follow(None)]
    assert [await anext(events) for events in both[1:]] == ["retry: 2000\n\n"]
    for ref in ("2", "3"):
        write(database, ref)
        changes.look()
        for events in both:
            assert f'"ref": "{ref}"' in await next_alarm(events)


async def test_a_follower_that_falls_behind_is_told_to_reload_and_costs_no_memory(
    database: Database, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_module, "MOST_WAITING", 3)
    slow = await changes.follow(None)
    assert await anext(slow) == "retry: 2000\n\n"
    write(database, *map(str, range(10)))
    changes.look()
    async with asyncio.timeout(60):
        while changes._followers:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    seen = [await next_alarm(slow)]
    while "reload" not in seen[-1]:
        seen.append(await next_alarm(slow))
    assert len(seen) <= 4


async def test_a_follower_hears_of_what_is_committed_as_soon_as_it_has_its_first_line(
    database: Database, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the first look takes: its page was fetched before, and would never show it."""
    looking, look = threading.Event(), threading.Event()
    end = changes._end

    def slow() -> tuple[int, list[int]]:
        looking.set()
        assert look.wait(60)
        return end()

    monkeypatch.setattr(changes, "_end", slow)
    following = asyncio.create_task(changes.follow(None))
    await asyncio.to_thread(looking.wait)
    done, _ = await asyncio.wait([following], timeout=3 * changes_module.LOOK_EVERY_S)
    assert not done
    look.set()
    events = await following
    write(database, "1")
    assert '"ref": "1"' in await next_alarm(events)


async def test_more_followers_than_allowed_are_asked_to_come_back(
    changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_module, "MOST_FOLLOWERS", 1)
    first = await changes.follow(None)
    assert await anext(first) == "retry: 2000\n\n"
    with pytest.raises(TooManyRequestsError):
        await changes.follow(None)
    await first.aclose()  # type: ignore[attr-defined]
    await changes.follow(None)


async def test_who_sees_some_sites_is_told_what_kind_of_thing_changed_alone(
    database: Database, changes: Changes
) -> None:
    write(database, "12")
    assert '"ref": "12"' in await next_alarm(await changes.follow(0))
    assert '"ref": ""' in await next_alarm(await changes.follow(0, named=False))


async def test_a_follower_that_never_begins_to_read_keeps_no_place(changes: Changes) -> None:
    await changes.follow(None)  # its browser is gone before the first line
    async with asyncio.timeout(60):
        while changes._followers:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_follower_for_whom_the_database_does_not_answer_keeps_no_place(
    changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_last: int) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(changes, "_missed", fail)
    with pytest.raises(OperationalError):
        await changes.follow(1)
    assert not changes._followers


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    telemetry = Telemetry(path=tmp_path / "telemetry.db", journal_mb=1)
    services = build(CloudConfig(database_url=f"sqlite:///{tmp_path / 'p.db'}", telemetry=telemetry), SystemClock())
    metadata.create_all(services.database.engine)
    with services.database.write() as session:
        session.add(Site(id="main", name="Main"))
    services.telemetry.open()
    yield services
    services.telemetry.store.close()
    services.database.close()


@pytest.mark.parametrize(("values", "wait"), [(100_000, timedelta(0)), (1, timedelta(minutes=11))])
def test_a_journal_that_fills_or_grows_old_is_an_alarm_until_it_is_empty(
    services: Services, values: int, wait: timedelta
) -> None:
    [watch] = [ticker for ticker in services.tickers if isinstance(ticker, JournalWatch)]

    def active(at: datetime) -> list[bool]:
        with services.database.write() as session:
            watch.tick(session, at)
        with services.database.read() as session:
            return [alarm.active for alarm in services.alarms.search(session) if alarm.name == RULE.name]

    assert active(NOW) == []
    rows = DeviceRows(device="d", times=list(range(values)), values={"t": [1.5] * values})
    with services.database.write() as session:
        services.telemetry.journal(session, "gw", [rows], values, NOW, late=False)
    assert active(NOW + wait) == [True]
    assert active(NOW + wait + timedelta(seconds=1)) == [True]
    services.telemetry_writer.drain(NOW)
    assert active(NOW + wait + timedelta(seconds=2)) == [False]
