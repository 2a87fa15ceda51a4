"""What is in the air, and which profile fits: for who sets up a gateway."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase

from plantroom_edge.drivers.ble_scale.profile import BleScaleProfile, Protocol
from plantroom_edge.drivers.ble_scale.radio import Heard, Radio
from plantroom_edge.drivers.ble_scale.scale import SERVICE_DATA
from plantroom_shared.clock import Clock

_WEIGHT_SCALE = "0000181d-0000-1000-8000-00805f9b34fb"
_UART = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device that was heard; `profiles` fit, the most particular first."""

    address: str
    name: str
    rssi: int
    profiles: Sequence[str]


async def survey(
    adapter: str, dbus_address: str | None, clock: Clock, seconds: float, profiles: Mapping[str, BleScaleProfile]
) -> list[Candidate]:
    """Listen for so long; the nearest device first. Raises RadioLostError."""
    heard: dict[str, Heard] = {}

    def hear(item: Heard) -> None:
        heard[item.address] = item

    radio = Radio(adapter, dbus_address, clock, hear)
    await radio.open()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await radio.lost.wait()
    finally:
        await radio.close()
    found = [Candidate(item.address, item.name, item.rssi, fitting(item, profiles)) for item in heard.values()]
    return sorted(found, key=lambda candidate: (not candidate.profiles, -candidate.rssi))


def fitting(heard: Heard, profiles: Mapping[str, BleScaleProfile]) -> list[str]:
    """The profiles whose protocol and name fit what was heard; those that ask for a name first."""
    found = [name for name, profile in profiles.items() if _fits(heard, profile)]
    return sorted(found, key=lambda name: (not profiles[name].names, name))


def _fits(heard: Heard, profile: BleScaleProfile) -> bool:
    if profile.names and not any(fnmatchcase(heard.name, pattern) for pattern in profile.names):
        return False
    match profile.protocol:
        case Protocol.WEIGHT_SCALE_SERVICE:
            return _WEIGHT_SCALE in heard.services
        case Protocol.UART_TEXT:
            return _UART in heard.services
        case _:
            return SERVICE_DATA[profile.protocol] in heard.service_data
