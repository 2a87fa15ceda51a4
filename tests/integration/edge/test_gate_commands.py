"""Commands of the cloud to a gate: repeated, late and replayed ones do nothing twice; a lock-down waits for none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plantroom_edge.commands.executor import CommandExecutor
from plantroom_edge.config.model import OutboxBounds
from plantroom_edge.drivers.modbus_relay_barrier.driver import BarrierDriver
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.payload import decode_payload
from plantroom_shared.batch import Event
from plantroom_shared.clock import SystemClock
from plantroom_shared.messages import Command
from tests.fakes.barrier import SimLine, driving, shown


class Commands:
    """An executor on a real outbox file, and the events it committed."""

    def __init__(self, outbox: Outbox, driver: BarrierDriver, gates: list[str]) -> None:
        self.outbox = outbox
        self.loose: list[Event] = []
        self.executor = CommandExecutor(outbox, SystemClock(), lambda: dict.fromkeys(gates, driver), self.loose.append)

    def take(self, number: str, action: str, device: str = "gate-1", lasts_ms: int = 15_000, **args: Any) -> None:
        now = SystemClock().now_ms()
        self.executor.take(
            Command(
                id=number,
                device=device,
                action=action,
                args=args,
                issued_at=now,
                expires_at=now + lasts_ms,
                issued_by="anna",
            )
        )

    async def ends(self, count: int) -> dict[str, str]:
        """Once so many have ended: id → state; each id once."""
        async with asyncio.timeout(60):
            while True:
                stored = await self.outbox.read("events", 0, 100)
                events = [event.data for item in stored for event in decode_payload(item.payload).events]
                if len(events) >= count:
                    assert len({data["id"] for data in events}) == len(events)
                    return {data["id"]: data["state"] for data in events}
                await asyncio.sleep(0.01)


@asynccontextmanager
async def commanding(line: SimLine, folder: Path) -> AsyncIterator[Commands]:
    outbox = Outbox(folder / "outbox.db", OutboxBounds(), SystemClock())
    await outbox.open()
    driver = line.driver()
    gates = list(line.bus.devices)
    try:
        async with driving(driver) as sink:
            await sink.until(lambda s: shown(driver, s).get("position") == "closed")
            commands = Commands(outbox, driver, gates)
            running = asyncio.create_task(commands.executor.run(), name="commands")
            yield commands
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        await outbox.close()


async def test_a_repeated_late_or_replayed_command_opens_nothing_twice(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path) as line:
        async with commanding(line, tmp_path) as commands:
            commands.take("c1", "open")
            commands.take("c1", "open")
            commands.take("late", "open", lasts_ms=-1)
            assert await commands.ends(2) == {"c1": "done", "late": "expired"}
            commands.take("c1", "open")
            commands.take("c2", "close")
            assert (await commands.ends(3))["c2"] == "done"
        async with commanding(line, tmp_path) as commands:  # the broker sends it again after a restart
            commands.take("c1", "open")
            commands.take("c3", "lock-down")
            assert (await commands.ends(4))["c3"] == "done"
        assert line.gate.counts()["open_pulses"] == 1


async def test_the_cloud_cannot_say_what_only_the_desk_may(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path) as line, commanding(line, tmp_path) as commands:
        commands.take("lock", "lock-down")
        await commands.ends(1)
        commands.take("sly", "open", through_lockdown=True)
        assert (await commands.ends(2))["sly"] == "refused"
        assert line.gate.counts()["open_pulses"] == 0


async def test_a_lock_down_does_not_wait_for_a_gate_that_travels(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path, units=(1, 2), travel_s=3.0) as line, commanding(line, tmp_path) as commands:
        commands.take("open-1", "open")
        commands.take("lock-2", "lock-down", device="gate-2")
        assert "lock-2" in await commands.ends(1)
        commands.take("lock-1", "lock-down")
        commands.take("open-again", "open")
        ends = await commands.ends(4)
        assert ends["open-again"] == "refused"
        assert ends["lock-1"] == "done"
        assert line.gate.counts()["open_pulses"] == 1
