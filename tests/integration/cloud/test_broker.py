"""The broker's files with a real mosquitto: each gateway reaches its own topics alone; a revoked one is out."""

from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from click.testing import CliRunner
from paho.mqtt.enums import CallbackAPIVersion

from plantroom_cloud.cli import main
from plantroom_cloud.gateways.broker import CLOUD_USER, hash_password, write_broker_files
from plantroom_cloud.gateways.certificate import Authority
from tests.acceptance.test_lab import until
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port

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

    def __init__(
        self,
        port: int,
        name: str,
        password: str | None,
        ca_file: Path | None = None,
        certificate: Path | None = None,
        patience: float = 60,
    ) -> None:
        self.name = name
        self.got: list[str] = []
        self.refused = False
        self.connected = False
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        if password is not None:
            self.client.username_pw_set(name, password)
        if ca_file is not None:
            files = (None, None) if certificate is None else (f"{certificate}.pem", f"{certificate}.key")
            self.client.tls_set(str(ca_file), *files)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_disconnect = lambda *_: setattr(self, "connected", False)
        self.client.on_message = lambda _c, _u, message: self.got.append(message.topic)
        self.client.connect("localhost", port)
        self.client.loop_start()
        try:
            until(lambda: self.connected or self.refused, patience, f"{name} is answered")
        except AssertionError:
            self.end()
            raise

    def _on_connect(self, *arguments: object) -> None:
        self.refused = bool(getattr(arguments[3], "is_failure", False))
        if not self.refused:
            self.client.subscribe([("plantroom/v1/#", 1)])

    def _on_subscribe(self, *_: object) -> None:
        self.connected = True  # from now on it hears what is published

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
        until(lambda: "plantroom/v1/gw-a/data" in cloud.got, 120, "its own data arrives")
        cloud.client.publish("plantroom/v1/gw-a/ack", b"x", 1)
        cloud.client.publish("plantroom/v1/gw-b/ack", b"x", 1)
        until(lambda: a.got and b.got, 120, "both get their acknowledgement")
        assert a.got == ["plantroom/v1/gw-a/ack"]
        assert b.got == ["plantroom/v1/gw-b/ack"]
        assert not {"plantroom/v1/gw-b/data", "plantroom/v1/gw-a/command"} & set(cloud.got)
        # revoked: its line goes, the broker reads the file again and puts it out
        left = {name: hash_password(secret) for name, secret in PASSWORDS.items() if name != "gw-b"}
        write_broker_files(folder, left | {"gw-a": hash_password(PASSWORDS["gw-a"])})
        until(lambda: b.refused or not b.connected, 120, "the revoked gateway is put out")
        for client in (cloud, a, b):
            client.end()
    finally:
        broker.server.stop()


def production(folder: Path, certificates: int) -> Mosquitto:
    """A broker with the production configuration; `certificates` is its port for client certificates."""
    text = (Path(__file__).resolve().parents[3] / "docker/mosquitto/mosquitto.conf").read_text()
    (folder / "data").mkdir(parents=True)
    lines = [
        line
        for line in text.replace("/mosquitto/broker", "{dir}").replace("/mosquitto/data", "{dir}/data").splitlines()
        if not line.startswith(("max_queued", "max_inflight", "set_tcp"))  # the fixture says the same
    ]
    lines.append("pid_file {dir}/mosquitto.pid")  # on the machine of the control plane: revoking tells it at once
    config = "\n".join(lines).replace("listener 8883", "listener {port} 127.0.0.1")
    return Mosquitto(folder, config.replace("listener 8884", f"listener {certificates} 127.0.0.1"))


