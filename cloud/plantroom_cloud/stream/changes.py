"""What changed, told to all who follow: one look at the database for all of them, at once after a commit of ours."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

from sqlalchemy.exc import OperationalError

from plantroom_cloud import metrics
from plantroom_cloud.database import Database
from plantroom_cloud.errors import TooManyRequestsError
from plantroom_cloud.stream.service import changes_after, newest_id

_log = logging.getLogger(__name__)

#: Another process's changes are seen after this long at most.
LOOK_EVERY_S = 0.1
#: Those who follow at once; a page or a program more is asked to come back.
MOST_FOLLOWERS = 200
#: Changes that wait for a slow follower; one that falls further behind is told to reload.
MOST_WAITING = 1_000
#: A comment this often keeps proxies from closing a quiet stream.
KEEP_ALIVE_S = 15.0
#: Transactions may commit in another order than their numbers: so many numbers are looked at again.
OVERLAP = 200

#: Nobody follows, so that nobody looks.
NOWHERE = -1

Change = tuple[int, str, str]


class Changes:
    """One look for all followers; each has a bounded queue."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followers: set[asyncio.Queue[Change | None]] = set()
        self._wanted = asyncio.Event()
        self._newest = NOWHERE
        self._seen: deque[int] = deque(maxlen=4 * OVERLAP)

    def look(self) -> None:
        """This process committed something: look now."""
        self._wanted.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with suppress(TimeoutError):  # not wait_for, which can swallow being cancelled
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wanted.wait()
            self._wanted.clear()
            if not self._followers:
                self._newest = NOWHERE
            if self._newest == NOWHERE:
                continue
            try:
                found = await asyncio.to_thread(self._after, self._newest)
            except OperationalError as error:
                _log.debug("database: %s", error.orig)
                continue
            for change in found:
                self._newest = max(self._newest, change[0])
                self._tell(change)

    async def follow(self, last: int | None, *, named: bool = True) -> AsyncIterator[str]:
        """Server-sent events: changes after `last` (from now on without it), and "telemetry" once a second. `named`:
        with which one it is that changed. Raises TooManyRequestsError."""
        if len(self._followers) >= MOST_FOLLOWERS:
            raise TooManyRequestsError(f"{MOST_FOLLOWERS} pages and programs follow already; try again later", 30)
        events = self._events(last, named)
        return _begun(await anext(events), events)  # one that has begun gives its place back, however it ends

    async def _events(self, last: int | None, named: bool) -> AsyncGenerator[str, None]:
        queue: asyncio.Queue[Change | None] = asyncio.Queue(MOST_WAITING)
        clock = asyncio.get_running_loop().time
        try:
            self._followers.add(queue)
            metrics.STREAMS.set(len(self._followers))
            await self._begin()
            missed = await asyncio.to_thread(self._missed, last) if last is not None else []
            told, second, spoken = {number for number, _, _ in missed}, clock() + 1.0, clock()
            yield "retry: 2000\n\n"
            for known in missed:
                yield _event(known, named)
            while True:
                try:
                    async with asyncio.timeout(max(0.0, second - clock())):
                        change = await queue.get()
                except TimeoutError:
                    second = clock() + 1.0
                    yield "event: telemetry\ndata: {}\n\n"
                    if clock() - spoken > KEEP_ALIVE_S:
                        spoken = clock()
                        yield ": still here\n\n"
                    continue
                if change is None:  # it fell behind: the page loads anew, and follows from there
                    yield "event: reload\ndata: {}\n\n"
                    return
                if change[0] not in told:
                    spoken = clock()
                    yield _event(change, named)
        finally:
            self._followers.discard(queue)
            metrics.STREAMS.set(len(self._followers))

    def _tell(self, change: Change) -> None:
        for queue in list(self._followers):
            try:
                queue.put_nowait(change)
            except asyncio.QueueFull:
                self._followers.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)

    async def _begin(self) -> None:
        """The first of the followers says where the looking begins: what is committed from now on is told to it."""
        if self._newest == NOWHERE:
            newest, seen = await asyncio.to_thread(self._end)
            if self._newest == NOWHERE:  # nobody was faster
                self._newest = newest
                self._seen.extend(seen)

    def _end(self) -> tuple[int, list[int]]:
        with self._database.read() as session:
            newest = newest_id(session)
            return newest, [change.id or 0 for change in changes_after(session, newest - OVERLAP)]

    def _after(self, newest: int) -> list[Change]:
        """Those not seen yet, late ones included."""
        with self._database.read() as session:
            if newest_id(session) == newest and self._database.is_sqlite:  # one writer at a time: none comes late
                return []
            found = changes_after(session, newest - (0 if self._database.is_sqlite else OVERLAP))
        fresh = [(change.id or 0, change.kind, change.ref) for change in found if change.id not in self._seen]
        self._seen.extend(number for number, _, _ in fresh)
        return fresh

    def _missed(self, last: int) -> list[Change]:
        with self._database.read() as session:
            return [(change.id or 0, change.kind, change.ref) for change in changes_after(session, last, MOST_WAITING)]


async def _begun(first: str, events: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    async with aclosing(events):
        yield first
        async for event in events:
            yield event


def _event(change: Change, named: bool) -> str:
    number, kind, ref = change
    data = {"kind": kind, "ref": ref if named else "", "id": number}
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
