"""The embedded telemetry store: one SQLite file, enough for a building."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from math import isfinite
from pathlib import Path

from plantroom_cloud.telemetry.rollup import Point
from plantroom_cloud.telemetry.store import Refused, Retention, Series, StoreUnavailableError
from plantroom_shared.batch import DeviceRows, Value

_SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, metric TEXT NOT NULL, UNIQUE (device, metric));
CREATE TABLE IF NOT EXISTS raw (
    series INTEGER NOT NULL, time INTEGER NOT NULL, value, PRIMARY KEY (series, time)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rollup (
    level INTEGER NOT NULL, series INTEGER NOT NULL, start INTEGER NOT NULL, minimum REAL NOT NULL, mean REAL NOT NULL,
    maximum REAL NOT NULL, last REAL NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (level, series, start))
    WITHOUT ROWID;
DROP TABLE IF EXISTS due;
"""

#: Values that one statement stores: fewer steps through Python.
AT_ONCE = 50
_INSERT = "INSERT OR REPLACE INTO raw VALUES "
#: Numbers only; the last value of a window is found by its time.
_COMPUTED = """
SELECT w.start, w.minimum, w.mean, w.maximum, r.value, w.count
FROM (SELECT time / :size * :size AS start, min(value) AS minimum, avg(value) AS mean, max(value) AS maximum,
             max(time) AS latest, count(*) AS count
      FROM raw WHERE series = :series AND time >= :start AND time < :end AND typeof(value) <> 'text'
      GROUP BY time / :size) w
JOIN raw r ON r.series = :series AND r.time = w.latest ORDER BY w.start
"""
#: Rows that one step of the retention deletes, so that writing is never kept waiting for long.
FORGET_AT_ONCE = 50_000
DAY_MS = 86_400_000


