"""A private bus with simulated scales, and the driver on it."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from plantroom_edge.config.validation import validated
from plantroom_edge.driver import Driver
from plantroom_edge.drivers.ble_scale.config import BleBus, BleScaleDevice
from plantroom_edge.drivers.ble_scale.driver import BleScaleDriver
from plantroom_edge.drivers.ble_scale.profile import BleScaleProfile, Protocol
from plantroom_shared.clock import SystemClock
from plantroom_sim.kinds.ble.air import Air
from plantroom_sim.kinds.ble.broadcast_scale import BroadcastScale
from plantroom_sim.kinds.ble.gatt_scale import GattScale
from plantroom_sim.kinds.ble.private_bus import PrivateBus
from plantroom_sim.kinds.ble.scale import Scale
from tests.fakes.sink import MemorySink


def now() -> datetime:
    """The clock of the simulated scales."""
    return datetime.now(UTC)


@asynccontextmanager
async def private_bus() -> AsyncIterator[str]:
    """Its address; bleak finds it as the system bus."""
    before = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    with tempfile.TemporaryDirectory(prefix="bus") as folder:  # short: a socket's path holds 107 characters
        bus = PrivateBus(Path(folder))
        await bus.open()
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = bus.address
        try:
            yield bus.address
        finally:
            if before is None:
                del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]
            else:
                os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = before
            await bus.close()


@asynccontextmanager
async def on_air(address: str, scales: Sequence[Scale], *, forget_s: float = 30.0) -> AsyncIterator[Air]:
    """The scales and their bluetoothd, answering."""
    air = Air(address, scales, forget_s=forget_s, give_up_s=0.2)
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(air.run(ready), name="air")
        await ready.wait()
        try:
            yield air
        finally:
            running.cancel()


def make_driver(scales: Sequence[Scale], **bus: object) -> BleScaleDriver:
    """A driver for all of them, quick to notice."""
    devices = [
        (
            BleScaleDevice(id=scale.name.lower(), profile="x/y", bus="air", address=scale.address, station="ward"),
            profile(scale),
        )
        for scale in scales
    ]
    config = validated(BleBus, {"id": "air", "type": "ble", "report": "500ms", **bus})
    return BleScaleDriver(config, devices, SystemClock())


def profile(scale: Scale, **more: object) -> BleScaleProfile:
    """What fits a simulated scale."""
    if isinstance(scale, GattScale):
        protocol = Protocol.WEIGHT_SCALE_SERVICE
    else:
        protocol = Protocol.BROADCAST_181B if isinstance(scale, BroadcastScale) else Protocol.UART_TEXT
    return validated(
        BleScaleProfile,
        {"maker": "m", "model": "n", "kind": "scale", "verified": "document", "source": "s", "protocol": protocol}
        | {"silence_s": 2.0, "away_after_s": 2.0}
        | more,
    )


@asynccontextmanager
async def running(driver: Driver, sink: MemorySink) -> AsyncIterator[None]:
    """The driver at work."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(driver.run(sink), name="driver")
        try:
            yield
        finally:
            task.cancel()


def weighings(sink: MemorySink, device: str) -> list[float]:
    """Kilograms, in the order of their recording."""
    return [event.data["kg"] for event in sink.events if event.kind == "weighing" and event.device == device]
