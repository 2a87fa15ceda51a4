"""A scale of a scenario: its faults, what a person does to it, its own count."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from plantroom_shared.batch import DeviceRows
from plantroom_sim.errors import SimError
from plantroom_sim.kinds.ble.broadcast_scale import BroadcastScale
from plantroom_sim.kinds.ble.config import Battery, BleScale, Cut, Drift, Restart, Several, Stale, Weigh
from plantroom_sim.kinds.ble.gatt_scale import GattScale
from plantroom_sim.kinds.ble.peripheral import BluezError
from plantroom_sim.kinds.ble.scale import Scale
from plantroom_sim.kinds.ble.text_scale import TextScale

#: A person who gets no answer from a scale goes away after so long.
PATIENCE_S = 60.0


class SimScale:
    """Holds the scale that is on the air."""

    def __init__(self, entry: BleScale, now: Callable[[], float], restart: Callable[[float], None]) -> None:
        self.entry = entry
        self.scale = _make(entry, lambda: datetime.fromtimestamp(now(), UTC))
        self.scale.battery = entry.battery
        self._restart = restart

    def start_fault(self, kind: str, args: Any) -> None:
        scale = self.scale
        match args:
            case Cut(times=times, when="before"):
                scale.cuts_before += times
            case Cut(times=times):
                scale.cuts_after += times
            case Several(times=times) if kind == "doubled":
                scale.doubled += times
            case Several(times=times):
                scale.refusals += [BluezError("org.bluez.Error.Failed", "Software caused connection abort")] * times
            case Battery(percent=percent):
                scale.battery = percent
            case Drift(kg=kg):
                scale.zero_kg = kg
            case Stale(what=what):
                scale.stale = what
            case Restart(away_s=away_s):
                self._restart(away_s)
            case _ if kind == "adapter-deaf":
                if scale.radio is not None:
                    scale.radio.deafen(True)
            case _:
                scale.leave()

    def end_fault(self, kind: str) -> None:
        scale = self.scale
        match kind:
            case "out-of-range":
                scale.come_back()
            case "refused":
                scale.refusals.clear()
            case "cut":
                scale.cuts_before = scale.cuts_after = 0
            case "doubled":
                scale.doubled = 0
            case "stale":
                scale.stale = ""
            case "adapter-deaf":
                if scale.radio is not None:
                    scale.radio.deafen(False)
            case "battery-low":
                scale.battery = self.entry.battery
            case "zero-drift":
                scale.zero_kg = 0.0

    async def act(self, action: str, args: Any) -> Any:
        scale = self.scale
        try:
            async with asyncio.timeout(PATIENCE_S):
                if isinstance(args, Weigh):
                    weighed = await scale.weigh(args.kg)
                    return {"kg": weighed.kg}
                if action == "fail" and isinstance(scale, GattScale):
                    await scale.fail()
                elif action == "overload" and isinstance(scale, TextScale):
                    await scale.overload()
                else:
                    raise SimError(f"{self.entry.id} speaks {self.entry.speaks}: it cannot {action}")
        except TimeoutError as error:
            raise SimError(f"nobody took what {self.entry.id} shows within {PATIENCE_S:g} s") from error
        return {}

    def counts(self) -> Mapping[str, int]:
        return {"weighings": len(self.scale.weighed), "connects": self.scale.connects}

    def history(self, moments: Sequence[int]) -> DeviceRows | None:  # noqa: ARG002  (it measures nothing by itself)
        return None


def _make(entry: BleScale, now: Callable[[], datetime]) -> Scale:
    name = entry.name or entry.id
    match entry.speaks:
        case "gatt":
            return GattScale(entry.where(), name, now, imperial=entry.unit == "lb", clock=entry.clock)
        case "broadcast":
            return BroadcastScale(entry.where(), name, now, unit=entry.unit)
        case "text":
            return TextScale(entry.where(), name, now)
