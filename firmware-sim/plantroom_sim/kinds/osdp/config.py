"""What a scenario says of OSDP lines and of the readers on them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from plantroom_sim.kind import BusEntry, DeviceEntry, Id, Plain, Strict


class OsdpEntry(BusEntry):
    """A line: a pseudo-terminal."""

    type: Literal["osdp"]
    baudrate: Literal[9600, 19200, 38400, 57600, 115200, 230400] = 9600


class OsdpCardReader(DeviceEntry):
    """A reader with keypad, light and buzzer; its key is made anew with the line."""

    profile: str = "generic/osdp-reader"
    address: int = Field(ge=0, le=126)
    gate: Id  #: that it stands at, for the gateway
    direction: Literal["in", "out"] = "in"


class Card(Strict):
    """Somebody shows a 26-bit card."""

    facility: int = Field(ge=0, le=255)
    number: int = Field(ge=0, le=65_535)


class Type(Strict):
    """Somebody types at the keypad; `#` is enter, `*` is clear."""

    keys: str = Field(pattern=r"^[0-9*#]{1,16}$")


FAULTS: Mapping[str, type[Strict]] = {
    "cut": Plain,  #: its wires are cut: what it is shown waits in it
    "power-cut": Plain,  #: it is off, and forgets what it was shown
    "tampered": Plain,  #: its housing is open
    "on-battery": Plain,  #: its supply has failed
    "wrong-key": Plain,  #: it was exchanged: another key is in it
}
ACTIONS: Mapping[str, type[Strict]] = {"card": Card, "type": Type}


def check(_bus: BusEntry, devices: Sequence[tuple[int, OsdpCardReader]]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Addresses on a line are unique."""
    owner: dict[int, str] = {}
    for index, device in devices:
        if device.address in owner:
            text = f"address {device.address} on bus {device.bus!r} is {owner[device.address]!r} already"
            yield ("devices", index, "address"), text
        owner.setdefault(device.address, device.id)
