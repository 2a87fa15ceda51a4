"""The air: scales, and the bluetoothd that hears them and can die and come back."""

import asyncio
from collections.abc import Sequence
from typing import Any

from plantroom_sim.errors import SimError
from plantroom_sim.kinds.ble.bluetoothd import CONNECT_GIVE_UP_S, FORGET_S, Bluetoothd
from plantroom_sim.kinds.ble.gatt_scale import GattScale
from plantroom_sim.kinds.ble.peripheral import BluezError
from plantroom_sim.kinds.ble.scale import Scale
from plantroom_sim.kinds.ble.text_scale import TextScale


class Air:
    """Runs until cancelled. What its scales weighed is counted by themselves and outlives the daemon."""

    def __init__(
        self,
        bus_address: str,
        scales: Sequence[Scale],
        *,
        forget_s: float = FORGET_S,
        give_up_s: float = CONNECT_GIVE_UP_S,
    ) -> None:
        self._bus_address = bus_address
        self._forget_s = forget_s
        self._give_up_s = give_up_s
        self.scales = {scale.name: scale for scale in scales}
        self.daemon = self._make()
        self._die = asyncio.Event()
        self._born = asyncio.Event()
        self._away_s = 0.0
        self.restarts = 0

    async def run(self, ready: asyncio.Event) -> None:
        """Until cancelled; `ready` is set once org.bluez has an owner."""
        async with asyncio.TaskGroup() as tasks:
            for scale in self.scales.values():
                tasks.create_task(scale.run(), name=f"scale {scale.name}")
            while True:
                self._die.clear()
                running = tasks.create_task(self.daemon.run(self._born), name="bluetoothd")
                await self._born.wait()
                ready.set()
                await self._die.wait()
                running.cancel()
                await asyncio.wait([running])
                await asyncio.sleep(self._away_s)
                busy, scanning = self.daemon.refused_busy, self.daemon.connected_while_scanning
                self.daemon = self._make()
                self.daemon.refused_busy, self.daemon.connected_while_scanning = busy, scanning

    async def restart(self, away_s: float = 0.2) -> None:
        """bluetoothd dies and comes back after `away_s`; returns once it is back."""
        self.restarts += 1
        self._away_s = away_s
        self._born.clear()
        self._die.set()
        await self._born.wait()

    async def do(self, request: dict[str, Any]) -> Any:
        """One request of another process, as the control socket and the D-Bus interface carry it; raises SimError.

        {"do": "weigh", "scale": …, "kg": …} · "fail" · "overload" · "leave" · "come-back" · "drop" · "refuse" {times}
        · "double" {times} · "cut" {times, when: before|after} · "battery" {percent} · "zero" {kg} · "restart"
        {away_s} · "counts".
        """
        what = request.get("do")
        if what == "restart":
            await self.restart(float(request.get("away_s", 0.2)))
            return "bluetoothd is back"
        if what == "counts":
            return {
                name: {
                    "weighed": [[item.kg, item.stamp.isoformat() if item.stamp else None] for item in scale.weighed],
                    "connects": scale.connects,
                }
                for name, scale in self.scales.items()
            }
        scale = self.scales.get(str(request.get("scale")))
        if scale is None:
            raise SimError(f"there is no scale {request.get('scale')!r}; there are: {', '.join(self.scales)}")
        return await self._do(scale, str(what), request)

    async def _do(self, scale: Scale, what: str, request: dict[str, Any]) -> Any:
        times = int(request.get("times", 1))
        match what:
            case "weigh":
                weighed = await scale.weigh(float(request["kg"]))
                return weighed.kg
            case "fail" if isinstance(scale, GattScale):
                await scale.fail()
            case "overload" if isinstance(scale, TextScale):
                await scale.overload()
            case "leave":
                scale.leave()
            case "come-back":
                scale.come_back()
            case "drop":
                if scale.radio is not None:
                    scale.radio.drop(scale)
            case "refuse":
                error = BluezError("org.bluez.Error.Failed", "Software caused connection abort")
                scale.refusals += [error] * times
            case "double":
                scale.doubled += times
            case "cut" if request.get("when") == "before":
                scale.cuts_before += times
            case "cut":
                scale.cuts_after += times
            case "battery":
                scale.battery = int(request["percent"])
            case "zero":
                scale.zero_kg = float(request["kg"])
            case _:
                raise SimError(f"{scale.name}: cannot do {what!r}")
        return "done"

    def _make(self) -> Bluetoothd:
        return Bluetoothd(
            self._bus_address, list(self.scales.values()), forget_s=self._forget_s, give_up_s=self._give_up_s
        )
