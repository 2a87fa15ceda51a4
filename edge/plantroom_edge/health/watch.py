"""The watch over the gateway itself: health as telemetry, the status file, the watchdog of systemd."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import sdnotify

from plantroom_edge.driver import Driver, MetricFilter, Sample
from plantroom_edge.health import health
from plantroom_edge.health.rules import rules
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.pipeline.boot import Boot
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_shared.batch import Value
from plantroom_shared.clock import Clock
from plantroom_shared.messages import BirthDevice, Metric


class HealthWatch:
    """One row every few seconds of a device named after the gateway."""

    def __init__(
        self,
        gateway: BirthDevice,
        data_dir: Path,
        most_bytes: int,
        drivers: Callable[[], Mapping[str, Driver]],
        outbox: Outbox,
        boot: Boot,
        pipeline: Pipeline,
        clock: Clock,
    ) -> None:
        self.row: dict[str, Value] = {}  #: the last one
        self.metrics: list[Metric] = []
        self._gateway = gateway
        self._path = data_dir / "status.json"
        self._most_bytes = most_bytes
        self._drivers = drivers
        self._outbox = outbox
        self._boot = boot
        self._pipeline = pipeline
        self._clock = clock
        self._reader = health.HealthReader(data_dir)
        self._notify = sdnotify.SystemdNotifier()

    def describe(self) -> BirthDevice:
        """The gateway as a device, with the buses and devices that it has now."""
        loads = [(bus, health.load_metric(bus)) for bus in self._drivers()]
        return msgspec.structs.replace(self._gateway, metrics=self.metrics, rules=rules(loads))

    def know(self, devices: Sequence[str]) -> None:
        """Which buses and devices there are, after they changed."""
        known = health.metrics(list(self._drivers()), sorted(devices))
        if known == self.metrics:
            return
        self.metrics = known
        filters: list[MetricFilter] = health.filters(known)
        self._pipeline.know(self._gateway.device, filters)

    def ready(self) -> None:
        """Tell systemd that the agent runs."""
        self._notify.notify("READY=1")

    def stopping(self) -> None:
        """Tell systemd that it ends on purpose."""
        self._notify.notify("STOPPING=1")

    async def run(self, status: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        """Until cancelled. The watchdog hears of us only while the loop runs and the outbox answers."""
        while True:
            await self._measure()
            await asyncio.to_thread(_replace, self._path, msgspec.json.encode(await status()))
            self._notify.notify("WATCHDOG=1")
            await self._clock.sleep(health.PERIOD_S)

    async def _measure(self) -> None:
        telemetry, events = await self._outbox.depth("telemetry"), await self._outbox.depth("events")
        size = telemetry.bytes + events.bytes
        agent: Mapping[str, Value] = {
            "clock_synced": self._boot.synced and self._boot.kept is not False,
            "outbox_batches": telemetry.batches + events.batches,
            "outbox_mb": round(size / 1e6, 2),
            "outbox_fill": round(100 * size / self._most_bytes, 2),
            "samples": self._pipeline.samples,
        }
        buses = {bus: driver.health() for bus, driver in self._drivers().items()}
        self.row = self._reader.read(buses, agent)
        values = [self.row.get(metric.name) for metric in self.metrics]
        now = self._clock.now_ms()
        self._pipeline.sample(Sample(self._gateway.device, now, values, {}, self._clock.monotonic()))


def _replace(path: Path, data: bytes) -> None:
    new = path.with_suffix(".new")
    try:
        new.write_bytes(data)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)  # the disk is full: the page still shows it
