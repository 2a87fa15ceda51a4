"""After a time-out, what is asked next cannot be answered by what is late."""

import asyncio
from typing import cast

import pytest

from plantroom_edge.drivers.modbus.adapter import ModbusLink, NoAnswerError
from plantroom_edge.drivers.modbus.blocks import Block
from plantroom_edge.drivers.modbus.bus import RESYNC_LENGTHS, ModbusBus, answer_bytes, resync_length
from plantroom_edge.drivers.modbus.profile import Table


class _Clock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class _Link:
    """Answers nothing for the first `silent` reads; notes what was asked."""

    def __init__(self, silent: int) -> None:
        self.silent = silent
        self.asked: list[tuple[int, int]] = []

    async def read(self, table: Table, address: int, count: int, unit: int, wait: float) -> bytes:
        self.asked.append((address, count))
        if len(self.asked) <= self.silent:
            raise NoAnswerError("silence")
        return bytes(2 * count)


def _bus(link: _Link) -> ModbusBus:
    return ModbusBus(cast("ModbusLink", link), _Clock(), rtu=True, timeout=0.5)


def test_each_failed_resync_is_remembered_until_one_is_answered() -> None:
    link = _Link(silent=4)
    bus = _bus(link)
    unit = bus.unit(1)
    block = Block(Table.HOLDING, 10, 1, ())

    async def run() -> None:
        for _ in range(4):
            with pytest.raises(NoAnswerError):
                await bus.read(block, unit)
        assert unit.outstanding == [2, 4, 6, 8]
        await bus.read(block, unit)

    asyncio.run(run())
    assert [count for _, count in link.asked] == [1, 2, 3, 4, 5, 1]
    assert unit.outstanding == []


def test_a_resync_stays_inside_the_address_space() -> None:
    link = _Link(silent=1)
    bus = _bus(link)
    block = Block(Table.HOLDING, 0xFFFF, 1, ())

    async def run() -> None:
        with pytest.raises(NoAnswerError):
            await bus.read(block, bus.unit(1))
        await bus.read(block, bus.unit(1))

    asyncio.run(run())
    assert link.asked == [(0xFFFF, 1), (0xFFFE, 2), (0xFFFF, 1)]


@pytest.mark.parametrize("table", list(Table))
def test_a_resync_never_has_the_length_of_an_outstanding_answer(table: Table) -> None:
    outstanding: list[int] = []
    for _ in range(RESYNC_LENGTHS):
        shape = answer_bytes(table, resync_length(table, outstanding))
        assert shape not in outstanding
        outstanding.append(shape)
    assert answer_bytes(table, resync_length(table, outstanding)) == outstanding[0]
