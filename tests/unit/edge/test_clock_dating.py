"""No clock at boot, clocks that jump, a reboot in between: order kept, re-dated once, marked, never silently wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from plantroom_edge.config.model import OutboxBounds
from plantroom_edge.config.model import Pipeline as PipelineConfig
from plantroom_edge.config.validation import validated
from plantroom_edge.driver import MetricFilter, Sample
from plantroom_edge.outbox.dating import undatable
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.payload import Payload
from plantroom_edge.outbox.store import ADOPTED
from plantroom_edge.pipeline.boot import HOLD_S, Boot
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_shared.batch import Event
from tests.fakes.clock import HandClock

NOON = 1_764_072_000_000
DAY_S = 86_400.0


class Machine:
    """A gateway's clock, and what is known of a time service on it."""

    def __init__(self, clock: HandClock, name: str = "boot-1", *, kept: bool | None = None) -> None:
        self.clock = clock
        self.name = name
        self.kept = kept


class Running:
    """A pipeline over an outbox file."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.clock = machine.clock
        self.outbox = Outbox(folder / "outbox.db", validated(OutboxBounds, {"min_free_bytes": "1kB"}), machine.clock)
        self.boot = Boot(machine.clock, lambda: machine.kept, machine.name)
        self.pipeline = Pipeline(validated(PipelineConfig, {"heartbeat": "1s"}), self.outbox, self.boot, machine.clock)
        self.pipeline.know("d", [MetricFilter("t")])

    async def read(self, value: float) -> None:
        """A driver reads a value; it is committed."""
        self.take(value)
        await self.pipeline.flush()

    def take(self, value: float) -> None:
        self.pipeline.sample(Sample("d", self.clock.now_ms(), [value], {}, self.clock.monotonic()))

    async def sendable(self) -> list[Payload]:
        """What could go now, in order."""
        found = [self.outbox.prepared(item) for item in await self.outbox.read("telemetry", ADOPTED, 1000)]
        return [payload for payload in found if payload is not None]

    async def rows(self) -> list[tuple[int, Any, str]]:
        """(time, value, clock quality) of what waits, as it would be sent now."""
        return [
            (time, value, payload.clock)
            for payload in await self.sendable()
            for part in payload.telemetry
            for time, value in zip(part.times, part.values["t"], strict=True)
        ]

    async def events(self, kind: str) -> list[Event]:
        await self.pipeline.flush()
        stored = [self.outbox.prepared(item) for item in await self.outbox.read("events", ADOPTED, 1000)]
        return [event for payload in stored if payload is not None for event in payload.events if event.kind == kind]


@asynccontextmanager
async def running(machine: Machine, folder: Path) -> AsyncIterator[Running]:
    run = Running(machine, folder)
    await run.outbox.open()
    await run.pipeline.begin()
    try:
        yield run
    finally:
        await run.outbox.close()


async def test_without_a_clock_at_boot_all_waits_and_is_dated_once_the_clock_is_right(tmp_path: Path) -> None:
    clock = HandClock(wall_ms=60_000)  # 1970, a minute after power on
    machine = Machine(clock, kept=False)
    async with running(machine, tmp_path) as run:
        for value in (1.0, 2.0):
            await run.read(value)
            clock.passes(2)
        run.pipeline.event(Event(id="e", kind="agent.started", time=clock.now_ms()))
        await run.pipeline.flush()
        assert {quality for _, _, quality in await run.rows()} == {"unsynced"}
        assert all(undatable(payload, run.outbox.epochs) for payload in await run.sendable())
        assert run.boot.held()
        run.take(3.0)  # waits in memory while the clock is set
        clock.jumps((NOON - clock.now_ms()) / 1000)
        machine.kept = True
        clock.passes(1)
        await run.read(4.0)
        await run.read(5.0)
        assert await run.rows() == [
            (NOON - 4_000, 1.0, "redated"),
            (NOON - 2_000, 2.0, "redated"),
            (NOON, 3.0, "redated"),
            (NOON + 1_000, 4.0, "redated"),  # in one batch with the one before
            (NOON + 1_000, 5.0, "synced"),
        ]
        assert [event.time for event in await run.events("agent.started")] == [NOON]
        assert len(await run.events("clock.redated")) == 1
        before = await run.rows()
        clock.passes(60)
        await run.pipeline.flush()
        assert await run.rows() == before, "re-dated once"


async def test_what_was_dated_wrong_before_a_restart_of_the_agent_is_dated_after_it(tmp_path: Path) -> None:
    clock = HandClock(wall_ms=60_000)
    machine = Machine(clock, kept=False)
    async with running(machine, tmp_path) as run:
        await run.read(1.0)
    clock.passes(5)
    clock.jumps((NOON - clock.now_ms()) / 1000)
    machine.kept = True
    async with running(machine, tmp_path) as run:
        assert await run.rows() == [(NOON - 5_000, 1.0, "redated")]


async def test_after_a_reboot_what_cannot_be_dated_is_marked_and_goes_at_once(tmp_path: Path) -> None:
    async with running(Machine(HandClock(wall_ms=60_000), "boot-1", kept=False), tmp_path) as run:
        await run.read(1.0)
    later = Machine(HandClock(wall_ms=NOON, monotonic=3.0), "boot-2", kept=True)
    async with running(later, tmp_path) as run:
        await run.read(2.0)
        assert await run.rows() == [(60_000, 1.0, "unsynced"), (NOON, 2.0, "synced")]
        assert not run.boot.held()


async def test_after_a_reboot_the_boot_before_is_still_dated_by_its_own_clock(tmp_path: Path) -> None:
    clock = HandClock(wall_ms=60_000)
    machine = Machine(clock, "boot-1", kept=False)
    async with running(machine, tmp_path) as run:
        await run.read(1.0)
        clock.passes(2)
        clock.jumps((NOON - clock.now_ms()) / 1000)
        machine.kept = True
        clock.passes(2)
        await run.read(2.0)
    async with running(Machine(HandClock(wall_ms=60_000, monotonic=1.0), "boot-2", kept=False), tmp_path) as run:
        assert await run.rows() == [(NOON - 2_000, 1.0, "redated"), (NOON + 2_000, 2.0, "synced")]


@pytest.mark.parametrize("by_s", [-DAY_S, 3600.0])
async def test_a_jump_of_a_clock_that_nobody_keeps_moves_what_waits_along_once(tmp_path: Path, by_s: float) -> None:
    clock = HandClock(wall_ms=NOON)
    async with running(Machine(clock), tmp_path) as run:
        await run.read(1.0)
        clock.passes(2)
        run.take(2.0)
        clock.jumps(by_s)
        clock.passes(2)
        await run.read(3.0)
        await run.read(4.0)
        moved = NOON + round(by_s * 1000)
        assert await run.rows() == [
            (moved, 1.0, "redated"),
            (moved + 2_000, 2.0, "redated"),
            (moved + 4_000, 3.0, "redated"),
            (moved + 4_000, 4.0, "synced"),
        ]
        assert [event.data["by_ms"] for event in await run.events("clock.jumped")] == [round(by_s * 1000)]
        assert len(await run.events("clock.redated")) == 1


@pytest.mark.parametrize("by_s", [-DAY_S, 3600.0])
async def test_a_jump_against_the_time_service_is_not_followed(tmp_path: Path, by_s: float) -> None:
    clock = HandClock(wall_ms=NOON)
    machine = Machine(clock, kept=True)
    async with running(machine, tmp_path) as run:
        await run.read(1.0)
        clock.passes(2)
        clock.jumps(by_s)
        machine.kept = False  # the kernel says so as soon as somebody sets the clock
        await run.read(2.0)
        clock.passes(2)
        clock.jumps(-by_s)
        machine.kept = True
        await run.read(3.0)
        assert await run.rows() == [(NOON, 1.0, "synced"), (NOON + 2_000, 2.0, "synced"), (NOON + 4_000, 3.0, "synced")]
        jumps = await run.events("clock.jumped")
        assert [event.data for event in jumps] == [
            {"by_ms": round(by_s * 1000), "followed": False},
            {"by_ms": round(-by_s * 1000), "followed": False},
        ]
        assert not await run.events("clock.redated")


async def test_a_clock_behind_what_was_stored_lost_its_battery(tmp_path: Path) -> None:
    async with running(Machine(HandClock(wall_ms=NOON), "boot-1"), tmp_path) as run:
        await run.read(1.0)
    clock = HandClock(wall_ms=NOON - 40 * 86_400_000, monotonic=5.0)
    async with running(Machine(clock, "boot-2"), tmp_path) as run:
        await run.read(2.0)
        assert [quality for _, _, quality in await run.rows()] == ["synced", "unsynced"]
        assert run.boot.held()
        clock.passes(HOLD_S + 1)
        assert not run.boot.held(), "it is plausible and nobody will ever set it: marked is better than never"
        assert len(await run.events("clock.unsynced")) == 1


async def test_a_small_step_moves_nothing(tmp_path: Path) -> None:
    clock = HandClock(wall_ms=NOON)
    async with running(Machine(clock), tmp_path) as run:
        await run.read(1.0)
        clock.jumps(1.0)
        clock.passes(2)
        await run.read(2.0)
        assert await run.rows() == [(NOON, 1.0, "synced"), (NOON + 3_000, 2.0, "synced")]
        assert not await run.events("clock.jumped")
