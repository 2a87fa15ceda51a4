"""The composition root of the agent: builds everything, owns every task."""

import asyncio
import logging
import platform
import signal
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import sdnotify

from plantroom_edge.access.desk import Desk, Passage
from plantroom_edge.authority.authorities import Authorities
from plantroom_edge.commands.executor import CommandExecutor
from plantroom_edge.config.loader import load_site
from plantroom_edge.config.model import ReaderConfig
from plantroom_edge.config.site import Fleet, GatewayConfig
from plantroom_edge.driver import Decider, Driver, Outcome, Sample
from plantroom_edge.drivers.registry import DRIVERS
from plantroom_edge.errors import ConfigError
from plantroom_edge.health import health
from plantroom_edge.outbox.dating import undatable
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.payload import Payload
from plantroom_edge.pipeline.boot import Boot
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_edge.pipeline.sink import BusSink, Memory
from plantroom_edge.profile.loader import ProfileLibrary
from plantroom_edge.uplink.link import MqttLink
from plantroom_edge.uplink.uplink import Uplink
from plantroom_shared.batch import Event, Value
from plantroom_shared.clock import Clock
from plantroom_shared.messages import VERSION, Birth, BirthDevice, DesiredConfig

_log = logging.getLogger(__name__)

LOCAL_VERSION = "local"
#: Seconds a new remote configuration has to show that its devices answer no worse than before.
SETTLE_S = 20.0


