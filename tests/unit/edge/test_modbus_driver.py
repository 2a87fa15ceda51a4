"""Nobody waits for ever for a command, and figures do not depend on who asks."""

import asyncio
from typing import Any

import pytest

from plantroom_edge.driver import Outcome
from plantroom_edge.drivers.modbus.adapter import ModbusLink
from plantroom_edge.drivers.modbus.config import ModbusDevice, TcpBus
from plantroom_edge.drivers.modbus.driver import UTILISATION_WINDOW_S, ModbusDriver
from plantroom_edge.drivers.modbus.profile import DataType, ModbusProfile, Register, Write
from plantroom_shared.clock import SystemClock
from tests.fakes.sink import MemorySink


class _Clock(SystemClock):
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def _driver(clock: SystemClock) -> ModbusDriver:
    profile = ModbusProfile(
        maker="m",
        model="m",
        kind="meter",
        verified="document",
        source="s",
        registers=(Register(metric="a", address=0, label="a", type=DataType.UINT16),),
        commands=(Write(action="set", label="set", address=0, minimum=0, maximum=9),),
    )
    bus = TcpBus(id="line", type="modbus-tcp", host="127.0.0.1", port=502)
    return ModbusDriver(bus, [(ModbusDevice(id="meter", profile="m/m", bus="line"), profile)], clock)


def test_a_command_under_way_is_unconfirmed_when_the_driver_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> Outcome:
        sent = asyncio.Event()

        async def opened(self: ModbusLink) -> None:
            return None

        async def read(self: ModbusLink, table: Any, address: int, count: int, unit: int, timeout: float) -> bytes:  # noqa: ASYNC109
            return bytes(2 * count)

        async def write(self: ModbusLink, *_: Any) -> None:
            sent.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(ModbusLink, "connected", True)
        for name, replacement in (("open", opened), ("read", read), ("write", write)):
            monkeypatch.setattr(ModbusLink, name, replacement)
        driver = _driver(SystemClock())
        async with asyncio.timeout(60):
            running = asyncio.create_task(driver.run(MemorySink()), name="driver")
            command = asyncio.create_task(driver.command("meter", "set", {"value": 3}), name="command")
            await sent.wait()
            running.cancel()
            return await command

    assert asyncio.run(run()).state == "unconfirmed"


def test_utilisation_is_the_same_for_everyone_who_asks() -> None:
    clock = _Clock()
    driver = _driver(clock)
    clock.now = 10.0
    driver._bus.busy_s = 5.0
    assert [driver.health()["utilisation"] for _ in range(3)] == [0.5, 0.5, 0.5]


def test_utilisation_forgets_what_is_long_ago() -> None:
    clock = _Clock()
    driver = _driver(clock)
    clock.now = 10.0
    driver._bus.busy_s = 10.0
    driver.health()
    clock.now += UTILISATION_WINDOW_S
    assert driver.health()["utilisation"] == 0.0
