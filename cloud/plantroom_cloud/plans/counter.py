"""Maintenance by use: running hours, kWh, starts; pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import floor


@dataclass(frozen=True)
class Count:
    """What a counter has counted since it was first read, whatever was reset or replaced meanwhile."""

    last: float | None = None
    total: float = 0.0
    since: datetime | None = None

    def read(self, value: float, at: datetime) -> "Count":
        """A new reading. One below the last tells of a reset or another counter: counting goes on from there, and
        what it says is not taken for use, so that a used counter put in makes nothing due."""
        if self.last is None:
            return replace(self, last=value, since=self.since or at)
        return replace(self, last=value, total=self.total + max(value - self.last, 0.0))

    def per_day(self, at: datetime) -> float:
        """Use a day, on average since it was first read; 0 within the first hour, when that says nothing."""
        if self.since is None or at - self.since < timedelta(hours=1):
            return 0.0
        return self.total / ((at - self.since) / timedelta(days=1))

    def number(self, every: float, lead_days: float, at: datetime) -> int:
        """How many intervals are full, or will be within the lead time."""
        return floor((self.total + self.per_day(at) * lead_days) / every + 1e-9)

    def due_at(self, number: int, every: float, at: datetime) -> datetime | None:
        """When so many intervals are full: now when they are; None when it is not used."""
        left = number * every - self.total
        if left <= 0:
            return at
        rate = self.per_day(at)
        try:
            return at + timedelta(days=left / rate) if rate > 0 else None
        except OverflowError:
            return None
