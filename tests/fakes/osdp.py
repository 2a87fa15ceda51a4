"""Simulated card readers on a line, and the driver of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from plantroom_edge.config.validation import validated
from plantroom_edge.drivers.osdp_reader.config import OsdpLine, OsdpReader
from plantroom_edge.drivers.osdp_reader.driver import OsdpDriver
from plantroom_edge.drivers.osdp_reader.profile import ReaderProfile
from plantroom_edge.profile.loader import ProfileLibrary
from plantroom_shared.clock import SystemClock
from plantroom_sim.kind import Place, Plain
from plantroom_sim.kinds.osdp.bus import OsdpBus
from plantroom_sim.kinds.osdp.config import Card, OsdpCardReader, OsdpEntry, Type
from plantroom_sim.kinds.osdp.device import CardReader
from tests.fakes.sink import MemorySink

PROFILE = "generic/osdp-reader"


class SimReaders:
    """A line with readers `reader-1`, `reader-2` …"""

    def __init__(self, folder: Path, addresses: Sequence[int] = (1,), gate: str = "gate-1") -> None:
        entry = OsdpEntry(id="readers", type="osdp")
        devices = [
            OsdpCardReader(id=f"reader-{address}", bus="readers", address=address, gate=gate) for address in addresses
        ]
        self.bus = OsdpBus(entry, devices, Place("gw", folder, time.time))

    async def __aenter__(self) -> Self:
        await self.bus.open()
        self._running = asyncio.create_task(self.bus.run(), name="readers")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.bus.close()

    def reader(self, address: int = 1) -> CardReader:
        return self.bus.devices[f"reader-{address}"]

    async def card(self, number: int, address: int = 1) -> None:
        """Show a card of facility 12."""
        await self.reader(address).act("card", Card(facility=12, number=number))

    async def type(self, keys: str, address: int = 1) -> None:
        await self.reader(address).act("type", Type(keys=keys))

    def fault(self, kind: str, address: int = 1) -> None:
        self.reader(address).start_fault(kind, Plain())

    def heal(self, kind: str, address: int = 1) -> None:
        self.reader(address).end_fault(kind)

    def driver(self, settle_s: float = 0.5) -> OsdpDriver:
        part = self.bus.gateway_part()
        profile = ProfileLibrary().get(PROFILE)
        assert isinstance(profile, ReaderProfile)
        profile = replace(profile, settle_s=settle_s)
        devices = [(validated(OsdpReader, each), profile) for each in part.devices]
        return OsdpDriver(validated(OsdpLine, part.bus), devices, SystemClock())


@asynccontextmanager
async def reading(driver: OsdpDriver, sink: MemorySink | None = None) -> AsyncIterator[MemorySink]:
    """While the driver runs."""
    sink = sink or MemorySink()
    running = asyncio.create_task(driver.run(sink), name="driver")
    try:
        yield sink
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def settled(sink: MemorySink, driver: OsdpDriver, readers: int = 1, settle_s: float = 0.5) -> None:
    """All readers are online, and for long enough."""
    await sink.until(lambda s: states(s).count("ok") >= readers)
    panel: Any = driver._panel
    async with asyncio.timeout(60):
        while not all(  # noqa: ASYNC110
            panel.heard.settled(reader.address, time.monotonic(), settle_s) for reader, _ in driver_devices(driver)
        ):
            await asyncio.sleep(0.02)


def driver_devices(driver: OsdpDriver) -> list[tuple[OsdpReader, ReaderProfile]]:
    return [(reader.device, reader.profile) for reader in driver._readers.values()]


def states(sink: MemorySink) -> list[str]:
    """Of the readers, as they were told."""
    return [event.data["state"] for event in sink.events if event.kind == "device.state"]
