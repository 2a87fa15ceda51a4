"""Which telemetry goes first when there is no more room: the finest, of the oldest."""

import msgspec

from plantroom_edge.outbox.payload import Payload
from plantroom_shared.batch import DeviceRows

#: A device keeps one row in this many when a batch is thinned.
KEEP_ONE_IN = 10


def thin(payload: Payload) -> tuple[Payload | None, int]:
    """The batch with fewer rows and the number of values lost; None for the batch when it was thinned before.

    The last row of each device and every marked row (the end of a value) stay.
    """
    values = sum(len(c) - c.count(None) for rows in payload.telemetry for c in rows.values.values())
    if payload.thinned:
        return None, values
    telemetry = [_thin_rows(rows) for rows in payload.telemetry]
    kept = sum(len(c) - c.count(None) for rows in telemetry for c in rows.values.values())
    if kept == values:
        return None, values
    return msgspec.structs.replace(payload, telemetry=telemetry, thinned=True), values - kept


def _thin_rows(rows: DeviceRows) -> DeviceRows:
    marked = {mark[0] for mark in rows.marks}
    last = len(rows.times) - 1
    keep = [i for i in range(len(rows.times)) if i % KEEP_ONE_IN == 0 or i == last or i in marked]
    if len(keep) == len(rows.times):
        return rows
    position = {old: new for new, old in enumerate(keep)}
    return DeviceRows(
        device=rows.device,
        times=[rows.times[i] for i in keep],
        values={metric: [column[i] for i in keep] for metric, column in rows.values.items()},
        marks=[(position[row], metric, quality) for row, metric, quality in rows.marks],
    )
