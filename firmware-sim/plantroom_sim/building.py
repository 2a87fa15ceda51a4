"""A running simulated building: its buses, its devices, its faults."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plantroom_sim.device import SimDevice
from plantroom_sim.errors import ScenarioError
from plantroom_sim.registers import read_map
from plantroom_sim.scenario import Fault, Scenario
from plantroom_sim.server import RtuLine, TcpBus


class Building:
    """Everything of one scenario that answers Modbus."""

    def __init__(self, scenario: Scenario, folder: Path, on_kill: Callable[[str], None]) -> None:
        self.scenario = scenario
        self._folder = folder
        self._on_kill = on_kill
        self.devices: dict[str, SimDevice] = {}
        self.buses: dict[tuple[str, str], TcpBus | RtuLine] = {}
        for gateway in scenario.gateways:
            for bus in gateway.buses:
                units: dict[int, SimDevice] = {}
                for device in gateway.devices:
                    if device.bus == bus.id:
                        made = SimDevice(
                            device.id, device.unit, read_map(device.profile), dict(device.values), time.time
                        )
                        units[device.unit] = self.devices[device.id] = made
                self.buses[gateway.id, bus.id] = (
                    TcpBus(units, "127.0.0.1", bus.port)
                    if bus.type == "modbus-tcp"
                    else RtuLine(units, folder / "lines" / f"{gateway.id}-{bus.id}")
                )

    async def run(self, ready: asyncio.Event) -> None:
        """Open all buses, set `ready`, play the timed faults; until cancelled."""
        try:
            for bus in self.buses.values():
                await bus.open()
            async with asyncio.TaskGroup() as tasks:
                for bus in self.buses.values():
                    if isinstance(bus, RtuLine):
                        tasks.create_task(bus.run(), name=f"line {bus.path.name}")
                for fault in self.scenario.faults:
                    if fault.at is not None:
                        tasks.create_task(self._play(fault, fault.at), name=f"fault {fault.name}")
                ready.set()
                await asyncio.Event().wait()
        finally:
            for bus in self.buses.values():
                await bus.close()

    async def trigger(self, name: str) -> str:
        """Start a fault now; raises ScenarioError when there is none of that name."""
        fault = next((item for item in self.scenario.faults if item.name == name), None)
        if fault is None:
            known = ", ".join(item.name for item in self.scenario.faults) or "none"
            raise ScenarioError(f"there is no fault {name!r}; there are: {known}")
        await self._start(fault)
        return fault.title

    async def heal(self) -> None:
        """End all faults."""
        for device in self.devices.values():
            device.mode = "ok"
            device.ramps.clear()

    def counts(self) -> dict[str, Any]:
        """What each device saw, counted by the simulators."""
        return {
            name: {
                "requests": device.counts.requests,
                "reads": device.counts.reads,
                "writes": device.counts.writes,
                "exceptions": device.counts.exceptions,
            }
            for name, device in self.devices.items()
        }

    async def _play(self, fault: Fault, delay: float) -> None:
        await asyncio.sleep(delay)
        await self._start(fault)
        if fault.for_s is not None:
            await asyncio.sleep(fault.for_s)
            await self._end(fault)

    async def _start(self, fault: Fault) -> None:
        if fault.kind == "ramp" and fault.device and fault.metric and fault.target is not None:
            self._device(fault).ramps[fault.metric] = (time.time(), fault.over_s, fault.target)
        elif fault.kind == "gateway-killed" and fault.gateway:
            self._on_kill(fault.gateway)
        elif fault.kind == "link-down":
            for (_, bus_id), bus in self.buses.items():
                if bus_id == fault.bus:
                    await bus.close()
        else:
            self._device(fault).mode = fault.kind

    async def _end(self, fault: Fault) -> None:
        if fault.kind == "ramp" and fault.metric:
            self._device(fault).ramps.pop(fault.metric, None)
        elif fault.kind == "link-down":
            for (_, bus_id), bus in self.buses.items():
                if bus_id == fault.bus:
                    await bus.open()
        elif fault.kind != "gateway-killed":
            self._device(fault).mode = "ok"

    def _device(self, fault: Fault) -> SimDevice:
        if fault.device not in self.devices:
            raise ScenarioError(f"fault {fault.name}: there is no device {fault.device!r}")
        return self.devices[fault.device]
