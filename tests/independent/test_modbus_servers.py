"""Our driver against other people's implementations of Modbus, over TCP and over a serial line."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from plantroom_edge.config.validation import validated
from plantroom_edge.drivers.modbus.adapter import ModbusLink, NoAnswerError
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.command import carry_out
from plantroom_edge.drivers.modbus.config import ModbusDevice, RtuBus, TcpBus
from plantroom_edge.drivers.modbus.driver import ModbusDriver
from plantroom_edge.drivers.modbus.profile import DataType, Interlock, ModbusProfile, Register, Table, Write
from plantroom_edge.drivers.modbus.reader import DeviceReader
from plantroom_shared.clock import SystemClock
from plantroom_shared.quality import Quality
from tests.fakes.cable import cable
from tests.fakes.sink import MemorySink
from tests.independent.servers import command
from tests.servers.ports import free_port
from tests.servers.process import die_with_parent

LIMIT_S = 60
BAUD = 115_200
PATIENT = {"timeout": "2s"}
WHERE = ["libmodbus-tcp", "libmodbus-rtu", "modbus-serial-tcp", "modbus-serial-rtu"]


@asynccontextmanager
async def serving(where: str) -> AsyncIterator[TcpBus | RtuBus]:
    """The server runs; how the edge is configured for it."""
    server, _, kind = where.rpartition("-")
    if kind == "tcp":
        port = free_port()
        async with started(server, ["tcp", str(port)]):
            yield validated(TcpBus, {"id": "line", "type": "modbus-tcp", "host": "127.0.0.1", "port": port, **PATIENT})
    else:
        async with cable() as (ours, theirs), started(server, ["rtu", theirs, str(BAUD), "1"]):
            yield validated(RtuBus, {"id": "line", "type": "modbus-rtu", "port": ours, "baudrate": BAUD, **PATIENT})


@asynccontextmanager
async def started(server: str, arguments: list[str]) -> AsyncIterator[None]:
    program, environment = command(server, arguments)
    process = await asyncio.create_subprocess_exec(
        *program, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environment}, preexec_fn=die_with_parent
    )
    assert process.stdout is not None
    try:
        assert await asyncio.wait_for(process.stdout.readline(), LIMIT_S) == b"ready\n"
        yield
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def opened(config: TcpBus | RtuBus) -> AsyncIterator[ModbusBus]:
    link = ModbusLink(config)
    await link.open()
    try:
        rtu = isinstance(config, RtuBus)
        yield ModbusBus(link, SystemClock(), rtu=rtu, timeout=config.timeout, byte_s=config.byte_s)
    finally:
        link.close()


async def asked(reader: DeviceReader, bus: ModbusBus) -> tuple[list[Any], dict[int | None, Quality]]:
    """As the bus does: what was not answered is asked for again. modbus-serial tells frames on a line by its own timer,
    and on a busy machine it now and then lets one go by."""
    for _ in range(3):
        with suppress(NoAnswerError):
            return await reader.read(bus)
    return await reader.read(bus)


def profile(*registers: Register, **more: Any) -> ModbusProfile:
    return ModbusProfile(maker="m", model="m", kind="k", verified="document", source="s", registers=registers, **more)


def device() -> ModbusDevice:
    return validated(ModbusDevice, {"id": "meter", "profile": "m/m", "bus": "line", "unit": 1, "period": "50ms"})


def register(metric: str, address: int, kind: DataType = DataType.UINT16, **more: Any) -> Register:
    return Register(metric=metric, address=address, label=metric, type=kind, **more)


@pytest.mark.parametrize("where", WHERE)
async def test_reads_what_another_serves(where: str) -> None:
    bit = {"kind": DataType.BOOL}
    reader = DeviceReader(
        device(),
        profile(
            register("a", 0),
            register("b", 7, scale=0.1),
            register("c", 40, DataType.UINT32, words="CDAB"),
            register("coil_3", 3, table=Table.COIL, **bit),
            register("coil_4", 4, table=Table.COIL, **bit),
            register("input_9", 9, table=Table.DISCRETE, **bit),
            register("input_10", 10, table=Table.DISCRETE, **bit),
        ),
    )
    async with serving(where) as config, opened(config) as bus:
        for _ in range(20):
            values, marks = await asked(reader, bus)
            assert values == [100, 10.7, (141 << 16) + 140, True, False, True, False]
            assert marks == {}


@pytest.mark.parametrize("where", WHERE)
async def test_reads_floats_as_another_writes_them(where: str) -> None:
    registers = [register(f"value_{n}", 2 * n, DataType.FLOAT32, table=Table.INPUT) for n in range(20)]
    reader = DeviceReader(device(), profile(*registers))
    async with serving(where) as config, opened(config) as bus:
        values, marks = await asked(reader, bus)
    assert values == [float(n) for n in range(20)]
    assert marks == {}


@pytest.mark.parametrize("where", WHERE)
async def test_keeps_the_legal_registers_of_a_refused_block(where: str) -> None:
    reader = DeviceReader(device(), profile(register("a", 98), register("b", 99), register("c", 100)))
    async with serving(where) as config, opened(config) as bus:
        for _ in range(2):
            assert await asked(reader, bus) == ([198, 199, None], {2: Quality.DEVICE_ERROR})


@pytest.mark.parametrize("where", WHERE)
async def test_writes_once_and_reads_back(where: str) -> None:
    commands = (
        Write(action="set", label="set", address=5, minimum=0, maximum=999),
        Write(action="set_two", label="set", address=6, type=DataType.UINT32, minimum=0, maximum=1e6, function=16),
        Write(action="switch", label="switch", address=1, table=Table.COIL, type=DataType.BOOL),
    )
    sink = MemorySink()
    async with serving(where) as config:
        driver = ModbusDriver(config, [(device(), profile(register("a", 0), commands=commands))], SystemClock())
        running = asyncio.create_task(driver.run(sink), name="driver")
        try:
            await sink.until(lambda sink: bool(sink.samples))
            for action, value in (("set", 777), ("set_two", 123_456), ("switch", True)):
                outcome = await asyncio.wait_for(driver.command("meter", action, {"value": value}), LIMIT_S)
                assert (outcome.state, outcome.readback) == ("done", value)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("where", ["libmodbus-tcp", "libmodbus-rtu"])
async def test_writes_and_reads_back_in_one_request(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = (
        Write(action="set", label="set", address=5, minimum=0, maximum=999, function=23),
        Write(action="set_two", label="set", address=6, type=DataType.BCD32, words="CDAB", minimum=0, maximum=1e8,
              function=23, readback="two"),
    )  # fmt: skip
    registers = (register("a", 0), register("two", 6, DataType.BCD32, words="CDAB"))

    async def never(self: ModbusBus, *_: Any) -> None:
        raise AssertionError("a request of its own")

    async with serving(where) as config, opened(config) as bus:
        reader = DeviceReader(device(), profile(*registers, commands=commands))
        monkeypatch.setattr(ModbusBus, "write", never)
        monkeypatch.setattr(ModbusBus, "read", never)
        for command_, value in ((commands[0], 777), (commands[1], 12_345_678)):
            outcome = await carry_out(command_, {"value": value}, reader, bus, SystemClock())
            assert (outcome.state, outcome.readback) == ("done", value)


async def test_an_interlock_is_read_from_the_device_before_anything_is_sent() -> None:
    lock = Interlock(metric="control", equals="remote", reason="the pump is in local control")
    registers = (
        validated(
            Register,
            {
                "metric": "control",
                "address": 10,
                "label": "Control",
                "type": "uint16",
                "kind": "state",
                "states": {110: "local", 1: "remote"},
            },
        ),
        register("pressure", 11),
        register("absent", 100),
    )
    commands = (
        Write(action="set", label="set", address=5, minimum=0, maximum=999, interlocks=(lock,)),
        Write(action="release", label="release", address=10, minimum=0, maximum=999),
        Write(action="start", label="start", address=5, value=7, interlocks=(
            Interlock(metric="pressure", maximum=110, reason="the pressure is too high"),)),
        Write(action="blind", label="blind", address=5, value=8, interlocks=(
            Interlock(metric="absent", minimum=0, reason="cannot be"),)),
    )  # fmt: skip
    async with serving("libmodbus-tcp") as config, opened(config) as bus:
        reader = DeviceReader(device(), profile(*registers, commands=commands))

        async def send(index: int, **args: Any) -> tuple[str, str]:
            outcome = await carry_out(commands[index], args, reader, bus, SystemClock())
            return outcome.state, outcome.detail

        assert await send(0, value=9) == ("refused", "set: the pump is in local control (control is 'local')")
        assert await send(2) == ("refused", "start: the pressure is too high (pressure is 111)")
        state, detail = await send(3)
        assert state == "refused"
        assert detail.startswith("blind: absent cannot be read")
        probe = DeviceReader(device(), profile(register("untouched", 5)))
        assert (await probe.read(bus))[0] == [105], "nothing was sent"
        assert (await send(1, value=1))[0] == "done"
        assert (await send(0, value=9))[0] == "done"


async def test_a_device_entry_narrows_what_may_be_sent() -> None:
    commands = tuple(Write(action=name, label=name, address=5, value=1) for name in ("open", "close"))
    entry = replace(device(), commands=("open",))
    sink = MemorySink()
    async with serving("libmodbus-tcp") as config:
        driver = ModbusDriver(config, [(entry, profile(register("a", 0), commands=commands))], SystemClock())
        assert [action.name for action in driver.describe()[0].birth.actions] == ["open"]
        running = asyncio.create_task(driver.run(sink), name="driver")
        try:
            await sink.until(lambda sink: bool(sink.samples))
            refused = await asyncio.wait_for(driver.command("meter", "close", {}), LIMIT_S)
            assert (refused.state, refused.detail) == ("refused", "no action 'close'; this device has: open")
            assert (await asyncio.wait_for(driver.command("meter", "open", {}), LIMIT_S)).state == "done"
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
