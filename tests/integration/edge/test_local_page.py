"""The gateway's own page and its commands on a running agent: they show what is, change nothing, tell no secret."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from plantroom_edge.app import Agent
from plantroom_edge.cli import main
from plantroom_edge.config.loader import load_gateway_config
from plantroom_edge.health import health
from plantroom_shared.clock import SystemClock
from plantroom_sim.kinds.modbus.registers import Point
from tests.fakes.modbus import tcp_bus, unit
from tests.servers.ports import free_port

LIMIT_S = 90
PASSWORD = "very-secret-word"
PROFILE = """
maker: Acme
model: <b>Meter</b>
kind: meter
verified: document
source: this test
registers: [{metric: a, address: 0, label: A, type: uint16}]
"""


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PERIOD_S", 0.3)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Agent, int]]:
    """An agent with one meter whose label is no harmless text, and a broker that is away."""
    (folder / "profiles" / "acme").mkdir(parents=True)
    (folder / "profiles" / "acme" / "meter.yaml").write_text(PROFILE)
    port = free_port()
    async with tcp_bus(unit(1, [Point("a", 0, type="uint16")], {"a": 7})) as bus:
        config = {
            "gateway": "gw",
            "label": "Plant <script>",
            "mqtt": {"host": "127.0.0.1", "port": 1, "username": "gw", "password": PASSWORD},
            "data_dir": "data",
            "local_page": {"port": port},
            "outbox": {"min_free_bytes": "1MB"},
            "buses": [{"id": "plant", "type": "modbus-tcp", "host": bus.host, "port": bus.port}],
            "devices": [{"id": "meter-1", "profile": "acme/meter", "bus": "plant", "unit": 1, "period": "200ms"}],
        }
        (folder / "gateway.yaml").write_text(yaml.safe_dump(config))
        agent = Agent(*load_gateway_config(folder / "gateway.yaml"), SystemClock())
        task = asyncio.create_task(agent.run(), name="agent")
        try:
            async with asyncio.timeout(LIMIT_S):
                status = folder / "data/status.json"
                while not status.exists() or '"answers":true' not in status.read_text():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                yield agent, port
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def ask(port: int, text: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the answer."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)
    writer.write(text.encode())
    await writer.drain()
    answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    return int(first.split(" ")[1]) if first else 0, headers, body


def get(path: str, host: str = "127.0.0.1:8081", method: str = "GET") -> str:
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"


async def test_the_page_shows_how_it_is_and_tells_no_secret(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, port):
        status, headers, body = await ask(port, get("/"))
        assert status == 200
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "<script>" not in body
        assert "Plant &lt;script&gt;" in body
        assert "not connected" in body
        assert "answers" in body
        assert "Acme &lt;b&gt;Meter&lt;/b&gt; (meter-1)" in body
        status, _, text = await ask(port, get("/status.json", "[::1]:8081"))
        data = json.loads(text)
        assert status == 200
        assert [(device["id"], device["answers"]) for device in data["devices"]] == [("meter-1", True)]
        assert data["outbox"]["telemetry"]["batches"] > 0
        assert PASSWORD not in text + body


async def test_whatever_else_is_asked_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, port):
        for request, expected in (
            (get("/", method="POST"), 405),
            (get("/../gateway.yaml"), 404),
            (get("/", host="evil.example.org"), 403),
            ("GET / HTTP/1.1\r\n\r\n", 403),
            ("nonsense\r\n\r\n", 400),
            ("GET /" + "x" * 20_000 + " HTTP/1.1\r\n\r\n", 0),
        ):
            assert (await ask(port, request))[0] == expected, request[:40]
        status, headers, body = await ask(port, get("/", method="HEAD"))
        assert (status, body) == (200, "")
        assert int(headers["content-length"]) > 500


async def _run(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, list(arguments))


async def test_the_commands_show_the_same_beside_the_running_agent(tmp_path: Path) -> None:
    config = str(tmp_path / "gateway.yaml")
    async with running(tmp_path):
        shown = await _run("status", "-c", config)
        assert shown.exit_code == 0, shown.output
        assert "gateway gw: NOT CONNECTED to 127.0.0.1:1" in shown.output
        assert "ok     meter-1" in shown.output
        data = json.loads((await _run("status", "-c", config, "--json")).output)
        assert data["devices"][0]["id"] == "meter-1"
        waiting = await _run("outbox", "-c", config, "--list", "3", "--verify")
        assert waiting.exit_code == 0, waiting.output
        assert "agent.started" in waiting.output
        assert "every page and every batch is in order" in waiting.output
    (tmp_path / "data/status.json").write_text('{"at": 0}')
    stopped = await _run("status", "-c", config)
    assert stopped.exit_code == 1
    assert "gateway gw does not run here" in stopped.output


async def test_verify_names_what_is_rotten(tmp_path: Path) -> None:
    config = str(tmp_path / "gateway.yaml")
    async with running(tmp_path) as (agent, _):
        await agent.pipeline.flush()
    file = tmp_path / "data/outbox.db"
    data = bytearray(file.read_bytes())
    at = data.index(b"agent.started")
    data[at : at + 5] = b"\xff" * 5
    file.write_bytes(data)
    found = await _run("outbox", "-c", config, "--verify")
    assert found.exit_code == 1
    assert "batch events/1: the checksum is wrong" in found.output
