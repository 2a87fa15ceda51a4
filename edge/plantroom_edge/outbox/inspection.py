"""Looking into an outbox file from outside, while the agent uses it or not; nothing is changed."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from plantroom_edge.outbox.payload import decode_payload
from plantroom_edge.outbox.store import STREAMS, Depth, check_file
from plantroom_shared.batch import Stream


@dataclass(frozen=True, slots=True)
class Seen:
    """One batch that waits."""

    stream: Stream
    seq: int
    taken_ms: int
    size: int
    clock: str
    what: str  #: its devices, or its events
    error: str = ""


class Inspection:
    """Opens the file for each look."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def identity(self) -> str:
        """Its id; raises sqlite3.DatabaseError where the file is none of ours or is corrupt."""
        with closing(self._open()) as db:
            row = db.execute("SELECT value FROM meta WHERE key = 'outbox'").fetchone()
            return str(row[0]) if row is not None else ""

    def depths(self) -> dict[Stream, Depth]:
        """How much waits."""
        with closing(self._open()) as db:
            query = "SELECT count(*), total(size), min(taken_ms) FROM batch WHERE stream = ?"
            found = {stream: db.execute(query, (stream,)).fetchone() for stream in STREAMS}
        return {stream: Depth(int(count), int(size), oldest) for stream, (count, size, oldest) in found.items()}

    def batches(self, stream: Stream, limit: int | None = None) -> Iterator[Seen]:
        """What waits, oldest first."""
        query = "SELECT seq, taken_ms, size, payload FROM batch WHERE stream = ? ORDER BY seq LIMIT ?"
        with closing(self._open()) as db:
            for seq, taken_ms, size, data in db.execute(query, (stream, -1 if limit is None else limit)):
                try:
                    payload = decode_payload(data)
                except msgspec.DecodeError as error:
                    yield Seen(stream, seq, taken_ms, size, "", "", str(error))
                    continue
                devices = [f"{rows.device} × {len(rows.times)}" for rows in payload.telemetry]
                what = devices or [event.kind for event in payload.events] or ["watermark"]
                yield Seen(stream, seq, taken_ms, size, payload.clock, ", ".join(what))

    def verify(self) -> list[str]:
        """Look through the whole file and decode every batch; what is wrong with it."""
        wrong = check_file(self._path, threading.Event())
        mistakes = [f"the file is corrupt: {wrong}"] if wrong else []
        for stream in STREAMS:
            try:
                mistakes += [f"batch {stream}/{seen.seq}: {seen.error}" for seen in self.batches(stream) if seen.error]
            except sqlite3.DatabaseError as error:
                mistakes.append(f"stream {stream} cannot be read to its end: {error}")
        return mistakes

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
