"""A scale with the GATT Weight Scale Service: indicates each finished measurement, keeps it until it is confirmed."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from plantroom_sim.kinds.ble.peripheral import Advertisement, Characteristic, Service, uuid16
from plantroom_sim.kinds.ble.scale import Scale, Weighed
from plantroom_sim.kinds.ble.wire import POUND, UNSUCCESSFUL, weight_measurement, weight_scale_feature

WEIGHT_SCALE, MEASUREMENT, FEATURE = uuid16(0x181D), uuid16(0x2A9D), uuid16(0x2A9E)


class GattScale(Scale):
    """`imperial`: tells pounds. `clock`: dates its measurements. `fails` measurements come to nothing (0xFFFF)."""

    def __init__(
        self, address: str, name: str, now: Callable[[], datetime], *, imperial: bool = False, clock: bool = True
    ) -> None:
        super().__init__(address, name, now)
        self.imperial = imperial
        self.clock = clock
        self._untold: deque[bytes] = deque()
        self._told = asyncio.Condition()

    def advertisement(self) -> Advertisement:
        return Advertisement(uuids=[WEIGHT_SCALE])

    def services(self) -> Sequence[Service]:
        return [
            Service(
                WEIGHT_SCALE,
                [Characteristic(FEATURE, ["read"], self._feature()), Characteristic(MEASUREMENT, ["indicate"])],
            ),
            self.battery_service(),
        ]

    async def read(self, uuid: str) -> bytes:
        return self._feature() if uuid == FEATURE else await super().read(uuid)

    async def weigh(self, kg: float) -> Weighed:
        shown = max(kg + self.zero_kg, 0.0)
        raw = round(shown / POUND * 100) if self.imperial else round(shown * 200)
        stamp = self.stamp() if self.clock else None
        weighed = Weighed(round(raw * 0.01 * POUND if self.imperial else raw * 0.005, 4), stamp)
        self.weighed.append(weighed)
        await self._keep(self._frame(raw, stamp))
        return weighed

    async def fail(self) -> None:
        """A measurement that does not succeed, e.g. the load was taken off too early."""
        await self._keep(self._frame(UNSUCCESSFUL, self.stamp() if self.clock else None))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().run(), name=f"{self.name} advertises")
            tasks.create_task(self._indicate(), name=f"{self.name} indicates")

    async def _keep(self, frame: bytes) -> None:
        self._untold.append(frame)
        async with self._told:
            await self._told.wait_for(lambda: frame not in self._untold)

    async def _indicate(self) -> None:
        while True:
            if self._untold and await self.tell(MEASUREMENT, self._untold[0]):
                async with self._told:
                    self._untold.popleft()
                    self._told.notify_all()
            else:
                await self.look()

    def _frame(self, raw: int, stamp: datetime | None) -> bytes:
        return weight_measurement(raw, stamp, imperial=self.imperial)

    def _feature(self) -> bytes:
        return weight_scale_feature(clock=self.clock)
