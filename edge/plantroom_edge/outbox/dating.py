"""What waits is re-dated when it is sent, by what is then known of the clock; without I/O.

Each batch says by which epoch (wall time minus monotonic time) it was dated and in which boot of the machine. Once the
clock of that boot can be trusted, the difference between the two epochs is what its times were wrong by. Nothing in the
outbox is rewritten, so this can neither happen twice nor stop half-way.
"""

from collections.abc import Mapping

import msgspec

from plantroom_edge.outbox.payload import Payload
from plantroom_shared.batch import DeviceRows
from plantroom_shared.quality import ClockQuality

#: A smaller difference is rounding or a time service that slews; nothing is moved for it.
JUMP_MS = 2_000


def redate(payload: Payload, epochs: Mapping[str, int]) -> Payload:
    """By the trusted epoch of its boot, if there is one; the same payload where there is nothing to correct."""
    epoch = epochs.get(payload.machine)
    if epoch is None or not payload.epoch_ms:
        return payload
    by_ms = epoch - payload.epoch_ms
    if payload.clock != ClockQuality.UNSYNCED and abs(by_ms) < JUMP_MS:
        return payload
    return shift(payload, by_ms)


def shift(payload: Payload, by_ms: int) -> Payload:
    """The same batch `by_ms` later, marked as re-dated."""
    return msgspec.structs.replace(
        payload,
        clock=ClockQuality.REDATED,
        complete_until=None if payload.complete_until is None else payload.complete_until + by_ms,
        telemetry=[
            DeviceRows(
                device=rows.device, times=[time + by_ms for time in rows.times], values=rows.values, marks=rows.marks
            )
            for rows in payload.telemetry
        ],
        events=[msgspec.structs.replace(event, time=event.time + by_ms) for event in payload.events],
        epoch_ms=payload.epoch_ms + by_ms,
    )


def undatable(payload: Payload, epochs: Mapping[str, int]) -> bool:
    """Whether it was taken before the clock of its boot was ever right."""
    return payload.clock == ClockQuality.UNSYNCED and payload.machine not in epochs
