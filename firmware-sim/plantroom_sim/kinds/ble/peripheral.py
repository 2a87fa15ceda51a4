"""A Bluetooth LE device as the air knows it: it advertises, takes a connection, tells values."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from plantroom_sim.errors import SimError


class BluezError(SimError):
    """What bluetoothd answers instead; `name` is the D-Bus error, e.g. org.bluez.Error.Failed."""

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__(text or name)
        self.name = name


def uuid16(number: int) -> str:
    """A UUID of the Bluetooth SIG in full."""
    return f"0000{number:04x}-0000-1000-8000-00805f9b34fb"


@dataclass(frozen=True)
class Advertisement:
    """What a device sends to everybody."""

    uuids: Sequence[str] = ()
    manufacturer: dict[int, bytes] = field(default_factory=dict)
    service_data: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Characteristic:
    """One of a GATT service."""

    uuid: str
    flags: Sequence[str]
    value: bytes = b""


@dataclass(frozen=True)
class Service:
    """One of a GATT server."""

    uuid: str
    characteristics: Sequence[Characteristic]


class Radio(Protocol):
    """What a peripheral can do through the bluetoothd that hears it."""

    def advertise(self, peripheral: "Peripheral") -> bool:
        """Send one advertisement; whether anybody scans."""
        ...

    async def notify(self, peripheral: "Peripheral", uuid: str, value: bytes) -> bool:
        """Send a notification or indication; whether it went out to a subscriber (for an indication: confirmed)."""
        ...

    def drop(self, peripheral: "Peripheral") -> None:
        """The link is gone."""
        ...

    def deafen(self, deaf: bool) -> None:
        """The adapter hears nobody, until it is switched off and on."""
        ...


class Peripheral:
    """Base of all simulated devices. Faults are plain attributes: whoever holds it sets them."""

    connectable = True
    advertising_s = 0.2
    connecting_s = 0.02
    disconnecting_s = 0.0  #: until then it is still connected, and what it tells is confirmed

    def __init__(self, address: str, name: str) -> None:
        self.address = address
        self.name = name
        self.rssi = -60
        self.on_air = True  #: False: out of range, or switched off
        self.connected = False
        self.refusals: list[BluezError] = []  #: the next connection attempts fail with these
        self.flaps = 0  #: so many connections break right after they were made (le-connection-abort-by-local)
        #: what BlueZ remembers of it is wrong until it is removed: it cannot be connected, or seems to have no services
        self.stale: Literal["", "link", "services"] = ""
        self.paired = False
        self.connects = 0
        self.subscribed: set[str] = set()
        self.radio: Radio | None = None

    def advertisement(self) -> Advertisement:
        """As it is now."""
        return Advertisement()

    def services(self) -> Sequence[Service]:
        """Its GATT server."""
        return ()

    async def read(self, uuid: str) -> bytes:
        """Raises BluezError where it cannot be read."""
        raise BluezError("org.bluez.Error.NotPermitted", f"Read not permitted: {uuid}")

    def leave(self) -> None:
        """Out of range: the link breaks, nothing is advertised."""
        self.on_air = False
        if self.radio is not None:
            self.radio.drop(self)

    def come_back(self) -> None:
        """In range again."""
        self.on_air = True

    async def run(self) -> None:
        """Advertise while nobody is connected, until cancelled."""
        while True:
            if self.on_air and not self.connected and self.radio is not None:
                self.radio.advertise(self)
            await asyncio.sleep(self.advertising_s)
