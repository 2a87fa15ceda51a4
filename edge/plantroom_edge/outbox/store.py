"""The outbox file: SQLite in WAL mode, synchronous=FULL. Blocking; `Outbox` runs it in a thread of its own."""

import secrets
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plantroom_shared.batch import Stream

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (
    stream TEXT NOT NULL, seq INTEGER NOT NULL, taken_ms INTEGER NOT NULL, size INTEGER NOT NULL,
    payload BLOB NOT NULL, PRIMARY KEY (stream, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command (
    id TEXT PRIMARY KEY, received_ms INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS memory (
    owner TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (owner, key)) WITHOUT ROWID;
"""

STREAMS: tuple[Stream, ...] = ("events", "telemetry")

#: The write-ahead log goes into the file after so many pages of 16 KB: what it may take of a full disk is bounded.
CHECKPOINT_PAGES = 256
MOST_PAGES = 2**30
#: Commands are remembered at least so long, and so many: far longer than any of them may wait.
COMMANDS_KEPT_MS = 7 * 86_400_000
COMMANDS_KEPT = 20_000

#: Before the first number of an adopted batch, and so before any.
ADOPTED = -(2**40)

#: A statement and its values.
Statement = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Stored:
    """A batch as it waits: `payload` is its encoded rows or events, completed when it is sent."""

    stream: Stream
    seq: int
    taken_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Depth:
    """What waits in a stream."""

    batches: int
    bytes: int
    oldest_ms: int | None


class OutboxStore:
    """One file. Sequence numbers count from 1 per stream without holes and are never used twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outbox_id = ""
        self._db: sqlite3.Connection | None = None
        self._next: dict[Stream, int] = {}
        self._bytes: dict[Stream, int] = {}
        self._count: dict[Stream, int] = {}

    def open(self) -> None:
        """Open or make the file; raises sqlite3.DatabaseError where it is corrupt."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA page_size=16384")  # twice the speed of 4 KB pages with batches of 2 KB and more
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            db.executescript(_SCHEMA)
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT OR IGNORE INTO meta VALUES ('outbox', ?)", (secrets.token_hex(8),))
            self.outbox_id = db.execute("SELECT value FROM meta WHERE key = 'outbox'").fetchone()[0]
            meta = dict(db.execute("SELECT key, value FROM meta").fetchall())
            for stream in STREAMS:
                last = db.execute("SELECT max(seq) FROM batch WHERE stream = ?", (stream,)).fetchone()[0]
                self._next[stream] = max(int(meta.get(f"seq.{stream}", 0)), last or 0) + 1
                if f"count.{stream}" not in meta:
                    found = "SELECT count(*), total(size) FROM batch WHERE stream = ?"
                    meta[f"count.{stream}"], meta[f"size.{stream}"] = db.execute(found, (stream,)).fetchone()
                self._count[stream] = int(meta[f"count.{stream}"])
                self._bytes[stream] = int(meta[f"size.{stream}"])
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        self._db = db

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def adopt(self, stream: Stream, batches: Sequence[tuple[int, bytes]]) -> None:
        """Batches (time taken, payload) that have an identity already (`Payload.origin`): they stand before all others
        and take no number of this file."""
        db = self._begin()
        try:
            first = db.execute("SELECT max(seq) FROM batch WHERE stream = ? AND seq < 0", (stream,)).fetchone()[0]
            begin = (ADOPTED if first is None else first) + 1
            stored = [Stored(stream, begin + at, taken_ms, data) for at, (taken_ms, data) in enumerate(batches)]
            self._write(db, stored)
            self._commit(db, {}, stored, [])
        except BaseException:
            _undo(db)
            raise

    def append(self, batches: Sequence[tuple[Stream, int, bytes]], also: Iterable[Statement] = ()) -> list[Stored]:
        """Commit batches (stream, time taken, payload) and more in one transaction; all or none."""
        db = self._begin()
        try:
            stored, following = self._insert(db, batches)
            for statement, values in also:
                db.execute(statement, values)
            self._commit(db, following, stored, [])
        except BaseException:
            _undo(db)
            raise
        return stored

    def read(self, stream: Stream, after: int, limit: int) -> list[Stored]:
        """The next batches of a stream, oldest first."""
        rows = self._opened().execute(
            "SELECT seq, taken_ms, payload FROM batch WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?",
            (stream, after, limit),
        )
        return [Stored(stream, seq, taken_ms, payload) for seq, taken_ms, payload in rows]

    def delete(self, stream: Stream, ranges: Sequence[tuple[int, int]]) -> None:
        """Only for what the cloud has acknowledged. Not forced to the disk: what comes back is sent again."""
        db = self._opened()
        db.execute("PRAGMA synchronous=NORMAL")
        try:
            self._begin()
            try:
                gone = [item for first, last in ranges for item in self._remove(db, stream, first, last)]
                self._commit(db, {}, [], gone)
            except BaseException:
                _undo(db)
                raise
        finally:
            db.execute("PRAGMA synchronous=FULL")

    def give_up(
        self,
        smaller: Sequence[tuple[int, bytes]],
        gone: Sequence[int],
        told: Sequence[tuple[Stream, int, bytes]],
        thinned_until: int,
    ) -> None:
        """Replace and delete telemetry, and append the events that tell it: one commit, so no loss is ever silent."""
        db = self._begin()
        try:
            removed = [item for seq in gone for item in self._remove(db, "telemetry", seq, seq)]
            grown = 0
            for seq, payload in smaller:
                row = db.execute("SELECT size FROM batch WHERE stream = 'telemetry' AND seq = ?", (seq,)).fetchone()
                if row is not None:
                    statement = "UPDATE batch SET payload = ?, size = ? WHERE stream = 'telemetry' AND seq = ?"
                    db.execute(statement, (payload, len(payload), seq))
                    grown += len(payload) - int(row[0])
            db.execute("INSERT OR REPLACE INTO meta VALUES ('thinned', ?)", (str(thinned_until),))
            stored, following = self._insert(db, told)
            self._commit(db, following, stored, removed, grown)
        except BaseException:
            _undo(db)
            raise

    def size(self) -> int:
        """Bytes of all payloads that wait."""
        return sum(self._bytes.values())

    def waiting(self, stream: Stream) -> int:
        """Batches of a stream."""
        return self._count[stream]

    def last_seq(self, stream: Stream) -> int:
        """The newest sequence number given out."""
        return self._next[stream] - 1

    def depth(self, stream: Stream) -> Depth:
        """How much waits."""
        oldest = (
            self._opened()
            .execute("SELECT taken_ms FROM batch WHERE stream = ? ORDER BY seq LIMIT 1", (stream,))
            .fetchone()
        )
        return Depth(self._count[stream], self._bytes[stream], None if oldest is None else int(oldest[0]))

    def newest_ms(self) -> int:
        """Event time of the newest batch that waits, 0 where none does."""
        newest = "SELECT taken_ms FROM batch WHERE stream = ? ORDER BY seq DESC LIMIT 1"
        rows = [self._opened().execute(newest, (stream,)).fetchone() for stream in STREAMS]
        return max((int(row[0]) for row in rows if row is not None), default=0)

    def get_meta(self, key: str) -> str | None:
        row = self._opened().execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def recall(self, owner: str, key: str) -> str | None:
        """What an owner remembered."""
        row = self._opened().execute("SELECT value FROM memory WHERE owner = ? AND key = ?", (owner, key)).fetchone()
        return None if row is None else str(row[0])

    def recall_all(self, owner: str) -> dict[str, str]:
        """All that an owner remembered."""
        return dict(self._opened().execute("SELECT key, value FROM memory WHERE owner = ?", (owner,)).fetchall())

    def begin_command(self, command_id: str, at_ms: int) -> str | None:
        """Remember a command before it acts; the state it already has, or None when it is new."""
        db = self._opened()
        row = db.execute("SELECT state FROM command WHERE id = ?", (command_id,)).fetchone()
        if row is not None:
            return str(row[0])
        db.execute("INSERT INTO command VALUES (?, ?, 'started')", (command_id, at_ms))
        return None

    def forget_commands(self, at_ms: int) -> None:
        """Those that ended long ago."""
        self._opened().execute(
            "DELETE FROM command WHERE state != 'started' AND (received_ms < ? OR id NOT IN"
            " (SELECT id FROM command ORDER BY received_ms DESC LIMIT ?))",
            (at_ms - COMMANDS_KEPT_MS, COMMANDS_KEPT),
        )

    def reusable(self) -> int:
        """Bytes of free pages in the file."""
        db = self._opened()
        pages: int = db.execute("PRAGMA freelist_count").fetchone()[0]
        size: int = db.execute("PRAGMA page_size").fetchone()[0]
        return pages * size

    def freeze(self, *, yes: bool) -> None:
        """Whether the file may no longer grow: then what is written goes into its free pages, or fails at once and
        whole. A log that holds new pages could never be emptied into a file that has no room for them."""
        db = self._opened()
        if not yes:
            db.execute(f"PRAGMA max_page_count={MOST_PAGES}")
            return
        db.execute("PRAGMA wal_checkpoint(RESTART)")
        pages: int = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count={pages}")

    def started_commands(self) -> list[str]:
        """Begun and never ended: the agent died in between."""
        return [row[0] for row in self._opened().execute("SELECT id FROM command WHERE state = 'started'")]

    def _opened(self) -> sqlite3.Connection:
        assert self._db is not None, "the outbox is not open"
        return self._db

    def _begin(self) -> sqlite3.Connection:
        db = self._opened()
        db.execute("BEGIN IMMEDIATE")
        return db

    def _insert(
        self, db: sqlite3.Connection, batches: Sequence[tuple[Stream, int, bytes]]
    ) -> tuple[list[Stored], dict[Stream, int]]:
        following = dict(self._next)
        stored = []
        for stream, taken_ms, payload in batches:
            stored.append(Stored(stream, following[stream], taken_ms, payload))
            following[stream] += 1
        self._write(db, stored)
        return stored, following

    def _write(self, db: sqlite3.Connection, stored: Sequence[Stored]) -> None:
        db.executemany(
            "INSERT INTO batch (stream, seq, taken_ms, size, payload) VALUES (?, ?, ?, ?, ?)",
            [(item.stream, item.seq, item.taken_ms, len(item.payload), item.payload) for item in stored],
        )

    def _remove(self, db: sqlite3.Connection, stream: Stream, first: int, last: int) -> list[tuple[Stream, int]]:
        sizes = db.execute(
            "DELETE FROM batch WHERE stream = ? AND seq BETWEEN ? AND ? RETURNING size", (stream, first, last)
        ).fetchall()
        return [(stream, int(size)) for (size,) in sizes]

    def _commit(
        self,
        db: sqlite3.Connection,
        following: Mapping[Stream, int],
        added: Sequence[Stored],
        removed: Sequence[tuple[Stream, int]],
        grown: int = 0,
    ) -> None:
        """With the counts that make it needless to look through the file at the next start."""
        count, size = dict(self._count), dict(self._bytes)
        for item in added:
            count[item.stream] += 1
            size[item.stream] += len(item.payload)
        for stream, gone in removed:
            count[stream] -= 1
            size[stream] -= gone
        size["telemetry"] += grown
        known = {f"count.{stream}": number for stream, number in count.items()}
        known |= {f"size.{stream}": number for stream, number in size.items()}
        known |= {f"seq.{stream}": number - 1 for stream, number in following.items()}
        db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [(key, str(value)) for key, value in known.items()])
        db.execute("COMMIT")
        self._next.update(following)
        self._count, self._bytes = count, size


def set_meta(key: str, value: str) -> Statement:
    """What makes a meta value so."""
    return ("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def end_command(command_id: str, state: str) -> Statement:
    """What makes a command ended."""
    return ("UPDATE command SET state = ? WHERE id = ?", (state, command_id))


def memorise(owner: str, remember: Mapping[str, str | None]) -> list[Statement]:
    """What makes the memory of an owner so; None forgets a key."""
    return [
        ("DELETE FROM memory WHERE owner = ? AND key = ?", (owner, key))
        if value is None
        else ("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", (owner, key, value))
        for key, value in remember.items()
    ]


def check_file(path: Path, stop: threading.Event) -> str:
    """Look through the whole file, beside whoever uses it; what is wrong with it, empty where nothing is."""
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            db.set_progress_handler(stop.is_set, 10_000)
            found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        return str(error) if is_corrupt(error) else ""
    return "" if found == "ok" else found


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, and not the disk full or busy."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _undo(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("ROLLBACK")
