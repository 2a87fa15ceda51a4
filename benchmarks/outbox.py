"""Outbox: batches a second committed, against a bare SQLite loop with the same batches in the same run.

python -m benchmarks.outbox
"""

import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from plantroom_edge.outbox.store import OutboxStore
from plantroom_shared.batch import Stream

PAYLOAD = bytes(2_000)
COMMITS, PER_COMMIT, ROUNDS = 100, 100, 5


def bare(folder: Path) -> float:
    """Rows a second of the plainest loop: WAL, synchronous=FULL, 100 rows a commit."""
    db = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=FULL"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE batch (stream TEXT, seq INTEGER, payload BLOB, PRIMARY KEY (stream, seq)) WITHOUT ROWID")
    start = time.perf_counter()
    for commit in range(COMMITS):
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "INSERT INTO batch VALUES ('telemetry', ?, ?)",
            [(commit * PER_COMMIT + index, PAYLOAD) for index in range(PER_COMMIT)],
        )
        db.execute("COMMIT")
    took = time.perf_counter() - start
    db.close()
    return COMMITS * PER_COMMIT / took


def ours(folder: Path) -> float:
    """Rows a second of the outbox."""
    store = OutboxStore(folder / "outbox.db")
    store.open()
    stream: Stream = "telemetry"
    start = time.perf_counter()
    for _ in range(COMMITS):
        store.append([(stream, 0, PAYLOAD)] * PER_COMMIT)
    took = time.perf_counter() - start
    store.close()
    return COMMITS * PER_COMMIT / took


def main() -> None:
    """Print medians and the ratio."""
    pairs = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            pairs.append((bare(Path(folder)), ours(Path(folder))))
    print(f"bare SQLite loop  {statistics.median(pair[0] for pair in pairs):>10,.0f} rows/s")
    print(f"outbox            {statistics.median(pair[1] for pair in pairs):>10,.0f} rows/s")
    print(f"ratio             {statistics.median(pair[1] / pair[0] for pair in pairs):>10.2f}")


if __name__ == "__main__":
    main()
