"""The air around one gateway: a private D-Bus, a bluetoothd, scales."""

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from plantroom_sim.kind import GatewayPart, Place
from plantroom_sim.kinds.ble.air import Air
from plantroom_sim.kinds.ble.config import BleEntry, BleScale
from plantroom_sim.kinds.ble.control import serve_air
from plantroom_sim.kinds.ble.device import SimScale
from plantroom_sim.kinds.ble.private_bus import PrivateBus, is_installed


class BleBus:
    """Scales of all kinds within reach of one gateway."""

    def __init__(self, entry: BleEntry, devices: Sequence[BleScale], place: Place) -> None:
        self._entry = entry
        self._devices = {device.id: SimScale(device, place.now, self._restart) for device in devices}
        self._place = place
        # a socket's path holds 107 characters, and a lab's folder may be anywhere
        self._folder = Path(tempfile.gettempdir()) / f"plantroom-{_short(place, entry)}"
        self._bus = PrivateBus(self._folder)
        self._opened = asyncio.Event()
        self._closed = asyncio.Event()
        self._restarts: asyncio.Queue[float] = asyncio.Queue()

    @property
    def devices(self) -> Mapping[str, SimScale]:
        return self._devices

    async def open(self) -> None:
        await self._bus.open()
        self._closed.clear()
        self._opened.set()

    async def close(self) -> None:
        self._opened.clear()
        self._closed.set()
        await self._bus.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def run(self) -> None:
        while True:
            await self._opened.wait()
            air = Air(self._bus.address, [device.scale for device in self._devices.values()])
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(air.run(asyncio.Event()), name=f"air {self._entry.id}"),
                    tasks.create_task(serve_air(air, self._bus.address), name=f"air control {self._entry.id}"),
                    tasks.create_task(self._obey(air), name=f"air restarts {self._entry.id}"),
                ]
                await self._closed.wait()
                for task in running:
                    task.cancel()

    def where(self) -> str:
        return f"DBUS_SYSTEM_BUS_ADDRESS={self._bus.address}"

    def gateway_part(self) -> GatewayPart:
        devices = []
        for device in self._devices.values():
            entry = device.entry
            described = {
                "id": entry.id,
                "profile": entry.profile,
                "bus": entry.bus,
                "address": entry.where(),
                "label": entry.label,
                "location": entry.location,
                "station": entry.station,
            }
            if entry.calibration_due is not None:
                described["calibration_due"] = entry.calibration_due
            devices.append(described)
        bus = {"id": self._entry.id, "type": "ble", "dbus_address": self._bus.address}
        return GatewayPart(bus, devices)

    async def _obey(self, air: Air) -> None:
        while True:
            await air.restart(await self._restarts.get())

    def _restart(self, away_s: float) -> None:
        self._restarts.put_nowait(away_s)


def missing() -> str | None:
    """The private D-Bus needs its daemon."""
    if not is_installed():
        return "Bluetooth needs dbus-daemon, which is not installed: sudo apt-get install dbus-daemon"
    return None


def make(entry: BleEntry, devices: Sequence[BleScale], place: Place) -> BleBus:
    """For the registry."""
    return BleBus(entry, devices, place)


def _short(place: Place, entry: BleEntry) -> str:
    return hashlib.sha256(f"{place.folder.resolve()}/{place.gateway}/{entry.id}".encode()).hexdigest()[:12]
