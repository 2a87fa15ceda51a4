"""The composition root of the agent: builds everything, owns every task."""

import asyncio
import logging
import platform
import signal
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from plantroom_edge.access.decision import Mode
from plantroom_edge.access.desk import Desk, Passage
from plantroom_edge.authority.authorities import Authorities
from plantroom_edge.commands.executor import CommandExecutor
from plantroom_edge.config.model import BusConfig, ReaderConfig
from plantroom_edge.config.site import Fleet, GatewayConfig
from plantroom_edge.driver import Decider, Driver, Outcome, Signal
from plantroom_edge.drivers.registry import DRIVERS
from plantroom_edge.health import health
from plantroom_edge.health.watch import HealthWatch
from plantroom_edge.only_agent import only_agent
from plantroom_edge.outbox.dating import undatable
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.payload import Payload
from plantroom_edge.pipeline.boot import Boot
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_edge.pipeline.sink import BusSink, Memory
from plantroom_edge.polling.buses import Buses, Devices
from plantroom_edge.remote.configurator import SETTLE_S, Configurator
from plantroom_edge.status.recent import RecentTrouble
from plantroom_edge.status.server import LocalPageServer
from plantroom_edge.status.status import Identity, StatusReader
from plantroom_edge.uplink.link import MqttLink
from plantroom_edge.uplink.uplink import Uplink
from plantroom_shared.clock import Clock
from plantroom_shared.messages import VERSION, Birth

_log = logging.getLogger(__name__)


class Agent:
    """One gateway. `run` until cancelled or told to stop by SIGTERM."""

    def __init__(self, config: GatewayConfig, fleet: Fleet, clock: Clock, settle_s: float = SETTLE_S) -> None:
        self.config = config
        self.clock = clock
        self.trouble = RecentTrouble()
        self.outbox = Outbox(config.data_dir / "outbox.db", config.outbox, clock)
        self.boot = Boot(clock)
        self.pipeline = Pipeline(config.pipeline, self.outbox, self.boot, clock)
        self.authorities = Authorities(self.outbox, self.pipeline, clock, self._deciders)
        self._gate_modes: dict[str, Mode] = {}
        self.buses = Buses(fleet, self._driver, self._desk, self._sink, self.authorities.restore, self.pipeline, clock)
        self.health = HealthWatch(
            health.describe(config.gateway, config.label, config.location),
            config.data_dir,
            config.outbox.max_bytes,
            lambda: self.buses.drivers,
            self.outbox,
            self.boot,
            self.pipeline,
            clock,
        )
        self.configurator = Configurator(
            config.gateway,
            fleet,
            self.buses,
            self.pipeline,
            self.outbox,
            config.profiles_dir,
            clock,
            self._changed,
            settle_s,
        )
        self.commands = CommandExecutor(
            self.outbox, clock, lambda: self.buses.driver_of, self.pipeline.event, lambda: self.boot.synced
        )
        self.link = MqttLink(config.mqtt, config.gateway)
        self.uplink = Uplink(
            config.gateway,
            self.link,
            self.outbox,
            clock,
            self.birth,
            self.commands.take,
            self.configurator.take,
            self.authorities.take,
            self.pipeline.event,
            self.pipeline.refresh,
            self._held,
        )
        self.outbox.flying = self.uplink.telemetry_flying
        self._status = StatusReader(
            Identity(config.gateway, config.label, version("plantroom"), clock.now_ms()),
            config.mqtt,
            self.link,
            self.uplink,
            self.outbox,
            self.boot,
            self.pipeline,
            self.buses,
            self.health,
            self.trouble,
            clock,
        )
        self.page = LocalPageServer(config.local_page, self.status, clock) if config.local_page is not None else None

    async def run(self) -> None:
        """Everything, until the first fatal error or cancellation; what was read is committed before it returns."""
        with only_agent(self.config.data_dir):
            await self._run()

    async def _run(self) -> None:
        logging.getLogger().addHandler(self.trouble)
        await self.outbox.open()
        try:
            await self.pipeline.begin()
            await self.configurator.restore()
            self._changed()
            self.pipeline.event(
                self.pipeline.made("agent.started", {"boot": self.boot.id, "version": version("plantroom")})
            )
            await self._run_parts()
        finally:
            await self.outbox.close()
            logging.getLogger().removeHandler(self.trouble)

    async def _run_parts(self) -> None:
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
                tasks.create_task(self.health.run(self.status), name="health"),
                tasks.create_task(self.configurator.run(), name="configuration"),
                tasks.create_task(self.buses.run(), name="buses"),
            ]
            if self.page is not None:
                running.append(tasks.create_task(self.page.run(), name="local page"))
            self.health.ready()
            _log.info("gateway %s runs: %d devices", self.config.gateway, len(self.buses.devices()))
            await stop.wait()
            self.health.stopping()
            for task in reversed(running):
                task.cancel()

    def birth(self) -> Birth:
        """What the gateway has now."""
        return Birth(
            v=VERSION,
            gateway=self.config.gateway,
            boot=self.boot.id,
            at=self.boot.date(self.clock.now_ms()),
            config_version=self.configurator.version,
            label=self.config.label,
            capabilities=sorted(DRIVERS),
            versions={"plantroom": version("plantroom"), "python": platform.python_version()},
            devices=[*self.buses.devices(), self.health.describe()],
        )

    async def status(self) -> dict[str, Any]:
        """For `plantroom-edge status` and the local page."""
        return await self._status.read(self.configurator.version)

    def _changed(self) -> None:
        """Other devices, or another configuration."""
        self.health.know([device.device for device in self.buses.devices()])
        self.uplink.announce()

    def _driver(self, bus: BusConfig, devices: Devices) -> Driver:
        return DRIVERS[bus.type].build(bus, devices, self.clock)

    def _desk(self, readers: Sequence[ReaderConfig]) -> Desk:
        passages = {device.id: Passage(device.gate, device.direction) for device in readers}
        return Desk(
            passages,
            Memory("desk", self.pipeline, self.outbox),
            self._act,
            self.clock,
            modes=self._gate_modes,
            correction_ms=lambda: self.outbox.stamp.correction_ms,
            clock_right=lambda: self.boot.synced,
        )

    async def _act(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:
        return await self.buses.act(device, action, args)

    def _sink(self, bus: str, on_signal: Callable[[Signal], None]) -> BusSink:
        return BusSink(bus, self.pipeline, self.outbox, on_signal)

    def _deciders(self) -> Sequence[Decider]:
        return self.buses.deciders

    def _held(self, payload: Payload) -> bool:
        """What was taken in this boot waits until its clock is right: then it can be dated."""
        return self.boot.held() and payload.machine == self.boot.machine and undatable(payload, self.outbox.epochs)
