"""The embedded telemetry store: one SQLite file, enough for a building."""

import math
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from plantroom_cloud.telemetry.store import LEVELS, Point, StoreUnavailableError
from plantroom_shared.batch import DeviceRows

_SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, metric TEXT NOT NULL, UNIQUE (device, metric));
CREATE TABLE IF NOT EXISTS raw (
    series INTEGER NOT NULL, time INTEGER NOT NULL, value, PRIMARY KEY (series, time)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rollup (
    level INTEGER NOT NULL, series INTEGER NOT NULL, start INTEGER NOT NULL, minimum REAL NOT NULL, mean REAL NOT NULL,
    maximum REAL NOT NULL, last REAL NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (level, series, start))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS due (
    series INTEGER NOT NULL, start INTEGER NOT NULL, PRIMARY KEY (series, start)) WITHOUT ROWID;
"""

#: A minute from its raw values; numbers only.
_MINUTE = """
INSERT OR REPLACE INTO rollup (level, series, start, minimum, mean, maximum, last, count)
SELECT 60, d.series, d.start, min(r.value), avg(r.value), max(r.value),
       (SELECT value FROM raw WHERE series = d.series AND time < d.start + 60000 AND time >= d.start
        AND typeof(value) <> 'text' ORDER BY time DESC LIMIT 1), count(*)
FROM due d JOIN raw r ON r.series = d.series AND r.time >= d.start AND r.time < d.start + 60000
WHERE typeof(r.value) <> 'text' GROUP BY d.series, d.start
"""

#: A longer window from the next shorter ones.
_LONGER = """
INSERT OR REPLACE INTO rollup (level, series, start, minimum, mean, maximum, last, count)
SELECT :level, d.series, d.start / :ms * :ms AS begin, min(r.minimum), sum(r.mean * r.count) / sum(r.count),
       max(r.maximum),
       (SELECT last FROM rollup WHERE level = :below AND series = d.series AND start >= d.start / :ms * :ms
        AND start < d.start / :ms * :ms + :ms ORDER BY start DESC LIMIT 1), sum(r.count)
FROM (SELECT DISTINCT series, start / :ms * :ms AS start FROM due) d
JOIN rollup r ON r.level = :below AND r.series = d.series AND r.start >= d.start AND r.start < d.start + :ms
GROUP BY d.series, d.start
"""


class SqliteTelemetryStore:
    """One writer, many readers (WAL). Windows are computed from what is stored, so late data corrects them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._series: dict[tuple[str, str], int] = {}
        self._readers = threading.local()

    def open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._db = self._connect()
        self._db.executescript(_SCHEMA)
        self._series = {(d, m): i for i, d, m in self._db.execute("SELECT id, device, metric FROM series")}

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def write(self, blocks: Sequence[tuple[str, DeviceRows]]) -> list[str]:
        with self._lock:
            db = self._opened()
            try:
                db.execute("BEGIN IMMEDIATE")
                for device, rows in blocks:
                    for metric, column in rows.values.items():
                        series = self._series_id(db, device, metric)
                        values = [
                            (series, time, float(value) if not isinstance(value, str) else value)
                            for time, value in zip(rows.times, column, strict=True)
                            if value is not None and not (isinstance(value, float) and not math.isfinite(value))
                        ]
                        db.executemany("INSERT OR REPLACE INTO raw VALUES (?, ?, ?)", values)
                        starts = {time // 60_000 * 60_000 for _, time, _ in values}
                        db.executemany("INSERT OR IGNORE INTO due VALUES (?, ?)", [(series, start) for start in starts])
                db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                self._series.clear()
                self._series = {(d, m): i for i, d, m in db.execute("SELECT id, device, metric FROM series")}
                raise StoreUnavailableError(f"telemetry file: {error}") from error
        return []

    def roll_up(self) -> None:
        """Compute the windows that changed; call it every few seconds."""
        with self._lock:
            db = self._opened()
            try:
                db.execute("BEGIN IMMEDIATE")
                db.execute(_MINUTE)
                for below, level in pairwise(LEVELS):
                    db.execute(_LONGER, {"level": level, "below": below, "ms": level * 1000})
                db.execute("DELETE FROM due")
                db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise StoreUnavailableError(f"telemetry file: {error}") from error

    def query(self, device_id: str, metric: str, start: int, end: int, every_s: int | None) -> list[Point]:
        db = self._reader()
        row = db.execute("SELECT id FROM series WHERE device = ? AND metric = ?", (device_id, metric)).fetchone()
        if row is None:
            return []
        if every_s is None:
            raw = db.execute(
                "SELECT time, value FROM raw WHERE series = ? AND time >= ? AND time < ? AND typeof(value) <> 'text' "
                "ORDER BY time",
                (row[0], start, end),
            )
            return [Point(time, value, value, value, value, 1) for time, value in raw]
        level = max((known for known in LEVELS if known <= every_s and every_s % known == 0), default=None)
        if level is None:
            return _windows(self.query(device_id, metric, start, end, None), every_s)
        stored = db.execute(
            "SELECT start, minimum, mean, maximum, last, count FROM rollup "
            "WHERE level = ? AND series = ? AND start >= ? AND start < ? ORDER BY start",
            (level, row[0], start // (level * 1000) * level * 1000, end),
        )
        points = [Point(*values) for values in stored]
        return points if level == every_s else _windows(points, every_s)

    def forget_before(self, raw_before: int, rollups_before: dict[int, int]) -> None:
        with self._lock:
            db = self._opened()
            db.execute("BEGIN IMMEDIATE")
            for series in set(self._series.values()):
                db.execute("DELETE FROM raw WHERE series = ? AND time < ?", (series, raw_before))
                for level, before in rollups_before.items():
                    db.execute(
                        "DELETE FROM rollup WHERE level = ? AND series = ? AND start < ?", (level, series, before)
                    )
            db.execute("COMMIT")

    def _series_id(self, db: sqlite3.Connection, device: str, metric: str) -> int:
        known = self._series.get((device, metric))
        if known is None:
            cursor = db.execute("INSERT INTO series (device, metric) VALUES (?, ?)", (device, metric))
            assert cursor.lastrowid is not None
            known = self._series[device, metric] = cursor.lastrowid
        return known

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=15)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA cache_size=-32000")
        return db

    def _reader(self) -> sqlite3.Connection:
        if not hasattr(self._readers, "db"):
            self._readers.db = self._connect()
        reader: sqlite3.Connection = self._readers.db
        return reader

    def _opened(self) -> sqlite3.Connection:
        assert self._db is not None, "the telemetry store is not open"
        return self._db


def _windows(points: Iterable[Point], every_s: int) -> list[Point]:
    """Points to windows of `every_s` seconds."""
    size = every_s * 1000
    groups: dict[int, list[Point]] = {}
    for point in points:
        groups.setdefault(point.time // size * size, []).append(point)
    return [
        Point(
            start,
            min(p.minimum for p in group),
            sum(p.mean * p.count for p in group) / sum(p.count for p in group),
            max(p.maximum for p in group),
            group[-1].last,
            sum(p.count for p in group),
        )
        for start, group in sorted(groups.items())
    ]
