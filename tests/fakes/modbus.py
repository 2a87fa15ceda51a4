"""Simulated Modbus units for tests, on a pseudo-terminal or a port of their own."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plantroom_edge.config.validation import validated
from plantroom_edge.drivers.modbus.config import RtuBus, RtuOverTcpBus, TcpBus
from plantroom_sim.kind import Place
from plantroom_sim.kinds.modbus.bus import ModbusBus, RtuLine, RtuOverTcpLine
from plantroom_sim.kinds.modbus.bus import TcpBus as SimTcpBus
from plantroom_sim.kinds.modbus.config import RtuEntry, RtuOverTcpEntry, TcpEntry
from plantroom_sim.kinds.modbus.device import ModbusUnit
from plantroom_sim.kinds.modbus.registers import Map, Point
from plantroom_sim.waveform import Constant

BAUDRATE = 115_200


def unit(number: int, points: Sequence[Point], levels: Mapping[str, float], *, strict: bool = False) -> ModbusUnit:
    """A unit whose values stand still."""
    waves = {metric: Constant(level=level) for metric, level in levels.items()}
    return ModbusUnit(f"unit{number}", number, Map("m/m", list(points), []), waves, time.time, strict=strict)


@asynccontextmanager
async def rtu_line(folder: Path, *units: ModbusUnit, patience: str = "250ms") -> AsyncIterator[RtuBus]:
    """A serial line with these units; how the edge is configured for it."""
    entry = RtuEntry(id="line", type="modbus-rtu", baudrate=BAUDRATE)
    line = RtuLine(entry, units, Place("gw", folder, time.time))
    async with _running(line):
        yield validated(RtuBus, {**line.gateway_part().bus, "timeout": patience})


@asynccontextmanager
async def tcp_bus(*units: ModbusUnit, patience: str = "500ms") -> AsyncIterator[TcpBus]:
    """An endpoint with these units; how the edge is configured for it."""
    server = SimTcpBus(TcpEntry(id="line", type="modbus-tcp"), units, Place("gw", Path(), time.time))
    async with _running(server):
        yield validated(TcpBus, {**server.gateway_part().bus, "timeout": patience})


@asynccontextmanager
async def rtu_over_tcp(*units: ModbusUnit) -> AsyncIterator[RtuOverTcpBus]:
    """A line behind a converter; how the edge is configured for it."""
    entry = RtuOverTcpEntry(id="line", type="modbus-rtu-over-tcp", baudrate=BAUDRATE)
    line = RtuOverTcpLine(entry, units, Place("gw", Path(), time.time))
    async with _running(line):
        yield validated(RtuOverTcpBus, {**line.gateway_part().bus, "timeout": "500ms"})


@asynccontextmanager
async def _running(bus: ModbusBus) -> AsyncIterator[Any]:
    opening: Any = bus
    await opening.open()
    answering = asyncio.create_task(bus.run(), name="answering")
    try:
        yield bus
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        await opening.close()