def test_the_production_configuration_starts_with_our_certificate(tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    broker = production(folder, free_port())
    write_broker_files(folder, {"gw-a": hash_password("a-secret")})
    Authority(folder).make(["mosquitto", "localhost"])
    broker.server.start()
    try:
        client = Client(broker.port, "gw-a", "a-secret", folder / "ca.pem")
        assert client.connected
        client.end()
    finally:
        broker.server.stop()


def _cloud_yaml(folder: Path) -> Path:
    config = folder / "cloud.yaml"
    config.write_text(
        f"database_url: sqlite:///{folder}/plantroom.db\nbroker_dir: mosquitto\n"
        "mqtt: {host: localhost, port: 1, password: cloud-secret}\n"
    )
    return config


def _administer(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def test_a_gateway_is_known_by_its_certificate_until_that_is_revoked(tmp_path: Path) -> None:
    folder, port = tmp_path / "mosquitto", free_port()
    broker = production(folder, port)
    config = str(_cloud_yaml(tmp_path))
    _administer("broker", "certificate", "localhost", "-c", config)
    for name in ("gw-a", "gw-b"):
        _administer("gateway", "add", name, "--site", "main", "--certificate", "--out", str(tmp_path), "-c", config)
    assert (tmp_path / "gw-a.key").stat().st_mode & 0o77 == 0
    assert (folder / "authority").stat().st_mode & 0o77 == 0
    broker.server.start()
    try:
        cloud = Client(broker.port, CLOUD_USER, "cloud-secret", folder / "ca.pem")
        a, b = (Client(port, name, None, folder / "ca.pem", tmp_path / name) for name in ("gw-a", "gw-b"))
        # whatever it calls itself, it is who its certificate says
        for topic in ("plantroom/v1/gw-b/data", "plantroom/v1/gw-a/data"):
            a.client.publish(topic, b"x", 1)
        until(lambda: "plantroom/v1/gw-a/data" in cloud.got, 120, "its own data arrives")
        assert "plantroom/v1/gw-b/data" not in cloud.got
        cloud.got.clear()
        _administer("gateway", "revoke", "gw-a", "-c", config)

        def only_the_other_is_heard() -> bool:
            cloud.got.clear()
            for client in (a, b):
                client.client.publish(f"plantroom/v1/{client.name}/data", b"y", 1)
            until(lambda: "plantroom/v1/gw-b/data" in cloud.got, 120, "the other's data arrives")
            return "plantroom/v1/gw-a/data" not in cloud.got

        # its open connection is worth nothing from the moment on at which the broker has read its files
        until(only_the_other_is_heard, 120, "the revoked one is not heard any more")
        a.end()
        with pytest.raises((OSError, AssertionError)):
            Client(port, "gw-a", None, folder / "ca.pem", tmp_path / "gw-a", patience=3)
        with pytest.raises((OSError, AssertionError)):
            Client(port, "gw-c", None, folder / "ca.pem", patience=3)  # none at all
        # enrolled again it gets another certificate; the old one stays revoked
        old = (tmp_path / "gw-a.pem").read_bytes()
        _administer("gateway", "add", "gw-a", "--site", "main", "--certificate", "--out", str(tmp_path), "-c", config)
        assert (tmp_path / "gw-a.pem").read_bytes() != old
        again = Client(port, "gw-a", None, folder / "ca.pem", tmp_path / "gw-a")
        again.client.publish("plantroom/v1/gw-a/data", b"z", 1)
        until(lambda: "plantroom/v1/gw-a/data" in cloud.got, 120, "it is in again")
        for client in (cloud, b, again):
            client.end()
    finally:
        broker.server.stop()


def test_a_certificate_needs_an_authority(tmp_path: Path) -> None:
    arguments = ["gateway", "add", "gw-a", "--site", "main", "--certificate", "--out", str(tmp_path)]
    done = CliRunner().invoke(main, [*arguments, "-c", str(_cloud_yaml(tmp_path))])
    assert done.exit_code == 1
    assert "make one with: plantroom-cloud broker certificate" in done.output
    named = CliRunner().invoke(
        main, ["gateway", "add", CLOUD_USER, "--site", "m", "--out", str(tmp_path), "-c", str(tmp_path / "cloud.yaml")]
    )
    assert named.exit_code == 1
    assert "choose another id" in named.output


@pytest.mark.parametrize("password", ["", "with:colon", "ä€"])
def test_a_hash_is_one_line_without_the_password(password: str) -> None:
    hashed = hash_password(password)
    assert hashed.startswith("$7$101$")
    assert "\n" not in hashed
    assert not password or password not in hashed
