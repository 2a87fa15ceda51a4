"""RTU has no transaction id. Whatever is late, and however late: no answer is taken for that of another request."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from plantroom_edge.drivers.modbus.adapter import ModbusLink, NoAnswerError, StrangeAnswerError
from plantroom_edge.drivers.modbus.blocks import Block
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.profile import Table


@dataclass(order=True)
class Frame:
    """An answer on its way: `serial` is the number of the request that it belongs to."""

    arrives: float
    serial: int
    unit: int = field(compare=False)
    count: int = field(compare=False)


class Line:
    """Units that answer in the order they were asked, each answer as late as it likes; the client as pymodbus is:
    what comes while nobody waits is dropped, frames of other units are skipped, the first of the unit is taken."""

    def __init__(self, delays: list[float]) -> None:
        self.now = 0.0
        self.asked = 0
        self._delays = delays
        self._flying: list[Frame] = []
        self._busy: dict[int, float] = {}

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def read(self, table: Table, address: int, count: int, unit: int, wait: float) -> bytes:
        self.asked += 1
        delay = self._delays[self.asked % len(self._delays)]
        self._busy[unit] = max(self.now, self._busy.get(unit, 0.0)) + delay
        self._flying.append(Frame(self._busy[unit], self.asked, unit, count))
        until = self.now + wait
        for frame in sorted(frame for frame in self._flying if self.now < frame.arrives <= until):
            self._flying.remove(frame)
            if frame.unit != unit:
                continue
            self.now = frame.arrives
            if frame.count != count:
                raise StrangeAnswerError("another length")
            return frame.serial.to_bytes(2, "big") * count
        self.now = until
        raise NoAnswerError("silence")


REQUEST = st.tuples(st.sampled_from([1, 2]), st.sampled_from([0, 40, 80]), st.integers(1, 3))
#: On time, a little late, late by several time-outs.
DELAY = st.sampled_from([0.01, 0.02, 0.3, 0.52, 0.55, 0.9, 1.6, 4.0]) | st.floats(0.01, 6.0)


@given(st.lists(REQUEST, min_size=2, max_size=40), st.lists(DELAY, min_size=1, max_size=12))
def test_no_late_answer_is_ever_taken_for_another(requests: list[tuple[int, int, int]], delays: list[float]) -> None:
    line = Line(delays)
    bus = ModbusBus(cast("ModbusLink", line), line, rtu=True, timeout=0.5)

    async def run() -> None:
        for unit, address, count in requests:
            try:
                raw = await bus.read(Block(Table.HOLDING, address, count, ()), bus.unit(unit))
            except NoAnswerError:
                continue
            # the answer carries the number of its request: it must be the one that was just sent
            assert raw == line.asked.to_bytes(2, "big") * count

    asyncio.run(run())


def test_a_line_that_is_on_time_again_is_read_again() -> None:
    line = Line([0.9, 0.9, *[0.01] * 30])
    bus = ModbusBus(cast("ModbusLink", line), line, rtu=True, timeout=0.5)

    async def run() -> list[bool]:
        read = []
        for _ in range(10):
            try:
                await bus.read(Block(Table.HOLDING, 0, 2, ()), bus.unit(1))
                read.append(True)
            except NoAnswerError:
                read.append(False)
        return read

    read = asyncio.run(run())
    assert not read[0]
    assert all(read[-6:])
