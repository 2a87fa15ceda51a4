"""What a scenario says of Modbus buses and devices."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from plantroom_sim.errors import ScenarioError, nearest
from plantroom_sim.kind import BusEntry, DeviceEntry, Plain, Strict
from plantroom_sim.kinds.modbus.registers import read_map
from plantroom_sim.waveform import Counter, Waveform


class TcpEntry(BusEntry):
    """A Modbus TCP endpoint; without a port a free one."""

    type: Literal["modbus-tcp"]
    port: int = Field(default=0, ge=0, le=65535)


class RtuEntry(BusEntry):
    """A serial line: a pseudo-terminal."""

    type: Literal["modbus-rtu"]
    baudrate: int = Field(default=19200, ge=300, le=921_600)
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1


class RtuOverTcpEntry(BusEntry):
    """A serial line behind a transparent converter; without a port a free one."""

    type: Literal["modbus-rtu-over-tcp"]
    port: int = Field(default=0, ge=0, le=65535)
    baudrate: int = Field(default=19200, ge=300, le=921_600)
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1


BUSES: Mapping[str, type[BusEntry]] = {
    "modbus-tcp": TcpEntry,
    "modbus-rtu": RtuEntry,
    "modbus-rtu-over-tcp": RtuOverTcpEntry,
}


class ModbusDevice(DeviceEntry):
    """A unit that shows the registers of a profile."""

    profile: str
    unit: int = Field(ge=1, le=247)
    period: str = "1s"  #: how often the gateway is told to read it
    holes: Literal["zero", "illegal"] = "zero"  #: what a read across registers that it does not have gets
    values: dict[str, Waveform] = Field(default_factory=dict)


class Ramp(Strict):
    """A value leaves its curve for `target` within `over_s` seconds."""

    metric: str
    target: float
    over_s: float = Field(default=20.0, ge=0)


class SetValue(Strict):
    """A value is what a hand sets it to, until it is released."""

    metric: str
    value: float


FAULTS: Mapping[str, type[Strict]] = {
    "ramp": Ramp,
    "dead": Plain,  #: answers nothing
    "slow": Plain,  #: answers after a while, within a patient time-out
    "late": Plain,  #: answers when nobody waits any more
    "garbage": Plain,  #: bytes that are no answer, well framed (the CRC is right)
    "noise": Plain,  #: bytes spoilt on the line (the CRC is wrong)
    "exceptions": Plain,  #: answers everything with "server device failure"
    "wrong-identity": Plain,  #: another device stands in its place
}
ACTIONS: Mapping[str, type[Strict]] = {"set": SetValue, "release": Plain}


def check(_bus: BusEntry, devices: Sequence[tuple[int, ModbusDevice]]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Units on a line are unique; profiles are known and have the metrics that waveforms are given for."""
    owner: dict[int, str] = {}
    for index, device in devices:
        place = ("devices", index)
        if device.unit in owner:
            text = f"unit {device.unit} on bus {device.bus!r} is {owner[device.unit]!r} already; units are unique"
            yield (*place, "unit"), text
        owner.setdefault(device.unit, device.id)
        try:
            known = [point.metric for point in read_map(device.profile).points]
        except ScenarioError as error:
            yield (*place, "profile"), str(error)
            continue
        for metric, wave in device.values.items():
            if isinstance(wave, Counter) and wave.of is not None:
                others = [name for name, other in device.values.items() if not isinstance(other, Counter)]
                if wave.of not in others:
                    text = f"{wave.of!r} has no waveform that could be integrated; {nearest(wave.of, others)}"
                    yield (*place, "values", metric, "of"), text
            if metric not in known:
                yield (*place, "values", metric), f"{device.profile} has no metric {metric!r}; {nearest(metric, known)}"


def fits(device: ModbusDevice, args: Strict) -> tuple[str, str] | None:
    """A metric that is set or ramped is one of the device's."""
    if isinstance(args, (Ramp, SetValue)):
        known = [point.metric for point in read_map(device.profile).points]
        if args.metric not in known:
            return "metric", f"{device.id} has no metric {args.metric!r}; {nearest(args.metric, known)}"
    return None
