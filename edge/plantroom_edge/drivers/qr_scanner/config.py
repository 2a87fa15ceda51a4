"""What gateway.yaml says of a scanner's line and of the scanner on it."""

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Annotated, Any, Literal

from annotated_types import Interval

from plantroom_edge.config.model import BusConfig, DeviceConfig, PortNumber
from plantroom_edge.shape import DERIVED


class SerialLine(BusConfig):
    """A scanner on a serial port, a USB scanner in its serial (CDC) mode included."""

    type: Literal["scanner-serial"]
    port: str
    baudrate: Annotated[int, Interval(ge=300, le=921_600)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1


class TcpLine(BusConfig):
    """A scanner with a network port of its own, or a serial one behind a transparent converter."""

    type: Literal["scanner-tcp"]
    host: str
    port: PortNumber


class ScannerDevice(DeviceConfig):
    """The scanner; `station` pairs it with what stands beside it."""

    driver: Literal["qr_scanner"] = field(default="qr_scanner", repr=False, metadata=DERIVED)


def check_one_scanner(bus: SerialLine | TcpLine, devices: Sequence[tuple[Any, Any]]) -> Iterable[tuple[str, str]]:
    """Codes carry no sender: two scanners on one line could not be told apart."""
    if len(devices) > 1:
        names = ", ".join(device.id for device, _ in devices)
        yield "id", f"bus {bus.id!r} has {len(devices)} scanners ({names}); a scanner's line has one"
