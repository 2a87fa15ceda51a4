"""What gateway.yaml says of a Modbus bus and of a device on it."""

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Interval

from plantroom_edge.config.model import BusConfig, DeviceConfig, PortNumber
from plantroom_edge.config.quantity import Seconds
from plantroom_edge.shape import DERIVED


class _ModbusBus(BusConfig):
    timeout: Annotated[Seconds, Interval(gt=0, le=30)] = 0.5  #: that a unit may think, beyond the time on the line

    @property
    def byte_s(self) -> float:
        """Seconds that a byte takes on the line; 0 where answers carry a transaction id."""
        return 0.0


class TcpBus(_ModbusBus):
    """A Modbus TCP endpoint."""

    type: Literal["modbus-tcp"]
    host: str
    port: PortNumber = 502


class RtuBus(_ModbusBus):
    """A serial line."""

    type: Literal["modbus-rtu"]
    port: str
    baudrate: Annotated[int, Interval(ge=300, le=921_600)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1

    @property
    def byte_s(self) -> float:
        return (1 + 8 + (self.parity != "N") + self.stopbits) / self.baudrate


class RtuOverTcpBus(_ModbusBus):
    """A serial line behind a transparent converter."""

    type: Literal["modbus-rtu-over-tcp"]
    host: str
    port: PortNumber
    baudrate: Annotated[int, Interval(ge=300, le=921_600)] = 9600  #: of the line behind it

    @property
    def byte_s(self) -> float:
        return 10 / self.baudrate


class ModbusDevice(DeviceConfig):
    """A unit on a bus."""

    driver: Literal["modbus"] = field(default="modbus", repr=False, metadata=DERIVED)
    unit: Annotated[int, Interval(ge=0, le=247)] = 1
    period: Annotated[Seconds, Ge(0.02)] = 5.0
    commands: tuple[str, ...] | None = None  #: those that may be sent; without it all of the profile
