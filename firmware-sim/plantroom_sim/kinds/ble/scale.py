"""What all simulated scales share: a load, a zero that drifts, a count of their own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from plantroom_sim.kinds.ble.peripheral import Characteristic, Peripheral, Service, uuid16

BATTERY_SERVICE, BATTERY_LEVEL = uuid16(0x180F), uuid16(0x2A19)
#: A waiting scale looks this often whether its link is there: the time a person would not notice.
LOOK_S = 0.01


@dataclass(frozen=True)
class Weighed:
    """One weighing as the scale itself counts it: what its display showed, in kilograms."""

    kg: float
    stamp: datetime | None = None  #: by the scale's clock, where it has one


class Scale(Peripheral):
    """Base. `zero_kg` is what it shows too much: a zero that drifted. `battery` is a percentage."""

    def __init__(self, address: str, name: str, now: Callable[[], datetime]) -> None:
        super().__init__(address, name)
        self._now = now
        self._stamped: datetime | None = None
        self.battery = 90
        self.zero_kg = 0.0
        self.doubled = 0  #: so many of the next frames are sent twice
        self.cuts_before = 0  #: so many times the link breaks before the next frame went out
        self.cuts_after = 0  #: so many times it breaks after one, before it was confirmed
        self.weighed: list[Weighed] = []

    async def weigh(self, kg: float) -> Weighed:
        """A person weighs a load of `kg`, waits until the scale has told it, and takes it off again."""
        raise NotImplementedError

    async def read(self, uuid: str) -> bytes:
        return bytes([self.battery]) if uuid == BATTERY_LEVEL else await super().read(uuid)

    def battery_service(self) -> Service:
        """0x180F."""
        return Service(BATTERY_SERVICE, [Characteristic(BATTERY_LEVEL, ["read", "notify"], bytes([self.battery]))])

    def stamp(self) -> datetime:
        """The scale's clock, to the second; it dates no two weighings alike."""
        moment = self._now().replace(microsecond=0, tzinfo=None)
        if self._stamped is not None and moment <= self._stamped:
            moment = self._stamped + timedelta(seconds=1)
        self._stamped = moment
        return moment

    async def tell(self, uuid: str, value: bytes) -> bool:
        """Send one frame with the faults that are set; whether it was confirmed."""
        if self.radio is None or uuid not in self.subscribed:
            return False
        if self.cuts_before:
            self.cuts_before -= 1
            self.radio.drop(self)
            return False
        told = await self.radio.notify(self, uuid, value)
        if told and self.doubled:
            self.doubled -= 1
            await self.radio.notify(self, uuid, value)
        if told and self.cuts_after:
            self.cuts_after -= 1
            if self.radio is not None:
                self.radio.drop(self)
            return False
        return told

    async def look(self) -> None:
        """Wait for the link a moment."""
        await asyncio.sleep(LOOK_S)
