"""Samples in, batches out: range marks, dead-band with heartbeat, columns."""

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any

from plantroom_edge.config.model import Pipeline as PipelineConfig
from plantroom_edge.driver import MetricFilter, Sample
from plantroom_edge.outbox.dating import shift
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.payload import Payload
from plantroom_edge.outbox.store import memorise
from plantroom_edge.pipeline.boot import Boot, Change
from plantroom_edge.pipeline.deadband import DeviceFilter
from plantroom_edge.pipeline.waiting import Row, WaitingRows
from plantroom_shared.batch import DeviceRows, Event, Mark, Stream, Value
from plantroom_shared.clock import Clock
from plantroom_shared.quality import Quality

_log = logging.getLogger(__name__)

#: With nothing to report, an empty batch still moves the watermark this often.
WATERMARK_S = 5.0
#: Rows and values of one batch: about 1,000 values of 20 metrics, and never near the largest message.
ROWS_PER_BATCH, VALUES_PER_BATCH = 50, 5_000
#: Events that may wait in memory; they get the room of telemetry on the disk, so this is for a disk that is gone.
MOST_EVENTS = 10_000
#: How long a stop waits for a commit that has begun.
LAST_WAIT_S = 5.0


class Pipeline:
    """The Sink of all drivers. Nothing in it is known to the cloud before the outbox has committed it."""

    def __init__(self, config: PipelineConfig, outbox: Outbox, boot: Boot, clock: Clock) -> None:
        self.config = config
        self._outbox = outbox
        self._boot = boot
        self._clock = clock
        self._filters: dict[str, DeviceFilter] = {}
        self._rows = WaitingRows()
        self._events: list[Event] = []
        self._changes: list[Change] = []
        self._redated = False  #: what waits in memory was moved
        self._doubted = False
        self._urgent = asyncio.Event()
        self._marked_at = 0.0
        self.samples = 0
        self.dropped = 0  #: events that found no room, since the start
        self._dropped_untold = 0
        self.answered: dict[str, float] = {}  #: device → monotonic time of its last row that was no end of its values

    async def begin(self) -> None:
        """Once, before anything is handed over: what the outbox knows of the clock."""
        change = self._boot.begin(self._outbox.epochs.get(self._boot.machine), await self._outbox.newest_ms())
        self._outbox.stamp = self._boot.stamp()
        if change is not None:
            self._changes.append(change)
        await self._tell_changes()

    def configure(self, config: PipelineConfig) -> None:
        """Flush and heartbeat, from now on; devices that are known keep what they reported."""
        self.config = config
        for device in self._filters.values():
            device.heartbeat(config.heartbeat)

    def know(self, device: str, metrics: Sequence[MetricFilter]) -> None:
        """A device that will report; needed before its first sample."""
        self._filters[device] = DeviceFilter(metrics, self.config.heartbeat)

    def stop(self, device: str) -> None:
        """A device that is no longer read: its values end."""
        known = self._filters.get(device)
        if known is not None:
            nothing: list[Value] = [None] * len(known.names)
            now = self._clock.now_ms()
            self.sample(Sample(device, now, nothing, {None: Quality.STOPPED}, self._clock.monotonic()))

    def refresh(self) -> None:
        """The cloud is there again: show it the present of every device, without waiting for a heartbeat."""
        for device in self._filters.values():
            device.refresh()

    def sample(self, sample: Sample) -> None:
        self._look()
        self.samples += 1
        sample.time_ms = self._boot.date(sample.time_ms)
        if None not in sample.marks:
            self.answered[sample.device] = sample.monotonic
        values, marks = self._filters[sample.device].take(sample)
        if values or marks:
            self._rows.add(Row(sample, values, marks))

    def event(self, event: Event) -> None:
        self._look()
        if len(self._events) >= MOST_EVENTS:
            if not self.dropped:
                _log.error("pipeline: the disk takes nothing and %d events wait; those that come are lost", MOST_EVENTS)
            self.dropped += 1
            self._dropped_untold += 1
            return
        self._events.append(self._boot.stamp().dated(event))
        self._urgent.set()

    async def record(self, owner: str, events: Sequence[Event], remember: Mapping[str, str | None]) -> None:
        """Return when the events, those before them, and what `owner` remembers are committed, in one transaction."""
        self._look()
        stamp = self._boot.stamp()
        waiting, self._events = [*self._events, *map(stamp.dated, events)], []
        batches: list[tuple[Stream, Payload]] = []
        if waiting:
            batches.append(("events", self._made(events=waiting)))
        await _whole(self._outbox.append(batches, memorise(owner, remember)))

    async def run(self) -> None:
        """Flush every `flush` seconds, events at once, until cancelled; then flush what is left."""
        try:
            while True:
                try:
                    async with asyncio.timeout(self.config.flush):
                        await self._urgent.wait()
                except TimeoutError:
                    pass
                self._urgent.clear()
                await _whole(self.flush())
        finally:
            try:
                await _whole(self.flush(patient=False))
            except sqlite3.OperationalError as error:
                _log.error("pipeline: what was read last is lost, the disk takes nothing: %s", error)

    async def flush(self, *, patient: bool = True) -> None:
        """Commit what has come to the outbox: rows, events, or at least the watermark."""
        self._look()
        await self._tell_changes()
        until = self._boot.date(self._clock.now_ms())
        events, self._events = self._events, []
        if (loss := self._rows.take_loss()) is not None:
            events.append(self._loss(loss))
        if self._dropped_untold:
            events.append(self.made("events.lost", {"count": self._dropped_untold}))
            self._dropped_untold = 0
        rows = self._rows.take()
        batches: list[tuple[Stream, Payload]] = []
        if events:
            batches.append(("events", self._made(events=events)))
        parts = list(_parts(rows))
        for index, part in enumerate(parts, 1):
            batches.append(("telemetry", self._batch(part, until if index == len(parts) else None)))
        now = self._clock.monotonic()
        if not rows and now - self._marked_at >= WATERMARK_S:
            batches.append(("telemetry", self._batch([], until)))
        self._redated = False
        if not batches:
            return
        if rows or batches[-1][0] == "telemetry":
            self._marked_at = now
        await self._outbox.append(batches, patient=patient)

    def _look(self) -> None:
        """Notice at once when the clock jumps or can be trusted at last: what waits in memory moves with it."""
        change = self._boot.look()
        if change is None:
            return
        self._changes.append(change)
        if change.moved_ms and (self._rows or self._events):
            self._rows.move(change.moved_ms)
            dated = self._events
            self._events = [_moved(event, change.moved_ms) for event in dated]
            self._redated = change.trusted
        self._outbox.stamp = self._boot.stamp()

    async def _tell_changes(self) -> None:
        """Remember which clock is trusted before anything is dated by it, and say what was done."""
        while self._changes:
            change = self._changes.pop(0)
            if change.trusted:
                telemetry, events = await self._outbox.depth("telemetry"), await self._outbox.depth("events")
                await self._outbox.trust(self._boot.machine, self._boot.epoch_ms)
                if abs(change.moved_ms) > 0 and telemetry.batches + events.batches + len(self._rows):
                    data = {"by_ms": change.moved_ms, "batches": telemetry.batches + events.batches}
                    self.event(self.made("clock.redated", data))
            if change.jumped_ms:
                _log.warning("clock: jumped by %.1f s; trusted: %s", change.jumped_ms / 1000, self._boot.synced)
                data = {"by_ms": change.jumped_ms, "followed": change.trusted}
                self.event(self.made("clock.jumped", data))
        if not self._boot.synced and not self._doubted and not self._boot.held():
            self._doubted = True
            _log.warning("clock: not synchronised; readings are sent with the time that it shows, and marked")
            self.event(self.made("clock.unsynced", {"reason": "no time service has synchronised it since the start"}))

    def made(self, kind: str, data: dict[str, Any]) -> Event:
        """An event of the agent's own, to be handed over now."""
        return Event(id=uuid.uuid4().hex, kind=kind, time=self._clock.now_ms(), data=data)

    def _loss(self, loss: dict[str, int]) -> Event:
        data = {"stream": "telemetry", "outbox": self._outbox.outbox_id, "seqs": [], **loss}
        _log.warning("pipeline: %d values were given up while the disk took nothing", loss["values"])
        return Event(id=uuid.uuid4().hex, kind="telemetry.thinned", time=loss["to"], data=data)

    def _made(
        self, *, telemetry: list[DeviceRows] | None = None, events: list[Event] | None = None, until: int | None = None
    ) -> Payload:
        payload = self._boot.stamp().payload(telemetry=telemetry, events=events, until=until)
        return shift(payload, 0) if self._redated else payload

    def _batch(self, rows: Sequence[Row], until: int | None) -> Payload:
        by_device: dict[str, list[Row]] = {}
        for row in rows:
            by_device.setdefault(row.sample.device, []).append(row)
        telemetry = [self._columns(device, part) for device, part in by_device.items()]
        return self._made(telemetry=telemetry, until=until)

    def _columns(self, device: str, rows: Sequence[Row]) -> DeviceRows:
        names = self._filters[device].names
        marks: list[Mark] = [
            (at, None if index is None else names[index], quality)
            for at, row in enumerate(rows)
            for index, quality in row.marks.items()
        ]
        first = list(rows[0].values)
        if not marks and all(list(row.values) == first for row in rows[1:]):  # all rows have the same metrics
            columns = zip(*(row.values.values() for row in rows), strict=True)
            values = {names[index]: list(column) for index, column in zip(first, columns, strict=True)}
        else:
            used = sorted({index for row in rows for index in (*row.values, *row.marks) if index is not None})
            values = {names[index]: [row.values.get(index) for row in rows] for index in used}
        return DeviceRows(device=device, times=[row.sample.time_ms for row in rows], values=values, marks=marks)


async def _whole(commit: Coroutine[Any, Any, None]) -> None:
    """Cancelled or not, what was begun is ended: nothing is lost or committed twice. Only a dead disk stops it."""
    task = asyncio.create_task(commit, name="pipeline commit")
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=LAST_WAIT_S)
        task.cancel()
        raise


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """What makes one batch each."""
    begin, values = 0, 0
    for at, row in enumerate(rows):
        more = len(row.values) + len(row.marks)
        if at > begin and (at - begin >= ROWS_PER_BATCH or values + more > VALUES_PER_BATCH):
            yield rows[begin:at]
            begin, values = at, 0
        values += more
    if begin < len(rows):
        yield rows[begin:]


def _moved(event: Event, by_ms: int) -> Event:
    return Event(id=event.id, kind=event.kind, time=event.time + by_ms, device=event.device, data=event.data)
