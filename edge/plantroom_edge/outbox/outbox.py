"""The outbox: batches are committed here before anything else learns of them, deleted on the cloud's word alone."""

import asyncio
import logging
import shutil
import sqlite3
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from plantroom_edge.config.model import OutboxBounds
from plantroom_edge.outbox.dating import redate
from plantroom_edge.outbox.payload import Payload, Stamp, decode_payload, encode_payload
from plantroom_edge.outbox.reserve import RESERVE_BYTES, Reserve
from plantroom_edge.outbox.salvage import salvage
from plantroom_edge.outbox.store import (
    ADOPTED,
    Depth,
    OutboxStore,
    Statement,
    Stored,
    check_file,
    end_command,
    is_corrupt,
    set_meta,
)
from plantroom_edge.outbox.thinning import thin
from plantroom_shared.batch import Event, Stream
from plantroom_shared.clock import Clock

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: Batches looked at in one round of making room; fewer where the disk is full, for that takes disk too.
THIN_AT_ONCE, THIN_WHEN_FULL = 200, 20
#: The file never shrinks: while it has so many bytes of free pages, new batches take no disk.
REUSABLE_ENOUGH = 1_000_000
#: Below this the file does not grow, whatever the bound says: its log needs some disk to delete with.
LEAST_FREE_BYTES = 2 * RESERVE_BYTES
#: Room counts as made once so much of the bound is free again.
EASED_AT = 0.8
RETRY_S = 1.0
#: Boots of the machine whose clock is remembered.
BOOTS_KEPT = 20


