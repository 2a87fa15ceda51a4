"""What a stored batch holds; the envelope (outbox id, seq, historical …) is put around it when it is sent."""

import msgspec

from plantroom_shared.batch import DeviceRows, Event


class Payload(msgspec.Struct, omit_defaults=True):
    """Rows or events, with what was known when they were taken."""

    boot: str = ""
    clock: str = "synced"
    complete_until: int | None = None
    telemetry: list[DeviceRows] = []
    events: list[Event] = []
    thinned: bool = False

    def taken_ms(self) -> int:
        """Event time of the first thing in it."""
        times = [rows.times[0] for rows in self.telemetry if rows.times] + [event.time for event in self.events]
        return min(times, default=self.complete_until or 0)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Payload)


def encode_payload(payload: Payload) -> bytes:
    """To the bytes that the outbox stores."""
    return _ENCODER.encode(payload)


def decode_payload(data: bytes) -> Payload:
    """Back again; raises msgspec.DecodeError."""
    return _DECODER.decode(data)
