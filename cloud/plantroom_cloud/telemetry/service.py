"""Telemetry: what was committed goes into the journal; series for charts come out of the store."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlmodel import Session

from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.database import Database
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.telemetry import repository
from plantroom_cloud.telemetry.repository import Backlog
from plantroom_cloud.telemetry.rollup import LEVELS, Point, combine, window_start
from plantroom_cloud.telemetry.store import StoreUnavailableError, TelemetryStore
from plantroom_shared.batch import DeviceRows
from plantroom_shared.said import said

#: Points that a chart shows at most; the window is chosen so.
MOST_POINTS = 1_500
#: Points that one question is answered with at most.
MOST_ANSWERED = 100_000
#: States that are looked through at most.
MOST_TEXTS = 500_000
#: Windows that are no whole minutes are computed from raw values: not over more than this.
MOST_RAW_SPAN = timedelta(days=2)
#: Raw values that are made windows here; more are left to the store.
FEW = 3_000
#: How often the size of the journal is looked at.
MEASURE_EVERY = timedelta(seconds=1)

_log = logging.getLogger(__name__)

_ENCODER = msgspec.msgpack.Encoder()


class TelemetryService:
    """The store may be away: the journal keeps what it could not take, up to its bound."""

    def __init__(self, database: Database, store: TelemetryStore, journal_bytes: int = 2_000_000_000) -> None:
        self._database = database
        self.store = store
        self._journal_bytes = journal_bytes
        self._backlog = Backlog(0, 0, None)
        self._measured_at: datetime | None = None

    def open(self) -> None:
        """Prepare the store for questions; one that is away now is asked again with each of them."""
        try:
            self.store.open()
        except StoreUnavailableError as error:
            _log.warning("telemetry store: %s; there are no charts until it is back", error)

    def journal(
        self, session: Session, gateway_id: str, rows: Sequence[DeviceRows], values: int, at: datetime, *, late: bool
    ) -> None:
        """Part of the ingest's one transaction: what a gateway sent in this group."""
        data = _ENCODER.encode(rows)
        entry = {"gateway_id": gateway_id, "received_at": at, "rows": data, "value_count": values}
        repository.add_entries(session, [{**entry, "late": late, "size": len(data)}])

    def backlog(self, session: Session) -> Backlog:
        """What waits for the store."""
        return repository.backlog(session)

    def fullness(self, session: Session, at: datetime) -> float:
        """The part of its bound that the journal uses, looked at once a second; from 1 on nothing more is taken."""
        if self._measured_at is None or not timedelta(0) <= at - self._measured_at < MEASURE_EVERY:
            self._backlog, self._measured_at = repository.backlog(session), at
        return self.part_of_bound(self._backlog)

    def part_of_bound(self, backlog: Backlog) -> float:
        """1 when the journal is full."""
        return backlog.size / self._journal_bytes

    def raw(self, device_id: str, metric: str, start: int, end: int) -> list[Point]:
        """Values in [start, end) ms; raises InvalidError when there are too many for one answer."""
        points = self.store.raw(device_id, metric, start, end, MOST_ANSWERED + 1)
        if len(points) > MOST_ANSWERED:
            raise InvalidError(
                said(
                    "more than %(most_answered)s values: choose a shorter range, or a window with every",
                    most_answered=MOST_ANSWERED,
                )
            )
        return points

    def near(self, device_id: str, metric: str, at: datetime, within: timedelta) -> list[Point]:
        """The stored values no further away from a moment than this, the nearest first, the earlier one of two."""
        moment, most = ms_from_utc(at), round(within.total_seconds() * 1000)
        points = self.store.raw(device_id, metric, moment - most, moment + most + 1, MOST_ANSWERED)
        return sorted(points, key=lambda point: (abs(point.time - moment), point.time))

    def texts(self, device_id: str, metric: str, start: int, end: int) -> list[tuple[int, str]]:
        """States in [start, end) ms, as far as raw values are kept; raises InvalidError when there are too many."""
        found = self.store.texts(device_id, metric, start, end, MOST_TEXTS + 1)
        if len(found) > MOST_TEXTS:
            raise InvalidError(
                said(
                    "more than %(most_texts)s states of %(metric)s: choose a shorter time",
                    most_texts=MOST_TEXTS,
                    metric=metric,
                )
            )
        return found

    def series(
        self, device_id: str, metric: str, start: int, end: int, every_s: int | None, at: datetime
    ) -> tuple[int | None, list[Point]]:
        """Points of one metric in [start, end) ms; without `every_s` the window is chosen by the range.

        Windows that are over are stored; the open ones are computed now, from stored minutes and the newest values.
        """
        if every_s is None:
            every_s = choose_window(end - start)
        if every_s is None:
            return None, self.raw(device_id, metric, start, end)
        if (end - start) / (every_s * 1000) > MOST_ANSWERED:
            raise InvalidError(
                said(
                    "more than %(most_answered)s windows of %(every_s)s s: choose a longer window",
                    most_answered=MOST_ANSWERED,
                    every_s=every_s,
                )
            )
        level = max((known for known in LEVELS if every_s % known == 0), default=None)
        if level is None:
            if end - start > MOST_RAW_SPAN.total_seconds() * 1000:
                raise InvalidError("over more than two days the window must be whole minutes: every=60, 900, 3600 …")
            return every_s, self._computed(device_id, metric, start, end, every_s)
        points = self._at_level(device_id, metric, window_start(start, every_s), end, level, at)
        return every_s, points if level == every_s else combine(points, every_s)

    def _at_level(self, device: str, metric: str, start: int, end: int, level: int, at: datetime) -> list[Point]:
        recent = window_start(ms_from_utc(at) - max(7200, 2 * level) * 1000, level)
        with self._database.read() as session:
            changed = repository.first_due(session, device, level, recent)
            raw_from = repository.first_due(session, device, 60, recent)
        open_from = end if changed is None else max(start, window_start(changed, level))
        points = self._stored(level, device, metric, start, min(end, open_from))
        if open_from >= end:
            return points
        raw_from = end if raw_from is None else max(open_from, min(raw_from, end))
        minutes = self._stored(60, device, metric, open_from, raw_from)
        minutes += self._computed(device, metric, raw_from, end, 60)
        return points + combine(minutes, level)

    def _stored(self, level: int, device: str, metric: str, start: int, end: int) -> list[Point]:
        if start >= end:
            return []
        return self.store.windows(level, [device], [metric], start, end).get((device, metric), [])

    def _computed(self, device: str, metric: str, start: int, end: int, every_s: int) -> list[Point]:
        if start >= end:
            return []
        points = self.store.raw(device, metric, start, end, FEW + 1)
        if len(points) <= FEW:  # reading them once is cheaper than having five figures computed
            return combine(points, every_s)
        return self.store.computed([device], [metric], start, end, every_s).get((device, metric), [])


def choose_window(span_ms: int) -> int | None:
    """Seconds of a window for a range: raw up to 20 minutes, then as fine as MOST_POINTS allow."""
    if span_ms <= 1_200_000:
        return None
    for level in (60, 300, 900, 3600, 10_800, 86_400):
        if span_ms / (level * 1000) <= MOST_POINTS:
            return level
    return LEVELS[-1]
