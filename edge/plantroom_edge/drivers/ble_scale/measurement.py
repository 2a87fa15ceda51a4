"""What a scale said, whatever it speaks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Unit = Literal["kg", "g", "t", "lb", "oz", "jin"]
Mode = Literal["", "gross", "net", "tare"]

#: Kilograms of one unit: the pound of 1959 exactly; the jin (catty) is half a kilogram (GB 3100).
KILOGRAMS: dict[Unit, float] = {"kg": 1.0, "g": 0.001, "t": 1000.0, "lb": 0.45359237, "oz": 0.45359237 / 16, "jin": 0.5}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One frame of a scale.

    `value` is in `unit`, as sent; None where the scale has no weight, then `fault` says why: "failed" (the
    measurement did not succeed), "overload" or "underload". `scale_time` is what the scale's own clock showed, naive,
    None where it has none or it was never set.
    """

    value: float | None
    unit: Unit
    stable: bool
    raw: bytes
    mode: Mode = ""
    scale_time: datetime | None = None
    user: int | None = None
    bmi: float | None = None
    height_m: float | None = None
    fault: Literal["", "failed", "overload", "underload"] = ""

    @property
    def kg(self) -> float | None:
        """In kilograms, to a tenth of a gram."""
        return None if self.value is None else round(self.value * KILOGRAMS[self.unit], 4)
