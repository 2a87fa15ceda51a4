"""The clocks of the control plane: what ticks each second, and what is due from time to time."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from plantroom_cloud.database import Database
from plantroom_cloud.errors import CloudError
from plantroom_cloud.jobs.service import JobService

_log = logging.getLogger(__name__)

Tick = Callable[[Session, datetime], None]


@dataclass(frozen=True)
class Plan:
    """Something that is due at each whole `every`; `work` is given the time, and opens what it needs itself."""

    name: str
    every: timedelta
    work: Callable[[datetime], Any]


class Timers:
    """APScheduler is the timer; who does what is decided by the lease, and each due time is taken once by its row."""

    def __init__(
        self,
        ticks: Sequence[Tick],
        plans: Sequence[Plan],
        jobs: JobService,
        database: Database,
        now: Callable[[], datetime],
    ) -> None:
        self._ticks = ticks
        self._plans = plans
        self._jobs = jobs
        self._database = database
        self._now = now

    async def run(self) -> None:
        """Until cancelled."""
        scheduler = AsyncIOScheduler(timezone="UTC")
        scheduler.add_job(self._tick, "interval", seconds=1, max_instances=1, coalesce=True)
        scheduler.add_job(self._look, "interval", seconds=5, max_instances=1, coalesce=True)
        scheduler.start()
        try:
            await asyncio.Event().wait()
        finally:
            scheduler.shutdown(wait=False)

    async def _tick(self) -> None:
        for tick in self._ticks:
            try:
                await asyncio.to_thread(self._in_write, tick)
            except OperationalError as error:
                _log.warning("database: %s", error.orig)
            except Exception:  # noqa: BLE001  (one domain's mistake stops no other's clock)
                _log.exception("%s failed; it is tried again in a second", tick)

    async def _look(self) -> None:
        for plan in self._plans:
            try:
                await asyncio.to_thread(self.do_if_due, plan)
            except OperationalError as error:
                _log.warning("database: %s", error.orig)

    def do_if_due(self, plan: Plan) -> bool:
        """Do what is due and not taken; whether it was."""
        with self._database.write() as session:
            due = self._jobs.claim(session, plan.name, plan.every, self._now())
        if due is None:
            return False
        error = ""
        try:
            plan.work(self._now())
        except CloudError as failed:
            error = str(failed)
            _log.info("%s: %s; it is tried again when it is due next", plan.name, failed)
        except Exception as failed:  # noqa: BLE001  (whatever one plan gets wrong, the others are due as well)
            error = f"{type(failed).__name__}: {failed}"
            _log.exception("%s failed; it is tried again when it is due next", plan.name)
        with self._database.write() as session:
            self._jobs.finish(session, plan.name, due, self._now(), error)
        return True

    def _in_write(self, tick: Tick) -> None:
        with self._database.write() as session:
            tick(session, self._now())
