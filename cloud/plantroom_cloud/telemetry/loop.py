"""The loop of the telemetry writer: the journal into the store, then the windows; waits longer while it is away."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy.exc import OperationalError

from plantroom_cloud import metrics
from plantroom_cloud.telemetry.store import StoreUnavailableError, TelemetryStore
from plantroom_cloud.telemetry.writer import TelemetryWriter
from plantroom_cloud.threads import own_thread
from plantroom_shared.backoff import Backoff

_log = logging.getLogger(__name__)

#: How often windows are computed while there is more to move.
ROLL_UP_S = 2.0
#: How often an empty journal is looked at.
LOOK_EVERY_S = 0.2


class WriterLoop:
    """In a thread of its own: a store that does not answer keeps nobody else waiting."""

    def __init__(self, writer: TelemetryWriter, store: TelemetryStore, now: Callable[[], datetime]) -> None:
        self._writer = writer
        self._store = store
        self._now = now

    async def run(self) -> None:
        """Until cancelled; what is being moved then has been moved, or has failed, before it ends."""
        self._writer.forget()  # another process may have been the writer
        async with own_thread("telemetry-writer") as thread:
            await self._move(thread)

    async def _move(self, thread: ThreadPoolExecutor) -> None:
        loop, backoff, rolled_at = asyncio.get_running_loop(), Backoff(first=0.5, longest=15), 0.0
        await loop.run_in_executor(thread, self._open)
        while True:
            try:
                with metrics.STORE_S.time():
                    moved = await loop.run_in_executor(thread, self._writer.drain, self._now())
                if not moved or time.monotonic() - rolled_at >= ROLL_UP_S:
                    moved += await loop.run_in_executor(thread, self._writer.roll_up, self._now())
                    rolled_at = time.monotonic()
            except (StoreUnavailableError, OperationalError) as error:
                metrics.STORE_UP.set(0)
                if not backoff.tries:
                    _log.warning("telemetry store: %s; the journal keeps what comes meanwhile", error)
                await asyncio.sleep(backoff.next_wait())
                await loop.run_in_executor(thread, self._open)
                continue
            if backoff.tries:
                _log.info("telemetry store: it takes values again")
            backoff.reset()
            metrics.STORE_UP.set(1)
            if not moved:
                await asyncio.sleep(LOOK_EVERY_S)

    def _open(self) -> None:
        try:
            self._store.open()
        except StoreUnavailableError as error:
            _log.debug("telemetry store: %s", error)
