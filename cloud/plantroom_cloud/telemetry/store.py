"""The contract of a telemetry store: numbers over time by device and metric, and windows over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from plantroom_cloud.errors import CloudError
from plantroom_cloud.telemetry.rollup import Point
from plantroom_shared.batch import DeviceRows

#: Points by (device id, metric).
Series = dict[tuple[str, str], list[Point]]


class StoreUnavailableError(CloudError):
    """The store does not answer now; the journal keeps what it could not take."""

    status = 503
    title = "Telemetry store unavailable"


@dataclass(frozen=True, slots=True)
class Refused:
    """What the store will never take, and why: kept in quarantine."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that raw values, and windows by level in seconds, are kept; None for ever."""

    raw_days: int | None
    windows_days: Mapping[int, int | None]


class TelemetryStore(Protocol):
    """Writing the same series and time again overwrites: what is written twice is stored once. Each raises
    StoreUnavailableError when it is worth trying again."""

    def open(self) -> None:
        """Prepare files or databases with their retention."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...

    def write(self, blocks: Sequence[tuple[str, DeviceRows]]) -> list[Refused]:
        """Store rows of (device id, columns) durably; what the store refused for good."""
        ...

    def raw(self, device: str, metric: str, start: int, end: int, most: int) -> list[Point]:
        """Values in [start, end) ms in order, at most so many."""
        ...

    def texts(self, device: str, metric: str, start: int, end: int, most: int) -> list[tuple[int, str]]:
        """Values in [start, end) ms that are texts (states), in order, at most so many."""
        ...

    def computed(self, devices: Sequence[str], metrics: Sequence[str], start: int, end: int, every_s: int) -> Series:
        """Windows of `every_s` seconds computed from the raw values in [start, end)."""
        ...

    def windows(self, level_s: int, devices: Sequence[str], metrics: Sequence[str], start: int, end: int) -> Series:
        """Stored windows of a level that begin in [start, end)."""
        ...

    def save_windows(self, level_s: int, series: Series) -> None:
        """Store windows of a level durably."""
        ...

    def forget(self, now_ms: int) -> None:
        """Retention: drop what is older than it is to be kept."""
        ...