class SqliteTelemetryStore:
    """One writer, many readers (WAL)."""

    def __init__(self, path: Path, retention: Retention) -> None:
        self._path = path
        self._retention = retention
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._series: dict[tuple[str, str], int] = {}
        self._readers = threading.local()

    def open(self) -> None:
        with self._lock:
            if self._db is not None:
                return
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._db = self._connect(8_000)
                self._db.executescript(_SCHEMA)
                self._load_series(self._db)
            except sqlite3.OperationalError as error:
                raise StoreUnavailableError(f"telemetry file {self._path}: {error}") from error

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def write(self, blocks: Sequence[tuple[str, DeviceRows]]) -> list[Refused]:
        with self._writing() as db:
            by_series: dict[int, list[int | float | str]] = {}
            for device, rows in blocks:
                times = rows.times
                for metric, column in rows.values.items():
                    series = self._series.get((device, metric)) or self._new_series(db, device, metric)
                    values = by_series.setdefault(series, [])
                    for time, value in zip(times, column, strict=True):
                        kept = value if type(value) is float and -1e308 < value < 1e308 else _kept(value)
                        if kept is not None:
                            values += (series, time, kept)
            # a series has pages of its own: in this order each is visited once
            values = [*chain.from_iterable(by_series[series] for series in sorted(by_series))]
            step = 3 * AT_ONCE
            whole = len(values) // step * step
            db.executemany(
                _INSERT + ",".join(["(?,?,?)"] * AT_ONCE), (values[at : at + step] for at in range(0, whole, step))
            )
            db.executemany(_INSERT + "(?,?,?)", (values[at : at + 3] for at in range(whole, len(values), 3)))
        return []

    def raw(self, device: str, metric: str, start: int, end: int, most: int) -> list[Point]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT time, value FROM raw WHERE series = ? AND time >= ? AND time < ? AND typeof(value) <> 'text' "
                "ORDER BY time LIMIT ?",
                (self._id(db, device, metric), start, end, most),
            )
            return [Point(time, value, value, value, value, 1) for time, value in rows]

    def texts(self, device: str, metric: str, start: int, end: int, most: int) -> list[tuple[int, str]]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT time, value FROM raw WHERE series = ? AND time >= ? AND time < ? AND typeof(value) = 'text' "
                "ORDER BY time LIMIT ?",
                (self._id(db, device, metric), start, end, most),
            )
            return [(time, text) for time, text in rows]

    def computed(self, devices: Sequence[str], metrics: Sequence[str], start: int, end: int, every_s: int) -> Series:
        found: Series = {}
        with self._reading() as db:
            for device in devices:
                for metric in metrics:
                    bounds = {"series": self._id(db, device, metric), "start": start, "end": end}
                    rows = db.execute(_COMPUTED, {**bounds, "size": every_s * 1000})
                    if points := [Point(*row) for row in rows]:
                        found[device, metric] = points
        return found

    def windows(self, level_s: int, devices: Sequence[str], metrics: Sequence[str], start: int, end: int) -> Series:
        found: Series = {}
        with self._reading() as db:
            for device in devices:
                for metric in metrics:
                    rows = db.execute(
                        "SELECT start, minimum, mean, maximum, last, count FROM rollup "
                        "WHERE level = ? AND series = ? AND start >= ? AND start < ? ORDER BY start",
                        (level_s, self._id(db, device, metric), start, end),
                    )
                    if points := [Point(*row) for row in rows]:
                        found[device, metric] = points
        return found

    def save_windows(self, level_s: int, series: Series) -> None:
        with self._writing() as db:
            for (device, metric), points in series.items():
                number = self._series.get((device, metric)) or self._new_series(db, device, metric)
                db.executemany(
                    "INSERT OR REPLACE INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [(level_s, number, p.time, p.minimum, p.mean, p.maximum, p.last, p.count) for p in points],
                )

    def forget(self, now_ms: int) -> None:
        """By series, in small steps: the primary key begins with it. Another process may be the writer: which there are
        stands in the file."""
        with self._reading() as db:
            numbers = [number for (number,) in db.execute("SELECT id FROM series ORDER BY id")]
        days: list[tuple[str, tuple[int, ...], int | None]] = [("raw", (), self._retention.raw_days)]
        days += [("rollup", (level,), kept) for level, kept in self._retention.windows_days.items()]
        for table, level, kept in days:
            if kept is None:
                continue
            column, first = ("time", "") if table == "raw" else ("start", "level = ? AND ")
            for series in numbers:
                gone = FORGET_AT_ONCE
                while gone >= FORGET_AT_ONCE:
                    with self._writing() as db:
                        bound = (*level, series, now_ms - kept * DAY_MS)
                        last = db.execute(
                            f"SELECT max({column}), count(*) FROM (SELECT {column} FROM {table} "
                            f"WHERE {first}series = ? AND {column} < ? ORDER BY {column} LIMIT {FORGET_AT_ONCE})",
                            bound,
                        ).fetchone()
                        gone = last[1]
                        if gone:
                            db.execute(
                                f"DELETE FROM {table} WHERE {first}series = ? AND {column} <= ?",
                                (*level, series, last[0]),
                            )

    def _new_series(self, db: sqlite3.Connection, device: str, metric: str) -> int:
        """Another process that was the writer meanwhile may have made it."""
        db.execute("INSERT INTO series (device, metric) VALUES (?, ?) ON CONFLICT DO NOTHING", (device, metric))
        self._series[device, metric] = number = self._id(db, device, metric)
        return number

    def _load_series(self, db: sqlite3.Connection) -> None:
        self._series = {(d, m): i for i, d, m in db.execute("SELECT id, device, metric FROM series")}

    def _id(self, db: sqlite3.Connection, device: str, metric: str) -> int:
        row = db.execute("SELECT id FROM series WHERE device = ? AND metric = ?", (device, metric)).fetchone()
        return -1 if row is None else int(row[0])

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            db = self._db
            if db is None:
                raise StoreUnavailableError(f"telemetry file {self._path} is not open")
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._undo(db)
                raise StoreUnavailableError(f"telemetry file {self._path}: {error}") from error
            except BaseException:
                self._undo(db)
                raise

    def _undo(self, db: sqlite3.Connection) -> None:
        with suppress(sqlite3.OperationalError):  # what brought us here is said already
            if db.in_transaction:
                db.execute("ROLLBACK")
            self._load_series(db)  # numbers given out in the transaction are gone with it

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            if not hasattr(self._readers, "db"):
                self._readers.db = self._connect(4_000)
            yield self._readers.db
        except sqlite3.OperationalError as error:
            raise StoreUnavailableError(f"telemetry file {self._path}: {error}") from error

    def _connect(self, cache_kb: int) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=15)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA cache_size=-{cache_kb}")
        return db


def _kept(value: Value) -> float | str | None:
    """Numbers and booleans as floats; what is no finite number is left out."""
    if value is None or isinstance(value, str):
        return value
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None
