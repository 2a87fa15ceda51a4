"""What a stored batch holds; the envelope (outbox id, seq, historical …) is put around it when it is sent."""

import zlib
from dataclasses import dataclass

import msgspec

from plantroom_shared.batch import DeviceRows, Event
from plantroom_shared.quality import ClockQuality


class Payload(msgspec.Struct, omit_defaults=True):
    """Rows or events, with what was known when they were taken."""

    boot: str = ""
    clock: str = "synced"
    complete_until: int | None = None
    telemetry: list[DeviceRows] = []
    events: list[Event] = []
    thinned: bool = False
    machine: str = ""  #: boot of the machine, within which monotonic time is one
    epoch_ms: int = 0  #: wall time minus monotonic time, as it was dated by
    origin: tuple[str, int] | None = None  #: outbox and number that it had in a file that became corrupt

    def taken_ms(self) -> int:
        """Event time of the first thing in it."""
        times = [rows.times[0] for rows in self.telemetry if rows.times] + [event.time for event in self.events]
        return min(times, default=self.complete_until or 0)

    def value_count(self) -> int:
        """How many values other than null it holds."""
        return sum(len(column) - column.count(None) for rows in self.telemetry for column in rows.values.values())


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a batch that is made now is dated by."""

    boot: str = ""
    clock: str = ClockQuality.SYNCED
    machine: str = ""
    epoch_ms: int = 0
    correction_ms: int = 0  #: to add to the machine's wall time

    def payload(
        self, *, telemetry: list[DeviceRows] | None = None, events: list[Event] | None = None, until: int | None = None
    ) -> Payload:
        """Rows and events whose times are right by this stamp already."""
        return Payload(
            boot=self.boot,
            clock=self.clock,
            complete_until=until,
            telemetry=telemetry or [],
            events=events or [],
            machine=self.machine,
            epoch_ms=self.epoch_ms,
        )

    def dated(self, event: Event) -> Event:
        """An event that was dated by the machine's wall clock just now."""
        if not self.correction_ms:
            return event
        return msgspec.structs.replace(event, time=event.time + self.correction_ms)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Payload)


def encode_payload(payload: Payload) -> bytes:
    """To the bytes that the outbox stores; a checksum goes before them, for SD cards rot."""
    data = _ENCODER.encode(payload)
    return zlib.crc32(data).to_bytes(4, "big") + data


def decode_payload(data: bytes) -> Payload:
    """Back again; raises msgspec.DecodeError, also where one bit is not as it was stored."""
    body = memoryview(data)[4:]
    if zlib.crc32(body).to_bytes(4, "big") != data[:4]:
        raise msgspec.DecodeError("the checksum is wrong")
    return _DECODER.decode(body)
