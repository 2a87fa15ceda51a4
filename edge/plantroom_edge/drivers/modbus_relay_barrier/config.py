"""What gateway.yaml says of a relay board's line and of the gate behind it."""

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Interval

from plantroom_edge.config.model import BusConfig, DeviceConfig, PortNumber
from plantroom_edge.config.quantity import Seconds
from plantroom_edge.drivers.modbus.config import RtuBus, TcpBus
from plantroom_edge.shape import DERIVED

Timeout = Annotated[Seconds, Interval(gt=0, le=5)]


class BarrierTcp(BusConfig):
    """Relay boards with a network port, or behind a Modbus gateway."""

    type: Literal["barrier-tcp"]
    host: str
    port: PortNumber = 502
    timeout: Timeout = 0.5

    def modbus(self) -> TcpBus:
        """The same as the Modbus adapter knows it."""
        return TcpBus(id=self.id, type="modbus-tcp", host=self.host, port=self.port, timeout=self.timeout)


class BarrierRtu(BusConfig):
    """Relay boards on a serial line of their own: a gate does not wait for meters."""

    type: Literal["barrier-rtu"]
    port: str
    baudrate: Annotated[int, Interval(ge=300, le=921_600)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    timeout: Timeout = 0.5

    def modbus(self) -> RtuBus:
        """The same as the Modbus adapter knows it."""
        return RtuBus(
            id=self.id,
            type="modbus-rtu",
            port=self.port,
            baudrate=self.baudrate,
            parity=self.parity,
            stopbits=self.stopbits,
            timeout=self.timeout,
        )


class BarrierDevice(DeviceConfig):
    """A gate: one relay board with the volt-free contacts of its drive."""

    driver: Literal["modbus_relay_barrier"] = field(default="modbus_relay_barrier", repr=False, metadata=DERIVED)
    unit: Annotated[int, Interval(ge=1, le=247)] = 1
    period: Annotated[Seconds, Interval(ge=0.02, le=2)] = 0.2
    travel: Annotated[Seconds, Interval(gt=0, le=120)] | None = None  #: of this gate, where the profile's does not fit
    opens_itself: bool = False  #: by an exit loop or a button of its own: opening unasked is then not forced
