"""The broker's files with a real mosquitto: each gateway reaches its own topics alone; a revoked one is out."""

from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from plantroom_cloud.gateways.broker import CLOUD_USER, hash_password, write_broker_files
from plantroom_cloud.gateways.certificate import make_broker_certificate
from tests.acceptance.test_lab import until
from tests.servers.mosquitto import Mosquitto

CONFIG = """
listener {port} 127.0.0.1
allow_anonymous false
password_file {dir}/passwd
acl_file {dir}/acl
pid_file {dir}/mosquitto.pid
"""
PASSWORDS = {CLOUD_USER: "cloud-secret", "gw-a": "a-secret", "gw-b": "b-secret"}


class Client:
    """A client that remembers what came."""

    def __init__(self, port: int, name: str, password: str, ca_file: Path | None = None) -> None:
        self.got: list[str] = []
        self.refused = False
        self.connected = False
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self.client.username_pw_set(name, password)
        if ca_file is not None:
            self.client.tls_set(str(ca_file))
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = lambda *_: setattr(self, "connected", False)
        self.client.on_message = lambda _c, _u, message: self.got.append(message.topic)
        self.client.connect("localhost", port)
        self.client.loop_start()
        until(lambda: self.connected or self.refused, 10, f"{name} is answered")

    def _on_connect(self, *arguments: object) -> None:
        self.refused = bool(getattr(arguments[3], "is_failure", False))
        self.connected = not self.refused
        if self.connected:
            self.client.subscribe([("plantroom/v1/#", 1)])

    def end(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_a_gateway_reaches_its_own_topics_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    write_broker_files(folder, {name: hash_password(secret) for name, secret in PASSWORDS.items()})
    broker = Mosquitto(folder, CONFIG)
    broker.server.start()
    try:
        cloud, a, b = (Client(broker.port, name, secret) for name, secret in PASSWORDS.items())
        assert Client(broker.port, "gw-a", "wrong").refused
        for topic in ("plantroom/v1/gw-b/data", "plantroom/v1/gw-a/command", "plantroom/v1/gw-a/data"):
            a.client.publish(topic, b"x", 1)
        until(lambda: "plantroom/v1/gw-a/data" in cloud.got, 10, "its own data arrives")
        cloud.client.publish("plantroom/v1/gw-a/ack", b"x", 1)
        cloud.client.publish("plantroom/v1/gw-b/ack", b"x", 1)
        until(lambda: a.got and b.got, 10, "both get their acknowledgement")
        assert a.got == ["plantroom/v1/gw-a/ack"]
        assert b.got == ["plantroom/v1/gw-b/ack"]
        assert not {"plantroom/v1/gw-b/data", "plantroom/v1/gw-a/command"} & set(cloud.got)
        # revoked: its line goes, the broker reads the file again and puts it out
        left = {name: hash_password(secret) for name, secret in PASSWORDS.items() if name != "gw-b"}
        write_broker_files(folder, left | {"gw-a": hash_password(PASSWORDS["gw-a"])})
        until(lambda: b.refused or not b.connected, 10, "the revoked gateway is put out")
        for client in (cloud, a, b):
            client.end()
    finally:
        broker.server.stop()


def test_the_production_configuration_starts_with_our_certificate(tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    write_broker_files(folder, {"gw-a": hash_password("a-secret")})
    make_broker_certificate(folder, ["mosquitto", "localhost"])
    text = (Path(__file__).resolve().parents[3] / "docker/mosquitto/mosquitto.conf").read_text()
    (folder / "data").mkdir()
    lines = [
        line
        for line in text.replace("/mosquitto/broker", "{dir}").replace("/mosquitto/data", "{dir}/data").splitlines()
        if not line.startswith(("max_queued", "max_inflight", "set_tcp"))  # the fixture says the same
    ]
    broker = Mosquitto(folder, "\n".join(lines).replace("listener 8883", "listener {port} 127.0.0.1"))
    broker.server.start()
    try:
        client = Client(broker.port, "gw-a", "a-secret", folder / "ca.pem")
        assert client.connected
        client.end()
    finally:
        broker.server.stop()


@pytest.mark.parametrize("password", ["", "with:colon", "ä€"])
def test_a_hash_is_one_line_without_the_password(password: str) -> None:
    hashed = hash_password(password)
    assert hashed.startswith("$7$101$")
    assert "\n" not in hashed
    assert not password or password not in hashed
