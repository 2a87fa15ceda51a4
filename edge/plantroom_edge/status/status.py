"""How the gateway is, as `plantroom-edge status` and the local page tell it; it names no secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plantroom_edge.config.model import Mqtt
from plantroom_edge.health.watch import HealthWatch
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.store import STREAMS
from plantroom_edge.pipeline.boot import Boot
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_edge.polling.buses import Buses
from plantroom_edge.status.recent import RecentTrouble
from plantroom_edge.uplink.link import MqttLink
from plantroom_edge.uplink.uplink import Uplink
from plantroom_shared.clock import Clock

#: A device counts as silent when its last reading is older than so many periods, and a little.
PERIODS, GRACE_S = 3.0, 2.0


@dataclass(frozen=True, slots=True)
class Identity:
    """What does not change while the agent runs."""

    gateway: str
    label: str
    version: str
    started_ms: int


class StatusReader:
    """Reads it from the parts of the agent."""

    def __init__(
        self,
        identity: Identity,
        mqtt: Mqtt,
        link: MqttLink,
        uplink: Uplink,
        outbox: Outbox,
        boot: Boot,
        pipeline: Pipeline,
        buses: Buses,
        health: HealthWatch,
        trouble: RecentTrouble,
        clock: Clock,
    ) -> None:
        self._identity = identity
        self._mqtt = mqtt
        self._link = link
        self._uplink = uplink
        self._outbox = outbox
        self._boot = boot
        self._pipeline = pipeline
        self._buses = buses
        self._health = health
        self._trouble = trouble
        self._clock = clock

    async def read(self, config_version: str) -> dict[str, Any]:
        """As plain data."""
        return {
            "gateway": self._identity.gateway,
            "label": self._identity.label,
            "version": self._identity.version,
            "at": self._clock.now_ms(),
            "started_ms": self._identity.started_ms,
            "boot": self._boot.id,
            "config_version": config_version,
            "connected": self._uplink.connected,
            "link": self._link_status(),
            "clock": {"synced": self._boot.synced, "kept": self._boot.kept, "held": self._boot.held()},
            "outbox": await self._outbox_status(),
            "samples": self._pipeline.samples,
            "dropped": self._pipeline.dropped,
            "buses": [{"id": bus, **_figures(driver.health())} for bus, driver in self._buses.drivers.items()],
            "devices": self._devices(),
            "health": [
                {"metric": metric.name, "label": metric.label, "unit": metric.unit, "value": value}
                for metric in self._health.metrics
                if (value := self._health.row.get(metric.name)) is not None
            ],
            "trouble": self._trouble.newest(),
        }

    def _link_status(self) -> dict[str, Any]:
        acknowledged = self._uplink.acknowledged_at
        return {
            "broker": f"{self._mqtt.host}:{self._mqtt.port}",
            "protocol": self._link.protocol,
            "tls": self._mqtt.ca_file is not None,
            "connected": self._uplink.connected,
            "since_ms": self._uplink.connected_at,
            "last_error": self._uplink.last_error,
            "acknowledged_s_ago": None if acknowledged is None else round(self._clock.monotonic() - acknowledged, 1),
        }

    async def _outbox_status(self) -> dict[str, Any]:
        depths = {stream: await self._outbox.depth(stream) for stream in STREAMS}
        streams: dict[str, Any] = {
            str(stream): {"batches": depth.batches, "bytes": depth.bytes, "oldest_ms": depth.oldest_ms}
            for stream, depth in depths.items()
        }
        return {
            "id": self._outbox.outbox_id,
            "failing": self._outbox.failing,
            "pressed": self._outbox.pressed,
            **streams,
        }

    def _devices(self) -> list[dict[str, Any]]:
        now = self._clock.monotonic()
        shares = {
            name.removeprefix("success."): value
            for driver in self._buses.drivers.values()
            for name, value in driver.health().items()
            if name.startswith("success.")
        }
        found = []
        for bus, devices in self._buses.described.items():
            for device in devices:
                at = self._pipeline.answered.get(device.device)
                age = None if at is None else round(max(0.0, now - at), 1)
                limit = None if device.period_s is None else PERIODS * device.period_s + GRACE_S
                found.append(
                    {
                        "id": device.device,
                        "bus": bus,
                        "label": device.label,
                        "profile": device.profile,
                        "age_s": age,
                        "answers": age is not None and (limit is None or age <= limit),
                        "success": shares.get(device.device),
                    }
                )
        return found


def status_path(data_dir: Path) -> Path:
    """Where the running agent writes how it is."""
    return data_dir / "status.json"


def _figures(health: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in health.items() if not name.startswith("success.")}
