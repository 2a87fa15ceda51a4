"""Configuration from the cloud, on a running agent with real lines: checked, tried, kept, refused or taken back."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from plantroom_edge.app import Agent
from plantroom_edge.config.loader import load_gateway_config
from plantroom_edge.outbox.store import ADOPTED
from plantroom_shared.batch import Event
from plantroom_shared.clock import SystemClock
from plantroom_shared.messages import DesiredConfig
from plantroom_sim.kinds.modbus.device import ModbusUnit
from plantroom_sim.kinds.modbus.registers import Point
from tests.fakes.modbus import tcp_bus, unit

LIMIT_S = 120
SETTLE_S = 1.0

PROFILE = """
maker: Acme
model: Meter
kind: meter
verified: document
source: this test
registers: [{metric: a, address: 0, label: A, type: uint16}]
"""


class Plant:
    """Two lines with two units each, and the agent of one gateway on them."""

    def __init__(self, folder: Path, units: dict[int, ModbusUnit], buses: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.units = units
        self.buses = buses

    def device(self, number: int, **more: Any) -> dict[str, Any]:
        bus = "one" if number < 3 else "two"
        entry = {"id": f"meter-{number}", "profile": "acme/meter", "bus": bus, "unit": number, "period": "100ms"}
        return {**entry, **more}

    def site(self, *devices: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"buses": self.buses, "devices": list(devices), **more}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Agent]:
        """The agent; its broker is away all the time."""
        config = {
            "gateway": "gw",
            "mqtt": {"host": "127.0.0.1", "port": 1},
            "data_dir": "data",
            "outbox": {"min_free_bytes": "1MB"},
            **self.site(self.device(1), self.device(3)),
        }
        (self.folder / "gateway.yaml").write_text(yaml.safe_dump(config))
        agent = Agent(*load_gateway_config(self.folder / "gateway.yaml"), SystemClock(), settle_s=SETTLE_S)
        running = asyncio.create_task(agent.run(), name="agent")
        try:
            async with asyncio.timeout(LIMIT_S):
                await answering(agent, "meter-1", "meter-3")
                yield agent
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def plant(folder: Path) -> AsyncIterator[Plant]:
    (folder / "profiles" / "acme").mkdir(parents=True)
    (folder / "profiles" / "acme" / "meter.yaml").write_text(PROFILE)
    units = {number: unit(number, [Point("a", 0, type="uint16")], {"a": number}) for number in (1, 2, 3, 4)}
    async with AsyncExitStack() as stack:
        buses = []
        for name, numbers in (("one", (1, 2)), ("two", (3, 4))):
            bus = await stack.enter_async_context(tcp_bus(*(units[n] for n in numbers), patience="1s"))
            buses.append({"id": name, "type": "modbus-tcp", "host": bus.host, "port": bus.port, "timeout": "1s"})
        yield Plant(folder, units, buses)


def desired(version: str, config: dict[str, Any]) -> DesiredConfig:
    return DesiredConfig(v=1, version=version, issued_at=0, issued_by="anna", config=config)


async def answering(agent: Agent, *devices: str) -> None:
    """Until all of them were read after now."""
    since = agent.clock.monotonic()
    while not all(agent.pipeline.answered.get(device, 0.0) > since for device in devices):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def events(agent: Agent, prefix: str) -> list[Event]:
    await agent.pipeline.flush()
    stored = [agent.outbox.prepared(item) for item in await agent.outbox.read("events", ADOPTED, 1000)]
    found = [event for payload in stored if payload is not None for event in payload.events]
    return [event for event in found if event.kind.startswith(prefix)]


async def answer(agent: Agent, number: int = 1) -> Event:
    """The so manieth answer to a configuration."""
    while len(found := await events(agent, "config.")) < number:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return found[number - 1]


async def test_one_that_nobody_could_check_is_not_refused_and_is_taken_when_it_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with plant(tmp_path) as site, site.running() as agent:
        config = site.site(site.device(1), site.device(2), site.device(3))
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", str(tmp_path / "gone"))
            agent.configurator.take(desired("v1", config))
            while "left for later" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await events(agent, "config.") == []
        assert agent.configurator.version == "local"
        agent.configurator.take(desired("v1", config))
        assert (await answer(agent)).kind == "config.applied"


async def test_only_the_bus_that_changes_is_touched_and_the_configuration_stays(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        async with here.running() as agent:
            before = dict(agent.buses.drivers)
            config = here.site(here.device(1), here.device(3), here.device(4), pipeline={"heartbeat": "2s"})
            agent.configurator.take(desired("v1", config))
            told = await answer(agent)
            assert (told.kind, told.data) == ("config.applied", {"version": "v1", "buses": ["two"]})
            assert agent.buses.drivers["one"] is before["one"], "its connection was never closed"
            assert agent.buses.drivers["two"] is not before["two"]
            await answering(agent, "meter-1", "meter-3", "meter-4")
            assert agent.pipeline.config.heartbeat == 2.0
            birth = agent.birth()
            assert birth.config_version == "v1"
            assert [device.device for device in birth.devices] == ["meter-1", "meter-3", "meter-4", "gw"]
            assert "success_meter_4" in {metric.name for metric in birth.devices[-1].metrics}
        async with here.running() as agent:
            assert agent.configurator.version == "v1"
            await answering(agent, "meter-4")


async def test_a_device_that_is_taken_away_ends_its_values(tmp_path: Path) -> None:
    async with plant(tmp_path) as here, here.running() as agent:
        agent.configurator.take(desired("v1", here.site(here.device(3))))
        await answer(agent)
        stored = [agent.outbox.prepared(item) for item in await agent.outbox.read("telemetry", ADOPTED, 10_000)]
        rows = [rows for p in stored if p is not None for rows in p.telemetry if rows.device == "meter-1"]
        assert rows[-1].marks[-1] == (len(rows[-1].times) - 1, None, "stopped")


async def test_a_wrong_configuration_is_refused_with_all_its_mistakes_once(tmp_path: Path) -> None:
    async with plant(tmp_path) as here, here.running() as agent:
        before = dict(agent.buses.drivers)
        config = here.site(here.device(1, profile="acme/metre"), here.device(3, bus="three"), here.device(4, id="gw"))
        agent.configurator.take(desired("v1", config))
        told = await answer(agent)
        assert told.kind == "config.refused"
        text = "\n".join(told.data["errors"])
        assert "profile 'acme/metre' is not known; nearest are: acme/meter" in text
        assert "bus 'three' is not defined" in text
        agent.configurator.take(desired("v1", config))  # the broker keeps it: it comes with each connection
        own_id = here.site(here.device(1), here.device(4, id="gw"))
        agent.configurator.take(desired("v2", own_id))
        assert "this id is the gateway's own" in (await answer(agent, 2)).data["errors"][0]
        assert len(await events(agent, "config.")) == 2
        assert agent.buses.drivers == before
        await answering(agent, "meter-1", "meter-3")


async def test_a_unit_that_does_not_answer_is_refused_before_anything_is_changed(tmp_path: Path) -> None:
    async with plant(tmp_path) as here, here.running() as agent:
        here.units[4].mode = "dead"
        agent.configurator.take(desired("v1", here.site(here.device(1), here.device(3), here.device(4))))
        told = await answer(agent)
        assert told.kind == "config.refused"
        assert told.data["errors"][0].startswith("device 'meter-4' does not answer: ")
        assert agent.configurator.version == "local"
        await answering(agent, "meter-1", "meter-3")


async def test_it_is_taken_back_when_a_device_answers_no_more(tmp_path: Path) -> None:
    async with plant(tmp_path) as here, here.running() as agent:
        agent.configurator.take(desired("v1", here.site(here.device(1, label="New"), here.device(2), here.device(3))))
        while agent.configurator.version != "v1":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        here.units[1].mode = "dead"
        told = await answer(agent)
        assert told.kind == "config.rolled-back"
        assert told.data == {"version": "v1", "reason": "meter-1 answered before and not with it"}
        here.units[1].mode = "ok"
        assert agent.configurator.version == "local"
        assert [device.device for device in agent.buses.devices()] == ["meter-1", "meter-3"]
        await answering(agent, "meter-1", "meter-3")
        agent.configurator.take(desired("v1", here.site(here.device(1))))
        agent.configurator.take(desired("v2", here.site(here.device(1), here.device(3), here.device(2))))
        assert (await answer(agent, 2)).data["version"] == "v2", "what was taken back is not tried again"


async def test_a_configuration_that_stops_the_agent_twice_is_not_tried_a_third_time(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        config = here.site(here.device(1), here.device(3), here.device(4))
        for _ in range(2):
            async with here.running() as agent:
                agent.configurator.take(desired("v1", config))
                while agent.configurator.version != "v1":  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        async with here.running() as agent:
            assert agent.configurator.version == "local", "what was never confirmed is not in force"
            agent.configurator.take(desired("v1", config))
            told = await answer(agent)
            assert told.kind == "config.refused"
            assert told.data["errors"] == ["the agent stopped 2 times while it was tried"]
