"""Values over time: pure functions of the seconds since the epoch (UTC)."""

import math
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

DAY_S = 86_400
YEAR_2026_S = 1_767_225_600  #: counters stand at their `start` then
WANDER_S = 600  #: how fast the slow part of the noise moves
WEEKEND = 0.45  #: what of the day's hump is left on Saturday and Sunday
STEPS = 1_440  #: of a day's integral, one a minute


class Wave(BaseModel):
    """What all of them are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def at(self, second: float, seed: str) -> float:  # noqa: ARG002  (only noise needs the seed)
        """The value at a moment, noise included; the same moment and seed give the same value."""
        return self.value(second)

    def value(self, second: float) -> float:
        """Without noise."""
        raise NotImplementedError


class _Noisy(Wave):
    noise: float = Field(default=0.0, ge=0)  #: standard deviation, in the metric's unit

    def at(self, second: float, seed: str) -> float:
        value = self.value(second)
        if self.noise:
            # most of what real signals do is slow wandering, the rest is the instrument's
            knot, share = divmod(second / WANDER_S, 1.0)
            slow = _gauss(f"{seed}/{knot:.0f}") * (1 - share) + _gauss(f"{seed}/{knot + 1:.0f}") * share
            value += self.noise * (0.8 * slow + 0.6 * _gauss(f"{seed}:{second:.1f}"))
        return value

    def integral(self, second: float) -> float:
        """Value × hours since the beginning of 2026, without noise."""
        raise NotImplementedError


class Constant(_Noisy):
    """Always the same."""

    kind: Literal["constant"] = "constant"
    level: float = 0.0

    def value(self, second: float) -> float:  # noqa: ARG002
        return self.level

    def integral(self, second: float) -> float:
        return self.level * (second - YEAR_2026_S) / 3600


class Daily(_Noisy):
    """A day of a building: `low` at night, a hump up to `high` at `peak_hour`, less at weekends."""

    kind: Literal["daily"]
    low: float
    high: float
    peak_hour: float = Field(default=14.0, ge=0, lt=24)

    def value(self, second: float) -> float:
        day, rest = divmod(second, DAY_S)
        return self.low + (self.high - self.low) * _hump(rest / 3600, self.peak_hour) * _weight(int(day))

    def integral(self, second: float) -> float:
        first = YEAR_2026_S // DAY_S
        day, rest = divmod(second, DAY_S)
        table = _hump_integral(self.peak_hour)
        step, share = divmod(rest / DAY_S * STEPS, 1.0)
        part = table[int(step)] + (table[int(step) + 1] - table[int(step)]) * share
        humps = table[STEPS] * (_weights(int(day)) - _weights(first)) + part * _weight(int(day))
        return self.low * (second - YEAR_2026_S) / 3600 + (self.high - self.low) * humps


class Sine(_Noisy):
    """Swings around `middle`."""

    kind: Literal["sine"]
    middle: float
    amplitude: float
    period_s: float = Field(gt=0)

    def value(self, second: float) -> float:
        return self.middle + self.amplitude * math.sin(2 * math.pi * second / self.period_s)

    def integral(self, second: float) -> float:
        def swing(moment: float) -> float:
            turn = 2 * math.pi / self.period_s
            return -self.amplitude * math.cos(turn * moment) / turn / 3600

        return self.middle * (second - YEAR_2026_S) / 3600 + swing(second) - swing(YEAR_2026_S)


class Counter(Wave):
    """Never runs backwards: `start` at the beginning of 2026, then `per_hour`, or the integral `of` another metric.

    `factor` turns that metric × hours into the counter's unit: W to kWh is 0.001.
    """

    kind: Literal["counter"]
    start: float = 0.0
    per_hour: float | None = Field(default=None, ge=0)
    of: str | None = None
    factor: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _one(self) -> "Counter":
        if (self.per_hour is None) == (self.of is None):
            raise ValueError("say either per_hour, or of: the metric that it integrates")
        return self

    def value(self, second: float) -> float:
        assert self.per_hour is not None, "a counter of another metric is bound to it first"
        return self.start + self.per_hour * (second - YEAR_2026_S) / 3600


class Integral(Wave):
    """A counter bound to what it integrates."""

    counter: Counter
    of: Constant | Daily | Sine

    def value(self, second: float) -> float:
        return self.counter.start + self.counter.factor * self.of.integral(second)


Waveform = Annotated[Constant | Daily | Sine | Counter, Field(discriminator="kind")]


def bound(waves: Mapping[str, Constant | Daily | Sine | Counter]) -> dict[str, Wave]:
    """The waves of a device with each counter bound to the metric it integrates; raises ValueError where it cannot."""
    found: dict[str, Wave] = {}
    for metric, wave in waves.items():
        if isinstance(wave, Counter) and wave.of is not None:
            other = waves.get(wave.of)
            if other is None or isinstance(other, Counter):
                raise ValueError(f"{metric} is a counter of {wave.of!r}, which has no waveform here")
            found[metric] = Integral(counter=wave, of=other)
        else:
            found[metric] = wave
    return found


def _hump(hour: float, peak_hour: float) -> float:
    hump: float = max(0.0, math.cos((hour - peak_hour) / 24 * 2 * math.pi)) ** 1.5
    return hump


def _weight(day: int) -> float:
    """Of a day counted from 1970-01-01, a Thursday."""
    return WEEKEND if (day + 3) % 7 >= 5 else 1.0


def _weights(day: int) -> float:
    """Sum of the weights of all days before this one."""
    weeks, rest = divmod(day + 3, 7)  # from Monday, 1969-12-29
    return weeks * (5 + 2 * WEEKEND) + min(rest, 5) + max(0, rest - 5) * WEEKEND


@cache
def _hump_integral(peak_hour: float) -> tuple[float, ...]:
    """Hours of hump from midnight to each step of a day."""
    total, sums = 0.0, [0.0]
    for step in range(STEPS):
        total += _hump((step + 0.5) * 24 / STEPS, peak_hour) * 24 / STEPS
        sums.append(total)
    return (*sums, total)


def _gauss(seed: str) -> float:
    """Normally distributed by its seed (Box and Muller, 1958)."""
    bits = zlib.crc32(seed.encode())
    bits = (bits ^ bits >> 16) * 0x45D9F3B & 0xFFFFFFFF  # CRC alone is linear: spread neighbouring seeds
    bits = (bits ^ bits >> 16) * 0x45D9F3B & 0xFFFFFFFF
    bits ^= bits >> 16
    radius = math.sqrt(-2 * math.log(((bits & 0xFFFF) + 1) / 0x10001))
    return radius * math.cos(2 * math.pi * (bits >> 16) / 0x10000)
