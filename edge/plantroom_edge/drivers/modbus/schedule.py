"""What is read next, without I/O: what is due, the important first, nothing in bunches."""

import heapq
import itertools
import math
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

#: An alarm point goes before telemetry that has waited less than this longer: first, but it starves nobody.
HEAD_START_S = 5.0
#: Due times lie on a grid: a few devices are read at each wake-up, of all buses alike; waking up is what costs.
GRID_S = 0.05


class Schedule(Generic[T]):
    """Items with periods. Times in seconds of monotonic time."""

    def __init__(self, items: Iterable[tuple[T, float, bool]], now: float) -> None:
        """`items`: (item, period in seconds, whether alarms hang on it). The first round is spread over a second."""
        now = math.ceil(now / GRID_S - 1e-6) * GRID_S
        self._order = itertools.count()
        self._later: list[tuple[float, int, T]] = []
        self._due: list[tuple[float, int, T]] = []
        self._at: dict[T, float] = {}
        self._period: dict[T, float] = {}
        self._urgent: set[T] = set()
        whole = list(items)
        for index, (item, period, urgent) in enumerate(whole):
            self._period[item] = period
            if urgent:
                self._urgent.add(item)
            self._put(item, now + math.floor(min(period, 1.0) * index / len(whole) / GRID_S + 1e-6) * GRID_S)

    def take(self, now: float) -> T | None:
        """The most important of what is due, or None; give it back with `done`."""
        while self._later and self._later[0][0] <= now:
            at, order, item = heapq.heappop(self._later)
            heapq.heappush(self._due, (at - HEAD_START_S if item in self._urgent else at, order, item))
        return heapq.heappop(self._due)[2] if self._due else None

    def done(self, item: T, now: float) -> None:
        """It was read: due again a period later; periods that are over are skipped."""
        period = self._period[item]
        at = self._at[item] + period
        if (behind := now - at) > 0:
            at += (behind // period + 1) * period
        self._put(item, at)

    def wait(self, now: float) -> float | None:
        """Seconds until something is due; None when there is nothing at all."""
        if self._due:
            return 0.0
        return max(0.0, self._later[0][0] - now) if self._later else None

    def _put(self, item: T, at: float) -> None:
        self._at[item] = at
        heapq.heappush(self._later, (at, next(self._order), item))
