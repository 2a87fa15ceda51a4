"""The control plane as several processes on one broker and one PostgreSQL: nothing lost, nothing twice, order kept."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.config import load_cloud_config
from plantroom_cloud.gateways import ledger
from plantroom_cloud.ingest.partition import Partition
from plantroom_cloud.migration import migrate
from plantroom_cloud.services import Services, build
from plantroom_cloud.sites.models import Site
from plantroom_shared.batch import Batch, DeviceRows, Event
from plantroom_shared.clock import SystemClock
from plantroom_shared.encoding import decode, encode
from plantroom_shared.messages import Ack, Birth, BirthDevice, Metric, SuggestedRule
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgres import Postgres
from tests.servers.process import Server, free_port

GATEWAYS = [f"gw-{number}" for number in range(6)]
BATCHES = 40
PROGRAM = Path(sys.executable).parent / "plantroom-cloud"


class Cloud:
    """Processes of one installation."""

    def __init__(self, folder: Path, broker: Mosquitto, database_url: str) -> None:
        self.config = folder / "cloud.yaml"
        self.config.write_text(
            yaml.safe_dump(
                {
                    "database_url": database_url,
                    "mqtt": {"host": "127.0.0.1", "port": broker.port, "username": ""},
                    "web": {"port": free_port()},
                }
            )
        )
        self.folder = folder
        self.services: Services = build(load_cloud_config(self.config, {}), SystemClock())
        migrate(self.services.database)
        self.processes: list[Server] = []
        with self.services.database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.flush()
            for gateway in GATEWAYS:
                self.services.gateways.enrol(session, gateway, "main", "", "", self.services.now())

    def start(self, *arguments: str, connected: bool = False) -> Server:
        port = free_port()

        def ready() -> bool:
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/health").json()
            except httpx.TransportError:
                return False
            return bool(answer["broker"]) or not connected

        name = f"cloud {' '.join(arguments)}"
        command: list[str | Path] = [PROGRAM, "serve", "-c", self.config, "--metrics-port", str(port), *arguments]
        process = Server(name, command, log=self.folder / f"{len(self.processes)}.log", ready=ready)
        process.start(60)
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in self.processes:
            process.stop()
        self.services.database.close()


class Gateway:
    """A gateway that sends in order, and again what was not acknowledged in time."""

    def __init__(self, port: int, name: str) -> None:
        self.name = name
        self.waiting: dict[int, tuple[bytes, float]] = {}
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.subscribe(f"plantroom/v1/{name}/ack", 1)
        self.client.loop_start()

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        ack = decode(bytes(message.payload), Ack)
        assert not ack.rejected, ack.rejected
        for first, last in ack.acked:
            for seq in range(first, last + 1):
                self.waiting.pop(seq, None)

    def birth(self) -> None:
        rule = SuggestedRule(
            key="hot",
            name="Hot",
            kind="limit",
            severity="high",
            metric="t",
            operator=">",
            limit=80,
            work_order=False,
        )
        device = BirthDevice(
            device="pump", label="Pump", profile="x/pump", metrics=[Metric(name="t", label="T")], rules=[rule]
        )
        born = Birth(v=1, gateway=self.name, boot="b", at=1, config_version="1", devices=[device])
        self.client.publish(f"plantroom/v1/{self.name}/birth", encode(born), 1)

    def send(self, seq: int, at: int) -> None:
        """Hot and cold in turn: each hot one is an alarm, if and only if all are judged in order."""
        payload = encode(
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
            )
        )
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


@pytest.fixture
def cloud(tmp_path: Path, broker: Mosquitto, postgres: Postgres) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path, broker, postgres.create_database(f"processes_{free_port()}"))
    yield cloud
    cloud.stop()


def test_several_processes_share_the_gateways_and_follow_one_that_is_killed(cloud: Cloud, broker: Mosquitto) -> None:
    shares = [Partition(1, 2), Partition(2, 2)]
    assert all(any(share.has(gateway) for gateway in GATEWAYS) for share in shares)
    first = cloud.start("--part", "ingest", "--partition", "1/2", connected=True)
    cloud.start("--part", "ingest", "--partition", "2/2", "--part", "scheduler", connected=True)
    cloud.start("--part", "writer")
    cloud.start("--part", "ingest", "--partition", "1/2")  # waits for the first to end
    gateways = [Gateway(broker.port, name) for name in GATEWAYS]
    for gateway in gateways:
        gateway.birth()
    services = cloud.services

    def registered() -> int:
        with services.database.read() as session:
            return len(services.devices.list(session))

    until(lambda: registered() == len(GATEWAYS), 60, "all gateways have registered")
    begun = round(time.time() * 1000)
    for seq in range(1, BATCHES + 1):
        for gateway in gateways:
            gateway.send(seq, begun + seq * 100)
        if seq == BATCHES // 2:
            first.kill()
    until(lambda: not [gateway for gateway in gateways if gateway.again()], 90, "all is acknowledged")
    for gateway in gateways:
        gateway.close()

    def stored() -> int:
        services.telemetry.store.open()
        return sum(len(services.telemetry.raw(f"{name}.pump", "t", begun, begun + 1_000_000)) for name in GATEWAYS)

    until(lambda: stored() == len(GATEWAYS) * BATCHES, 60, "all is in the store")
    alarms: AlarmService = services.alarms
    at = services.now()
    with services.database.read() as session:
        for name in GATEWAYS:
            [stream] = ledger.streams(session, name)
            assert (stream.received, stream.missing) == (BATCHES, 0)
            hours = ledger.hours(session, name, at.replace(hour=0, minute=0), at)
            assert sum(hour.events_received for hour in hours) == BATCHES
            raised = alarms.search(session, device_id=f"{name}.pump", limit=1_000)
            assert [alarm.active for alarm in raised] == [False] * (BATCHES // 2)
        runs = services.jobs.runs(session, "forget changes")
    assert len(runs) == len({run.due_at for run in runs})
