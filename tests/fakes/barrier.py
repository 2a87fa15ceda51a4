"""A simulated gate on a line, and the driver of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from plantroom_edge.config.validation import validated
from plantroom_edge.drivers.modbus_relay_barrier.config import BarrierDevice, BarrierRtu, BarrierTcp
from plantroom_edge.drivers.modbus_relay_barrier.driver import BarrierDriver
from plantroom_edge.drivers.modbus_relay_barrier.profile import BarrierProfile
from plantroom_edge.profile.loader import ProfileLibrary
from plantroom_shared.clock import SystemClock
from plantroom_sim.kind import Place
from plantroom_sim.kinds.barrier.bus import make
from plantroom_sim.kinds.barrier.config import BarrierGate, BarrierRtuEntry, BarrierTcpEntry
from plantroom_sim.kinds.barrier.device import Barrier
from tests.fakes.sink import MemorySink

PROFILE = "waveshare/relay-8ch-barrier"
TRAVEL_S = 0.6


class SimLine:
    """A bus of simulated gates that is open."""

    def __init__(self, kind: str, folder: Path, units: Sequence[int] = (1,), **gate: Any) -> None:
        entry = BarrierTcpEntry(id="line", type="barrier-tcp")
        rtu = BarrierRtuEntry(id="line", type="barrier-rtu", baudrate=115_200)
        gate = {"travel_s": TRAVEL_S, "auto_close_s": None} | gate
        devices = [BarrierGate(id=f"gate-{unit}", bus="line", unit=unit, **gate) for unit in units]
        place = Place("gw", folder, time.time)
        self.bus = make(entry if kind == "tcp" else rtu, devices, place)

    @property
    def gate(self) -> Barrier:
        found = self.bus.devices["gate-1"]
        assert isinstance(found, Barrier)
        return found

    async def __aenter__(self) -> Self:
        await self.bus.open()
        self._running = asyncio.create_task(self.bus.run(), name="line")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.bus.close()

    def driver(self, **device: Any) -> BarrierDriver:
        """The driver of this line."""
        part = self.bus.gateway_part()
        shape: type[BarrierTcp | BarrierRtu] = BarrierTcp if part.bus["type"] == "barrier-tcp" else BarrierRtu
        bus = validated(shape, {**part.bus, "timeout": "300ms"})
        profile = ProfileLibrary().get(PROFILE)
        assert isinstance(profile, BarrierProfile)
        devices = [(validated(BarrierDevice, {**each, "period": "50ms"} | device), profile) for each in part.devices]
        return BarrierDriver(bus, devices, SystemClock())


@asynccontextmanager
async def driving(driver: BarrierDriver, sink: MemorySink | None = None) -> AsyncIterator[MemorySink]:
    """While the driver runs."""
    sink = sink or MemorySink()
    running = asyncio.create_task(driver.run(sink), name="driver")
    try:
        yield sink
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def shown(driver: BarrierDriver, sink: MemorySink) -> dict[str, Any]:
    """The newest row by name."""
    names = [metric.name for metric in driver.describe()[0].birth.metrics]
    return dict(zip(names, sink.samples[-1].values, strict=True)) if sink.samples else {}
