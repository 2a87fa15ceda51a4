"""What a scenario says of code scanners."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from plantroom_sim.kind import BusEntry, DeviceEntry, Plain, Strict

Framing = Literal["cr", "lf", "crlf", "stx-etx"]


class _Line(BusEntry):
    framing: Framing = "cr"
    aim_prefix: bool = False  #: "]Q1" before each code
    chunk: int = Field(default=5, ge=1, le=512)  #: a code leaves in pieces of so many bytes, as a slow line delivers it


class SerialEntry(_Line):
    """A scanner on a serial line: a pseudo-terminal."""

    type: Literal["scanner-serial"]
    baudrate: int = Field(default=9600, ge=300, le=921_600)


class TcpEntry(_Line):
    """A scanner behind a TCP port; without a port a free one."""

    type: Literal["scanner-tcp"]
    port: int = Field(default=0, ge=0, le=65535)


BUSES: Mapping[str, type[BusEntry]] = {"scanner-serial": SerialEntry, "scanner-tcp": TcpEntry}


class Scanner(DeviceEntry):
    """The scanner on its line."""

    profile: str = "generic/serial-scanner"
    station: str = ""


class Scan(Strict):
    """The trigger is pulled over a code."""

    code: str = Field(min_length=1, max_length=4000)


class ScanDisplay(Strict):
    """The trigger is pulled before the display of a patrol point, `late_s` after the code was shown (a photograph)."""

    point: str
    key: str
    late_s: float = Field(default=0.0, ge=0)


FAULTS: Mapping[str, type[Strict]] = {
    "dirty": Plain,  #: bytes that are no text come before each code
    "run-on": Plain,  #: a frame longer than any code comes before each code, without an end of its own
}
ACTIONS: Mapping[str, type[Strict]] = {"scan": Scan, "scan-display": ScanDisplay}


def check(_bus: BusEntry, devices: Sequence[tuple[int, Scanner]]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """A line has one scanner: codes carry no sender."""
    for index, device in devices[1:]:
        yield ("devices", index, "bus"), f"bus {device.bus!r} has a scanner already: {devices[0][1].id!r}"
