"""What a scenario says of relay boards and of the gates behind them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from plantroom_sim.kind import BusEntry, DeviceEntry, Plain, Strict


class BarrierTcpEntry(BusEntry):
    """Boards behind one TCP port; without a port a free one."""

    type: Literal["barrier-tcp"]
    port: int = Field(default=0, ge=0, le=65535)


class BarrierRtuEntry(BusEntry):
    """Boards on a serial line: a pseudo-terminal."""

    type: Literal["barrier-rtu"]
    baudrate: int = Field(default=19200, ge=300, le=921_600)
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1


class BarrierGate(DeviceEntry):
    """A gate: its board and its drive."""

    profile: str = "waveshare/relay-8ch-barrier"
    unit: int = Field(default=1, ge=1, le=247)
    period: str = "200ms"  #: how often the gateway is told to read it
    travel_s: float = Field(default=3.0, gt=0, le=60)  #: from one end to the other
    auto_close_s: float | None = Field(default=8.0, gt=0)  #: the drive closes by itself when the way was free so long


class Stuck(Strict):
    """A limit switch that reports the same whatever the gate does."""

    switch: Literal["up", "down"]
    reads: bool = False


class Drive(Strict):
    """A vehicle comes, waits for the gate to be open, and is gone after so long in it."""

    seconds: float = Field(default=2.0, gt=0, le=600)


BUSES: Mapping[str, type[BusEntry]] = {"barrier-tcp": BarrierTcpEntry, "barrier-rtu": BarrierRtuEntry}
FAULTS: Mapping[str, type[Strict]] = {
    "dead": Plain,  #: the board has no supply: it answers nothing, its relays drop
    "power-cut": Plain,  #: the drive has no supply: the board answers, the gate does not move
    "jammed": Plain,  #: the same, with the drive's fault contact on
    "stuck": Stuck,
    "obstacle": Plain,  #: something is in the way: half closed it goes up again
    "left-open": Plain,  #: somebody switched the automatic closing off
    "occupied": Plain,  #: a vehicle stands on the loop
    "slow": Plain,  #: answers after a while, within a patient time-out
    "late": Plain,  #: answers when nobody waits any more
    "exceptions": Plain,  #: answers everything with "server device failure"
}
ACTIONS: Mapping[str, type[Strict]] = {"drive": Drive, "lift": Plain, "lower": Plain}


def check(_bus: BusEntry, devices: Sequence[tuple[int, BarrierGate]]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Units on a line are unique."""
    owner: dict[int, str] = {}
    for index, device in devices:
        if device.unit in owner:
            text = f"unit {device.unit} on bus {device.bus!r} is {owner[device.unit]!r} already; units are unique"
            yield ("devices", index, "unit"), text
        owner.setdefault(device.unit, device.id)
