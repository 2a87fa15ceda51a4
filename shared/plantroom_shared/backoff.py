"""The waits of the one reconnect loop: jittered, growing, capped."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any

from plantroom_shared.clock import Clock


class Backoff:
    """Waits between tries: a random time between half and all of `first × factor^n`, at most `longest` seconds."""

    def __init__(self, *, first: float = 0.5, factor: float = 2.0, longest: float = 30.0) -> None:
        self._first = first
        self._factor = factor
        self._longest = longest
        self._tries = 0

    @property
    def tries(self) -> int:
        """Failures since the last success."""
        return self._tries

    def reset(self) -> None:
        """A try succeeded."""
        self._tries = 0

    def next_wait(self) -> float:
        """Seconds until the next try."""
        ceiling = min(self._longest, self._first * self._factor ** min(self._tries, 32))
        self._tries += 1
        return ceiling * (0.5 + random.random() / 2)  # noqa: S311  (spreads load, guards nothing)


async def _one(what: str, session: Coroutine[Any, Any, None]) -> None:
    """In a task of its own: when we are cancelled, the way in which the link then fails is no reason to go on."""
    task = asyncio.create_task(session, name=f"{what} session")
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    task.result()


async def keep_connected(
    what: str,
    session: Callable[[Callable[[], None]], Coroutine[Any, Any, None]],
    *,
    errors: tuple[type[Exception], ...],
    clock: Clock,
    backoff: Backoff,
    log: logging.Logger,
) -> None:
    """Run `session` for ever, again after each of the named `errors`; the repository's only reconnect loop.

    `session(connected)` opens the link, calls `connected()` once it works, and returns or raises when it is gone.
    The first failure is a warning, the following ones debug, and the return is said once.
    """
    while True:
        was_down = backoff.tries > 0

        def connected(was_down: bool = was_down) -> None:
            backoff.reset()
            log.log(logging.WARNING if was_down else logging.INFO, "%s: connected", what)

        try:
            await _one(what, session(connected))
        except errors as error:
            level = logging.DEBUG if backoff.tries else logging.WARNING
            log.log(level, "%s: not connected: %s; trying again", what, error or type(error).__name__)
        await clock.sleep(backoff.next_wait())
