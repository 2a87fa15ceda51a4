"""What the cloud's benchmarks need: servers on free ports, a control plane of its own process, gateways that send."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
import psutil
import yaml
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from plantroom_cloud.config import load_cloud_config
from plantroom_cloud.migration import migrate
from plantroom_cloud.services import Services, build
from plantroom_cloud.sites.models import Site
from plantroom_shared.batch import Batch, DeviceRows
from plantroom_shared.clock import SystemClock
from plantroom_shared.encoding import encode
from plantroom_shared.messages import Birth, BirthDevice, Metric, SuggestedRule
from plantroom_shared.topics import topic
from tests.servers.influxdb import InfluxDb
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.process import die_with_parent

METRICS = 20
RULES = 20


@dataclass
class Rig:
    """Servers, and the configuration of a control plane on them."""

    folder: Path
    broker: Mosquitto
    influx: InfluxDb
    config: Path
    metrics_port: int
    web_port: int
    services: Services


@contextmanager
def rig(folder: Path, store: str, gateways: int) -> Iterator[Rig]:
    """All servers up, the gateways enrolled, no control plane running yet."""
    broker, influx = Mosquitto(folder / "mosquitto"), InfluxDb(folder / "influxdb")
    ports = free_port(), free_port()
    config = folder / "cloud.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "mqtt": {"host": "127.0.0.1", "port": broker.port, "username": ""},
                "telemetry": {"store": store, "url": influx.url},
                "web": {"port": ports[0]},
                "metrics": {"port": ports[1]},
            }
        )
    )
    services = build(load_cloud_config(config, {}), SystemClock())
    migrate(services.database)
    with services.database.write() as session:
        session.add(Site(id="bench", name="Bench"))
        session.flush()
        for number in range(gateways):
            services.gateways.enrol(session, gateway_name(number), "bench", "", "", services.now())
    broker.server.start()
    influx.server.start()
    try:
        yield Rig(folder, broker, influx, config, ports[1], ports[0], services)
    finally:
        services.database.close()
        broker.server.stop()
        influx.server.stop()


def gateway_name(number: int) -> str:
    """The id of a gateway."""
    return f"gw-{number}"


@contextmanager
def control_plane(rig: Rig, *arguments: str) -> Iterator[psutil.Process]:
    """`plantroom-cloud serve` as its own process, ready."""
    program = str(Path(sys.executable).parent / "plantroom-cloud")
    with (rig.folder / "cloud.log").open("ab") as log:
        process = subprocess.Popen(
            [program, "serve", "-c", str(rig.config), *arguments],
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )
    try:
        wait(lambda: figure(rig, "plantroom_broker_connected") == 1, 60, "the control plane is connected")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def figure(rig: Rig, name: str) -> float:
    """One of the control plane's Prometheus figures; 0 while there is none."""
    try:
        text = httpx.get(f"http://127.0.0.1:{rig.metrics_port}/metrics/", timeout=10).text
    except httpx.TransportError:
        return 0
    found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else 0


def wait(condition: Callable[[], bool], seconds: float, what: str, every: float = 0.05) -> None:
    """Until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"in {seconds} s not: {what}")
        time.sleep(every)


def birth(gateway: str, devices: int) -> bytes:
    """Devices of one profile with 20 metrics and 20 limit rules with an on-delay."""
    rules = [
        SuggestedRule(
            key=f"high-{number}",
            name=f"High {number}",
            kind="limit",
            severity="high",
            metric=f"m{number}",
            operator=">",
            limit=1_000,
            deadband=5,
            on_delay_s=5,
            cause="Too much load.",
            consequence="It wears out.",
            response="Reduce the load.",
            work_order=False,
        )
        for number in range(RULES)
    ]
    metrics = [Metric(name=f"m{number}", label=f"M{number}", unit="°C") for number in range(METRICS)]
    born = [
        BirthDevice(device=f"d{number}", label=f"D{number}", profile="bench", metrics=metrics, rules=rules)
        for number in range(devices)
    ]
    return encode(Birth(v=1, gateway=gateway, boot="b", at=now_ms(), config_version="1", devices=born))


def batch(gateway: str, seq: int, devices: int, at: int, *, historical: bool = False, rows: int = 1) -> bytes:
    """Rows of each device, 20 metrics."""
    times = [at - (rows - 1 - row) * 1000 for row in range(rows)]
    telemetry = [
        DeviceRows(
            device=f"d{number}",
            times=times,
            values={f"m{m}": [20.0 + (seq * 7 + m * 3 + number) % 100 / 7 for _ in times] for m in range(METRICS)},
        )
        for number in range(devices)
    ]
    return encode(
        Batch(
            v=1,
            gateway=gateway,
            outbox="bench",
            stream="telemetry",
            seq=seq,
            boot="b",
            sent_at=at,
            historical=historical,
            complete_until=at,
            telemetry=telemetry,
        )
    )


def now_ms() -> int:
    """Wall clock, ms."""
    return round(datetime.now(UTC).timestamp() * 1000)


def _without_delay(_client: mqtt.Client, _data: object, connection: object) -> None:
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Sender:
    """A client of the broker that publishes with QoS 1."""

    def __init__(self, port: int, name: str, subscribe: str = "", session_s: int = 0) -> None:
        self.got: list[tuple[str, bytes, float]] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        self.client.max_inflight_messages_set(1_000)
        self.client.on_message = lambda _c, _u, m: self.got.append((m.topic, bytes(m.payload), time.perf_counter()))
        self.client.on_socket_open = _without_delay
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = session_s
        self.client.connect("127.0.0.1", port, clean_start=not session_s, properties=properties)
        self.client.loop_start()
        if subscribe:
            self.client.subscribe(subscribe, 1)

    def send(self, gateway: str, kind: str, payload: bytes) -> mqtt.MQTTMessageInfo:
        """Publish; the result can be waited for."""
        return self.client.publish(topic(gateway, "birth" if kind == "birth" else "data"), payload, 1)

    def close(self) -> None:
        """Leave."""
        self.client.disconnect()
        self.client.loop_stop()
