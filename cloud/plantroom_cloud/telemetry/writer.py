"""The telemetry writer: moves the journal into the store, and computes the windows that changed. One at a time."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import msgspec

from plantroom_cloud import metrics
from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import device_key
from plantroom_cloud.quarantine.service import keep
from plantroom_cloud.telemetry import repository
from plantroom_cloud.telemetry.rollup import LEVELS, Span, Window, above, combine, is_due, spans, touched
from plantroom_cloud.telemetry.store import Refused, Series, TelemetryStore
from plantroom_shared.batch import DeviceRows
from plantroom_shared.said import said

#: Journal that is moved in one step: about 100,000 values.
MOST_BYTES = 1_000_000
#: Windows that are computed in one step, so that moving the journal never waits for long.
MOST_WINDOWS = 3_000
#: Refused lines that are kept as one message of the quarantine.
REFUSED_TOGETHER = 500
DAY_MS = 86_400_000

_ROWS = msgspec.msgpack.Decoder(list[DeviceRows])


class TelemetryWriter:
    """Holds which windows are to be computed; the same stands in the database, so that a restart forgets none."""

    def __init__(self, database: Database, store: TelemetryStore, raw_days: int | None) -> None:
        self._database = database
        self._store = store
        self._raw_days = raw_days
        self._due: dict[Window, set[str]] | None = None

    def drain(self, at: datetime) -> int:
        """Move what waits into the store; how many entries. Raises StoreUnavailableError."""
        with self._database.read() as session:
            entries = repository.next_entries(session, MOST_BYTES)
        if not entries:
            return 0
        blocks = [
            (device_key(entry.gateway_id, rows.device), rows) for entry in entries for rows in _ROWS.decode(entry.rows)
        ]
        refused = self._store.write(blocks)
        changed = self._changed(touched(blocks), at)
        with self._database.write() as session:
            for reason, text in _summed(refused):
                keep(session, "telemetry store", "", reason, text.encode(), at)
            repository.remove_entries(session, [entry.id for entry in entries])
            repository.replace_due(session, changed)
        metrics.VALUES_REFUSED.inc(len(refused))
        metrics.VALUES_STORED.inc(max(0, sum(entry.value_count for entry in entries) - len(refused)))
        self._known().update(changed)
        return len(entries)

    def roll_up(self, at: datetime) -> int:
        """Compute windows that are over and have changed; how many. Raises StoreUnavailableError."""
        due, now = self._known(), ms_from_utc(at)
        ready = sorted((window for window in due if is_due(window, now)), key=lambda window: (window[1], -window[2]))
        if not ready:
            return 0
        level = ready[0][1]  # the shortest first: longer ones are made of them
        wanted = {window: due[window] for window in ready[:MOST_WINDOWS] if window[1] == level}
        series: Series = {}
        for span in spans(wanted):
            for key, points in self._compute(span).items():
                series.setdefault(key, []).extend(points)
        self._store.save_windows(level, series)
        longer = self._changed(above(wanted), at)
        with self._database.write() as session:
            repository.replace_due(session, longer, wanted)
        metrics.WINDOWS.inc(len(wanted))
        for window in wanted:
            del due[window]
        due.update(longer)
        return len(wanted)

    def forget(self) -> None:
        """Another process may have been the writer meanwhile."""
        self._due = None

    def _compute(self, span: Span) -> Series:
        if span.level_s == LEVELS[0]:
            return self._store.computed(span.devices, span.metrics, span.start, span.end, span.level_s)
        below = LEVELS[LEVELS.index(span.level_s) - 1]
        shorter = self._store.windows(below, span.devices, span.metrics, span.start, span.end)
        return {key: combine(points, span.level_s) for key, points in shorter.items()}

    def _changed(self, windows: Mapping[Window, set[str]], at: datetime) -> dict[Window, set[str]]:
        """Those that are not yet (completely) known as to be computed. A window whose raw values are forgotten stays as
        it is: from what came late alone it would come out wrong."""
        due = self._known()
        oldest = 0 if self._raw_days is None else ms_from_utc(at) - self._raw_days * DAY_MS
        found = {}
        for window, names in windows.items():
            known = due.get(window, set())
            if window[2] >= oldest and not names <= known:
                found[window] = names | known
        return found

    def _known(self) -> dict[Window, set[str]]:
        if self._due is None:
            with self._database.read() as session:
                self._due = repository.load_due(session)
        return self._due


def _summed(refused: list[Refused]) -> list[tuple[str, str]]:
    """(reason, text) to keep in quarantine."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for item in refused:
        by_reason[item.reason].append(item.text)
    kept = []
    for reason, texts in by_reason.items():
        for begin in range(0, len(texts), REFUSED_TOGETHER):
            part = texts[begin : begin + REFUSED_TOGETHER]
            kept.append(
                (
                    said("the telemetry store refused %(count)s values: %(reason)s", count=len(part), reason=reason),
                    "\n".join(part),
                )
            )
    return kept
