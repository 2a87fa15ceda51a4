"""Requests on one line: paced, timed, drained after a time-out, never mistaken for one another.

RTU has no transaction id. When an answer is late, the next request of the same shape would take it for its own. So
after a time-out, before anything else is asked of the unit, one read of a length that no outstanding answer has must
be answered with just that length. A unit answers in order, so whatever was late has passed by then.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from plantroom_edge.drivers.modbus.adapter import (
    ExceptionAnswerError,
    ModbusLink,
    NoAnswerError,
    StrangeAnswerError,
)
from plantroom_edge.drivers.modbus.blocks import Block
from plantroom_edge.drivers.modbus.profile import Table
from plantroom_edge.drivers.modbus.unit import Unit
from plantroom_shared.clock import Clock

T = TypeVar("T")

#: Silence after a time-out, beyond the answer that may be under way just then.
DRAIN_S = 0.02
#: Bytes of a read beside the payload: request, and head and CRC of the answer.
FRAME_BYTES = 8 + 5
BYTE_9600_S = 10 / 9600

#: Lengths to choose from for a resync; with breaker and back-off, the oldest of them is minutes old when used again.
RESYNC_LENGTHS = 16
MOST_ADDRESSES = 0x10000


class ModbusBus:
    """Carries out requests of its one owner task, one at a time.

    `rtu` says that the line has no transaction ids, `byte_s` what a byte takes on it. `timeout` is the longest that a
    unit may think beyond the time on the line.
    """

    def __init__(
        self, link: ModbusLink, clock: Clock, *, rtu: bool, timeout: float, byte_s: float = BYTE_9600_S
    ) -> None:
        self.link = link
        self.units: dict[int, Unit] = {}
        self.busy_s = 0.0
        self.requests = 0
        self.timeouts = 0
        self._clock = clock
        self._byte_s = byte_s if rtu else 0.0
        self._timeout = timeout
        self._last_end = 0.0

    def unit(self, address: int) -> Unit:
        """The state of a unit, made at first sight."""
        if address not in self.units:
            self.units[address] = Unit(address, self._timeout)
        return self.units[address]

    async def read(self, block: Block, unit: Unit, quiet_s: float = 0.0) -> bytes | list[bool]:
        """Read a block; raises LinkLostError, NoAnswerError, ExceptionAnswerError."""
        if unit.outstanding:
            await self._resync(block, unit, quiet_s)
        return await self._timed(
            unit,
            answer_bytes(block.table, block.count),
            quiet_s,
            lambda wait: self.link.read(block.table, block.address, block.count, unit.address, wait),
        )

    async def write(self, function: int, address: int, values: Sequence[int], unit: Unit, quiet_s: float = 0.0) -> None:
        """Write once; after NoAnswerError nobody knows whether it acted."""
        await self._timed(
            unit,
            0,
            quiet_s,
            lambda wait: self.link.write(function, address, values, unit.address, max(wait, self._timeout)),
        )

    async def read_write(
        self, read: tuple[int, int], address: int, values: Sequence[int], unit: Unit, quiet_s: float = 0.0
    ) -> bytes:
        """FC 23: write, then read registers (address, count), in one request that is sent once; after NoAnswerError
        nobody knows whether it acted."""
        return await self._timed(
            unit,
            2 * read[1],
            quiet_s,
            lambda wait: self.link.read_write(read, (address, values), unit.address, max(wait, self._timeout)),
        )

    async def write_raw(self, address: int, value: int, unit: Unit) -> None:
        """FC 5 with any value, once; after NoAnswerError nobody knows whether it acted."""
        await self._timed(
            unit, 0, 0.0, lambda wait: self.link.write_raw(address, value, unit.address, max(wait, self._timeout))
        )

    async def _resync(self, block: Block, unit: Unit, quiet_s: float) -> None:
        length = resync_length(block.table, unit.outstanding)
        address = min(block.address, MOST_ADDRESSES - length)
        try:
            await self._timed(
                unit,
                answer_bytes(block.table, length),
                quiet_s,
                lambda wait: self.link.read(block.table, address, length, unit.address, wait),
            )
        except ExceptionAnswerError:
            pass  # refused, but it is an answer to this request: nothing older is on its way
        unit.outstanding.clear()

    async def _timed(self, unit: Unit, shape: int, quiet_s: float, request: Callable[[float], Awaitable[T]]) -> T:
        if quiet_s and (rest := self._last_end + quiet_s - self._clock.monotonic()) > 0:
            await self._clock.sleep(rest)
        line = (FRAME_BYTES + shape) * self._byte_s
        wait = unit.timeout() + line
        start = self._clock.monotonic()
        unit.requests += 1
        self.requests += 1
        try:
            answer = await request(wait)
        except ExceptionAnswerError:
            unit.answered(self._clock.monotonic() - start)  # an exception is a short frame
            raise
        except NoAnswerError as error:
            if not isinstance(error, StrangeAnswerError):
                unit.timeouts += 1
                self.timeouts += 1
            unit.unanswered(shape)
            await self._clock.sleep(DRAIN_S + line)
            raise
        finally:
            self._last_end = self._clock.monotonic()
            self.busy_s += self._last_end - start
        unit.answered(max(0.0, self._last_end - start - line))
        return answer


def answer_bytes(table: Table, count: int) -> int:
    """Payload bytes of the answer to a read."""
    return 2 * count if table in (Table.HOLDING, Table.INPUT) else (count + 7) // 8


def resync_length(table: Table, outstanding: Sequence[int]) -> int:
    """Registers or bits whose answer is none of `outstanding` (payload bytes, oldest first); else like the oldest."""
    step = 1 if table in (Table.HOLDING, Table.INPUT) else 8
    lengths = {answer_bytes(table, length): length for length in range(1, RESYNC_LENGTHS * step + 1, step)}
    for shape, length in lengths.items():
        if shape not in outstanding:
            return length
    return lengths[next(shape for shape in outstanding if shape in lengths)]
