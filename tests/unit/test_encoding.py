"""Bytes to batches and back, and what is refused with which reason."""

import msgspec
import pytest

from plantroom_shared.batch import Batch, DeviceRows, Event
from plantroom_shared.encoding import MAX_MESSAGE_BYTES, decode_batch, encode
from plantroom_shared.errors import MessageRefusedError


def batch() -> Batch:
    return Batch(
        v=1,
        gateway="gw-a",
        outbox="o1",
        stream="telemetry",
        seq=7,
        boot="b1",
        sent_at=1_700_000_000_500,
        complete_until=1_700_000_000_000,
        telemetry=[
            DeviceRows(
                device="pump-1",
                times=[1_700_000_000_000, 1_700_000_001_000],
                values={"speed": [1450.5, None], "running": [True, None], "state": ["auto", "auto"]},
                marks=[(1, "speed", "sensor-fault")],
            )
        ],
        events=[Event(id="e1", kind="device.state", time=1, device="pump-1", data={"state": "ok"})],
    )


@pytest.mark.parametrize("encoder", [encode, msgspec.json.encode])
def test_a_batch_survives_both_encodings(encoder: object) -> None:
    assert decode_batch(encoder(batch())) == batch()  # type: ignore[operator]


def test_null_values_are_not_counted() -> None:
    assert batch().value_count() == 4


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"v": 2}, "version 2 is unknown"),
        ({"v": 2, "seq": "no number"}, "version 2 is unknown"),
        ({"seq": 0}, "begin at 1"),
        ({"outbox": ""}, "outbox"),
        ({"stream": "other"}, "stream"),
        ({"telemetry": [{"device": "d", "times": [1], "values": {"m": []}}]}, "0 values for 1 times"),
        ({"telemetry": [{"device": "d", "times": [2**63], "values": {}}]}, "before the year 2200"),
        ({"telemetry": [{"device": "d", "times": [], "values": {"a b,c=1": []}}]}, "no metric name"),
        ({"telemetry": [{"device": "d", "times": [1], "values": {}, "marks": [[3, None, "bad"]]}]}, "row 3"),
    ],
)
def test_a_wrong_batch_is_refused_with_its_reason(change: dict[str, object], reason: str) -> None:
    raw = msgspec.to_builtins(batch()) | change
    for encoded in (msgspec.msgpack.encode(raw), msgspec.json.encode(raw)):
        with pytest.raises(MessageRefusedError, match=reason):
            decode_batch(encoded)


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\x00garbage", b"{", b"\xc1", b"[" * 100_000, b"x" * (MAX_MESSAGE_BYTES + 1)]
)
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    with pytest.raises(MessageRefusedError):
        decode_batch(payload)


def test_unknown_fields_are_ignored() -> None:
    assert decode_batch(msgspec.msgpack.encode(msgspec.to_builtins(batch()) | {"new": 1})) == batch()
