"""A control plane of real processes, and gateways that send to it, for tests."""

import itertools
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from plantroom_cloud.config import load_cloud_config
from plantroom_cloud.jobs.models import Lease
from plantroom_cloud.migration import migrate
from plantroom_cloud.services import Services, build
from plantroom_cloud.sites.models import Site
from plantroom_shared.batch import Batch, DeviceRows, Event
from plantroom_shared.clock import SystemClock
from plantroom_shared.encoding import decode, encode
from plantroom_shared.messages import Ack, Birth, BirthDevice, Metric, Rejected, SuggestedRule
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.process import Server

PROGRAM = Path(sys.executable).parent / "plantroom-cloud"


class Installation:
    """Processes of one control plane, started as an administrator would, with its services at hand to look."""

    def __init__(
        self,
        folder: Path,
        broker: Mosquitto,
        gateways: Sequence[str],
        database_url: str = "",
        notifications: Mapping[str, Any] | None = None,
        **telemetry: Any,
    ) -> None:
        self._said = {
            "database_url": database_url or "sqlite:///plantroom.db",
            "telemetry": telemetry,
            "mqtt": {"host": "127.0.0.1", "port": broker.port, "username": ""},
            "notifications": dict(notifications or {}),
        }
        self.config = self._configure(folder, "cloud.yaml")
        self.folder = folder
        self.services: Services = build(load_cloud_config(self.config, {}), SystemClock())
        migrate(self.services.database)
        self.processes: list[Server] = []
        self._numbers = itertools.count()
        with self.services.database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.flush()
            for gateway in gateways:
                self.services.gateways.enrol(session, gateway, "main", "", "", self.services.now())

    def _configure(self, folder: Path, name: str) -> Path:
        """With a port of its own for the page: two whole processes on one machine need two."""
        path = folder / name
        path.write_text(yaml.safe_dump(self._said | {"web": {"port": free_port()}}))
        return path

    def start(self, *arguments: str, connected: bool = False, program: Sequence[str | Path] = (PROGRAM,)) -> Server:
        """Without arguments all that a control plane does."""
        port = free_port()
        number = next(self._numbers)
        config = self._configure(self.folder, f"cloud-{number}.yaml")

        def ready() -> bool:
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/health", timeout=30).json()
            except httpx.TransportError:
                return False
            return bool(answer["broker"]) or not connected

        name = f"cloud {' '.join(arguments)}"
        command = [*program, "serve", "-c", config, "--metrics-port", str(port), *arguments]
        process = Server(name, command, log=self.folder / f"{number}.log", ready=ready)
        process.start(120)
        self.processes.append(process)
        return process

    def leader(self, name: str) -> Server | None:
        """Of the processes that live the one that holds a lease."""
        with self.services.database.read() as session:
            lease = session.get(Lease, name)
        pid = 0 if lease is None else int(lease.holder.split("/")[1])
        return next((process for process in self.processes if not process.ended and process.pid == pid), None)

    def stop(self) -> None:
        for process in self.processes:
            process.stop()
        self.services.database.close()


class Gateway:
    """A gateway that sends in order, and again what was not acknowledged in time."""

    def __init__(self, port: int, name: str) -> None:
        self.name = name
        self.waiting: dict[int, tuple[bytes, float]] = {}
        self.rejected: list[Rejected] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.subscribe(f"plantroom/v1/{name}/ack", 1)
        self.client.loop_start()

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        ack = decode(bytes(message.payload), Ack)
        for rejected in ack.rejected:
            self.rejected.append(rejected)
            self.waiting.pop(rejected.seq, None)
        for first, last in ack.acked:
            for seq in range(first, last + 1):
                self.waiting.pop(seq, None)

    def birth(self, *, work_order: bool = False) -> None:
        rule = SuggestedRule(
            key="hot",
            name="Hot",
            kind="limit",
            severity="high",
            metric="t",
            operator=">",
            limit=80,
            cause="Worn bearing.",
            consequence="It seizes.",
            response="Grease it.",
            work_order=work_order,
        )
        device = BirthDevice(
            device="pump", label="Pump", profile="x/pump", metrics=[Metric(name="t", label="T")], rules=[rule]
        )
        born = Birth(v=1, gateway=self.name, boot="b", at=1, config_version="1", devices=[device])
        self.client.publish(f"plantroom/v1/{self.name}/birth", encode(born), 1)

    def send(self, seq: int, at: int) -> None:
        """Hot and cold in turn: each hot one is an alarm, if and only if all are judged in order."""
        self.publish(
            seq,
            Batch(
                v=1,
                gateway=self.name,
                outbox="o",
                stream="telemetry",
                seq=seq,
                boot="b",
                sent_at=at,
                complete_until=at,
                telemetry=[DeviceRows(device="pump", times=[at], values={"t": [90.0 if seq % 2 else 20.0]})],
                events=[Event(id=f"{self.name}-{seq}", kind="test", time=at)],
            ),
        )

    def publish(self, seq: int, batch: Batch) -> None:
        """Any batch; it waits for its answer."""
        payload = encode(batch)
        self.waiting[seq] = payload, time.monotonic()
        self.client.publish(f"plantroom/v1/{self.name}/data", payload, 1)

    def again(self) -> bool:
        """Send what has waited long; whether anything waits."""
        for seq, (payload, sent) in sorted(self.waiting.items()):
            if time.monotonic() - sent > 5:
                self.waiting[seq] = payload, time.monotonic()
                self.client.publish(f"plantroom/v1/{self.name}/data", payload, 1)
        return bool(self.waiting)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def until(condition: Callable[[], object], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"in {seconds} s not: {what}"
        time.sleep(0.05)
