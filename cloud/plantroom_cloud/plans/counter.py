"""Maintenance by use: running hours, kWh, starts; pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import floor

#: The rate is that of so long.
WINDOW = timedelta(days=30)
#: So much faster than it is ordinarily used is no use, but another counter.
TOO_FAST = 20
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Count:
    """What a counter has counted since it was first read, whatever was reset or replaced meanwhile.

    `days`: about one (moment, total) a day, oldest first; what the rate is made of.
    """

    last: float | None = None
    read_at: datetime | None = None
    total: float = 0.0
    days: tuple[tuple[datetime, float], ...] = ()

    def read(self, value: float, at: datetime, every: float) -> "Count":
        """A reading with its own time; one that is not newer changes nothing.

        One below the last tells of a reset, one far above of another counter: counting goes on from there, and what it
        says is not taken for use. Far above is more in one step than a fifth of an interval, faster than an interval a
        day and 20 times the rate; so a used counter that is put in makes nothing due, and a long outage is made up for.
        """
        if self.last is None or self.read_at is None:
            return replace(self, last=value, read_at=at, days=(*self.days, (at, self.total)))
        if at <= self.read_at:
            return self
        rise, passed = value - self.last, (at - self.read_at) / _DAY
        most = max(self.per_day() * TOO_FAST, every) * passed + max(every / 5, 2)
        total = self.total + (rise if 0 < rise <= most else 0.0)
        days = self.days if self.days and at - self.days[-1][0] < _DAY else (*self.days, (at, total))
        while len(days) > 1 and days[1][0] <= at - WINDOW:
            days = days[1:]
        return Count(value, at, total, days)

    def per_day(self) -> float:
        """Use a day in the last 30 days, or since it was first read; 0 in the first hour, when that says nothing."""
        if self.read_at is None or not self.days:
            return 0.0
        since, total = self.days[0]
        if self.read_at - since < timedelta(hours=1):
            return 0.0
        return (self.total - total) / ((self.read_at - since) / _DAY)

    def full(self, base: float, every: float) -> int:
        """How many intervals behind `base` are full."""
        return max(floor((self.total - base) / every + 1e-9), 0)

    def is_due(self, base: float, every: float, lead_days: float) -> bool:
        """Whether an interval behind `base` is full, or will be within the lead time."""
        return (self.total + self.per_day() * lead_days - base) / every + 1e-9 >= 1

    def due_at(self, total: float, at: datetime) -> datetime | None:
        """When it will have counted so much: now when it has; None when it is not used, or not in 100 years."""
        left = total - self.total
        if left <= 1e-9 * abs(total):
            return at
        rate = self.per_day()
        return at + timedelta(days=left / rate) if rate > 0 and left / rate < 36_500 else None
