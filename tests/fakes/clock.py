"""A clock that a test moves by hand."""

import asyncio


class HandClock:
    """Wall and monotonic time part when the wall clock is set."""

    def __init__(self, wall_ms: int = 1_764_000_000_000, monotonic: float = 100.0) -> None:
        self.wall_ms = wall_ms
        self.seconds = monotonic

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Let the others run; time is passed by hand."""
        await asyncio.sleep(0.01)

    def passes(self, seconds: float) -> None:
        """Time goes on."""
        self.wall_ms += round(seconds * 1000)
        self.seconds += seconds

    def jumps(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self.wall_ms += round(seconds * 1000)
