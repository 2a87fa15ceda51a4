"""A scale that only broadcasts: 13 bytes of service data 0x181B, repeated while the load lies and some time after."""

import asyncio
import struct
from collections.abc import Callable
from datetime import datetime

from plantroom_sim.kinds.ble.peripheral import Advertisement, uuid16
from plantroom_sim.kinds.ble.scale import Scale, Weighed

BODY_COMPOSITION = uuid16(0x181B)
#: The person waits until the station has shown the weight: so many times somebody heard it.
HEARD = 3
_STABLE, _REMOVED = 0x20, 0x80


class BroadcastScale(Scale):
    """`unit`: "kg", "lb" or "jin". It cannot be connected and tells no battery."""

    connectable = False

    def __init__(self, address: str, name: str, now: Callable[[], datetime], *, unit: str = "kg") -> None:
        super().__init__(address, name, now)
        self.unit = unit
        self._raw = 0
        self._state = 0
        self._stamp = datetime(2000, 1, 1)  # noqa: DTZ001  (the clock of a scale has no zone)
        self._heard = 0
        self._pulse = asyncio.Event()

    def advertisement(self) -> Advertisement:
        units = {"kg": 0x02, "lb": 0x03, "jin": 0x12}[self.unit]
        stamp = self._stamp
        data = struct.pack("<BBHBBBBB", units, self._state, stamp.year, stamp.month, stamp.day, stamp.hour,
                           stamp.minute, stamp.second)  # fmt: skip
        return Advertisement([BODY_COMPOSITION], {}, {BODY_COMPOSITION: data + struct.pack("<HH", 0, self._raw)})

    async def weigh(self, kg: float) -> Weighed:
        shown = max(kg + self.zero_kg, 0.0)
        each = {"kg": 0.005, "lb": 0.01, "jin": 0.01}[self.unit]
        kilograms = {"kg": 1.0, "lb": 0.45359237, "jin": 0.5}[self.unit]
        raw = round(shown / kilograms / each)
        self._stamp = self.stamp()
        self._raw, self._state = max(raw - 40, 1), 0  # still swinging
        await self._until_heard(1)
        weighed = Weighed(round(raw * each * kilograms, 4), self._stamp)
        self.weighed.append(weighed)
        self._raw, self._state = raw, _STABLE
        await self._until_heard(HEARD)
        self._state |= _REMOVED
        return weighed

    async def run(self) -> None:
        while True:
            if self.on_air and self.radio is not None and self.radio.advertise(self):
                self._heard += 1
                self._pulse.set()
            await asyncio.sleep(self.advertising_s)

    async def _until_heard(self, times: int) -> None:
        self._heard = 0
        while self._heard < times:
            self._pulse.clear()
            await self._pulse.wait()
