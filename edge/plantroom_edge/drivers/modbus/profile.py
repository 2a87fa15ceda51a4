"""The shape of a Modbus profile (docs: configs/profiles/README.md)."""

from collections.abc import Iterator
from dataclasses import field
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, MinLen

from plantroom_edge.profile.schema import MetricName, Profile, nearest
from plantroom_edge.shape import Strict
from plantroom_shared.errors import MisfitError
from plantroom_shared.messages import Action, Metric

_DEFINE = "define it among the registers"
#: Protocol address as on the wire: 0-based, never 40001-style.
RegisterAddress = Annotated[int, Interval(ge=0, le=0xFFFF)]


#: Bits of one request (Modbus Application Protocol V1.1b3 §6.1).
MOST_BITS = 2000


class Table(StrEnum):
    """The four Modbus tables (Modbus Application Protocol V1.1b3 §4.3)."""

    COIL = "coil"  # FC 1
    DISCRETE = "discrete"  # FC 2
    HOLDING = "holding"  # FC 3
    INPUT = "input"  # FC 4


class DataType(StrEnum):
    """How the registers of a value are read."""

    BOOL = "bool"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD16 = "bcd16"  # four decimal digits, one in each half byte
    BCD32 = "bcd32"
    BCD64 = "bcd64"
    STRING = "string"

    @property
    def registers(self) -> int:
        """16-bit registers (or bits of a bit table) of one value; a string says its own length."""
        return _REGISTERS[self]


_REGISTERS = {
    DataType.BOOL: 1,
    DataType.INT16: 1,
    DataType.UINT16: 1,
    DataType.INT32: 2,
    DataType.UINT32: 2,
    DataType.FLOAT32: 2,
    DataType.INT64: 4,
    DataType.UINT64: 4,
    DataType.FLOAT64: 4,
    DataType.BCD16: 1,
    DataType.BCD32: 2,
    DataType.BCD64: 4,
    DataType.STRING: 1,
}

#: Order of the bytes of a 32-bit value as they come, A the most significant; 64-bit values alike by pairs.
WordOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]


class Register(Strict):
    """One value of a device. value = raw × scale × (product of the factor registers) + offset."""

    metric: MetricName
    address: RegisterAddress
    label: str
    table: Table = Table.HOLDING
    type: DataType = DataType.FLOAT32
    words: WordOrder = "ABCD"
    length: Annotated[int, Interval(ge=1, le=125)] = 1  #: registers of a string
    bit: Annotated[int, Interval(ge=0, le=63)] | None = None  #: one bit of a uint16, uint32 or uint64: true or false
    scale: float = 1.0
    offset: float = 0.0
    factors: tuple[MetricName, ...] = ()  #: metrics to multiply with, e.g. CT and VT ratio
    unit: str = ""
    kind: Literal["gauge", "counter", "state", "text", "bits"] = "gauge"
    sentinels: tuple[int, ...] = ()  #: raw values that mean "no value"
    states: dict[int, str] = field(default_factory=dict)
    minimum: float | None = None  #: physical limits: outside is marked, not cut
    maximum: float | None = None
    deadband: Annotated[float, Ge(0)] = 0.0
    group: str = ""
    hidden: bool = False  #: needed as a factor only
    every: Annotated[int, Ge(1)] = 1  #: read in each n-th cycle

    def __post_init__(self) -> None:
        bits = self.table in (Table.COIL, Table.DISCRETE)
        if bits and self.type is not DataType.BOOL:
            raise ValueError(f"a {self.table} holds one bit: use type bool")
        if self.bit is not None:
            width = {DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64}.get(self.type, 0)
            if self.bit >= width:
                raise ValueError("a single bit is cut from type uint16 (0 to 15), uint32 (0 to 31) or uint64 (0 to 63)")
        if self.type is DataType.BOOL and not bits:
            raise ValueError("a bool stands in a coil or discrete input; for a bit of a register use uint16 with bit")
        if self.states and self.kind != "state":
            raise ValueError("states need kind: state")
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError("minimum must be below maximum")

    @property
    def count(self) -> int:
        """Registers or bits that it takes."""
        return self.length if self.type is DataType.STRING else self.type.registers


class Identity(Strict):
    """What must stand at an address for this profile to be right."""

    address: RegisterAddress
    table: Literal[Table.HOLDING, Table.INPUT] = Table.HOLDING
    equals: tuple[int, ...] | None = None  #: raw registers
    begins_with: str | None = None  #: text in the registers

    def __post_init__(self) -> None:
        if (self.equals is None) == (self.begins_with is None):
            raise ValueError("say either equals (raw registers) or begins_with (text)")


class Limits(Strict):
    """What the device can take."""

    max_registers: Annotated[int, Interval(ge=1, le=125)] = 125
    max_gap: Annotated[int, Interval(ge=0, le=125)] = 8  #: unused registers read along to save a request
    quiet_ms: Annotated[int, Interval(ge=0, le=1000)] = 0  #: silence it needs between two requests

    def most(self, table: Table) -> int:
        """Registers or bits of one request."""
        return self.max_registers if table in (Table.HOLDING, Table.INPUT) else MOST_BITS


