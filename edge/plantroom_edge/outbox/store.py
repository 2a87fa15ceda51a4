"""The outbox file: SQLite in WAL mode, synchronous=FULL. Blocking; `Outbox` runs it in a thread of its own."""

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plantroom_shared.batch import Stream

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (
    stream TEXT NOT NULL, seq INTEGER NOT NULL, taken_ms INTEGER NOT NULL, size INTEGER NOT NULL,
    live_until INTEGER, payload BLOB NOT NULL, PRIMARY KEY (stream, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command (
    id TEXT PRIMARY KEY, received_ms INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS memory (
    owner TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (owner, key)) WITHOUT ROWID;
"""

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

    def open(self) -> None:
        """Open or make the file; raises sqlite3.DatabaseError where it is corrupt."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA page_size=16384")  # twice the speed of 4 KB pages with batches of 2 KB and more
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.executescript(_SCHEMA)
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("the file does not pass its integrity check")
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT OR IGNORE INTO meta VALUES ('outbox', ?)", (secrets.token_hex(8),))
            self.outbox_id = db.execute("SELECT value FROM meta WHERE key = 'outbox'").fetchone()[0]
            for stream in ("events", "telemetry"):
                row = db.execute("SELECT value FROM meta WHERE key = ?", (f"seq.{stream}",)).fetchone()
                last = db.execute("SELECT max(seq), total(size) FROM batch WHERE stream = ?", (stream,)).fetchone()
                self._next[stream] = max(int(row[0]) if row else 0, last[0] or 0) + 1
                self._bytes[stream] = int(last[1])
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        self._db = db

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def append(self, batches: Sequence[tuple[Stream, int, bytes]], also: Sequence[Statement] = ()) -> list[Stored]:
        """Commit batches (stream, time taken, payload) and more in one transaction; all or none."""
        db = self._opened()
        following = dict(self._next)
        stored = []
        for stream, taken_ms, payload in batches:
            stored.append(Stored(stream, following[stream], taken_ms, payload))
            following[stream] += 1
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany(
                "INSERT INTO batch (stream, seq, taken_ms, size, payload) VALUES (?, ?, ?, ?, ?)",
                [(item.stream, item.seq, item.taken_ms, len(item.payload), item.payload) for item in stored],
            )
            db.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [(f"seq.{stream}", str(number - 1)) for stream, number in following.items()],
            )
            for statement, values in also:
                db.execute(statement, values)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self._next = following
        for item in stored:
            self._bytes[item.stream] += len(item.payload)
        return stored

    def read(self, stream: Stream, after: int, limit: int) -> list[Stored]:
        """The next batches of a stream, oldest first."""
        rows = self._opened().execute(
            "SELECT seq, taken_ms, payload FROM batch WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?",
            (stream, after, limit),
        )
        return [Stored(stream, seq, taken_ms, payload) for seq, taken_ms, payload in rows]

    def delete(self, stream: Stream, ranges: Sequence[tuple[int, int]]) -> None:
        """Only for what the cloud has acknowledged."""
        db = self._opened()
        db.execute("BEGIN IMMEDIATE")
        for first, last in ranges:
            size = db.execute(
                "SELECT total(size) FROM batch WHERE stream = ? AND seq BETWEEN ? AND ?", (stream, first, last)
            ).fetchone()[0]
            db.execute("DELETE FROM batch WHERE stream = ? AND seq BETWEEN ? AND ?", (stream, first, last))
            self._bytes[stream] -= int(size)
        db.execute("COMMIT")

    def replace(self, stream: Stream, seq: int, payload: bytes) -> None:
        """A thinned batch keeps its number."""
        db = self._opened()
        row = db.execute("SELECT size FROM batch WHERE stream = ? AND seq = ?", (stream, seq)).fetchone()
        if row is not None:
            db.execute(
                "UPDATE batch SET payload = ?, size = ? WHERE stream = ? AND seq = ?",
                (payload, len(payload), stream, seq),
            )
            self._bytes[stream] += len(payload) - row[0]

    def size(self) -> int:
        """Bytes of all payloads that wait."""
        return sum(self._bytes.values())

    def last_seq(self, stream: Stream) -> int:
        """The newest sequence number given out."""
        return self._next[stream] - 1

    def depth(self, stream: Stream) -> Depth:
        """How much waits."""
        count, oldest = (
            self._opened().execute("SELECT count(*), min(taken_ms) FROM batch WHERE stream = ?", (stream,)).fetchone()
        )
        return Depth(count, self._bytes[stream], oldest)

    def get_meta(self, key: str) -> str | None:
        row = self._opened().execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        self._opened().execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

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

    def end_command(self, command_id: str, state: str, at_ms: int, payload: bytes) -> None:
        """Remember its end and append the event that tells it, in one transaction."""
        self.append(
            [("events", at_ms, payload)],
            also=[("UPDATE command SET state = ? WHERE id = ?", (state, command_id))],
        )

    def reusable(self) -> int:
        """Bytes of free pages in the file."""
        db = self._opened()
        pages: int = db.execute("PRAGMA freelist_count").fetchone()[0]
        size: int = db.execute("PRAGMA page_size").fetchone()[0]
        return pages * size

    def started_commands(self) -> list[str]:
        """Begun and never ended: the agent died in between."""
        return [row[0] for row in self._opened().execute("SELECT id FROM command WHERE state = 'started'")]

    def _opened(self) -> sqlite3.Connection:
        assert self._db is not None, "the outbox is not open"
        return self._db


def memorise(owner: str, remember: Mapping[str, str | None]) -> list[Statement]:
    """What makes the memory of an owner so; None forgets a key."""
    return [
        ("DELETE FROM memory WHERE owner = ? AND key = ?", (owner, key))
        if value is None
        else ("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", (owner, key, value))
        for key, value in remember.items()
    ]


def salvage(path: Path, to: OutboxStore) -> tuple[int, str]:
    """Copy what can still be read of a corrupt file into a new one; batches kept, and what stopped us."""
    kept, reason = 0, ""
    try:
        old = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            for stream, taken_ms, payload in old.execute("SELECT stream, taken_ms, payload FROM batch"):
                to.append([(stream, taken_ms, payload)])
                kept += 1
        finally:
            old.close()
    except sqlite3.DatabaseError as error:
        reason = str(error)
    return kept, reason
