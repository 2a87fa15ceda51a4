"""A batch: what a gateway's outbox stores, sends and deletes as one."""

import re
from functools import lru_cache
from itertools import chain
from typing import Any, Literal

import msgspec

from plantroom_shared.ids import ID_PATTERN, METRIC_PATTERN

Stream = Literal["events", "telemetry"]
Value = float | int | bool | str | None

_ID = re.compile(ID_PATTERN)
_METRIC = re.compile(METRIC_PATTERN)
LATEST_MS = 7_258_118_400_000  # 2200-01-01
LAST_SEQ = 2**63 - 1  #: more fits neither into MessagePack nor into a database

#: A row mark: (row index, metric name or None for the whole row, quality).
Mark = tuple[int, str | None, str]


class DeviceRows(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Rows of one device as columns.

    `times[i]` is the event time of row i in ms since the epoch; `values[metric][i]` its value, null where the metric
    has no new value in that row. `marks` names rows (or single values) whose quality is not good; a null with a mark
    ends the value, a null without one means "unchanged".
    """

    device: str
    times: list[int]
    values: dict[str, list[Value]]
    marks: list[Mark] = []


class Event(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Something that happened once and is never thinned: a command result, a device state change, a declared loss.

    `id` is unique for ever; `kind` is dotted lower case, see README.md of this package for the kinds and their data.
    """

    id: str
    kind: str
    time: int
    device: str | None = None
    data: dict[str, Any] = {}


def went_back(event: Event) -> bool:
    """Whether the gateway follows a clock that was set back: what it dated later than `event.time` is none of the
    future."""
    by_ms = event.data.get("by_ms")
    return event.kind == "clock.jumped" and bool(event.data.get("followed")) and isinstance(by_ms, int) and by_ms < 0


class Batch(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Identity is (gateway, outbox, stream, seq); `seq` counts from 1 without holes per (outbox, stream)."""

    v: int
    gateway: str
    outbox: str
    stream: Stream
    seq: int
    boot: str
    sent_at: int
    historical: bool = False
    clock: str = "synced"
    complete_until: int | None = None
    telemetry: list[DeviceRows] = []
    events: list[Event] = []

    def value_count(self) -> int:
        """How many values other than null the batch carries."""
        count = 0
        for rows in self.telemetry:
            values = [*chain.from_iterable(rows.values.values())]
            count += len(values) - values.count(None)
        return count


@lru_cache(maxsize=20_000)  # the same names in each batch
def _is_id(name: str) -> bool:
    return _ID.match(name) is not None


@lru_cache(maxsize=20_000)
def _is_metric(name: str) -> bool:
    return _METRIC.match(name) is not None


def check_batch(batch: Batch) -> str | None:
    """Why a decoded batch cannot be taken, or None. Only what the type alone cannot say."""
    if batch.seq < 1:
        return f"seq {batch.seq}: sequence numbers begin at 1"
    if batch.seq > LAST_SEQ:
        return f"seq {batch.seq}: sequence numbers are below 2^63"
    if not batch.outbox:
        return "outbox: empty; it is the random id born with the outbox file"
    if batch.complete_until is not None and not 0 <= batch.complete_until <= LATEST_MS:
        return f"complete_until {batch.complete_until}: milliseconds since 1970, before the year 2200"
    for event in batch.events:
        if not 0 <= event.time <= LATEST_MS:
            return f"time {event.time} of event {event.id!r}: milliseconds since 1970, before the year 2200"
    for rows in batch.telemetry:
        count = len(rows.times)
        if not _is_id(rows.device):
            return f"telemetry of {rows.device!r}: no device id"
        if rows.times and not (min(rows.times) >= 0 and max(rows.times) <= LATEST_MS):
            return f"telemetry of {rows.device}: times are milliseconds since 1970, before the year 2200"
        for metric, column in rows.values.items():
            if not _is_metric(metric):
                return f"telemetry of {rows.device}: {metric!r} is no metric name"
            if len(column) != count:
                return f"telemetry of {rows.device}: {metric} has {len(column)} values for {count} times"
        for row, marked, _quality in rows.marks:
            if not 0 <= row < count:
                return f"telemetry of {rows.device}: mark on row {row}, which does not exist"
            if marked is not None and marked not in rows.values:
                return f"telemetry of {rows.device}: mark on {marked}, which has no column"
    return None