class Interlock(Strict):
    """What must hold, read from the device right before a command is sent; else it is refused."""

    metric: MetricName
    equals: bool | int | float | str | None = None  #: a state by its name
    minimum: float | None = None
    maximum: float | None = None
    reason: str  #: what a person is told, e.g. "the pump is in local control"

    def __post_init__(self) -> None:
        if self.equals is None and self.minimum is None and self.maximum is None:
            raise ValueError("say what must hold: equals, minimum or maximum")

    def holds(self, value: float | bool | str | None) -> bool:
        """Whether the value allows the command; one that is not known does not."""
        if value is None:
            return False
        if self.equals is not None:
            return value == self.equals
        if isinstance(value, str):
            return False
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)


class Write(Strict):
    """A command: one register or coil, written once and read back."""

    action: MetricName
    label: str
    address: RegisterAddress
    table: Literal[Table.HOLDING, Table.COIL] = Table.HOLDING
    type: DataType = DataType.UINT16
    words: WordOrder = "ABCD"
    #: default: 5 for a coil, 6 for one register, 16 for more; 23 writes and reads back in one request
    function: Literal[5, 6, 15, 16, 23] | None = None
    value: float | bool | None = None  #: fixed; without it the command takes the argument "value"
    scale: Annotated[float, Gt(0)] = 1.0
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    readback: MetricName | None = None  #: metric that shows it worked; without one the register itself is read back
    interlocks: tuple[Interlock, ...] = ()

    def __post_init__(self) -> None:
        if self.function is not None and (self.function in (5, 15)) != (self.table is Table.COIL):
            raise ValueError("functions 5 and 15 write coils, 6, 16 and 23 write registers")
        if self.function == 6 and self.type.registers != 1:
            raise ValueError(f"function 6 writes one register, {self.type} takes {self.type.registers}: use 16 or 23")
        if self.value is None and self.type is not DataType.BOOL and None in (self.minimum, self.maximum):
            raise ValueError("a command with an argument needs minimum and maximum")
        if (self.table is Table.COIL) != (self.type is DataType.BOOL):
            raise ValueError("type bool and table coil belong together")
        if self.type is DataType.STRING:
            raise ValueError("strings cannot be written")


class ModbusProfile(Profile):
    """A kind of Modbus device: its registers and what can be written."""

    driver: Literal["modbus"] = "modbus"
    limits: Limits = Limits()
    identity: Identity | None = None
    registers: Annotated[tuple[Register, ...], MinLen(1)]
    commands: tuple[Write, ...] = ()

    def __post_init__(self) -> None:
        if mistakes := list(self._misfits()):
            raise MisfitError(mistakes)

    def _misfits(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Where its parts do not fit together, and why."""
        names: set[str] = set()
        for index, register in enumerate(self.registers):
            if register.metric in names:
                text = f"metric {register.metric} is defined twice; metrics of a profile are unique"
                yield ("registers", index, "metric"), text
            names.add(register.metric)
        for index, register in enumerate(self.registers):
            for factor in register.factors:
                if factor not in names:
                    text = f"{register.metric}: factor {factor!r} is no metric of this profile; "
                    yield ("registers", index, "factors"), text + nearest(factor, names, _DEFINE)
        for index, rule in enumerate(self.rules):
            if rule.metric is not None and rule.metric not in names:
                text = f"rule {rule.key}: {rule.metric!r} is no metric of this profile; "
                yield ("rules", index, "metric"), text + nearest(rule.metric, names, _DEFINE)
        for index, command in enumerate(self.commands):
            back = command.readback
            if back is not None and back not in names:
                text = f"command {command.action}: readback {back!r} is no metric of this profile; "
                yield ("commands", index, "readback"), text + nearest(back, names, _DEFINE)
            if command.function == 23 and any(
                r.metric == back and r.table is not Table.HOLDING for r in self.registers
            ):
                text = f"command {command.action}: function 23 reads holding registers, {back!r} is none"
                yield ("commands", index, "readback"), text
            for at, lock in enumerate(command.interlocks):
                if lock.metric not in names:
                    text = f"command {command.action}: interlock {lock.metric!r} is no metric of this profile; "
                    yield ("commands", index, "interlocks", at), text + nearest(lock.metric, names, _DEFINE)

    @property
    def visible(self) -> tuple[Register, ...]:
        """The registers whose values are reported, in order: a Sample's columns."""
        return tuple(register for register in self.registers if not register.hidden)

    def metrics(self) -> list[Metric]:
        """As the birth message tells them."""
        return [
            Metric(
                name=register.metric,
                label=register.label,
                unit=register.unit,
                kind="bits" if register.bit is not None or register.type is DataType.BOOL else register.kind,
                minimum=register.minimum,
                maximum=register.maximum,
                states={str(raw): text for raw, text in register.states.items()},
                group=register.group,
            )
            for register in self.visible
        ]

    def actions(self) -> list[Action]:
        """As the birth message tells them."""
        return [
            Action(name=command.action, label=command.label, args=_arguments(command), confirms=True)
            for command in self.commands
        ]


def _arguments(command: Write) -> dict[str, str]:
    if command.value is not None:
        return {}
    if command.type is DataType.BOOL:
        return {"value": "true or false"}
    return {"value": f"number {command.minimum:g} to {command.maximum:g} {command.unit}".strip()}
