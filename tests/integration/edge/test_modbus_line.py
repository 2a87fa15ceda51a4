"""The Modbus driver against a simulated device on a real pseudo-terminal or TCP connection."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from plantroom_edge.config.validation import validated
from plantroom_edge.driver import Sample
from plantroom_edge.drivers.modbus.adapter import ModbusLink, NoAnswerError
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.config import ModbusDevice, RtuBus, RtuOverTcpBus, TcpBus
from plantroom_edge.drivers.modbus.driver import ModbusDriver
from plantroom_edge.drivers.modbus.profile import DataType, ModbusProfile, Register, Table, Write
from plantroom_edge.drivers.modbus.reader import DeviceReader
from plantroom_shared.clock import SystemClock
from plantroom_sim.kinds.modbus.device import ModbusUnit
from plantroom_sim.kinds.modbus.registers import Point
from tests.fakes.modbus import rtu_line, rtu_over_tcp, tcp_bus, unit
from tests.fakes.sink import MemorySink

LIMIT_S = 60


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
    return validated(
        ModbusDevice, {"id": f"unit{unit}", "profile": "m/m", "bus": "line", "unit": unit, "period": "50ms"}
    )


@asynccontextmanager
async def _driving(bus: RtuBus | RtuOverTcpBus | TcpBus, *units: int) -> AsyncIterator[tuple[ModbusDriver, MemorySink]]:
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
        bus = ModbusBus(link, SystemClock(), rtu=True, timeout=config.timeout, byte_s=config.byte_s)
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


SPREAD = 0.2
PERIOD_S = 0.8
PERIODS = 10


def _intervals(samples: list[Sample], since: float, names: set[str]) -> Iterator[float]:
    last: dict[str, float] = {}
    for sample in samples:
        if sample.device in names and sample.monotonic >= since:
            if sample.device in last:
                yield sample.monotonic - last[sample.device]
            last[sample.device] = sample.monotonic


def _each_was_read(since: float, names: set[str], sink: MemorySink) -> bool:
    reads = Counter(sample.device for sample in sink.samples if sample.monotonic >= since)
    return all(reads[name] >= PERIODS for name in names)


def _p95(values: Iterator[float]) -> float:
    ordered = sorted(values)
    return ordered[int(len(ordered) * 0.95)]


async def test_a_dead_unit_among_twenty_leaves_the_others_their_period(tmp_path: Path) -> None:
    """Against a line without a dead unit at the same time: a busy machine slows both alike."""
    lines = [[_sim(number) for number in range(1, 21)] for _ in range(2)]
    dead, whole = lines
    others = {unit.name for unit in dead[1:]}

    def period(number: int) -> ModbusDevice:
        return replace(_device(number), period=PERIOD_S)

    async with (
        rtu_line(tmp_path / "a", *dead, patience="500ms") as dying,
        rtu_line(tmp_path / "b", *whole, patience="500ms") as living,
    ):
        sinks = [MemorySink(), MemorySink()]
        drivers = [
            ModbusDriver(bus, [(period(unit.unit), _profile(A, B, C)) for unit in units], SystemClock())
            for bus, units in zip((dying, living), lines, strict=True)
        ]
        running = [
            asyncio.create_task(driver.run(sink), name="driver") for driver, sink in zip(drivers, sinks, strict=True)
        ]
        try:
            await sinks[0].until(lambda sink: len({sample.device for sample in sink.samples}) == 20)
            dead[0].mode = "dead"
            await sinks[0].until(lambda sink: any(None in sample.marks for sample in sink.samples))
            since = SystemClock().monotonic()
            for sink in sinks:
                await sink.until(partial(_each_was_read, since, others))
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    late, usual = (_p95(_intervals(sink.samples, since, others)) for sink in sinks)
    assert late <= usual + SPREAD * PERIOD_S
    bad = [s for s in sinks[0].samples if s.device in others and s.values != [11, 22, 1.5]]
    assert bad == []


async def test_answers_that_are_late_at_random_never_give_a_wrong_value(tmp_path: Path) -> None:
    dice = random.Random(7)
    device = _sim(1)
    async with rtu_line(tmp_path, device, patience="120ms") as config:
        link = ModbusLink(config)
        bus = ModbusBus(link, SystemClock(), rtu=True, timeout=config.timeout, byte_s=config.byte_s)
        readers = [(DeviceReader(_device(1), _profile(A)), [11]), (DeviceReader(_device(1), _profile(B)), [22])]
        await link.open()
        seen = 0
        try:
            for _ in range(40):
                device.delay_s = dice.choice([0, 0, 0, 0.1, 0.15, 0.2, 0.3])
                reader, right = dice.choice(readers)
                try:
                    values, _ = await reader.read(bus)
                except NoAnswerError:
                    continue
                assert values == right
                seen += 1
        finally:
            link.close()
    assert seen >= 5


async def test_what_is_no_answer_is_never_a_value(tmp_path: Path) -> None:
    """Garbage with a right CRC, spoilt bytes, exceptions, another device in its place."""
    device = _sim(1)
    async with rtu_line(tmp_path, device) as bus, _driving(bus, 1) as (_, sink):
        await sink.until(lambda sink: bool(sink.samples))
        for mode in ("garbage", "noise", "exceptions"):
            device.mode = mode
            await sink.until(lambda sink: None in sink.samples[-1].marks)
            device.mode = "ok"
            await sink.until(lambda sink: None not in sink.samples[-1].marks)
    assert {tuple(s.values) for s in sink.samples} == {(11, 22, 1.5), (None, None, None)}


def _enough(wanted: int, sink: MemorySink) -> bool:
    return len(sink.samples) >= wanted


async def test_a_hole_is_found_once_and_remembered_across_restarts(tmp_path: Path) -> None:
    points = [Point("a", 0, type="uint16"), Point("b", 2, type="uint16"), Point("d", 3, type="uint16")]
    device = unit(1, points, {"a": 1, "b": 2, "d": 4}, strict=True)
    registers = [_register(metric, address) for metric, address in (("a", 0), ("gone", 1), ("b", 2), ("d", 3))]
    sink = MemorySink()
    async with rtu_line(tmp_path, device) as bus:
        for _ in range(2):
            wanted, exceptions = len(sink.samples) + 3, device.count.exceptions
            driver = ModbusDriver(bus, [(_device(1), _profile(*registers))], SystemClock())
            running = asyncio.create_task(driver.run(sink), name="driver")
            await sink.until(partial(_enough, wanted))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert device.count.exceptions == exceptions  # the second start asked for no hole
    assert {tuple(s.values) for s in sink.samples} == {(1, None, 2, 4)}


async def test_a_broadcast_is_obeyed_by_all_and_answered_by_none(tmp_path: Path) -> None:
    units = [_sim(1), _sim(2)]
    async with rtu_line(tmp_path, *units) as config:
        link = ModbusLink(config)
        await link.open()
        try:
            with pytest.raises(NoAnswerError):
                await link.write(6, 0, [33], 0, 0.2)
            assert await link.read(Table.HOLDING, 0, 1, 2, 1.0) == b"\x00\x21"
        finally:
            link.close()
    assert [each.written for each in units] == [{0: 33}, {0: 33}]


async def test_a_line_behind_a_converter(tmp_path: Path) -> None:
    async with rtu_over_tcp(_sim(1)) as bus, _driving(bus, 1) as (_, sink):
        await sink.until(lambda sink: [11, 22, 1.5] in [sample.values for sample in sink.samples])
