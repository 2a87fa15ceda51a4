"""One driver's mistake stops no other bus: it is told, and the driver begins again."""

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from plantroom_edge.driver import Decider, Described, Outcome, Signal, Sink
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_edge.polling.buses import Buses, Desk, Field
from plantroom_shared.batch import Event
from tests.fakes.clock import HandClock


class _Driver:
    """Fails so often, then runs."""

    def __init__(self, bus: str, fails: int) -> None:
        self.bus = bus
        self.begun = 0
        self.runs = asyncio.Event()
        self._fails = fails

    def describe(self) -> Sequence[Described]:
        return []

    async def run(self, sink: Sink) -> None:
        self.begun += 1
        if self.begun <= self._fails:
            raise ZeroDivisionError("a register that nobody expected")
        self.runs.set()
        await asyncio.Event().wait()

    async def command(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:
        raise KeyError(action)


class _Desk:
    def take(self, signal: Signal) -> None: ...

    async def run(self) -> None:
        await asyncio.Event().wait()


async def test_a_driver_that_fails_begins_again_and_the_others_run_on() -> None:
    drivers = {"a": _Driver("a", 3), "b": _Driver("b", 0)}
    told: list[Event] = []
    pipeline = SimpleNamespace(event=told.append, know=lambda *_: None)

    async def restore(_deciders: Sequence[Decider]) -> None: ...

    field = SimpleNamespace(buses=[SimpleNamespace(id=bus) for bus in drivers], devices=[], on=lambda _bus: [])
    buses = Buses(
        cast("Field", field),
        lambda bus, _devices: cast("Any", drivers[bus.id]),
        lambda _readers: cast("Desk", _Desk()),
        lambda _bus, _take: cast("Sink", None),
        restore,
        cast("Pipeline", pipeline),
        HandClock(),
    )
    buses.prepare(cast("Field", field))
    running = asyncio.create_task(buses.run())
    try:
        async with asyncio.timeout(60):
            for driver in drivers.values():
                await driver.runs.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert (drivers["a"].begun, drivers["b"].begun) == (4, 1)
    assert [(event.kind, event.data["bus"]) for event in told] == [("bus.failed", "a")] * 3
    assert "a register that nobody expected" in told[0].data["error"]


async def test_a_driver_that_fails_at_a_command_is_no_confirmation() -> None:
    driver = _Driver("a", 0)
    field = SimpleNamespace(buses=[], devices=[], on=lambda _bus: [])
    anything = cast("Any", None)
    buses = Buses(
        cast("Field", field), anything, lambda _r: cast("Desk", _Desk()), anything, anything, anything, HandClock()
    )
    buses.drivers, buses.described = {"a": cast("Any", driver)}, {"a": [cast("Any", SimpleNamespace(device="pump"))]}
    outcome = await buses.act("pump", "open", {})
    assert outcome.state == "unconfirmed"
    assert "KeyError" in outcome.detail
    assert (await buses.act("other", "open", {})).state == "refused"