class Outbox:
    """Bounded by bytes and by free disk. One thread does all file work, so nothing blocks the event loop."""

    def __init__(self, path: Path, bounds: OutboxBounds, clock: Clock) -> None:
        self._path = path
        self._bounds = bounds
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "outbox")
        self._store = OutboxStore(path)
        self._reserve = Reserve(path.with_suffix(".reserve"))
        self._grown = asyncio.Event()
        self._thinned_until = ADOPTED
        self._commands = 0
        self._frozen = False
        self._epochs: dict[str, int] = {}
        self._closing = threading.Event()
        self.stamp = Stamp()  #: what events of the outbox itself are dated by
        self.flying: Callable[[], Collection[int]] = tuple  #: telemetry on its way to the cloud: left alone
        self.failing = ""  #: why the last commit failed, empty when it did not
        self.pressed = ""  #: why telemetry is given up, empty when it is not

    @property
    def outbox_id(self) -> str:
        return self._store.outbox_id

    @property
    def epochs(self) -> Mapping[str, int]:
        """Boot of the machine → its trusted epoch, ms."""
        return self._epochs

    async def open(self) -> None:
        """Open the file; a corrupt one is set aside, salvaged, and reported by an event."""
        try:
            await self._run(self._open)
        except sqlite3.OperationalError:
            if not self._reserve.release():
                raise
            await self._run(self._open)  # the disk is full: now there is some
        self._epochs = msgspec.json.decode(await self.get_meta("clock.epochs") or "{}", type=dict[str, int])
        self._thinned_until = int(await self.get_meta("thinned") or ADOPTED)

    async def verify(self) -> None:
        """Look through the whole file once, beside the work; a corrupt one is replaced while everything runs."""
        identity = self.outbox_id
        wrong = await asyncio.to_thread(check_file, self._path, self._closing)
        if wrong:
            await self._run(lambda: self._recover(wrong) if self.outbox_id == identity else None)

    async def close(self) -> None:
        self._closing.set()
        await self._run(self._store.close)
        self._thread.shutdown()

    async def append(
        self, batches: Sequence[tuple[Stream, Payload]], also: Sequence[Statement] = (), *, patient: bool = True
    ) -> None:
        """Commit; waits and tries again while the disk refuses (the caller holds what it has). Without patience it
        raises sqlite3.OperationalError instead."""
        rows = [(stream, payload.taken_ms(), encode_payload(payload)) for stream, payload in batches]
        while True:
            try:
                await self._make_room()
                await self._work(lambda: self._store.append(rows, also))
            except sqlite3.OperationalError as error:  # disk full, or the file system went read-only
                await self._refused(error)
                if not patient:
                    raise
                await self._clock.sleep(RETRY_S)
                continue
            if self.failing:
                reason, self.failing = self.failing, ""
                _log.warning("outbox: can be written again")
                await self._tell("outbox.full", {"reason": reason})
            if rows:
                self._grown.set()
            return

    async def read(self, stream: Stream, after: int, limit: int) -> list[Stored]:
        """The next batches after a sequence number, oldest first."""
        if after >= self._store.last_seq(stream):
            return []  # without waking the thread
        return await self._work(lambda: self._store.read(stream, after, limit))

    def prepared(self, stored: Stored) -> Payload | None:
        """A batch as it is to be sent: dated by what is known of the clock now. None where it cannot be decoded."""
        try:
            return redate(decode_payload(stored.payload), self._epochs)
        except msgspec.DecodeError:
            return None

    async def set_aside(self, stored: Stored) -> None:
        """A batch that cannot be decoded goes into a file of its own, and an event tells it."""
        path = self._path.with_suffix(f".{stored.stream}-{stored.seq}")
        await asyncio.to_thread(path.write_bytes, stored.payload)
        _log.error("outbox: batch %s/%d cannot be decoded; it is in %s", stored.stream, stored.seq, path)
        data = {"stream": stored.stream, "seq": stored.seq, "reason": "cannot be decoded", "file": str(path)}
        await self._tell("batch.unreadable", data)
        await self.acknowledge(self.outbox_id, stored.stream, [(stored.seq, stored.seq)])

    async def trust(self, machine: str, epoch_ms: int) -> None:
        """From now on times of this boot of the machine are monotonic time plus this."""
        self._epochs.pop(machine, None)
        self._epochs = dict([*self._epochs.items(), (machine, epoch_ms)][-BOOTS_KEPT:])
        await self.set_meta("clock.epochs", msgspec.json.encode(self._epochs).decode())

    async def acknowledge(self, outbox: str, stream: Stream, ranges: Sequence[tuple[int, int]]) -> None:
        """The cloud has committed these of that outbox: delete them. Should the disk refuse, they are sent again."""
        try:
            await self._work(lambda: self._store.delete(stream, ranges) if self.outbox_id == outbox else None)
        except sqlite3.OperationalError as error:
            _log.warning("outbox: what was acknowledged cannot be deleted now: %s", error)

    async def last_seq(self, stream: Stream) -> int:
        return await self._work(lambda: self._store.last_seq(stream))

    async def depth(self, stream: Stream) -> Depth:
        return await self._work(lambda: self._store.depth(stream))

    async def newest_ms(self) -> int:
        """Event time of the newest batch that waits, 0 where none does."""
        return await self._work(self._store.newest_ms)

    async def get_meta(self, key: str) -> str | None:
        return await self._work(lambda: self._store.get_meta(key))

    async def set_meta(self, key: str, value: str) -> None:
        await self.append([], [set_meta(key, value)])

    async def recall(self, owner: str, key: str) -> str | None:
        """What an owner remembered, also across restarts."""
        return await self._work(lambda: self._store.recall(owner, key))

    async def recall_all(self, owner: str) -> dict[str, str]:
        """All that an owner remembered."""
        return await self._work(lambda: self._store.recall_all(owner))

    async def begin_command(self, command_id: str) -> str | None:
        """None when the command is new (and now remembered), else the state it has. Raises sqlite3.OperationalError
        where it cannot be remembered: then it must not act."""
        at = self._clock.now_ms()
        self._commands += 1
        if self._commands % 100 == 1:
            await self._work(lambda: self._store.forget_commands(at))
        return await self._work(lambda: self._store.begin_command(command_id, at))

    async def end_command(self, command_id: str, state: str, result: Event) -> None:
        """The end of a command and the event that tells it are one commit."""
        payload = self.stamp.payload(events=[self.stamp.dated(result)])
        await self.append([("events", payload)], [end_command(command_id, state)])

    async def started_commands(self) -> list[str]:
        return await self._work(self._store.started_commands)

    async def wait_for_more(self) -> None:
        """Until something was appended since the last call."""
        await self._grown.wait()
        self._grown.clear()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _work(self, work: Callable[[], T]) -> T:
        """Work on the file; one that turns out to be corrupt is replaced, and the work done on the new one."""

        def guarded() -> T:
            try:
                return work()
            except sqlite3.DatabaseError as error:
                if not is_corrupt(error):
                    raise
                self._recover(str(error))
                return work()

        return await self._run(guarded)

    def _open(self) -> None:
        try:
            self._store.open()
        except sqlite3.DatabaseError as error:
            if not is_corrupt(error):
                raise
            self._recover(str(error))

    def _recover(self, reason: str) -> None:
        """In the outbox's thread: set the file aside, begin a new one, copy what can be read."""
        self._store.close()
        aside = self._path.with_suffix(f".corrupt-{self._clock.now_ms()}")
        for suffix in ("", "-wal", "-shm"):
            part = Path(f"{self._path}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
        self._store.open()
        self._thinned_until = ADOPTED
        found = salvage(aside, self._store)
        _log.error(
            "outbox: %s is corrupt (%s); set aside as %s, %d batches salvaged, %d not",
            self._path,
            reason,
            aside,
            found.kept,
            found.unreadable,
        )
        data = {
            "reason": reason,
            "outbox": found.outbox,
            "kept": found.kept,
            "lost": found.unreadable,
            "last": found.last,
            "file": str(aside),
        }
        self._store.append([self._event("outbox.salvaged", data)])

    def _event(self, kind: str, data: dict[str, Any]) -> tuple[Stream, int, bytes]:
        event = Event(id=uuid.uuid4().hex, kind=kind, time=self._clock.now_ms(), data=data)
        payload = self.stamp.payload(events=[self.stamp.dated(event)])
        return "events", payload.taken_ms(), encode_payload(payload)

    async def _tell(self, kind: str, data: dict[str, Any]) -> None:
        try:
            await self._work(lambda: self._store.append([self._event(kind, data)]))
        except sqlite3.OperationalError as error:
            _log.error("outbox: the event %s cannot be kept: %s", kind, error)
            return
        self._grown.set()

    async def _refused(self, error: sqlite3.OperationalError) -> None:
        """The disk took nothing: free what we hold of it, and give up the oldest telemetry."""
        if not self.failing:
            _log.error("outbox: cannot be written: %s; trying again", error)
        self.failing = str(error)
        self._reserve.release()
        try:
            await self._freeze(yes=self._store.waiting("telemetry") > 0)
            await self._give_up(THIN_WHEN_FULL)
        except sqlite3.OperationalError as again:
            _log.debug("outbox: no room can be made: %s", again)

    async def _make_room(self) -> None:
        disk = shutil.disk_usage(self._path.parent)
        scarce = disk.free < max(self._bounds.min_free_bytes, min(LEAST_FREE_BYTES, disk.total // 10))
        if (freeze := scarce and self._store.waiting("telemetry") > 0) != self._frozen:  # events may take all there is
            await self._freeze(yes=freeze)
        full = scarce and await self._work(self._store.reusable) < REUSABLE_ENOUGH
        size = self._store.size()
        if full or size > self._bounds.max_bytes:
            if not self.pressed:
                self.pressed = "the disk is nearly full" if full else "the outbox is at its bound"
                _log.warning("outbox: %s; the oldest telemetry is thinned", self.pressed)
                await self._tell("outbox.pressed", {"reason": self.pressed})
            await self._give_up(THIN_AT_ONCE)
        elif self.pressed and not scarce and size < EASED_AT * self._bounds.max_bytes:
            reason, self.pressed = self.pressed, ""
            await self._tell("outbox.eased", {"reason": reason})
        if not scarce:
            self._reserve.keep(disk.free)

    async def _freeze(self, *, yes: bool) -> None:
        await self._work(lambda: self._store.freeze(yes=yes))
        self._frozen = yes

    async def _give_up(self, at_once: int) -> None:
        """Thin the oldest telemetry that is fine; where all is thinned, the oldest goes whole. Declared in the same
        commit, never silent."""
        identity, left_alone = self.outbox_id, self.flying()
        fine = await self.read("telemetry", self._thinned_until, at_once)
        thinned: dict[int, Payload] = {}
        until = self._thinned_until
        if len(fine) == at_once or (fine and self._thinned_until == ADOPTED):
            kind, until = "telemetry.thinned", fine[-1].seq
            whole = _decoded(item for item in fine if item.seq not in left_alone)
            smaller, lost = thin([*whole.values()])
            thinned = dict(zip(whole, smaller, strict=True))
            gone: list[int] = []
        else:
            kind = "telemetry.evicted"
            oldest = await self.read("telemetry", ADOPTED, at_once)
            gone = [item.seq for item in oldest if item.seq not in left_alone]
            whole = _decoded(item for item in oldest if item.seq not in left_alone)
            lost = sum(payload.value_count() for payload in whole.values())
            if not gone:
                return
        told = self._losses(kind, whole, lost) if lost or gone else []
        rows = [(seq, encode_payload(payload)) for seq, payload in thinned.items()]

        def commit() -> bool:
            if self.outbox_id != identity:
                return False  # the file was replaced meanwhile: these numbers are of the old one
            self._store.give_up(rows, gone, told, until)
            return True

        if await self._work(commit):
            self._thinned_until = until
        if told:
            self._grown.set()

    def _losses(self, kind: str, whole: Mapping[int, Payload], lost: int) -> list[tuple[Stream, int, bytes]]:
        """One event for each outbox whose numbers are concerned: after a salvage there may be two."""
        numbers: dict[str, list[int]] = {}
        for seq, payload in whole.items():
            outbox, number = payload.origin or (self.outbox_id, seq)
            numbers.setdefault(outbox, []).append(number)
        times = [redate(payload, self._epochs).taken_ms() for payload in whole.values()]
        events = []
        for outbox, seqs in numbers.items():
            data = {"stream": "telemetry", "outbox": outbox, "seqs": _ranges(sorted(seqs)), "values": lost}
            events.append(self._event(kind, data | {"from": min(times), "to": max(times)}))
            lost = 0  # counted once
        return events


def _decoded(items: Iterable[Stored]) -> dict[int, Payload]:
    """By number; what cannot be decoded holds no value that could still be saved."""
    found: dict[int, Payload] = {}
    for item in items:
        try:
            found[item.seq] = decode_payload(item.payload)
        except msgspec.DecodeError:
            _log.error("outbox: batch telemetry/%d cannot be decoded", item.seq)
    return found


def _ranges(numbers: Sequence[int]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges
