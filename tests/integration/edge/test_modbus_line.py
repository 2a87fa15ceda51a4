"""The Modbus driver against a simulated device on a real pseudo-terminal or TCP connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plantroom_edge.driver import Sample
from plantroom_edge.drivers.modbus.adapter import ModbusLink, NoAnswerError
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.config import ModbusDevice, RtuBus, TcpBus
from plantroom_edge.drivers.modbus.driver import ModbusDriver
from plantroom_edge.drivers.modbus.profile import DataType, ModbusProfile, Register, Write
from plantroom_edge.drivers.modbus.reader import DeviceReader
from plantroom_shared.clock import SystemClock
from plantroom_sim.kinds.modbus.device import ModbusUnit
from plantroom_sim.kinds.modbus.registers import Point
from tests.fakes.modbus import rtu_line, tcp_bus, unit
from tests.fakes.sink import MemorySink

LIMIT_S = 10


def _sim(number: int) -> ModbusUnit:
    points = [Point("a", 0, type="uint16"), Point("b", 50, type="uint16"), Point("c", 60, words="CDAB")]
    return unit(number, points, {"a": 11, "b": 22, "c": 1.5})


def _register(metric: str, address: int, kind: DataType = DataType.UINT16, **more: Any) -> Register:
    return Register(metric=metric, address=address, label=metric, type=kind, **more)


A, B, C = _register("a", 0), _register("b", 50), _register("c", 60, DataType.FLOAT32, words="CDAB")


def _profile(*registers: Register) -> ModbusProfile:
    command = Write(action="set", label="set", address=0, minimum=0, maximum=99)
    return ModbusProfile(
        maker="m", model="m", kind="k", verified="document", source="s", registers=registers, commands=(command,)
    )


def _device(unit: int) -> ModbusDevice:
    return ModbusDevice.model_validate(
        {"id": f"unit{unit}", "profile": "m/m", "bus": "line", "unit": unit, "period": "50ms"}
    )


@asynccontextmanager
async def _driving(bus: RtuBus | TcpBus, *units: int) -> AsyncIterator[tuple[ModbusDriver, MemorySink]]:
    sink = MemorySink()
    driver = ModbusDriver(bus, [(_device(unit), _profile(A, B, C)) for unit in units], SystemClock())
    running = asyncio.create_task(driver.run(sink), name="driver")
    try:
        yield driver, sink
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_reads_right_over_a_serial_line(tmp_path: Path) -> None:
    async with rtu_line(tmp_path, _sim(1)) as bus, _driving(bus, 1) as (_, sink):
        await sink.until(lambda sink: [11, 22, 1.5] in [sample.values for sample in sink.samples])


async def test_reads_right_over_tcp() -> None:
    async with tcp_bus(_sim(1)) as bus, _driving(bus, 1) as (_, sink):
        await sink.until(lambda sink: [11, 22, 1.5] in [sample.values for sample in sink.samples])


async def test_a_late_answer_is_never_taken_for_another_value(tmp_path: Path) -> None:
    device = _sim(1)
    async with rtu_line(tmp_path, device) as config:
        link = ModbusLink(config)
        bus = ModbusBus(link, SystemClock(), rtu=True, timeout=config.timeout)
        first, second = DeviceReader(_device(1), _profile(A)), DeviceReader(_device(1), _profile(B))
        await link.open()
        try:
            device.mode = "late"
            asked = asyncio.create_task(first.read(bus), name="late read")
            failed = (await asyncio.gather(asked, return_exceptions=True))[0]
            assert isinstance(failed, NoAnswerError)
            device.mode = "ok"
            seen: list[Any] = []
            async with asyncio.timeout(LIMIT_S):
                while len(seen) < 5:
                    try:
                        seen.append((await second.read(bus))[0])
                    except NoAnswerError:
                        continue
            assert seen == [[22]] * 5
        finally:
            link.close()


async def test_a_write_reaches_the_device_once(tmp_path: Path) -> None:
    device = _sim(1)
    async with rtu_line(tmp_path, device) as bus, _driving(bus, 1) as (driver, sink):
        await sink.until(lambda sink: bool(sink.samples))
        outcome = await asyncio.wait_for(driver.command("unit1", "set", {"value": 42}), LIMIT_S)
        assert (outcome.state, outcome.readback) == ("done", 42)
        assert device.count.writes == 1
        assert device.written == {0: 42}


async def test_a_dead_unit_keeps_the_others_polled(tmp_path: Path) -> None:
    dead = _sim(2)
    dead.mode = "dead"

    def alive(samples: list[Sample]) -> bool:
        gone = next((at for at, sample in enumerate(samples) if sample.device == "unit2"), None)
        return gone is not None and sum(sample.values == [11, 22, 1.5] for sample in samples[gone:]) >= 10

    async with rtu_line(tmp_path, _sim(1), dead) as bus, _driving(bus, 1, 2) as (_, sink):
        await sink.until(lambda sink: alive(sink.samples))
        assert [s.values for s in sink.samples if s.device == "unit2"] == [[None, None, None]]
