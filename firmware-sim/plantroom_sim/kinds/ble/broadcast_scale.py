"""A scale that only broadcasts: 13 bytes of service data 0x181B, repeated while the load lies and some time after."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from plantroom_sim.kinds.ble.peripheral import Advertisement, uuid16
from plantroom_sim.kinds.ble.scale import Scale, Weighed
from plantroom_sim.kinds.ble.wire import COUNT_KG, REMOVED, STABLE, Unit, body_composition

BODY_COMPOSITION = uuid16(0x181B)
#: The person waits until the station has shown the weight: so many times somebody heard it.
HEARD = 3


class BroadcastScale(Scale):
    """It cannot be connected and tells no battery."""

    connectable = False

    def __init__(self, address: str, name: str, now: Callable[[], datetime], *, unit: Unit = "kg") -> None:
        super().__init__(address, name, now)
        self.unit = unit
        self._raw = 0
        self._state = 0
        self._shown_at = datetime(2000, 1, 1)  # noqa: DTZ001  (the clock of a scale has no zone)
        self._heard = 0
        self._pulse = asyncio.Event()

    def advertisement(self) -> Advertisement:
        data = body_composition(self._raw, self._state, self._shown_at, self.unit)
        return Advertisement([BODY_COMPOSITION], {}, {BODY_COMPOSITION: data})

    async def weigh(self, kg: float) -> Weighed:
        shown = max(kg + self.zero_kg, 0.0)
        raw = round(shown / COUNT_KG[self.unit])
        self._shown_at = self.stamp()
        self._raw, self._state = max(raw - 40, 1), 0  # still swinging
        await self._until_heard(1)
        weighed = Weighed(round(raw * COUNT_KG[self.unit], 4), self._shown_at)
        self.weighed.append(weighed)
        self._raw, self._state = raw, STABLE
        await self._until_heard(HEARD)
        self._state |= REMOVED
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
