"""A simulated Modbus device: values by waveform, faults, and its own count of what was asked of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from plantroom_sim.registers import Map, encode
from plantroom_sim.waveform import Constant, Waveform


@dataclass(slots=True)
class Counts:
    """What this device saw, counted here and nowhere else."""

    requests: int = 0
    reads: int = 0
    writes: int = 0
    exceptions: int = 0


@dataclass
class SimDevice:
    """One unit. `now` gives seconds since the epoch."""

    name: str
    unit: int
    map: Map
    waves: dict[str, Waveform]
    now: Callable[[], float]
    counts: Counts = field(default_factory=Counts)
    mode: str = "ok"  #: ok, dead, slow, late, garbage, exceptions, wrong-identity
    ramps: dict[str, tuple[float, float, float]] = field(default_factory=dict)  #: metric → (since, seconds, target)
    written: dict[int, int] = field(default_factory=dict)

    def value(self, metric: str) -> float:
        """The present value of a metric."""
        second = self.now()
        wave = self.waves.get(metric) or Constant()
        value = wave.at(second)
        ramp = self.ramps.get(metric)
        if ramp is not None:
            since, seconds, target = ramp
            share = min(1.0, max(0.0, (second - since) / seconds)) if seconds else 1.0
            value += (target - wave.value(second)) * share
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
