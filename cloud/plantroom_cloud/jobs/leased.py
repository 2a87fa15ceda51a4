"""Work that one process does at a time: begun with the lease, ended when it is lost, taken over by the next."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy.exc import OperationalError

from plantroom_cloud import metrics
from plantroom_cloud.database import Database
from plantroom_cloud.jobs.service import JobService
from plantroom_cloud.threads import in_full

_log = logging.getLogger(__name__)

RENEW_EVERY_S = 2.5
TRY_EVERY_S = 1.0


class Leased:
    """Runs `work` while this process holds the lease."""

    def __init__(self, name: str, jobs: JobService, database: Database, now: Callable[[], datetime]) -> None:
        self._name = name
        self._jobs = jobs
        self._database = database
        self._now = now
        self._held = False

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Until cancelled; then the next may have the lease at once."""
        waiting = False
        try:
            while True:
                if await in_full(self._take):
                    waiting = False
                    await self._hold(work)
                    _log.warning("lease %s: lost to another process", self._name)
                elif not waiting:
                    waiting = True
                    _log.info("lease %s: held by another process; this one waits", self._name)
                await asyncio.sleep(TRY_EVERY_S)
        finally:
            await in_full(self._give_back)

    async def _hold(self, work: Callable[[], Awaitable[None]]) -> None:
        figure = metrics.LEASES.labels(self._name)
        figure.set(1)
        self._held = True
        try:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(_as_task(work), name=self._name)
                while await in_full(self._take):  # noqa: ASYNC110
                    await asyncio.sleep(RENEW_EVERY_S)
                running.cancel()
        finally:
            figure.set(0)
            self._held = False

    def _take(self) -> bool:
        """Whether the lease is ours."""
        try:
            with self._database.write() as session:
                return self._jobs.take(session, self._name, self._now())
        except OperationalError as error:  # nobody else can take it now, either
            _log.warning("database: %s", error.orig)
            return self._held

    def _give_back(self) -> None:
        try:
            with self._database.write() as session:
                self._jobs.give_back(session, self._name)
        except OperationalError as error:
            _log.warning("lease %s: %s; it ends by itself", self._name, error.orig)


async def _as_task(work: Callable[[], Awaitable[None]]) -> None:
    await work()
