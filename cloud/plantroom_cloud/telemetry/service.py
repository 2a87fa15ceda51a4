"""Telemetry: the journal into the store, and series for charts."""

import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlmodel import Session

from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import device_key
from plantroom_cloud.quarantine.service import keep
from plantroom_cloud.telemetry import repository
from plantroom_cloud.telemetry.models import JournalEntry
from plantroom_cloud.telemetry.sqlite import SqliteTelemetryStore
from plantroom_cloud.telemetry.store import LEVELS, Point, TelemetryStore
from plantroom_shared.batch import DeviceRows

_log = logging.getLogger(__name__)

#: Points that a chart shows at most; the window is chosen so.
MOST_POINTS = 1_500
ENTRIES_AT_ONCE = 400

_ROWS = msgspec.msgpack.Decoder(list[DeviceRows])


class TelemetryService:
    """The store may be away: the journal keeps what it could not take."""

    def __init__(self, database: Database, store: TelemetryStore) -> None:
        self._database = database
        self.store = store

    def journal(self, session: Session, gateway_id: str, rows: Sequence[DeviceRows], values: int, at: datetime) -> None:
        """Part of the ingest's one transaction."""
        session.add(
            JournalEntry(gateway_id=gateway_id, received_at=at, rows=msgspec.msgpack.encode(rows), value_count=values)
        )

    def drain(self, at: datetime) -> int:
        """Move what waits into the store; how many batches. Raises StoreUnavailableError."""
        with self._database.read() as session:
            entries = repository.oldest(session, ENTRIES_AT_ONCE)
        if not entries:
            return 0
        blocks = [
            (device_key(entry.gateway_id, rows.device), rows) for entry in entries for rows in _ROWS.decode(entry.rows)
        ]
        refused = self.store.write(blocks)
        with self._database.write() as session:
            for line in refused:
                keep(session, "telemetry store", "", f"the store refused a line: {line[:200]}", line.encode(), at)
            repository.delete_entries(session, [entry.id for entry in entries])
        return len(entries)

    def roll_up(self) -> None:
        """Windows that changed; InfluxDB computes them when asked."""
        if isinstance(self.store, SqliteTelemetryStore):
            self.store.roll_up()

    def waiting(self, session: Session) -> int:
        """Batches in the journal."""
        return repository.count(session)

    def series(
        self, device_id: str, metric: str, start: int, end: int, every_s: int | None
    ) -> tuple[int | None, list[Point]]:
        """Points of one metric in [start, end) ms; without `every_s` the window is chosen by the range."""
        if every_s is None:
            every_s = choose_window(end - start)
        return every_s, self.store.query(device_id, metric, start, end, every_s)


def choose_window(span_ms: int) -> int | None:
    """Seconds of a window for a range: raw up to 20 minutes, then as fine as MOST_POINTS allow."""
    if span_ms <= 1_200_000:
        return None
    for level in (60, 300, 900, 3600, 10_800, 86_400):
        if span_ms / (level * 1000) <= MOST_POINTS:
            return level
    return LEVELS[-1]
