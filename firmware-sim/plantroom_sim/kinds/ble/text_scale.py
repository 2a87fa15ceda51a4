"""A scale that streams lines of text over the Nordic UART service: ST,GS,+0012.34kg."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime

from plantroom_sim.kinds.ble.peripheral import Advertisement, Characteristic, Service
from plantroom_sim.kinds.ble.scale import Scale, Weighed
from plantroom_sim.kinds.ble.wire import text_line

UART = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
RECEIVE, TRANSMIT = "6e400002-b5a3-f393-e0a9-e50e24dcca9e", "6e400003-b5a3-f393-e0a9-e50e24dcca9e"
CAPACITY_KG = 150.0
#: The person waits until the station has shown the weight: so many whole stable lines went out in one connection.
SHOWN = 3
#: The display is seen empty by so many lines before the next load.
EMPTY = 2
SETTLES = 3


class TextScale(Scale):
    """Shows two decimals. Its lines are cut into notifications anywhere."""

    line_s = 0.1

    def __init__(self, address: str, name: str, now: Callable[[], datetime]) -> None:
        super().__init__(address, name, now)
        self._load = 0.0
        self._settling = 0
        self._whole = 0  #: stable lines of this load that went out whole, in this connection
        self._pulse = asyncio.Event()

    def advertisement(self) -> Advertisement:
        return Advertisement(uuids=[UART])

    def services(self) -> Sequence[Service]:
        channel = [
            Characteristic(RECEIVE, ["write", "write-without-response"]),
            Characteristic(TRANSMIT, ["notify"]),
        ]
        return [Service(UART, channel), self.battery_service()]

    async def weigh(self, kg: float) -> Weighed:
        weighed = Weighed(round(kg + self.zero_kg, 2))
        self.weighed.append(weighed)
        self._put(kg)
        await self._until_told(SHOWN)
        self._put(0.0)
        await self._until_told(EMPTY)
        return weighed

    async def overload(self) -> None:
        """Somebody leans on it: beyond its capacity, then empty again."""
        self._put(2 * CAPACITY_KG)
        await self._until_told(SHOWN)
        self._put(0.0)
        await self._until_told(EMPTY)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().run(), name=f"{self.name} advertises")
            tasks.create_task(self._stream(), name=f"{self.name} streams")

    def _put(self, kg: float) -> None:
        self._load, self._settling, self._whole = kg, SETTLES, 0

    async def _until_told(self, lines: int) -> None:
        while self._whole < lines:
            self._pulse.clear()
            await self._pulse.wait()

    async def _stream(self) -> None:
        connection = 0
        while True:
            await asyncio.sleep(self.line_s)
            if TRANSMIT not in self.subscribed:
                continue
            if connection != self.connects:
                connection, self._whole = self.connects, 0
            steady = self._settling == 0
            line = self._line(steady)
            if await self._send(line) and connection == self.connects and line == self._line(steady):
                self._settling = max(0, self._settling - 1)
                self._whole += steady
                self._pulse.set()

    async def _send(self, line: bytes) -> bool:
        """Cut anywhere, as a module with a small MTU does; whether all of it went out."""
        at = 0
        while at < len(line):
            size = random.randint(4, 20)
            if not await self.tell(TRANSMIT, line[at : at + size]):
                return False
            at += size
        return True

    def _line(self, steady: bool) -> bytes:
        shown = self._load + self.zero_kg
        return text_line(shown if steady else shown * 0.8, stable=steady, capacity_kg=CAPACITY_KG)
