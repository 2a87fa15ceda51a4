"""Which telemetry goes first when there is no more room: the finest, of the oldest. Without I/O."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from plantroom_edge.outbox.payload import Payload
from plantroom_shared.batch import DeviceRows, Mark, Value

#: A device keeps one row in this many.
KEEP_ONE_IN = 10


@dataclass
class _Row:
    """One row of a device, in the batch it stands in."""

    batch: int
    time: int
    values: dict[str, Value]
    marks: dict[str | None, str] = field(default_factory=dict)


def thin(payloads: Sequence[Payload]) -> tuple[list[Payload], int]:
    """Successive batches with fewer rows, and the number of values lost.

    Rows tell changes: what a row that goes has told is told by the next that stays, so the value that is held after it
    is the right one. Marked rows (the end of a value), the row before one, and the last row of each device stay.
    """
    rows: dict[str, list[_Row]] = defaultdict(list)
    for index, payload in enumerate(payloads):
        for part in payload.telemetry:
            rows[part.device] += _rows(index, part)
    kept: list[dict[str, list[_Row]]] = [{} for _ in payloads]
    for device, all_rows in rows.items():
        for row in _folded(all_rows):
            kept[row.batch].setdefault(device, []).append(row)
    thinned = [
        msgspec.structs.replace(payload, telemetry=[_columns(*item) for item in kept[index].items()], thinned=True)
        for index, payload in enumerate(payloads)
    ]
    return thinned, _values(payloads) - _values(thinned)


def _folded(rows: Sequence[_Row]) -> list[_Row]:
    kept = []
    told: dict[str, Value] = {}
    for at, row in enumerate(rows, 1):
        told |= row.values
        if at % KEEP_ONE_IN and at < len(rows) and not row.marks and not rows[at].marks:
            continue
        ended = set(row.marks)
        values = {} if None in ended else {name: value for name, value in told.items() if name not in ended}
        kept.append(_Row(row.batch, row.time, values | row.values, row.marks))
        told = {}
    return kept


def _rows(batch: int, part: DeviceRows) -> list[_Row]:
    rows = [
        _Row(batch, time, {name: column[at] for name, column in part.values.items() if column[at] is not None})
        for at, time in enumerate(part.times)
    ]
    for at, metric, quality in part.marks:
        rows[at].marks[metric] = quality
    return rows


def _columns(device: str, rows: Sequence[_Row]) -> DeviceRows:
    names = dict.fromkeys(name for row in rows for name in (*row.values, *row.marks) if name is not None)
    marks: list[Mark] = [(at, metric, quality) for at, row in enumerate(rows) for metric, quality in row.marks.items()]
    return DeviceRows(
        device=device,
        times=[row.time for row in rows],
        values={name: [row.values.get(name) for row in rows] for name in names},
        marks=marks,
    )


def _values(payloads: Sequence[Payload]) -> int:
    return sum(payload.value_count() for payload in payloads)
