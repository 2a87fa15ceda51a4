"""A simulated Modbus unit: values by waveform, faults, and its own count of what was asked of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from plantroom_shared.batch import DeviceRows, Value
from plantroom_sim.kinds.modbus.config import Ramp, SetValue
from plantroom_sim.kinds.modbus.registers import Map, encode
from plantroom_sim.waveform import Constant, Wave


@dataclass(slots=True)
class Counts:
    """What this unit saw."""

    requests: int = 0
    reads: int = 0
    writes: int = 0
    exceptions: int = 0


@dataclass
class ModbusUnit:
    """One unit. `now` gives seconds since the epoch."""

    name: str
    unit: int
    map: Map
    waves: Mapping[str, Wave]
    now: Callable[[], float]
    strict: bool = False  #: answers "illegal address" when a read touches a register that it does not have
    delay_s: float = 0.0  #: what it thinks before it answers
    count: Counts = field(default_factory=Counts)
    mode: str = "ok"  #: ok, or a fault of config.FAULTS other than ramp
    ramps: dict[str, tuple[float, Ramp]] = field(default_factory=dict)  #: metric → (since, ramp)
    held: dict[str, float] = field(default_factory=dict)  #: metric → value set by hand
    written: dict[int, int] = field(default_factory=dict)

    def start_fault(self, kind: str, args: Any) -> None:
        if isinstance(args, Ramp):
            self.ramps[args.metric] = (self.now(), args)
        else:
            self.mode = kind

    def end_fault(self, kind: str) -> None:
        if kind == "ramp":
            self.ramps.clear()
        elif self.mode == kind:
            self.mode = "ok"

    async def act(self, action: str, args: Any) -> Any:  # noqa: ARG002  (the arguments tell the action)
        if isinstance(args, SetValue):
            self.held[args.metric] = args.value
            return {args.metric: args.value}
        self.held.clear()
        return {}

    def counts(self) -> Mapping[str, int]:
        return asdict(self.count)

    def history(self, moments: Sequence[int]) -> DeviceRows | None:
        values: dict[str, list[Value]] = {}
        for point in self.map.points:
            wave = self.waves.get(point.metric)
            if wave is None:
                continue
            seed = f"{self.name}/{point.metric}"
            shown = [wave.at(moment, seed) for moment in moments]
            if point.states:
                values[point.metric] = [point.states.get(round(value), "") for value in shown]
            elif point.bit is not None:
                values[point.metric] = [bool(value) for value in shown]
            else:
                values[point.metric] = [round(value, 4) for value in shown]
        return DeviceRows(device=self.name, times=[moment * 1000 for moment in moments], values=values)

    def value(self, metric: str) -> float:
        """The present value of a metric."""
        if metric in self.held:
            return self.held[metric]
        second = self.now()
        wave = self.waves.get(metric) or Constant()
        value = wave.at(second, f"{self.name}/{metric}")
        if metric in self.ramps:
            since, ramp = self.ramps[metric]
            share = min(1.0, max(0.0, (second - since) / ramp.over_s)) if ramp.over_s else 1.0
            value += (ramp.target - wave.value(second)) * share
        return value

    def registers(self, table: str) -> dict[int, int]:
        """Address → register of a table, now."""
        found: dict[int, int] = {}
        for point in self.map.points:
            if point.table != table:
                continue
            for index, word in enumerate(encode(point, self.value(point.metric))):
                address = point.address + index
                found[address] = found[address] | word if point.bit is not None and address in found else word
        if table == "holding":
            found |= self.written
        return found

    def bits(self, table: str) -> dict[int, bool]:
        """Address → bit of a table, now."""
        return {point.address: bool(self.value(point.metric)) for point in self.map.points if point.table == table}
