"""Which measurements are weighings, and which say the same one again.

A scale with a clock dates its measurements: two with the same time stamp and value are one. One without is judged by
rule:
- finished measurements (GATT): the same frame within `repeat_within` seconds of the one before is a repeat of it, for
  an indication whose confirmation was lost is sent again after the reconnect;
- a stream (text): a load is weighed once, at its first stable value of at least `least_kg`. The scale must have been
  seen empty, or the stable value must have changed by more than `same_load_kg`, before the next one counts.
"""

from collections import OrderedDict

from plantroom_edge.drivers.ble_scale.measurement import Measurement

#: Time stamps remembered per scale: a scale that was away hands over its memory again, some hundred at most.
MOST_REMEMBERED = 500


class RepeatGuard:
    """For scales that send finished measurements: GATT and broadcast."""

    def __init__(self, repeat_within: float) -> None:
        self._repeat_within = repeat_within
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._last: tuple[str, int] | None = None  #: frame, ms since the epoch

    def is_new(self, measurement: Measurement, at_ms: int) -> bool:
        """Whether it is a weighing not yet known; does not remember it: `remember` does, once it is recorded."""
        key = _stamp(measurement)
        if key is not None:
            return key not in self._seen
        if self._last is None or self._last[0] != measurement.raw.hex():
            return True
        return not 0 <= at_ms - self._last[1] < self._repeat_within * 1000

    def remember(self, measurement: Measurement, at_ms: int) -> None:
        """It is recorded, or said again just now."""
        key = _stamp(measurement)
        if key is None:
            self._last = (measurement.raw.hex(), at_ms)
            return
        self._seen[key] = None
        self._seen.move_to_end(key)
        while len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)

    def dump(self) -> list[object]:
        """Plain data, for the driver's durable memory."""
        return [list(self._seen), list(self._last) if self._last else None]

    def load(self, memory: list[object]) -> None:
        """What `dump` gave before a restart."""
        seen, last = memory
        self._seen = OrderedDict.fromkeys(str(key) for key in seen) if isinstance(seen, list) else OrderedDict()
        self._last = (str(last[0]), int(last[1])) if isinstance(last, list) else None


class LoadWatch:
    """For scales that stream: one weighing per load."""

    def __init__(self, least_kg: float, same_load_kg: float) -> None:
        self._least = least_kg
        self._same = same_load_kg
        self._weighed: float | None = None  #: kg of the load that is on the scale and was weighed

    def is_new(self, measurement: Measurement) -> bool:
        """Whether this stable value is a weighing not yet known; an empty scale makes the next load count."""
        kg = measurement.kg
        if kg is None or measurement.mode == "tare":
            return False
        if kg < self._least:  # also while it swings: no load swings down to nothing
            self._weighed = None
            return False
        return measurement.stable and (self._weighed is None or abs(kg - self._weighed) > self._same)

    def remember(self, measurement: Measurement) -> None:
        """It is recorded."""
        self._weighed = measurement.kg

    @property
    def weighed(self) -> float | None:
        """kg of the load that was weighed and still lies there; None where the next load counts."""
        return self._weighed

    def load(self, weighed: float | None) -> None:
        """What `weighed` was before a restart."""
        self._weighed = weighed


def _stamp(measurement: Measurement) -> str | None:
    if measurement.scale_time is None:
        return None
    return f"{measurement.scale_time.isoformat()} {measurement.kg}"
