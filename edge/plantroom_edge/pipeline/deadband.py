"""Report on change beyond the dead-band, and at least every heartbeat."""

from collections.abc import Sequence

from plantroom_edge.driver import MetricFilter, Sample
from plantroom_shared.batch import Value
from plantroom_shared.quality import Quality


class DeviceFilter:
    """The last reported values of one device."""

    def __init__(self, metrics: Sequence[MetricFilter], heartbeat_s: float) -> None:
        self.names = [metric.name for metric in metrics]
        self._bands = [metric.deadband for metric in metrics]
        self._limits = [
            (index, metric.minimum, metric.maximum)
            for index, metric in enumerate(metrics)
            if metric.minimum is not None or metric.maximum is not None
        ]
        self._heartbeat_ms = heartbeat_s * 1000
        self._values: list[Value] = [None] * len(metrics)
        self._marks: dict[int | None, str] = {}
        self._full_at: int | None = None

    def heartbeat(self, seconds: float) -> None:
        """From now on an unchanged value is repeated that often."""
        self._heartbeat_ms = seconds * 1000

    def refresh(self) -> None:
        """Report all of the next sample, changed or not."""
        self._full_at = None

    def take(self, sample: Sample) -> tuple[dict[int, Value], dict[int | None, str]]:
        """What of a sample is to be reported: values by index, and marks."""
        marks: dict[int | None, str] = {index: str(mark) for index, mark in sample.marks.items()}
        for index, minimum, maximum in self._limits:
            value = sample.values[index]
            if isinstance(value, (int, float)) and (
                (minimum is not None and value < minimum) or (maximum is not None and value > maximum)
            ):
                marks[index] = Quality.OUT_OF_RANGE
        at = sample.time_ms
        if (
            self._full_at is None
            or at - self._full_at >= self._heartbeat_ms
            or at < self._full_at
            or marks != self._marks
        ):
            self._full_at = at
            self._marks = marks
            values: dict[int, Value] = {i: value for i, value in enumerate(sample.values) if value is not None}
            for index, value in values.items():
                self._values[index] = value
            for marked in marks:
                if marked is None:
                    self._values = [None] * len(self._values)
                elif marked not in values:
                    self._values[marked] = None
            return values, marks
        changed: dict[int, Value] = {}
        last, bands = self._values, self._bands
        for index, value in enumerate(sample.values):
            before = last[index]
            if value is None or value == before:
                continue
            band = bands[index]
            if (
                band
                and before is not None
                and not isinstance(value, str)
                and not isinstance(before, str)
                and abs(value - before) < band
            ):
                continue
            last[index] = value
            changed[index] = value
        return changed, {index: mark for index, mark in marks.items() if index in changed}
