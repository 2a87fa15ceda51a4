"""Values over time: pure functions of the seconds since the epoch."""

import math
import random
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DAY_S = 86_400


class _Wave(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    noise: float = 0.0  #: standard deviation added to the value

    def at(self, second: float) -> float:
        """The value at a moment; the same moment gives the same value."""
        value = self.value(second)
        if self.noise:
            value += random.Random(int(second * 10)).gauss(0, self.noise)
        return value

    def value(self, second: float) -> float:
        """Without noise."""
        raise NotImplementedError


class Constant(_Wave):
    """Always the same."""

    kind: Literal["constant"] = "constant"
    level: float = 0.0

    def value(self, second: float) -> float:  # noqa: ARG002
        return self.level


class Daily(_Wave):
    """A building's day: low at night, a hump from morning to evening, `high` around `peak_hour`."""

    kind: Literal["daily"]
    low: float
    high: float
    peak_hour: float = 14.0

    def value(self, second: float) -> float:
        hour = second % DAY_S / 3600
        weekend = int(second // DAY_S + 4) % 7 >= 5  # 1970-01-01 was a Thursday
        hump: float = max(0.0, math.cos((hour - self.peak_hour) / 24 * 2 * math.pi)) ** 1.5
        return self.low + (self.high - self.low) * hump * (0.45 if weekend else 1.0)


class Sine(_Wave):
    """Swings around `middle`."""

    kind: Literal["sine"]
    middle: float
    amplitude: float
    period_s: float = Field(gt=0)

    def value(self, second: float) -> float:
        return self.middle + self.amplitude * math.sin(2 * math.pi * second / self.period_s)


class Counter(_Wave):
    """Grows by a daily curve: the integral of `Daily` over hours, from `start` at the epoch's year 2026."""

    kind: Literal["counter"]
    start: float = 0.0
    per_hour: float

    def value(self, second: float) -> float:
        hours = (second - 1_767_225_600) / 3600  # 2026-01-01
        swing = math.sin(2 * math.pi * (second % DAY_S) / DAY_S - 2.0) * 3.0
        return self.start + self.per_hour * max(0.0, hours + swing)


Waveform = Annotated[Constant | Daily | Sine | Counter, Field(discriminator="kind")]
