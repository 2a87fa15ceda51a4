"""Batches and rows in the order in which they were taken; pure.

What comes together is judged as if it had come in order. What comes after newer readings were judged is history: it is
stored, and raises or ends nothing that they decided.
"""

from collections.abc import Sequence
from itertools import pairwise

from plantroom_shared.batch import Batch, DeviceRows


def by_number(batches: Sequence[Batch]) -> list[Batch]:
    """Live telemetry of each outbox by its numbers, in the places that it has among the others."""
    ordered = list(batches)
    outboxes: dict[str, list[int]] = {}
    for place, batch in enumerate(batches):
        if batch.stream == "telemetry" and not batch.historical:
            outboxes.setdefault(batch.outbox, []).append(place)
    for places in outboxes.values():
        if any(batches[later].seq < batches[earlier].seq for earlier, later in pairwise(places)):
            found = sorted((batches[place] for place in places), key=lambda batch: batch.seq)
            for place, batch in zip(places, found, strict=True):
                ordered[place] = batch
    return ordered


def in_order(blocks: Sequence[DeviceRows]) -> list[DeviceRows]:
    """Blocks of a batch by the time of their first row, and the rows of each by time."""
    return sorted((_by_time(rows) for rows in blocks if rows.times), key=lambda rows: rows.times[0])


def _by_time(rows: DeviceRows) -> DeviceRows:
    if len(rows.times) == 1 or all(earlier <= later for earlier, later in pairwise(rows.times)):
        return rows
    order = sorted(range(len(rows.times)), key=rows.times.__getitem__)
    place = {before: after for after, before in enumerate(order)}
    return DeviceRows(
        device=rows.device,
        times=[rows.times[index] for index in order],
        values={metric: [column[index] for index in order] for metric, column in rows.values.items()},
        marks=[(place[row], metric, quality) for row, metric, quality in rows.marks],
    )
