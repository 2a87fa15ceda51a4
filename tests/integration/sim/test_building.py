"""A building with real sockets and pseudo-terminals: faults begin and end, people act, devices count."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from plantroom_sim.building import Building
from plantroom_sim.control import ask, serve_control
from plantroom_sim.errors import SimError
from plantroom_sim.kinds.modbus.bus import TcpBus
from plantroom_sim.kinds.modbus.device import ModbusUnit
from plantroom_sim.loader import load_scenario

SCENARIO = """
name: Small
gateways:
  - id: gw-a
    buses: [{id: plant, type: modbus-tcp}, {id: line, type: modbus-rtu}]
    devices:
      - {id: pump-1, profile: lab/chilled-water-pump, bus: plant, unit: 1}
      - {id: pump-2, profile: lab/chilled-water-pump, bus: line, unit: 1}
  - id: gw-b
    buses: [{id: plant, type: modbus-tcp}]
    devices: [{id: pump-3, profile: lab/chilled-water-pump, bus: plant, unit: 1}]
faults:
  - {name: short, title: Dead for a moment, kind: dead, device: pump-1, for_s: 50ms}
  - {name: dead, title: Dead, kind: dead, device: pump-1}
  - {name: hot, title: Hot, kind: ramp, device: pump-1, metric: bearing_temperature, target: 96, over_s: 0}
  - {name: by-itself, title: Late, kind: late, device: pump-2, at: 10ms}
  - {name: cable, title: Pulled, kind: link-down, gateway: gw-b, bus: plant}
  - {name: killed, title: Killed, kind: gateway-killed, gateway: gw-b}
routines:
  - name: throttle
    every: 20ms
    values: {rpm: {in_turn: [900, 1000]}}
    steps: [{device: pump-1, action: set, args: {metric: speed, value: "{rpm}"}}]
"""
LIMIT_S = 60


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Building, list[str]]]:
    (folder / "scenario.yaml").write_text(SCENARIO)
    killed: list[str] = []
    building = Building(load_scenario(folder / "scenario.yaml"), folder, killed.append)
    ready = asyncio.Event()
    work = asyncio.create_task(building.run(ready), name="building")
    try:
        await asyncio.wait_for(ready.wait(), LIMIT_S)
        yield building, killed
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def unit(building: Building, name: str) -> ModbusUnit:
    found = building.devices[name]
    assert isinstance(found, ModbusUnit)
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110  (a simulator tells nobody that it changed)
            await asyncio.sleep(0.005)


async def connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_a_fault_begun_by_hand_ends_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as (building, _):
        await building.trigger("short")
        assert unit(building, "pump-1").mode == "dead"
        await until(lambda: unit(building, "pump-1").mode == "ok")
        await building.trigger("short")  # and begins again afterwards
        assert unit(building, "pump-1").mode == "dead"


async def test_a_timed_fault_begins_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as (building, _):
        life = asyncio.create_task(building.live(), name="life")
        await until(lambda: unit(building, "pump-2").mode == "late")
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def test_heal_ends_one_or_all(tmp_path: Path) -> None:
    async with running(tmp_path) as (building, _):
        bus = building.buses["gw-b", "plant"]
        assert isinstance(bus, TcpBus)
        for name in ("dead", "hot", "cable"):
            await building.trigger(name)
        assert unit(building, "pump-1").value("bearing_temperature") == 96
        assert not await connects(bus.port)
        await building.heal("hot")
        assert unit(building, "pump-1").value("bearing_temperature") == 0
        assert unit(building, "pump-1").mode == "dead"
        await building.heal()
        assert unit(building, "pump-1").mode == "ok"
        assert await connects(bus.port)
        with pytest.raises(SimError, match="no fault 'hot' is on"):
            await building.heal("hot")


async def test_a_pulled_cable_is_that_of_one_gateway(tmp_path: Path) -> None:
    async with running(tmp_path) as (building, _):
        other, bus = building.buses["gw-a", "plant"], building.buses["gw-b", "plant"]
        assert isinstance(other, TcpBus)
        assert isinstance(bus, TcpBus)
        await building.trigger("cable")
        assert await connects(other.port)
        assert not await connects(bus.port)


async def test_a_gateway_is_killed_by_whoever_runs_it(tmp_path: Path) -> None:
    async with running(tmp_path) as (building, killed):
        await building.trigger("killed")
        assert killed == ["gw-b"]


async def test_people_act_in_turn(tmp_path: Path) -> None:
    async with running(tmp_path) as (building, _):
        seen: list[float] = []
        people = asyncio.create_task(building.live(), name="life")
        async with asyncio.timeout(LIMIT_S):
            while len(seen) < 4:
                value = unit(building, "pump-1").value("speed")
                if not seen or seen[-1] != value:
                    seen.append(value)
                await asyncio.sleep(0.002)
        people.cancel()
        await asyncio.gather(people, return_exceptions=True)
        assert seen[-3:] in ([900, 1000, 900], [1000, 900, 1000])


async def test_the_control_socket_passes_on_and_answers_clearly(tmp_path: Path) -> None:
    async with running(tmp_path) as (building, _):
        socket = tmp_path / "control.sock"
        control = asyncio.create_task(serve_control(building, socket), name="control")
        await until(socket.exists)
        assert await ask(socket, {"do": "fault", "name": "dead"}) == "Dead"
        acted = {"do": "act", "device": "pump-1", "action": "set", "args": {"metric": "speed", "value": "7"}}
        assert await ask(socket, acted) == {"speed": 7}
        assert (await ask(socket, {"do": "counts"}))["pump-1"]["requests"] == 0
        assert await ask(socket, {"do": "heal"}) == "1 fault ended"
        for request, told in (
            ({"do": "fault", "name": "ded"}, "there is no fault 'ded'"),
            ({"do": "act", "device": "pump-9", "action": "set"}, "there is no device 'pump-9'"),
            ({"do": "act", "device": "pump-1", "action": "kick"}, "nobody can 'kick' pump-1"),
            ({"do": "act", "device": "pump-1", "action": "set", "args": {"metric": "x", "value": 1}}, "no metric 'x'"),
            ({"do": "act", "device": "pump-1", "action": "set", "args": {"metric": "speed"}}, "value: Field required"),
            ({"do": "dance"}, "nothing known"),
        ):
            with pytest.raises(SimError, match=told):
                await ask(socket, request)
        control.cancel()
        await asyncio.gather(control, return_exceptions=True)
