"""The uplink with real brokers: the present first, nothing lost to a broker that refuses, is old, or is half gone."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from plantroom_edge.config.model import Mqtt, OutboxBounds
from plantroom_edge.config.validation import validated
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.payload import Payload
from plantroom_edge.outbox.store import ADOPTED
from plantroom_edge.uplink import link, window
from plantroom_edge.uplink.link import LINK_ERRORS, TCP_USER_TIMEOUT_MS, Connection, MqttLink
from plantroom_edge.uplink.pace import Pace
from plantroom_edge.uplink.uplink import Uplink
from plantroom_edge.uplink.window import MOST_BATCHES
from plantroom_shared.batch import DeviceRows, Event, Stream
from plantroom_shared.clock import SystemClock
from plantroom_shared.messages import VERSION, Birth
from tests.fakes.cloud import cloud_twin
from tests.fakes.mute_broker import mute_broker
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.process import Server, accepts

LIMIT_S = 120
NOW = 1_764_072_000_000

FORBIDDING = """
listener {port} 127.0.0.1
allow_anonymous true
acl_file {dir}/acl
pid_file {dir}/mosquitto.pid
"""
MUTUAL = """
listener {port} 127.0.0.1
cafile {dir}/ca.pem
certfile {dir}/server.pem
keyfile {dir}/server.key
require_certificate true
use_identity_as_username true
acl_file {dir}/acl
"""


class Gateway:
    """An outbox and its uplink."""

    def __init__(self, folder: Path, mqtt: dict[str, Any]) -> None:
        clock = SystemClock()
        self.outbox = Outbox(folder / "outbox.db", validated(OutboxBounds, {"min_free_bytes": "1MB"}), clock)
        self.link = MqttLink(validated(Mqtt, {"host": "127.0.0.1", **mqtt}), "gw")
        self.told: list[Event] = []
        self.commands: list[Any] = []
        birth = Birth(v=VERSION, gateway="gw", boot="b", at=NOW, config_version="local")
        self.uplink = Uplink(
            "gw",
            self.link,
            self.outbox,
            clock,
            lambda: birth,
            self.commands.append,
            _ignore,
            _ignore,
            self.told.append,
            lambda: None,
        )
        self.outbox.flying = self.uplink.telemetry_flying

    async def telemetry(self, *numbers: int) -> None:
        batches: list[tuple[Stream, Payload]] = [
            ("telemetry", Payload(telemetry=[DeviceRows(device="d", times=[NOW + n], values={"n": [n]})]))
            for n in numbers
        ]
        await self.outbox.append(batches)

    async def event(self, name: str) -> None:
        await self.outbox.append([("events", Payload(events=[Event(id=name, kind="gate.opened", time=NOW)]))])

    async def waiting(self) -> int:
        return sum([(await self.outbox.depth(stream)).batches for stream in ("events", "telemetry")])


def _ignore(_: Any) -> None:
    return None


@asynccontextmanager
async def gateway(folder: Path, **mqtt: Any) -> AsyncIterator[Gateway]:
    """Open, with the uplink not running yet."""
    made = Gateway(folder, mqtt)
    await made.outbox.open()
    try:
        async with asyncio.timeout(LIMIT_S):
            yield made
    finally:
        await made.outbox.close()


@asynccontextmanager
async def sending(made: Gateway) -> AsyncIterator[None]:
    running = asyncio.create_task(made.uplink.run(), name="uplink")
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def eventually(condition: Callable[[], Any]) -> None:
    """Until it holds; what it is called with may be a coroutine."""
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        await asyncio.sleep(0.01)


async def test_events_first_then_the_present_then_the_past(tmp_path: Path, broker: Mosquitto) -> None:
    async with cloud_twin(broker.port) as cloud, gateway(tmp_path, port=broker.port) as gw:
        await gw.telemetry(*range(2000))
        await gw.event("e1")
        gw.uplink._pace = Pace(200.0)
        async with sending(gw):
            await cloud.until(lambda cloud: len(cloud.batches) > 150)
            await gw.telemetry(5000)
            await gw.event("e2")
            await cloud.until(lambda cloud: any(b.stream == "events" and b.seq == 2 for b in cloud.batches))
            gw.uplink._pace = Pace(100_000.0)
            await cloud.until(lambda cloud: len({(b.stream, b.seq) for b in cloud.batches}) == 2003)
            await eventually(lambda: _empty(gw))
    order = [(b.stream, b.seq, b.historical) for b in cloud.batches]
    assert order[0] == ("events", 1, False)
    fresh = order.index(("telemetry", 2001, False))
    assert sum(historical for _, _, historical in order[fresh:]) > 500, "the past fills in behind the present"
    past = [seq for stream, seq, historical in order if stream == "telemetry" and historical]
    assert past == list(range(1, 2001)), "in its order, each once"


async def _empty(gw: Gateway) -> bool:
    return await gw.waiting() == 0


async def test_batches_do_not_wait_for_one_another_and_a_window_bounds_them(tmp_path: Path) -> None:
    async with mute_broker() as broker, gateway(tmp_path, port=broker.port) as gw, sending(gw):
        await eventually(lambda: gw.uplink.connected)
        await gw.telemetry(*range(500))
        await eventually(lambda: broker.published >= MOST_BATCHES)
        await asyncio.sleep(0.2)
        assert broker.published == MOST_BATCHES
        assert len(gw.uplink.telemetry_flying()) == MOST_BATCHES


async def test_no_more_is_sent_at_once_than_the_broker_takes(tmp_path: Path) -> None:
    async with mute_broker(most=5) as broker, gateway(tmp_path, port=broker.port) as gw, sending(gw):
        await eventually(lambda: gw.uplink.connected)
        await gw.telemetry(*range(100))
        await eventually(lambda: broker.published >= 5)
        await asyncio.sleep(0.2)
        assert broker.published == 5
        broker.answer_one()
        await eventually(lambda: broker.published == 6)


async def test_what_the_broker_forbids_is_told_and_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "RESEND_AFTER_S", 0.5)
    server = Mosquitto(tmp_path / "mosquitto", FORBIDDING)
    acl = "topic readwrite plantroom/v1/+/status\ntopic readwrite plantroom/v1/+/birth\ntopic readwrite plantroom/v1/+/"
    (server.dir / "acl").write_text(acl + "ack\ntopic read plantroom/v1/#\n")
    server.server.start()
    try:
        async with cloud_twin(server.port) as cloud, gateway(tmp_path, port=server.port) as gw:
            await gw.event("e1")
            async with sending(gw):
                await eventually(lambda: gw.told)
                assert gw.told[0].kind == "uplink.refused"
                assert gw.told[0].data == {"topic": "plantroom/v1/gw/data", "reason": "Not authorized"}
                assert await gw.waiting() == 1
                (server.dir / "acl").write_text("topic readwrite plantroom/v1/#\n")
                os.kill(server.server.pid, signal.SIGHUP)
                await cloud.until(lambda cloud: cloud.batches)
                await eventually(lambda: _empty(gw))
                assert len(gw.told) == 1, "told once"
    finally:
        server.server.stop()


async def test_a_subscription_that_is_not_granted_is_no_connection() -> None:
    class Client:
        """A broker that grants the first and refuses the second; mosquitto grants all and delivers nothing."""

        _client = type("Paho", (), dict.fromkeys(("on_connect", "on_disconnect", "on_socket_open", "on_publish")))()

        async def subscribe(self, _: Any) -> list[ReasonCode]:
            return [ReasonCode(PacketTypes.SUBACK, identifier=code) for code in (1, 0x87)]

    with pytest.raises(LINK_ERRORS, match="b: Not authorized"):
        await Connection(Client()).subscribe(["a", "b"])  # type: ignore[arg-type]


async def test_an_old_broker_gets_the_old_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """amqtt speaks MQTT 3.1.1 and never answers a client that begins with 5."""
    monkeypatch.setattr(link, "CONNECT_TIMEOUT_S", 2.0)
    port = free_port()
    (tmp_path / "amqtt.yaml").write_text(
        f"listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:{port}\n"
        "plugins:\n  amqtt.plugins.authentication.AnonymousAuthPlugin:\n    allow_anonymous: true\n"
    )
    command = [str(Path(sys.executable).parent / "amqtt"), "-c", str(tmp_path / "amqtt.yaml")]
    server = Server("amqtt", command, log=tmp_path / "amqtt.log", ready=lambda: accepts(port))
    server.start()
    try:
        async with cloud_twin(port) as cloud, gateway(tmp_path, port=port) as gw:
            await gw.telemetry(*range(50))
            await gw.event("e1")
            async with sending(gw):
                await cloud.until(lambda cloud: len({(b.stream, b.seq) for b in cloud.batches}) == 51)
                await eventually(lambda: _empty(gw))
                assert gw.link.protocol == "MQTT 3.1.1"
            assert {"birth", "status"} <= set(cloud.others)
    finally:
        server.kill()


async def test_a_client_certificate_says_who_the_gateway_is(tmp_path: Path) -> None:
    server = Mosquitto(tmp_path / "mosquitto", MUTUAL)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(server.dir / "ca.pem")
    own = authority.issue_cert("localhost", "127.0.0.1")
    own.private_key_pem.write_to_path(server.dir / "server.key")
    own.cert_chain_pems[0].write_to_path(server.dir / "server.pem")
    for name in ("gw", "other"):
        issued = authority.issue_cert(name, common_name=name)
        issued.private_key_pem.write_to_path(server.dir / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(server.dir / f"{name}.pem")
    (server.dir / "acl").write_text("pattern write plantroom/v1/%u/#\npattern read plantroom/v1/%u/#\n")
    server.server.start()

    def files(name: str) -> dict[str, Any]:
        return {
            "host": "localhost",
            "port": server.port,
            "ca_file": server.dir / "ca.pem",
            "cert_file": server.dir / f"{name}.pem",
            "key_file": server.dir / f"{name}.key",
        }

    try:
        async with gateway(tmp_path / "a", **files("gw")) as gw:
            await gw.event("e1")
            async with sending(gw):
                await eventually(lambda: gw.uplink.connected)
                await eventually(lambda: len(gw.uplink._window) == 1)
                assert not gw.told, "the broker took it"
        async with gateway(tmp_path / "b", **files("other")) as gw, sending(gw):
            await eventually(lambda: "refuses" in gw.uplink.last_error or "subscribe" in gw.uplink.last_error)
            assert not gw.uplink.connected
        without = {"host": "localhost", "port": server.port, "ca_file": server.dir / "ca.pem"}
        async with gateway(tmp_path / "c", **without) as gw, sending(gw):
            await eventually(lambda: gw.uplink.last_error)
            assert not gw.uplink.connected
    finally:
        server.server.stop()


async def test_a_half_open_connection_is_noticed(tmp_path: Path, broker: Mosquitto) -> None:
    """Whoever is between goes on taking our packets and passes none on."""
    stuck = asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", broker.port)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                if not stuck.is_set():
                    target.write(data)

        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with gateway(tmp_path, port=port, keepalive="5s") as gw, sending(gw):
        await eventually(lambda: gw.uplink.connected)
        stuck.set()
        await eventually(lambda: not gw.uplink.connected)
        stuck.clear()
        await eventually(lambda: gw.uplink.connected)
    server.close()


async def test_the_kernel_watches_the_connection_too(tmp_path: Path, broker: Mosquitto) -> None:
    async with (
        gateway(tmp_path, port=broker.port) as gw,
        gw.link.connect(("plantroom/v1/gw/status", b"x"), ["plantroom/v1/gw/ack"]) as connection,
    ):
        sock = connection.client._client.socket()
        assert isinstance(sock, socket.socket)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == TCP_USER_TIMEOUT_MS
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_what_was_salvaged_is_sent_under_the_name_it_had(tmp_path: Path, broker: Mosquitto) -> None:
    async with gateway(tmp_path, port=broker.port) as gw:
        await gw.telemetry(*range(300))
        identity = gw.outbox.outbox_id
    file = tmp_path / "outbox.db"
    data = bytearray(file.read_bytes())
    data[100:200] = b"\xff" * 100  # the first page's tree
    file.write_bytes(data)
    async with cloud_twin(broker.port) as cloud, gateway(tmp_path, port=broker.port) as gw:
        await gw.outbox.verify()
        assert gw.outbox.outbox_id != identity
        kept = await gw.outbox.read("telemetry", ADOPTED, 1000)
        await gw.telemetry(1000)
        async with sending(gw):
            await eventually(lambda: _empty(gw))
    old = [b.seq for b in cloud.batches if b.outbox == identity]
    assert len(old) == len(kept)
    assert old == sorted(old)
    assert [b.seq for b in cloud.batches if b.outbox == gw.outbox.outbox_id and b.stream == "telemetry"] == [1]
