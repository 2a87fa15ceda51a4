"""The outbox: batches are committed here before anything else learns of them, deleted on the cloud's word alone."""

import asyncio
import contextlib
import logging
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from plantroom_edge.config.model import OutboxBounds
from plantroom_edge.outbox.payload import Payload, decode_payload, encode_payload
from plantroom_edge.outbox.store import Depth, OutboxStore, Statement, Stored, salvage
from plantroom_edge.outbox.thinning import thin
from plantroom_shared.batch import Event, Stream
from plantroom_shared.clock import Clock

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: Batches looked at in one round of making room.
THIN_AT_ONCE = 200
#: The file never shrinks: while it has so many bytes of free pages, new batches take no disk.
REUSABLE_ENOUGH = 1_000_000


class Outbox:
    """Bounded by bytes and by free disk. One thread does all file work, so nothing blocks the event loop."""

    def __init__(self, path: Path, bounds: OutboxBounds, clock: Clock) -> None:
        self._path = path
        self._bounds = bounds
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "outbox")
        self._store = OutboxStore(path)
        self._grown = asyncio.Event()
        self.failing = ""  #: why the last commit failed, empty when it did not

    @property
    def outbox_id(self) -> str:
        return self._store.outbox_id

    async def open(self) -> None:
        """Open the file; a corrupt one is set aside, salvaged, and reported by an event."""
        try:
            await self._run(self._store.open)
        except sqlite3.DatabaseError as error:
            await self._replace_corrupt(str(error))

    async def close(self) -> None:
        await self._run(self._store.close)
        self._thread.shutdown()

    async def append(self, batches: Sequence[tuple[Stream, Payload]], also: Sequence[Statement] = ()) -> None:
        """Commit; waits and tries again while the disk refuses (the caller holds what it has)."""
        rows = [(stream, payload.taken_ms(), encode_payload(payload)) for stream, payload in batches]
        while True:
            try:
                await self._make_room()
                await self._run(lambda: self._store.append(rows, also))
            except sqlite3.OperationalError as error:  # disk full, or the file system went read-only
                if not self.failing:
                    _log.error("outbox: cannot be written: %s; trying again", error)
                self.failing = str(error)
                with contextlib.suppress(sqlite3.OperationalError):  # making room needs room itself
                    await self._evict_some()
                await self._clock.sleep(1.0)
                continue
            if self.failing:
                reason, self.failing = self.failing, ""
                _log.warning("outbox: can be written again")
                await self._report("outbox.full", {"reason": reason})
            self._grown.set()
            return

    async def read(self, stream: Stream, after: int, limit: int) -> list[Stored]:
        """The next batches after a sequence number, oldest first."""
        return await self._run(lambda: self._store.read(stream, after, limit))

    async def acknowledge(self, stream: Stream, ranges: Sequence[tuple[int, int]]) -> None:
        """The cloud has committed these: delete them."""
        await self._run(lambda: self._store.delete(stream, ranges))

    async def last_seq(self, stream: Stream) -> int:
        return await self._run(lambda: self._store.last_seq(stream))

    async def depth(self, stream: Stream) -> Depth:
        return await self._run(lambda: self._store.depth(stream))

    async def get_meta(self, key: str) -> str | None:
        return await self._run(lambda: self._store.get_meta(key))

    async def set_meta(self, key: str, value: str) -> None:
        await self._run(lambda: self._store.set_meta(key, value))

    async def recall(self, owner: str, key: str) -> str | None:
        """What an owner remembered, also across restarts."""
        return await self._run(lambda: self._store.recall(owner, key))

    async def recall_all(self, owner: str) -> dict[str, str]:
        """All that an owner remembered."""
        return await self._run(lambda: self._store.recall_all(owner))

    async def begin_command(self, command_id: str) -> str | None:
        """None when the command is new (and now remembered), else the state it has."""
        return await self._run(lambda: self._store.begin_command(command_id, self._clock.now_ms()))

    async def end_command(self, command_id: str, state: str, result: Event) -> None:
        """The end of a command and the event that tells it are one commit."""
        payload = encode_payload(Payload(events=[result]))
        await self._run(lambda: self._store.end_command(command_id, state, result.time, payload))
        self._grown.set()

    async def started_commands(self) -> list[str]:
        return await self._run(self._store.started_commands)

    async def wait_for_more(self) -> None:
        """Until something was appended since the last call."""
        await self._grown.wait()
        self._grown.clear()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _report(self, kind: str, data: dict[str, Any]) -> None:
        event = Event(id=uuid.uuid4().hex, kind=kind, time=self._clock.now_ms(), data=data)
        payload = encode_payload(Payload(events=[event]))
        await self._run(lambda: self._store.append([("events", event.time, payload)]))
        self._grown.set()

    async def _make_room(self) -> None:
        free = shutil.disk_usage(self._path.parent).free
        if self._store.size() <= self._bounds.max_bytes and (
            free >= self._bounds.min_free_bytes or await self._run(self._store.reusable) >= REUSABLE_ENOUGH
        ):
            return
        await self._evict_some()

    async def _evict_some(self) -> None:
        """Thin the oldest telemetry; what was thinned already goes whole. Declared, never silent."""
        oldest = await self.read("telemetry", 0, THIN_AT_ONCE)
        if not oldest:
            return
        thinned, evicted = [], []
        for item in oldest:
            smaller, lost = thin(decode_payload(item.payload))
            if smaller is None:
                evicted.append((item.seq, lost, item.taken_ms))
                continue
            thinned.append((item.seq, lost, item.taken_ms))
            encoded = encode_payload(smaller)
            await self._run(lambda seq=item.seq, data=encoded: self._store.replace("telemetry", seq, data))  # type: ignore[misc]
        if evicted:
            await self._run(lambda: self._store.delete("telemetry", [(seq, seq) for seq, _, _ in evicted]))
        for kind, gone in (("telemetry.thinned", thinned), ("telemetry.evicted", evicted)):
            if gone:
                await self._report(
                    kind,
                    {
                        "stream": "telemetry",
                        "outbox": self.outbox_id,
                        "seqs": _ranges([seq for seq, _, _ in gone]),
                        "values": sum(lost for _, lost, _ in gone),
                        "from": gone[0][2],
                        "to": gone[-1][2],
                    },
                )

    async def _replace_corrupt(self, reason: str) -> None:
        aside = self._path.with_suffix(f".corrupt-{self._clock.now_ms()}")
        for suffix in ("", "-wal", "-shm"):
            part = Path(f"{self._path}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
        await self._run(self._store.open)
        kept, stopped = await self._run(lambda: salvage(aside, self._store))
        _log.error("outbox: %s is corrupt (%s); set aside as %s, %d batches salvaged", self._path, reason, aside, kept)
        await self._report(
            "outbox.salvaged", {"reason": reason, "kept": kept, "lost": stopped or "nothing known", "file": str(aside)}
        )


def _ranges(numbers: Sequence[int]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges
