"""This run of the agent: its id, and whether its clock can be trusted."""

import uuid

from plantroom_edge.driver import Sample
from plantroom_shared.clock import Clock
from plantroom_shared.quality import ClockQuality

#: The clock of a Pi without a battery begins here or in 1970: nothing was read before this product existed.
EARLIEST_MS = 1_735_689_600_000  # 2025-01-01


class Boot:
    """Dates samples. A clock before 2025 is not synchronised; what it dated is re-dated by monotonic time later."""

    def __init__(self, clock: Clock) -> None:
        self.id = uuid.uuid4().hex[:12]
        self._clock = clock

    def synced(self) -> bool:
        return self._clock.now_ms() >= EARLIEST_MS

    def clock_quality(self) -> str:
        return ClockQuality.SYNCED if self.synced() else ClockQuality.UNSYNCED

    def date(self, sample: Sample) -> int:
        """Event time in ms; a sample that waits in memory while the clock is set is dated anew."""
        if sample.time_ms >= EARLIEST_MS or not self.synced():
            return sample.time_ms
        return self._clock.now_ms() - round((self._clock.monotonic() - sample.monotonic) * 1000)
