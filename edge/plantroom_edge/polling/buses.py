"""The running side of the field: a driver per bus, started, watched, and replaced where a configuration changes it."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from plantroom_edge.config.model import BusConfig, DeviceConfig, ReaderConfig
from plantroom_edge.driver import Decider, Driver, Outcome, Signal, Sink
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_edge.profile.schema import Profile
from plantroom_shared.backoff import Backoff
from plantroom_shared.batch import Event
from plantroom_shared.clock import Clock
from plantroom_shared.messages import BirthDevice

_log = logging.getLogger(__name__)

#: Longer than this no probe of a bus may take.
PROBE_S = 30.0

Devices = Sequence[tuple[DeviceConfig, Profile]]


class Field(Protocol):
    """The checked field side of a configuration (`config/site.py`)."""

    @property
    def buses(self) -> Sequence[BusConfig]:
        """All of them."""
        ...

    @property
    def devices(self) -> Sequence[DeviceConfig]:
        """All of them."""
        ...

    def on(self, bus: str) -> Devices:
        """The enabled devices of a bus with their profiles."""
        ...


class Desk(Decider, Protocol):
    """What acts on the signals of devices (`access/desk.py`)."""

    def take(self, signal: Signal) -> None:
        """Something happened at a device; never blocks."""
        ...

    async def run(self) -> None:
        """Until cancelled."""
        ...


class Buses:
    """`build`, `build_desk` and `sink` make what a bus needs; `restore` hands authorities to those that begin."""

    def __init__(
        self,
        field: Field,
        build: Callable[[BusConfig, Devices], Driver],
        build_desk: Callable[[Sequence[ReaderConfig]], Desk],
        sink: Callable[[str, Callable[[Signal], None]], Sink],
        restore: Callable[[Sequence[Decider]], Awaitable[None]],
        pipeline: Pipeline,
        clock: Clock,
    ) -> None:
        self.field = field
        self.drivers: dict[str, Driver] = {}  #: bus → its driver
        self.described: dict[str, Sequence[BirthDevice]] = {}  #: bus → its devices
        self._build = build
        self._build_desk = build_desk
        self._sink = sink
        self._restore = restore
        self._pipeline = pipeline
        self._clock = clock
        self._readers = _readers(field)
        self._desk = build_desk(self._readers)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._desk_task: asyncio.Task[None] | None = None
        self._group: asyncio.TaskGroup | None = None

    @property
    def driver_of(self) -> Mapping[str, Driver]:
        """Device → the driver of its bus."""
        return {device.device: self.drivers[bus] for bus, devices in self.described.items() for device in devices}

    @property
    def deciders(self) -> Sequence[Decider]:
        """Those who decide by documents of the cloud."""
        return [*self.drivers.values(), self._desk]

    def devices(self) -> list[BirthDevice]:
        """All that are driven."""
        return [device for devices in self.described.values() for device in devices]

    def prepare(self, field: Field) -> None:
        """Make the drivers, before anything runs."""
        self.field = field
        self._readers = _readers(field)
        self._desk = self._build_desk(self._readers)
        for bus in field.buses:
            self._make(bus)

    async def run(self) -> None:
        """Drive all buses until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await self._start(list(self.drivers), desk=True)
            await asyncio.Event().wait()

    async def act(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:
        """What one part of the gateway asks of a device; the cloud's commands come by the executor."""
        driver = self.driver_of.get(device)
        if driver is None:
            return Outcome("refused", f"there is no device {device!r} on this gateway")
        try:
            return await driver.command(device, action, args)
        except Exception as error:  # noqa: BLE001
            # a driver's mistake must not stop whoever asked, who acts for other devices too
            _log.exception("%s of %s failed in its driver", action, device)
            return Outcome("unconfirmed", f"the driver failed: {error!r}")

    def touched(self, field: Field) -> set[str]:
        """Buses that another configuration changes, adds or removes."""
        now = {bus.id: (bus, self.field.on(bus.id)) for bus in self.field.buses}
        then = {bus.id: (bus, field.on(bus.id)) for bus in field.buses}
        return {bus for bus in {*now, *then} if now.get(bus) != then.get(bus)}

    async def apply(self, field: Field) -> set[str]:
        """Drive by another configuration; buses that it leaves as they are run on untouched. The touched ones."""
        touched = self.touched(field)
        await self._stop(touched)
        await self._pipeline.flush()  # rows in the shape of the old profiles
        before = {device.device for device in self.devices()}
        for bus in touched:
            self.drivers.pop(bus, None)
            self.described.pop(bus, None)
        self.field = field
        staying = {device.id for bus in field.buses for device, _ in field.on(bus.id)}
        for device in sorted(before - staying):
            self._pipeline.stop(device)
        await self._pipeline.flush()
        for config in field.buses:
            if config.id in touched:
                self._make(config)
        order = [bus.id for bus in field.buses]
        self.drivers = {bus: self.drivers[bus] for bus in order}
        self.described = {bus: self.described[bus] for bus in order}
        readers = _readers(field)
        desk = readers != self._readers
        if desk:
            await self._stop_desk()
            self._readers, self._desk = readers, self._build_desk(readers)
        await self._start([bus for bus in touched if bus in self.drivers], desk=desk)
        return touched

    async def probe_new(self, field: Field) -> list[str]:
        """Try the devices that another configuration adds or changes, each on its own bus, which pauses meanwhile;
        what does not answer, with the reason."""
        mistakes: list[str] = []
        for bus in field.buses:
            known = self.field.on(bus.id) if any(bus == old for old in self.field.buses) else []
            new = [item for item in field.on(bus.id) if item not in known]
            if not new:
                continue
            running = bus.id in self._tasks
            await self._stop([bus.id])
            try:
                mistakes += await self._probe(bus, new)
            finally:
                if running:
                    await self._start([bus.id])
        return mistakes

    async def _probe(self, bus: BusConfig, new: Devices) -> list[str]:
        driver = self._build(bus, new)
        try:
            async with asyncio.timeout(PROBE_S):
                found = await driver.probe()
        except TimeoutError:
            return [f"bus {bus.id!r}: its devices were tried for {PROBE_S:.0f} s without an end"]
        return [f"device {item.device!r} does not answer: {item.detail}" for item in found if not item.ok]

    def _make(self, bus: BusConfig) -> None:
        driver = self._build(bus, self.field.on(bus.id))
        described = driver.describe()
        self.drivers[bus.id] = driver
        self.described[bus.id] = [item.birth for item in described]
        for item in described:
            self._pipeline.know(item.birth.device, item.filters)

    async def _start(self, buses: Collection[str], *, desk: bool = False) -> None:
        if self._group is None:
            return
        starting: list[Decider] = [self.drivers[bus] for bus in buses]
        await self._restore([*starting, self._desk] if desk else starting)
        for bus in buses:
            driver = self.drivers[bus]
            self._tasks[bus] = self._group.create_task(self._drive(driver), name=f"bus {bus}")
        if desk:
            self._desk_task = self._group.create_task(self._desk.run(), name="desk of the gates")

    async def _stop(self, buses: Iterable[str]) -> None:
        tasks = [self._tasks.pop(bus) for bus in buses if bus in self._tasks]
        await _ended(tasks)

    async def _stop_desk(self) -> None:
        if self._desk_task is not None:
            await _ended([self._desk_task])
            self._desk_task = None

    def _signalled(self, signal: Signal) -> None:
        self._desk.take(signal)  # the one there is now

    async def _drive(self, driver: Driver) -> None:
        """One driver's mistake must not stop the other buses: it is told, and the driver begins again."""
        backoff = Backoff(first=2.0, longest=60.0)
        sink = self._sink(driver.bus, self._signalled)
        while True:
            began = self._clock.monotonic()
            try:
                await driver.run(sink)
                return
            except Exception as error:  # noqa: BLE001
                _log.exception("bus %s: its driver failed; it begins again", driver.bus)
                data = {"bus": driver.bus, "error": repr(error)[:500]}
                now = self._clock.now_ms()
                self._pipeline.event(Event(id=uuid.uuid4().hex, kind="bus.failed", time=now, data=data))
            if self._clock.monotonic() - began > 600:
                backoff.reset()
            await self._clock.sleep(backoff.next_wait())


def _readers(field: Field) -> list[ReaderConfig]:
    return [device for device in field.devices if isinstance(device, ReaderConfig) and device.enabled]


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([task])
