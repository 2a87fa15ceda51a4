"""This run of the agent: its id, and by which clock it dates.

The clock is trusted when a time service says that it is synchronised, or, where none runs, when it is plausible. What
was dated before is re-dated by monotonic time (`outbox/dating.py`). Once trusted, time goes on from there by monotonic
time: a clock that then jumps is followed when it can be trusted after the jump too, and not otherwise.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from plantroom_edge.outbox.dating import JUMP_MS
from plantroom_edge.outbox.payload import Stamp
from plantroom_edge.pipeline.time_service import clock_kept, machine_boot
from plantroom_shared.clock import Clock
from plantroom_shared.quality import ClockQuality

#: The clock of a Pi without a battery begins here or in 1970: nothing was read before this product existed.
EARLIEST_MS = 1_735_689_600_000  # 2025-01-01
#: The time service is asked this often; a jump is noticed at once.
ASK_S = 1.0
#: Longer than this nothing is held back for a clock that is not synchronised, if it is plausible.
HOLD_S = 600.0


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to the clock."""

    jumped_ms: int  #: of the machine's wall clock; 0 where it did not jump
    moved_ms: int  #: of the times that we give: what waits is to be moved by this
    trusted: bool  #: whether it is trusted now and was not, or was followed through a jump


class Boot:
    """Dates what comes: the machine's wall time plus `stamp().correction_ms`."""

    def __init__(self, clock: Clock, kept: Callable[[], bool | None] = clock_kept, machine: str | None = None) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.machine = machine_boot() if machine is None else machine
        self.epoch_ms = 0
        self.synced = False
        self._clock = clock
        self._ask = kept
        self.kept: bool | None = None  #: what the time service last said, see `time_service.py`
        self._asked_at: float | None = None
        self._began = clock.monotonic()
        self._wall_epoch = 0
        self._floor = EARLIEST_MS

    def begin(self, trusted_epoch_ms: int | None, newest_ms: int) -> Change | None:
        """What the outbox knows: the epoch that was trusted in this boot of the machine, and its newest time. A clock
        that nobody keeps and that is behind it lost its battery."""
        self._floor = max(EARLIEST_MS, newest_ms)
        self._wall_epoch = self._epoch()
        self.synced = trusted_epoch_ms is not None
        self.epoch_ms = self._wall_epoch
        if trusted_epoch_ms is not None and abs(trusted_epoch_ms - self._wall_epoch) >= JUMP_MS:
            self.epoch_ms = trusted_epoch_ms  # it jumped while we were away
        return self.look()

    def look(self) -> Change | None:
        """Compare the clocks; cheap enough for every sample."""
        epoch = self._epoch()
        jumped = epoch - self._wall_epoch
        monotonic = self._clock.monotonic()
        if abs(jumped) < JUMP_MS and self._asked_at is not None and monotonic - self._asked_at < ASK_S:
            return None
        self._asked_at, self.kept = monotonic, self._ask()
        if abs(jumped) < JUMP_MS:
            jumped = 0
        else:
            self._wall_epoch = epoch
            self._floor = EARLIEST_MS  # somebody set it on purpose
        before = self.epoch_ms
        right = self.kept is not False and self._clock.now_ms() >= (EARLIEST_MS if self.kept else self._floor)
        gained = right and (not self.synced or abs(self._wall_epoch - before) >= JUMP_MS)
        if gained or not self.synced:
            self.epoch_ms = self._wall_epoch
        self.synced = self.synced or right
        if not jumped and not gained:
            return None
        return Change(jumped, self.epoch_ms - before, gained)

    def stamp(self) -> Stamp:
        """For a batch that is made now."""
        quality = ClockQuality.SYNCED if self.synced else ClockQuality.UNSYNCED
        return Stamp(self.id, quality, self.machine, self.epoch_ms, self.epoch_ms - self._wall_epoch)

    def date(self, time_ms: int) -> int:
        """A time that the machine's wall clock gave just now, as we tell it."""
        return time_ms + self.epoch_ms - self._wall_epoch

    def held(self) -> bool:
        """Whether what cannot be dated yet still waits for the clock; without a plausible clock it waits for ever."""
        if self.synced:
            return False
        waited = self._clock.monotonic() - self._began
        return waited < HOLD_S or self._clock.now_ms() < EARLIEST_MS

    def _epoch(self) -> int:
        return self._clock.now_ms() - round(self._clock.monotonic() * 1000)
