"""What can still be read of a corrupt outbox file, into a new one."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from plantroom_edge.outbox.payload import decode_payload, encode_payload
from plantroom_edge.outbox.store import ADOPTED, STREAMS, OutboxStore, Statement
from plantroom_shared.batch import Stream

AT_ONCE = 200
#: How far to look for the next readable batch where the file does not say how far it goes.
FURTHEST = 100_000

_COPIED = {
    "memory": "INSERT OR REPLACE INTO memory VALUES (?, ?, ?)",
    "command": "INSERT OR REPLACE INTO command VALUES (?, ?, ?)",
    "meta": "INSERT OR REPLACE INTO meta VALUES (?, ?)",
}


@dataclass
class Salvaged:
    """What became of it."""

    outbox: str = ""  #: its id, where that could still be read
    kept: int = 0
    unreadable: int = 0  #: batches that were there and are not any more
    last: dict[Stream, int] = field(default_factory=dict)  #: the newest number of each stream, as far as known
    reason: str = ""


def salvage(path: Path, to: OutboxStore) -> Salvaged:
    """Copy batches, what drivers remember, and known commands. A batch keeps its identity (`Payload.origin`), so that
    the cloud does not count it twice. Raises sqlite3.OperationalError where the new file cannot be written."""
    found = Salvaged()
    try:
        old = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    except sqlite3.DatabaseError as error:
        found.reason = str(error)
        return found
    try:
        meta = _copy_tables(old, to, found)
        found.outbox = meta.get("outbox", "")
        for stream in STREAMS:
            found.last[stream] = int(meta.get(f"seq.{stream}", 0))
            _copy_batches(old, stream, to, found)
    finally:
        old.close()
    return found


def _copy_tables(old: sqlite3.Connection, to: OutboxStore, found: Salvaged) -> dict[str, str]:
    meta: dict[str, str] = {}
    statements: list[Statement] = []
    for table, insert in _COPIED.items():
        try:
            for row in old.execute(f"SELECT * FROM {table}"):
                if table != "meta":
                    statements.append((insert, tuple(row)))
                    continue
                meta[row[0]] = row[1]
                if row[0].startswith(("config.", "clock.")):
                    statements.append((insert, tuple(row)))
        except sqlite3.DatabaseError as error:
            found.reason = found.reason or str(error)
    to.append([], statements)
    return meta


def _copy_batches(old: sqlite3.Connection, stream: Stream, to: OutboxStore, found: Salvaged) -> None:
    waiting: list[tuple[int, bytes]] = []
    for seq, taken_ms, data in _readable(old, stream, found):
        try:
            payload = decode_payload(data)
        except msgspec.DecodeError:
            found.unreadable += 1
            continue
        if payload.origin is None:
            # where the file's id is gone the cloud may count it twice, but never lose it
            payload = msgspec.structs.replace(payload, origin=(found.outbox or f"{to.outbox_id}-salvaged", seq))
        found.last[stream] = max(found.last[stream], seq)
        waiting.append((taken_ms, encode_payload(payload)))
        found.kept += 1
        if len(waiting) >= AT_ONCE:
            to.adopt(stream, waiting)
            waiting = []
    if waiting:
        to.adopt(stream, waiting)


def _readable(old: sqlite3.Connection, stream: Stream, found: Salvaged) -> Iterator[tuple[int, int, bytes]]:
    """All batches of a stream that can be read, stepping over the pages that cannot."""
    after = ADOPTED
    rows = "SELECT seq, taken_ms, payload FROM batch WHERE stream = ? AND seq > ? ORDER BY seq"
    while True:
        try:
            for row in old.execute(rows, (stream, after)):
                yield row
                after = row[0]
            return
        except sqlite3.DatabaseError as error:
            found.reason = found.reason or str(error)
        following = _step_over(old, stream, after, found)
        if following is None:
            return
        after = following


def _step_over(old: sqlite3.Connection, stream: Stream, after: int, found: Salvaged) -> int | None:
    """The number before the next batch that can be read."""
    one = "SELECT seq, payload FROM batch WHERE stream = ? AND seq > ? ORDER BY seq LIMIT 1"
    last = max(found.last[stream], after + FURTHEST)
    for seq in range(max(after, 0) + 1, last + 1):
        try:
            row: Any = old.execute(one, (stream, seq)).fetchone()
        except sqlite3.DatabaseError:
            found.unreadable += 1
            continue
        found.unreadable += 1
        return None if row is None else int(row[0]) - 1
    return None
