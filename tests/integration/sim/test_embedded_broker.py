"""The lab's embedded broker: who may log in, and who may use which topic."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from plantroom_cloud.gateways.broker import hash_password
from plantroom_sim.errors import SimError
from plantroom_sim.lab.broker import broker_command, make_certificates
from plantroom_sim.lab.ports import listening
from tests.servers.ports import free_port
from tests.servers.process import die_with_parent

LIMIT_S = 90
NOTHING_S = 1.0
WHO = {"plantroom-cloud": "c-secret", "gw-a": "a-secret", "gw-b": "b-secret"}


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    make_certificates(tmp_path / "broker")
    lines = [f"{name}:{hash_password(secret)}" for name, secret in WHO.items()]
    (tmp_path / "broker" / "passwd").write_text("\n".join(lines) + "\n")
    number = free_port()
    command = broker_command("embedded", tmp_path / "broker", tmp_path / "data", number)
    assert command[0] == sys.executable
    with (tmp_path / "broker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, preexec_fn=die_with_parent)
    try:
        await listening(number, "the broker", tmp_path / "broker.log")
        yield number
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def client(port: int, folder: Path, name: str, password: str | None = None) -> AsyncIterator[aiomqtt.Client]:
    context = ssl.create_default_context(cafile=str(folder / "broker" / "ca.pem"))
    secret = WHO[name] if password is None else password
    async with aiomqtt.Client("127.0.0.1", port, username=name, password=secret, tls_context=context) as opened:
        yield opened


async def heard(listener: aiomqtt.Client, seconds: float) -> list[str]:
    topics: list[str] = []
    try:
        async with asyncio.timeout(seconds):
            async for message in listener.messages:
                topics += [str(message.topic)]
    except TimeoutError:
        pass
    return topics


async def test_a_gateway_writes_and_reads_its_own_topics_alone(port: int, tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_S), client(port, tmp_path, "plantroom-cloud") as cloud:
        await cloud.subscribe("plantroom/v1/#", 1)
        async with client(port, tmp_path, "gw-a") as ours, client(port, tmp_path, "gw-b") as theirs:
            await ours.subscribe([("plantroom/v1/gw-a/command", 1), ("plantroom/v1/gw-a/authority/+", 1)])
            await theirs.subscribe("plantroom/v1/gw-a/command", 1)
            await theirs.subscribe("plantroom/v1/#", 1)
            await ours.publish("plantroom/v1/gw-a/data", b"1", qos=1)
            await theirs.publish("plantroom/v1/gw-a/data", b"2", qos=1)
            await ours.publish("plantroom/v1/gw-a/ack", b"3", qos=1)
            assert await heard(cloud, NOTHING_S) == ["plantroom/v1/gw-a/data"]
            down = ["plantroom/v1/gw-a/command", "plantroom/v1/gw-a/authority/access"]
            for topic in down:
                await cloud.publish(topic, b"4", qos=1)
            assert await heard(ours, NOTHING_S) == down
            assert await heard(theirs, NOTHING_S) == []


@pytest.mark.parametrize(("name", "password"), [("gw-a", "wrong"), ("gw-a", ""), ("plantroom-cloud", "a-secret")])
async def test_a_wrong_password_gets_nobody_in(port: int, tmp_path: Path, name: str, password: str) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with asyncio.timeout(LIMIT_S), client(port, tmp_path, name, password):
            pass


def test_mosquitto_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plantroom_sim.lab.broker.shutil.which", lambda *_args, **_more: None)
    with pytest.raises(SimError, match="apt-get install mosquitto"):
        broker_command("mosquitto", tmp_path, tmp_path, 1883)
    assert "embedded" in broker_command("auto", tmp_path, tmp_path, 1883)[2]
