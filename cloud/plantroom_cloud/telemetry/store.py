"""The contract of a telemetry store: numbers over time by device and metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from plantroom_cloud.errors import CloudError
from plantroom_shared.batch import DeviceRows

#: Seconds of the windows that are kept beside the raw values.
LEVELS = (60, 900, 3600, 86_400)


class StoreUnavailableError(CloudError):
    """The store does not answer now; the journal keeps what it could not take."""

    status = 503
    title = "Telemetry store unavailable"


@dataclass(frozen=True, slots=True)
class Point:
    """A raw value (count 1), or a window beginning at `time`; ms since the epoch."""

    time: int
    minimum: float
    mean: float
    maximum: float
    last: float
    count: int


class TelemetryStore(Protocol):
    """Writing the same series and time again overwrites: what is written twice is stored once."""

    def open(self) -> None:
        """Prepare files or databases; raises StoreUnavailableError."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...

    def write(self, blocks: Sequence[tuple[str, DeviceRows]]) -> list[str]:
        """Store rows of (device id, columns) durably; what the store refused for good, as text. Raises
        StoreUnavailableError when it is worth trying again."""
        ...

    def query(self, device_id: str, metric: str, start: int, end: int, every_s: int | None) -> list[Point]:
        """Points in [start, end) in order; `every_s` None for raw values, else windows of so many seconds."""
        ...

    def forget_before(self, raw_before: int, rollups_before: dict[int, int]) -> None:
        """Retention: drop raw values, and windows by level, older than these times (ms)."""
        ...
