"""Time as an argument: everything that waits or dates gets a Clock."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time, and waiting."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump and never go back within one boot."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of monotonic time."""
        ...


def utc_now(clock: Clock) -> datetime:
    """The wall time as an aware datetime."""
    return datetime.fromtimestamp(clock.now_ms() / 1000, UTC)


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
