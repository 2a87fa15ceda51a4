"""A building for the pages: the real control plane over SQLite, fed through its ingest, served to a browser."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from plantroom_cloud.app import create_app
from plantroom_cloud.config import CloudConfig, Mqtt, Telemetry, Web
from plantroom_cloud.ingest.connection import Received
from plantroom_cloud.migration import migrate
from plantroom_cloud.services import Services, build
from plantroom_cloud.users.models import Role
from plantroom_shared.batch import Batch, DeviceRows
from plantroom_shared.clock import SystemClock
from plantroom_shared.encoding import encode
from plantroom_shared.messages import VERSION, Action, Birth, BirthDevice, Metric, Status, SuggestedRule
from tests.servers.ports import free_port
from tests.servers.process import accepts

PASSWORD = "correct horse battery"
GATEWAY = "gw-a"

_BEARING = Metric(name="bearing_temperature", label="Bearing temperature", unit="°C")
_SPEED = Metric(name="speed", label="Speed", unit="rpm")
_STATE = Metric(name="state", label="Run state", kind="state", states={"0": "stopped", "1": "running", "2": "fault"})
_HOT = SuggestedRule(
    key="bearing-hot",
    name="Pump bearing hot",
    kind="limit",
    severity="high",
    metric="bearing_temperature",
    operator=">",
    limit=80,
    deadband=3,
    on_delay_s=5,
    proving_s=60,
    cause="Worn bearing or lack of grease.",
    consequence="The shaft seizes and chilled water stops.",
    response="Grease it; change the bearing when it does not cool down.",
)


def pump(number: int) -> BirthDevice:
    """A chilled-water pump."""
    return BirthDevice(
        device=f"pump-{number}",
        label=f"Chilled-water pump {number}",
        profile="lab/pump",
        kind="pump",
        location="Basement, plant room",
        period_s=10,
        metrics=[_BEARING, _SPEED, _STATE],
        rules=[_HOT],
        actions=[Action(name="set_speed", label="Set speed", args={"value": "number 0..1500 rpm"}, confirms=True)],
    )


def gateway_device() -> BirthDevice:
    """The gateway's self-health."""
    names = {"cpu_percent": "%", "memory_mb": "MB", "disk_free_mb": "MB", "outbox_batches": "", "bus_load_line_1": "%"}
    metrics = [Metric(name=name, label=name.replace("_", " "), unit=unit) for name, unit in names.items()]
    metrics.append(Metric(name="clock_synced", label="Clock synchronised", kind="bits"))
    return BirthDevice(device=GATEWAY, label="Plant room", profile="plantroom/gateway", kind="gateway", metrics=metrics)


