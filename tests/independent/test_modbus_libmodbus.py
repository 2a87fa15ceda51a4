"""Our reader against another's implementation of Modbus: libmodbus, compiled here."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from plantroom_edge.drivers.modbus.adapter import ModbusLink
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.config import ModbusDevice, TcpBus
from plantroom_edge.drivers.modbus.profile import DataType, ModbusProfile, Register
from plantroom_edge.drivers.modbus.reader import DeviceReader
from plantroom_shared.clock import SystemClock
from plantroom_shared.quality import Quality

LIMIT_S = 10


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled server."""
    gcc, config = shutil.which("gcc"), shutil.which("pkg-config")
    if gcc is None or config is None:
        pytest.skip("needs gcc and pkg-config")
    asked = subprocess.run([config, "--cflags", "--libs", "libmodbus"], capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip("needs libmodbus-dev")
    path = tmp_path_factory.mktemp("libmodbus") / "mb_server"
    source = Path(__file__).with_name("mb_server.c")
    subprocess.run([gcc, "-Wall", "-Werror", str(source), "-o", str(path), *asked.stdout.split()], check=True)
    return path


@pytest.fixture
async def bus(program: Path) -> AsyncIterator[ModbusBus]:
    """A bus to the running server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = await asyncio.create_subprocess_exec(str(program), str(port), stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None
    link = ModbusLink(TcpBus(id="line", type="modbus-tcp", host="127.0.0.1", port=port))
    try:
        assert await asyncio.wait_for(server.stdout.readline(), LIMIT_S) == b"ready\n"
        await link.open()
        yield ModbusBus(link, SystemClock(), rtu=False, timeout=2.0)
    finally:
        link.close()
        server.kill()
        await server.wait()


def _reader(*registers: Register) -> DeviceReader:
    profile = ModbusProfile(maker="m", model="m", kind="k", verified="document", source="s", registers=registers)
    return DeviceReader(ModbusDevice(id="meter", profile="m/m", bus="line"), profile)


def _register(metric: str, address: int, kind: DataType = DataType.UINT16, **more: Any) -> Register:
    return Register(metric=metric, address=address, label=metric, type=kind, **more)


async def test_reads_what_libmodbus_serves(bus: ModbusBus) -> None:
    reader = _reader(_register("a", 0), _register("b", 7, scale=0.1), _register("c", 40, DataType.UINT32, words="CDAB"))
    values, marks = await reader.read(bus)
    assert values == [100, 10.7, (141 << 16) + 140]
    assert marks == {}


async def test_keeps_the_legal_registers_of_a_refused_block(bus: ModbusBus) -> None:
    values, marks = await _reader(_register("a", 98), _register("b", 99), _register("c", 100)).read(bus)
    assert values == [198, 199, None]
    assert marks == {2: Quality.DEVICE_ERROR}
