"""What a scenario says of Bluetooth scales."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from plantroom_sim.kind import BusEntry, DeviceEntry, Plain, Strict

Times = Annotated[int, Field(ge=1, le=1000)]


class BleEntry(BusEntry):
    """The air around one gateway: a private D-Bus with a bluetoothd."""

    type: Literal["ble"]


class BleScale(DeviceEntry):
    """A scale. Without an address it has one of its own, made from its id."""

    profile: str
    speaks: Literal["gatt", "broadcast", "text"]
    address: Annotated[str, Field(pattern=r"^[0-9A-F]{2}(:[0-9A-F]{2}){5}$")] | None = None
    name: str = ""  #: as it calls itself in the air; without it, its id
    unit: Literal["kg", "lb", "jin"] = "kg"
    clock: bool = True  #: of a gatt scale: whether it dates what it weighs
    battery: Annotated[int, Field(ge=0, le=100)] = 90
    station: str = ""
    calibration_due: str | None = None

    def where(self) -> str:
        """Its address."""
        if self.address is not None:
            return self.address
        made = bytearray(hashlib.sha256(self.id.encode()).digest()[:6])
        made[0] |= 0xC0  # a static random address (Core 5.4, Vol 6 Part B 1.3.2.1)
        return ":".join(f"{byte:02X}" for byte in made)


class Several(Strict):
    """How often."""

    times: Times = 1


class Cut(Strict):
    """The link breaks in the middle: before a frame went out, or after it and before it was confirmed."""

    times: Times = 1
    when: Literal["before", "after"] = "after"


class Battery(Strict):
    """What the battery has left."""

    percent: Annotated[int, Field(ge=0, le=100)] = 10


class Drift(Strict):
    """What it shows too much."""

    kg: Annotated[float, Field(ge=-5, le=5)] = 0.15


class Stale(Strict):
    """What bluetoothd remembers of the scale is wrong, until a client has it removed."""

    what: Literal["link", "services"] = "link"  #: it cannot be connected, or seems to have no services


class Restart(Strict):
    """bluetoothd dies and is back after so many seconds."""

    away_s: Annotated[float, Field(ge=0, le=600)] = 2.0


class Weigh(Strict):
    """A load is put on, told, and taken off."""

    kg: Annotated[float, Field(gt=0, le=300)]


FAULTS: Mapping[str, type[Strict]] = {
    "out-of-range": Plain,  #: neither advertises nor holds its link
    "refused": Several,  #: the next connection attempts fail
    "cut": Cut,
    "doubled": Several,  #: the next frames are sent twice
    "battery-low": Battery,
    "zero-drift": Drift,
    "stale": Stale,
    "adapter-deaf": Plain,  #: for all scales of the bus: it scans and hears nobody, until it is switched off and on
    "bluetoothd-restart": Restart,  #: for all scales of the bus
}
ACTIONS: Mapping[str, type[Strict]] = {"weigh": Weigh, "fail": Plain, "overload": Plain}


def check(_bus: BusEntry, devices: Sequence[tuple[int, BleScale]]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Addresses are unique; only what a scale can show is asked of it."""
    owner: dict[str, str] = {}
    for index, device in devices:
        place = ("devices", index)
        address = device.where()
        if address in owner:
            yield (*place, "address"), f"address {address} is {owner[address]!r} already; addresses are unique"
        owner.setdefault(address, device.id)
        if device.unit == "jin" and device.speaks != "broadcast":
            yield (*place, "unit"), "only a broadcast scale shows jin; use kg or lb"
        if device.unit != "kg" and device.speaks == "text":
            yield (*place, "unit"), "the text scale shows kilograms; leave the unit out"


def fits(device: BleScale, args: Strict) -> tuple[str, str] | None:
    """A load is one that the scale can show."""
    most = {"gatt": 327.0 if device.unit == "kg" else 297.0, "broadcast": 200.0, "text": 150.0}[device.speaks]
    if isinstance(args, Weigh) and args.kg > most:
        return "kg", f"{device.id} shows at most {most:g} kg"
    return None
