"""Samples in, batches out: range marks, dead-band with heartbeat, columns."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from plantroom_edge.config.model import Pipeline as PipelineConfig
from plantroom_edge.driver import MetricFilter, Sample
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.payload import Payload
from plantroom_edge.outbox.store import memorise
from plantroom_edge.pipeline.boot import Boot
from plantroom_edge.pipeline.deadband import DeviceFilter
from plantroom_shared.batch import DeviceRows, Event, Mark, Stream, Value
from plantroom_shared.clock import Clock

_log = logging.getLogger(__name__)

#: With nothing to report, an empty batch still moves the watermark this often.
WATERMARK_S = 5.0
#: Rows of one batch: about 1,000 values of 20 metrics.
ROWS_PER_BATCH = 50
#: Rows that may wait for the disk: a minute of 50 devices at one a second; then the oldest rows of the second are gone.
MOST_ROWS = 3_000


class Pipeline:
    """The Sink of all drivers. Nothing in it is known to the cloud before the outbox has committed it."""

    def __init__(self, config: PipelineConfig, outbox: Outbox, boot: Boot, clock: Clock) -> None:
        self._config = config
        self._outbox = outbox
        self._boot = boot
        self._clock = clock
        self._filters: dict[str, DeviceFilter] = {}
        self._rows: list[tuple[Sample, dict[int, Value], dict[int | None, str]]] = []
        self._events: list[Event] = []
        self._urgent = asyncio.Event()
        self._marked_at = 0.0
        self.samples = 0
        self.dropped = 0

    def know(self, device: str, metrics: Sequence[MetricFilter]) -> None:
        """A device that will report; needed before its first sample."""
        self._filters[device] = DeviceFilter(metrics, self._config.heartbeat)

    def sample(self, sample: Sample) -> None:
        self.samples += 1
        values, marks = self._filters[sample.device].take(sample)
        if values or marks:
            if len(self._rows) >= MOST_ROWS:
                self.dropped += 1
                return
            self._rows.append((sample, values, marks))

    def event(self, event: Event) -> None:
        self._events.append(event)
        self._urgent.set()

    async def record(self, owner: str, events: Sequence[Event], remember: Mapping[str, str | None]) -> None:
        """Return when the events, those before them, and what `owner` remembers are committed, in one transaction."""
        waiting, self._events = [*self._events, *events], []
        batches: list[tuple[Stream, Payload]] = []
        if waiting:
            batches.append(("events", Payload(boot=self._boot.id, clock=self._boot.clock_quality(), events=waiting)))
        await self._outbox.append(batches, memorise(owner, remember))

    async def run(self) -> None:
        """Flush every `flush` seconds, events at once, until cancelled; then flush what is left."""
        try:
            while True:
                try:
                    async with asyncio.timeout(self._config.flush):
                        await self._urgent.wait()
                except TimeoutError:
                    pass
                self._urgent.clear()
                await self.flush()
        finally:
            await asyncio.shield(self.flush())

    async def flush(self) -> None:
        """Commit what has come to the outbox: rows, events, or at least the watermark."""
        rows, self._rows = self._rows, []
        events, self._events = self._events, []
        until = self._clock.now_ms()
        batches: list[tuple[Stream, Payload]] = []
        if events:
            batches.append(("events", Payload(boot=self._boot.id, clock=self._boot.clock_quality(), events=events)))
        for start in range(0, len(rows), ROWS_PER_BATCH):
            part = rows[start : start + ROWS_PER_BATCH]
            last = start + ROWS_PER_BATCH >= len(rows)
            batches.append(("telemetry", self._batch(part, until if last else None)))
        now = self._clock.monotonic()
        if not rows and now - self._marked_at >= WATERMARK_S:
            batches.append(("telemetry", self._batch([], until)))
        if not batches:
            return
        if rows or batches[-1][0] == "telemetry":
            self._marked_at = now
        await self._outbox.append(batches)

    def _batch(self, rows: list[tuple[Sample, dict[int, Value], dict[int | None, str]]], until: int | None) -> Payload:
        by_device: dict[str, list[tuple[Sample, dict[int, Value], dict[int | None, str]]]] = {}
        for row in rows:
            by_device.setdefault(row[0].device, []).append(row)
        return Payload(
            boot=self._boot.id,
            clock=self._boot.clock_quality(),
            complete_until=until,
            telemetry=[self._columns(device, part) for device, part in by_device.items()],
        )

    def _columns(self, device: str, rows: list[tuple[Sample, dict[int, Value], dict[int | None, str]]]) -> DeviceRows:
        names = self._filters[device].names
        used = sorted({index for _, values, marks in rows for index in (*values, *marks) if index is not None})
        marks: list[Mark] = [
            (row, None if index is None else names[index], quality)
            for row, (_, _, row_marks) in enumerate(rows)
            for index, quality in row_marks.items()
        ]
        return DeviceRows(
            device=device,
            times=[self._boot.date(sample) for sample, _, _ in rows],
            values={names[index]: [values.get(index) for _, values, _ in rows] for index in used},
            marks=marks,
        )
