"""A batch: what a gateway's outbox stores, sends and deletes as one."""

from typing import Any, Literal

import msgspec

Stream = Literal["events", "telemetry"]
Value = float | int | bool | str | None

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
        return sum(len(column) - column.count(None) for rows in self.telemetry for column in rows.values.values())


def check_batch(batch: Batch) -> str | None:
    """Why a decoded batch cannot be taken, or None. Only what the type alone cannot say."""
    if batch.seq < 1:
        return f"seq {batch.seq}: sequence numbers begin at 1"
    if not batch.outbox:
        return "outbox: empty; it is the random id born with the outbox file"
    for rows in batch.telemetry:
        count = len(rows.times)
        for metric, column in rows.values.items():
            if len(column) != count:
                return f"telemetry of {rows.device}: {metric} has {len(column)} values for {count} times"
        for row, marked, _quality in rows.marks:
            if not 0 <= row < count:
                return f"telemetry of {rows.device}: mark on row {row}, which does not exist"
            if marked is not None and marked not in rows.values:
                return f"telemetry of {rows.device}: mark on {marked}, which has no column"
    return None