class Agent:
    """One gateway. `run` until cancelled or told to stop by SIGTERM."""

    def __init__(self, config: GatewayConfig, fleet: Fleet, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.outbox = Outbox(config.data_dir / "outbox.db", config.outbox, clock)
        self.boot = Boot(clock)
        self.pipeline = Pipeline(config.pipeline, self.outbox, self.boot, clock)
        self.link = MqttLink(config.mqtt, config.gateway)
        self.authorities = Authorities(self.outbox, self.pipeline, clock, self._deciders)
        self.uplink = Uplink(
            config.gateway,
            self.link,
            self.outbox,
            clock,
            self.birth,
            self._command,
            self._desired,
            self.authorities.take,
            self.pipeline.event,
            self._held,
        )
        self.outbox.flying = self.uplink.telemetry_flying
        self.commands = CommandExecutor(
            self.outbox, clock, lambda: self._driver_of, self.pipeline.event, lambda: self.boot.synced
        )
        self._fleet = fleet
        self._library = ProfileLibrary(config.profiles_dir)
        self._drivers: list[Driver] = []
        self._desk = self._make_desk(fleet)
        self._driver_of: dict[str, Driver] = {}
        self._described: list[BirthDevice] = []
        self._config_version = LOCAL_VERSION
        self._health = health.HealthReader(config.data_dir)
        self._health_metrics: list[str] = []
        self._desired_configs: asyncio.Queue[DesiredConfig] = asyncio.Queue(10)
        self._buses: asyncio.TaskGroup | None = None
        self._bus_tasks: list[asyncio.Task[None]] = []
        self._notify = sdnotify.SystemdNotifier()

    async def run(self) -> None:
        """Everything, until the first fatal error or cancellation; what was read is committed before it returns."""
        self.config.data_dir.mkdir(parents=True, exist_ok=True)
        await self.outbox.open()
        try:
            await self.pipeline.begin()
            await self._restore_remote()
            self.pipeline.event(self._event("agent.started", {"boot": self.boot.id, "version": version("plantroom")}))
            async with asyncio.TaskGroup() as tasks:
                stop = asyncio.Event()
                for number in (signal.SIGTERM, signal.SIGINT):
                    asyncio.get_running_loop().add_signal_handler(number, stop.set)
                running = [
                    tasks.create_task(self.pipeline.run(), name="pipeline"),
                    tasks.create_task(self.outbox.verify(), name="outbox check"),
                    tasks.create_task(self.uplink.run(), name="uplink"),
                    tasks.create_task(self.commands.run(), name="commands"),
                    tasks.create_task(self.authorities.run(), name="authorities"),
                    tasks.create_task(self._watch_health(), name="health"),
                    tasks.create_task(self._configure(), name="configuration"),
                    tasks.create_task(self._run_buses(), name="buses"),
                ]
                self._notify.notify("READY=1")
                _log.info("gateway %s runs: %d devices", self.config.gateway, len(self._described) - 1)
                await stop.wait()
                self._notify.notify("STOPPING=1")
                for task in reversed(running):
                    task.cancel()
        finally:
            await self.outbox.close()

    def birth(self) -> Birth:
        """What the gateway has now."""
        return Birth(
            v=VERSION,
            gateway=self.config.gateway,
            boot=self.boot.id,
            at=self.clock.now_ms(),
            config_version=self._config_version,
            label=self.config.label,
            capabilities=sorted(DRIVERS),
            versions={"plantroom": version("plantroom"), "python": platform.python_version()},
            devices=self._described,
        )

    def _held(self, payload: Payload) -> bool:
        """What was taken in this boot waits until its clock is right: then it can be dated."""
        return self.boot.held() and payload.machine == self.boot.machine and undatable(payload, self.outbox.epochs)

    async def status(self) -> dict[str, Any]:
        """For `plantroom-edge status` and the local page."""
        events, telemetry = await self.outbox.depth("events"), await self.outbox.depth("telemetry")
        return {
            "gateway": self.config.gateway,
            "at": self.clock.now_ms(),
            "boot": self.boot.id,
            "config_version": self._config_version,
            "connected": self.uplink.connected,
            "outbox": {
                "events": msgspec.to_builtins({"batches": events.batches, "bytes": events.bytes}),
                "telemetry": {"batches": telemetry.batches, "bytes": telemetry.bytes, "oldest_ms": telemetry.oldest_ms},
                "failing": self.outbox.failing,
            },
            "samples": self.pipeline.samples,
            "dropped": self.pipeline.dropped,
            "buses": {driver.bus: dict(driver.health()) for driver in self._drivers},
        }

    def _build(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._desk = self._make_desk(fleet)
        self._drivers = [DRIVERS[bus.type].build(bus, fleet.on(bus.id), self.clock) for bus in fleet.site.buses]
        self._driver_of = {}
        self._described = []
        for driver in self._drivers:
            for described in driver.describe():
                self._driver_of[described.birth.device] = driver
                self._described.append(described.birth)
                self.pipeline.know(described.birth.device, described.filters)
        known = health.metrics([d.bus for d in self._drivers], sorted(self._driver_of))
        self._health_metrics = [metric.name for metric in known]
        self.pipeline.know(self.config.gateway, health.filters(known))
        gateway = health.describe(self.config.gateway, self.config.label, self.config.location, known)
        self._described.append(gateway)

    def _make_desk(self, fleet: Fleet) -> Desk:
        passages = {
            device.id: Passage(device.gate, device.direction)
            for device in fleet.site.devices
            if isinstance(device, ReaderConfig) and device.enabled
        }
        return Desk(passages, Memory("desk", self.pipeline, self.outbox), self._act, self.clock)

    def _deciders(self) -> Sequence[Decider]:
        return [*self._drivers, self._desk]

    async def _act(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:
        """What one part of the gateway asks of a device; the cloud's commands come by the executor."""
        driver = self._driver_of.get(device)
        if driver is None:
            return Outcome("refused", f"there is no device {device!r} on this gateway")
        return await driver.command(device, action, args)

    async def _run_buses(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._buses = group
            await self._start_buses()
            await asyncio.Event().wait()

    async def _start_buses(self) -> None:
        assert self._buses is not None
        await self.authorities.restore(self._deciders())
        self._bus_tasks = [
            self._buses.create_task(
                driver.run(BusSink(driver.bus, self.pipeline, self.outbox, self._desk.take)), name=f"bus {driver.bus}"
            )
            for driver in self._drivers
        ]
        self._bus_tasks.append(self._buses.create_task(self._desk.run(), name="desk of the gates"))

    async def _watch_health(self) -> None:
        while True:
            depth = await self.outbox.depth("telemetry")
            events = await self.outbox.depth("events")
            agent: Mapping[str, Value] = {
                "clock_synced": self.boot.synced,
                "outbox_batches": depth.batches + events.batches,
                "outbox_mb": round((depth.bytes + events.bytes) / 1e6, 2),
                "samples": self.pipeline.samples,
            }
            row = self._health.read({driver.bus: driver.health() for driver in self._drivers}, agent)
            values = [row.get(name) for name in self._health_metrics]
            now = self.clock.now_ms()
            self.pipeline.sample(Sample(self.config.gateway, now, values, {}, self.clock.monotonic()))
            await self._write_status()
            self._notify.notify("WATCHDOG=1")  # the loop runs and the outbox answers
            await self.clock.sleep(health.PERIOD_S)

    async def _write_status(self) -> None:
        path = self.config.data_dir / "status.json"
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(await self.status()))
        new.replace(path)

    def _command(self, command: Any) -> None:
        self.commands.take(command)

    def _desired(self, desired: DesiredConfig) -> None:
        if desired.version != self._config_version and not self._desired_configs.full():
            self._desired_configs.put_nowait(desired)

    async def _restore_remote(self) -> None:
        """A remote configuration that was applied and confirmed stays in force across restarts."""
        stored = await self.outbox.get_meta("config.applied")
        if stored is not None:
            desired = msgspec.json.decode(stored, type=DesiredConfig)
            try:
                self._build(load_site(desired.config, desired.version, self._library))
            except ConfigError as error:
                _log.error("stored configuration %s cannot be used any more: %s", desired.version, error)
            else:
                self._config_version = desired.version
                return
        self._build(self._fleet)

    async def _configure(self) -> None:
        while True:
            desired = await self._desired_configs.get()
            if desired.version in (self._config_version, await self.outbox.get_meta("config.refused")):
                continue
            try:
                fleet = load_site(desired.config, desired.version, self._library)
            except ConfigError as error:
                await self.outbox.set_meta("config.refused", desired.version)
                data = {"version": desired.version, "errors": error.mistakes}
                self.pipeline.event(self._event("config.refused", data))
                continue
            await self._apply(desired, fleet)

    async def _apply(self, desired: DesiredConfig, fleet: Fleet) -> None:
        """Staged: apply, let it settle, keep it when the devices answer no worse; else go back on our own."""
        before_fleet, before_version, before = self._fleet, self._config_version, self._share_answering()
        await self._swap(fleet, desired.version)
        await self.clock.sleep(SETTLE_S)
        after = self._share_answering()
        if after + 0.001 >= min(before, 0.999):
            await self.outbox.set_meta("config.applied", msgspec.json.encode(desired).decode())
            self.pipeline.event(self._event("config.applied", {"version": desired.version}))
            return
        await self._swap(before_fleet, before_version)
        await self.outbox.set_meta("config.refused", desired.version)
        reason = f"{after:.0%} of the devices answered with it, {before:.0%} before"
        self.pipeline.event(self._event("config.rolled-back", {"version": desired.version, "reason": reason}))

    async def _swap(self, fleet: Fleet, config_version: str) -> None:
        tasks, self._bus_tasks = self._bus_tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._build(fleet)
        self._config_version = config_version
        await self._start_buses()
        self.uplink.announce()

    def _share_answering(self) -> float:
        shares = [
            float(value)
            for driver in self._drivers
            for name, value in driver.health().items()
            if name.startswith("success.") and isinstance(value, (int, float))
        ]
        return sum(shares) / len(shares) if shares else 1.0

    def _event(self, kind: str, data: dict[str, Any]) -> Event:
        return Event(id=uuid.uuid4().hex, kind=kind, time=self.clock.now_ms(), data=data)


def status_path(config: GatewayConfig) -> Path:
    """Where the running agent writes how it is."""
    return config.data_dir / "status.json"