class Building:
    """Serves on a free port from `start` to `stop`."""

    def __init__(self, folder: Path, clock: SystemClock | None = None) -> None:
        port = free_port()
        config = CloudConfig(
            database_url=f"sqlite:///{folder / 'plantroom.db'}",
            mqtt=Mqtt(),
            telemetry=Telemetry(path=folder / "telemetry.db"),
            web=Web(port=port),
            broker_dir=folder / "broker",
        )
        self.services: Services = build(config, clock or SystemClock())
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._seq = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Make the tables and the administrator, then serve."""
        migrate(self.services.database)
        self.services.telemetry.store.open()
        with self.services.database.write() as session:
            self.services.alarms.ensure_system_rules(session, self.now())
            for name, role in (("anna", Role.ADMIN), ("tom", Role.TECHNICIAN), ("vera", Role.VIEWER)):
                self.services.users.add(session, name, PASSWORD, role, self.now(), name.capitalize())
        self.serve()

    def serve(self) -> None:
        """Serve, once more after `stop`."""
        app = create_app(self.services)
        config = uvicorn.Config(app, port=self._port, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        server = self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(server)), name="building", daemon=True)
        self._thread.start()
        wait_for(lambda: accepts(self._port), "the building is served")

    async def _run(self, server: uvicorn.Server) -> None:
        following = asyncio.create_task(self.services.changes.run(), name="changes")
        await server.serve()
        following.cancel()

    def stop(self) -> None:
        """Stop serving; what is in the database stays."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        loop = server.servers[0].get_loop()
        for connection in list(server.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:  # as when the process dies
                loop.call_soon_threadsafe(transport.abort)
        server.should_exit = server.force_exit = True
        thread.join(60)

    def now(self) -> datetime:
        return self.services.now()

    def send(self, kind: str, *messages: msgspec.Struct, gateway: str = GATEWAY) -> None:
        """As if it came from the broker."""
        self.send_raw(f"plantroom/v1/{gateway}/{kind}", *(encode(message) for message in messages))

    def send_raw(self, topic: str, *payloads: bytes) -> None:
        """Any payload on any topic."""
        self.services.ingest.process([Received(topic, payload, 1) for payload in payloads], self.now())

    def enrol(self, devices: list[BirthDevice], gateway: str = GATEWAY, site: str = "main") -> None:
        """A gateway that is online with these devices."""
        at = self.now()
        with self.services.database.write() as session:
            self.services.sites.ensure(session, site, f"{site.capitalize()} building")
            self.services.gateways.enrol(session, gateway, site, "Plant room", "", at)
        ms = ms_of(at)
        self.send("status", Status(v=VERSION, gateway=gateway, state="online", boot="b", at=ms), gateway=gateway)
        born = Birth(v=VERSION, gateway=gateway, boot="b", at=ms, config_version="local", devices=devices)
        born.versions = {"plantroom": "0.1.0"}
        self.send("birth", born, gateway=gateway)

    def readings(self, rows: list[DeviceRows], gateway: str = GATEWAY, until: int | None = None) -> None:
        """One live batch."""
        self._seq += 1
        batch = Batch(
            v=VERSION,
            gateway=gateway,
            outbox="o",
            stream="telemetry",
            seq=self._seq,
            boot="b",
            sent_at=ms_of(self.now()),
            complete_until=until,
            telemetry=rows,
        )
        self.send("data", batch, gateway=gateway)

    def pump_day(self, number: int, hottest: float, hours: float = 3.0) -> None:
        """A pump's last hours, warming up to `hottest` now."""
        end = ms_of(self.now())
        times = [end - round(hours * 3_600_000) + step * 30_000 for step in range(round(hours * 120) + 1)]
        share = [step / (len(times) - 1) for step in range(len(times))]
        warm = [55 + 4 * math.sin(9 * s) + (hottest - 55) * max(0.0, s - 0.9) * 10 for s in share]
        values: dict[str, list[Any]] = {
            "bearing_temperature": [round(v, 2) for v in warm],
            "speed": [1450 + round(20 * math.sin(30 * s)) for s in share],
            "state": ["running"] * len(times),
        }
        self.readings([DeviceRows(device=f"pump-{number}", times=times, values=values)], until=end)

    def store(self) -> None:
        """Move what waits into the telemetry store."""
        self.services.telemetry_writer.drain(self.now())


def ms_of(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60) -> None:
    """Until it is true; time is only the bound."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"within {seconds} s: {what}"
        time.sleep(0.02)


def furnish(building: Building) -> None:
    """Two pumps of which one is hot, with everything a page can show."""
    building.enrol([pump(1), pump(2), gateway_device()])
    building.pump_day(1, 92)
    building.pump_day(2, 58)
    moment = ms_of(building.now())
    own: dict[str, list[Any]] = {
        "cpu_percent": [12.5],
        "memory_mb": [44.0],
        "disk_free_mb": [12_000],
        "outbox_batches": [3],
        "bus_load_line_1": [37.5],
        "clock_synced": [True],
    }
    building.readings([DeviceRows(device=GATEWAY, times=[moment], values=own)], until=moment)
    building.send_raw("plantroom/v1/gw-a/data", b"<script>alert(1)</script> no batch")
    building.send_raw("plantroom/v1/gw-x/data", b'{"v": 1, "gateway": "gw-x"}')
    building.store()


def crowd(building: Building, devices: int) -> None:
    """Many pumps."""
    building.enrol([pump(number) for number in range(1, devices + 1)])
    moment = ms_of(building.now())
    values: dict[str, list[Any]] = {"bearing_temperature": [55.0], "speed": [1450], "state": ["running"]}
    rows = [DeviceRows(device=f"pump-{n}", times=[moment], values=values) for n in range(1, devices + 1)]
    building.readings(rows, until=moment)
