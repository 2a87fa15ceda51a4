"""Commands on a real outbox file: each acts once or not at all, and says which; also across restarts."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from plantroom_edge.commands.executor import LONGEST_LIFE_MS, CommandExecutor
from plantroom_edge.config.model import OutboxBounds
from plantroom_edge.config.validation import validated
from plantroom_edge.driver import Described, Driver, Outcome
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.store import ADOPTED
from plantroom_shared.batch import Event
from plantroom_shared.messages import Command
from tests.fakes.clock import HandClock
from tests.servers.small_disk import small_disk

LIMIT_S = 90


class Actuator:
    """A driver that counts what reached its device."""

    def __init__(self) -> None:
        self.acted: list[str] = []
        self.holds = asyncio.Event()
        self.holds.set()
        self.error: Exception | None = None

    def describe(self) -> Sequence[Described]:
        return []

    async def command(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:
        self.acted.append(action)
        await self.holds.wait()
        if self.error is not None:
            raise self.error
        return Outcome("done", "confirmed", 7)


class Desk:
    """An executor over an outbox file."""

    def __init__(self, folder: Path, clock: HandClock, actuator: Actuator) -> None:
        self.clock = clock
        self.synced = True
        self.queued: list[Event] = []
        self.outbox = Outbox(folder / "outbox.db", validated(OutboxBounds, {"min_free_bytes": "1kB"}), clock)
        drivers = {"pump": cast("Driver", actuator)}
        self.executor = CommandExecutor(self.outbox, clock, lambda: drivers, self.queued.append, lambda: self.synced)

    def command(self, name: str, expires_in_s: float = 30, device: str = "pump") -> Command:
        now = self.clock.now_ms()
        expires = now + round(expires_in_s * 1000)
        return Command(id=name, device=device, action=name, issued_at=now, expires_at=expires, issued_by="anna")

    async def results(self) -> dict[str, tuple[str, str]]:
        """Command → state and detail, as the cloud will read it."""
        found = {}
        for stored in await self.outbox.read("events", ADOPTED, 1000):
            payload = self.outbox.prepared(stored)
            assert payload is not None
            for event in payload.events:
                assert event.data["id"] not in found, "told once"
                found[event.data["id"]] = (event.data["state"], event.data["detail"])
        return found

    async def until(self, *names: str) -> dict[str, tuple[str, str]]:
        while not set(names) <= set(found := await self.results()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return found


@asynccontextmanager
async def running(folder: Path, clock: HandClock, actuator: Actuator) -> AsyncIterator[Desk]:
    desk = Desk(folder, clock, actuator)
    await desk.outbox.open()
    task = asyncio.create_task(desk.executor.run(), name="commands")
    try:
        async with asyncio.timeout(LIMIT_S):
            yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await desk.outbox.close()


async def test_a_command_acts_once_however_often_it_comes(tmp_path: Path) -> None:
    actuator, clock = Actuator(), HandClock()
    async with running(tmp_path, clock, actuator) as desk:
        for _ in range(3):
            desk.executor.take(desk.command("start"))
        desk.executor.take(desk.command("stop"))
        assert (await desk.until("start", "stop"))["start"] == ("done", "confirmed")
    async with running(tmp_path, clock, actuator) as desk:  # the broker delivers it once more after a restart
        desk.executor.take(desk.command("start"))
        desk.executor.take(desk.command("last"))
        await desk.until("last")
    assert actuator.acted == ["start", "stop", "last"]


async def test_one_that_was_under_way_at_a_restart_is_unconfirmed_and_never_sent_again(tmp_path: Path) -> None:
    actuator, clock = Actuator(), HandClock()
    actuator.holds.clear()
    async with running(tmp_path, clock, actuator) as desk:
        desk.executor.take(desk.command("start"))
        while not actuator.acted:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    actuator.holds.set()
    async with running(tmp_path, clock, actuator) as desk:
        desk.executor.take(desk.command("start"))
        desk.executor.take(desk.command("last"))
        found = await desk.until("start", "last")
        assert found["start"][0] == "unconfirmed"
        assert "restarted" in found["start"][1]
    assert actuator.acted == ["start", "last"]


async def test_nothing_is_sent_out_of_time_or_where_nobody_can_say(tmp_path: Path) -> None:
    actuator, clock = Actuator(), HandClock()
    async with running(tmp_path, clock, actuator) as desk:
        late = desk.command("late", 5)
        clock.passes(6)
        desk.executor.take(late)
        desk.executor.take(desk.command("far", LONGEST_LIFE_MS / 1000 + 60))
        desk.executor.take(desk.command("nowhere", device="fan"))
        found = await desk.until("late", "far", "nowhere")
        assert found["late"][0] == "expired"
        assert found["far"][0] == "refused"
        assert found["nowhere"] == ("refused", "there is no device 'fan' on this gateway")
        desk.synced = False
        desk.executor.take(desk.command("when"))
        assert "clock is not synchronised" in (await desk.until("when"))["when"][1]
        clock.jumps(-86_400)  # what expired does not become young again
        desk.synced = True
        desk.executor.take(late)
        desk.executor.take(desk.command("last"))
        await desk.until("last")
    assert actuator.acted == ["last"]


async def test_a_driver_that_fails_answers_for_itself_alone(tmp_path: Path) -> None:
    actuator = Actuator()
    actuator.error = ZeroDivisionError("of its own")
    async with running(tmp_path, HandClock(), actuator) as desk:
        desk.executor.take(desk.command("start"))
        assert (await desk.until("start"))["start"] == (
            "unconfirmed",
            "the driver failed: ZeroDivisionError('of its own')",
        )
        actuator.error = None
        desk.executor.take(desk.command("stop"))
        assert (await desk.until("stop"))["stop"][0] == "done"


async def test_what_cannot_be_remembered_is_not_sent(tmp_path: Path) -> None:
    actuator = Actuator()
    with small_disk(tmp_path / "disk", 2) as disk:
        async with running(disk.path, HandClock(), actuator) as desk:
            disk.fill()
            for number in range(200):  # what the log has room for already is used up by then
                desk.executor.take(desk.command(f"start-{number}"))
                while desk.executor.waiting:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                if desk.queued:
                    break
            refused = desk.queued[0].data
            assert refused["state"] == "refused"
            assert "cannot be remembered" in refused["detail"]
            assert refused["id"] not in actuator.acted
            disk.clean()
            desk.executor.take(desk.command("stop"))
            assert (await desk.until("stop"))["stop"][0] == "done"
