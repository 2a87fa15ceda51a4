"""A running simulated building: its buses, what goes wrong, what people do."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from plantroom_sim.errors import ScenarioError, SimError
from plantroom_sim.kind import Place, SimBus, SimDevice, SimKind
from plantroom_sim.registry import KINDS
from plantroom_sim.routine import RoutinePlay, fill, pick
from plantroom_sim.scenario import GATEWAY_KILLED, LINK_DOWN, Fault, Routine, Scenario, Step

_log = logging.getLogger(__name__)


class Building:
    """Everything of one scenario that stands in for hardware, of every kind."""

    def __init__(
        self, scenario: Scenario, folder: Path, on_kill: Callable[[str], None], listen: str = "127.0.0.1"
    ) -> None:
        self.scenario = scenario
        self._on_kill = on_kill
        self.buses: dict[tuple[str, str], SimBus] = {}
        self.devices: dict[str, SimDevice] = {}
        self._kinds: dict[str, SimKind] = {}
        #: lists that the set-up of the control plane kept, for the values of routines
        self.kept: dict[str, Sequence[Any]] = {}
        #: what people do with the page; without a control plane these steps are left out
        self.post: Callable[[str, Mapping[str, Any]], Awaitable[Any]] | None = None
        self._failing: dict[str, Fault] = {}
        self._healing: dict[str, asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        for gateway in scenario.gateways:
            place = Place(gateway.id, folder, time.time, listen)
            for entry in gateway.buses:
                kind = KINDS[entry.type]
                bus = kind.make(entry, gateway.on(entry.id), place)
                self.buses[gateway.id, entry.id] = bus
                self.devices |= bus.devices
                self._kinds |= dict.fromkeys(bus.devices, kind)

    async def run(self, ready: asyncio.Event) -> None:
        """Open all buses, set `ready`, work; until cancelled."""
        try:
            for bus in self.buses.values():
                await bus.open()
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                for (gateway, name), bus in self.buses.items():
                    tasks.create_task(bus.run(), name=f"bus {gateway}/{name}")
                ready.set()
                await asyncio.Event().wait()
        finally:
            self._tasks = None
            for bus in self.buses.values():
                await bus.close()

    async def live(self) -> None:
        """Timed faults come and people do what they do, until cancelled; begun once there is somebody to see it."""
        async with asyncio.TaskGroup() as tasks:
            for fault in self.scenario.faults:
                if fault.at is not None:
                    tasks.create_task(self._begin_later(fault, fault.at), name=f"fault {fault.name}")
            for routine in self.scenario.routines:
                tasks.create_task(self._play(routine), name=f"routine {routine.name}")

    async def trigger(self, name: str) -> str:
        """Start a fault now; its title. Raises ScenarioError when there is none of that name."""
        fault = next((item for item in self.scenario.faults if item.name == name), None)
        if fault is None:
            known = ", ".join(item.name for item in self.scenario.faults) or "none"
            raise ScenarioError(f"there is no fault {name!r}; there are: {known}")
        await self._start(fault)
        return fault.title

    async def heal(self, name: str | None = None) -> int:
        """End a fault, or all; how many there were."""
        if name is not None and name not in self._failing:
            known = ", ".join(self._failing) or "none"
            raise ScenarioError(f"no fault {name!r} is on; on are: {known}")
        ending = list(self._failing) if name is None else [name]
        for each in ending:
            await self._end(each)
        return len(ending)

    async def act(self, device: str, action: str, args: Mapping[str, Any]) -> Any:
        """What a person does to a device; raises SimError when it cannot be done."""
        kind = self._kinds.get(device)
        if kind is None:
            raise SimError(f"there is no device {device!r}; there are: {', '.join(self.devices)}")
        model = kind.actions.get(action)
        if model is None:
            raise SimError(f"nobody can {action!r} {device}; one can: {', '.join(kind.actions) or 'nothing'}")
        try:
            checked = model.model_validate(args)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or action}: {e['msg']}" for e in error.errors())
            raise SimError(f"{device} {action}: {wrong}") from error
        if (misfit := kind.fits(self.scenario.device(device), checked)) is not None:
            raise SimError(misfit[1])
        return await self.devices[device].act(action, checked)

    def counts(self) -> dict[str, Mapping[str, int]]:
        """What each device produced and saw, counted by the simulators."""
        return {name: device.counts() for name, device in self.devices.items()}

    async def _begin_later(self, fault: Fault, delay: float) -> None:
        await asyncio.sleep(delay)
        await self._start(fault)

    async def _start(self, fault: Fault) -> None:
        if fault.name in self._failing:
            await self._end(fault.name)
        _log.info("fault %s begins", fault.name)
        if fault.kind == GATEWAY_KILLED and fault.gateway:
            self._on_kill(fault.gateway)
            return  # nothing to heal: whoever runs the gateway starts it again
        if fault.kind == LINK_DOWN:
            await self._bus_of(fault).close()
        elif fault.device is not None:
            args = self._kinds[fault.device].faults[fault.kind].model_validate(dict(fault.more))
            self.devices[fault.device].start_fault(fault.kind, args)
        self._failing[fault.name] = fault
        if fault.for_s is not None and self._tasks is not None:
            healing = self._tasks.create_task(self._heal_later(fault.name, fault.for_s), name=f"healing {fault.name}")
            self._healing[fault.name] = healing

    async def _heal_later(self, name: str, delay: float) -> None:
        await asyncio.sleep(delay)
        del self._healing[name]
        await self._end(name)

    async def _end(self, name: str) -> None:
        if (healing := self._healing.pop(name, None)) is not None:
            healing.cancel()
        fault = self._failing.pop(name)
        _log.info("fault %s ends", name)
        if fault.kind == LINK_DOWN:
            await self._bus_of(fault).open()
        elif fault.device is not None:
            self.devices[fault.device].end_fault(fault.kind)

    def _bus_of(self, fault: Fault) -> SimBus:
        return next(
            bus for (gateway, name), bus in self.buses.items() if name == fault.bus and fault.gateway in (None, gateway)
        )

    async def _do(self, step: Step, values: Mapping[str, Any]) -> dict[str, Any]:
        """One step; what it keeps for the steps after it."""
        if step.device is not None and step.action is not None:
            await self.act(step.device, step.action, fill(step.args, values))
            return {}
        if step.post is None or self.post is None:
            return {}
        answer = await self.post(str(fill({"path": step.post}, values)["path"]), fill(step.body, values))
        return {name: next(pick(answer, where.split(".")), None) for name, where in step.keep.items()}

    async def _play(self, routine: Routine) -> None:
        play = RoutinePlay(routine, self.kept, self.scenario.name)
        loop = asyncio.get_running_loop()
        started, count = loop.time(), 0
        while (begin := play.begin(count)) is not None:
            await asyncio.sleep(started + begin - loop.time())
            values = play.values()
            for step in routine.steps:
                await asyncio.sleep(step.after)
                if not play.happens(step.chance):
                    continue
                try:
                    values |= await self._do(step, values)
                except SimError as error:  # e.g. the device is dead just now: the person goes on
                    _log.warning("routine %s: %s", routine.name, error)
            count += 1
