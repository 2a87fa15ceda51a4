"""The outbox file: numbers without holes, deletion on the cloud's word alone, commands remembered."""

from pathlib import Path

import pytest

from plantroom_edge.outbox.payload import Payload, decode_payload, encode_payload
from plantroom_edge.outbox.store import OutboxStore, salvage
from plantroom_edge.outbox.thinning import thin
from plantroom_shared.batch import DeviceRows


@pytest.fixture
def store(tmp_path: Path) -> OutboxStore:
    store = OutboxStore(tmp_path / "outbox.db")
    store.open()
    return store


def test_numbers_go_on_after_everything_was_deleted(store: OutboxStore) -> None:
    store.append([("telemetry", 1, b"a"), ("telemetry", 2, b"b"), ("events", 3, b"c")])
    store.delete("telemetry", [(1, 2)])
    identity = store.outbox_id
    store.close()
    again = OutboxStore(store.path)
    again.open()
    assert again.outbox_id == identity
    assert [(s.stream, s.seq) for s in again.append([("telemetry", 4, b"d"), ("events", 5, b"e")])] == [
        ("telemetry", 3),
        ("events", 2),
    ]
    assert [s.payload for s in again.read("events", 0, 10)] == [b"c", b"e"]
    assert again.size() == 3


def test_a_failed_commit_uses_no_number(store: OutboxStore) -> None:
    with pytest.raises(TypeError):
        store.append([("telemetry", 1, b"a"), ("telemetry", 2, None)])  # type: ignore[list-item]
    assert [s.seq for s in store.append([("telemetry", 1, b"a")])] == [1]


def test_a_command_begun_is_never_begun_again_and_its_end_is_told_with_it(store: OutboxStore) -> None:
    assert store.begin_command("c1", 1) is None
    assert store.begin_command("c1", 2) == "started"
    assert store.started_commands() == ["c1"]
    store.end_command("c1", "done", 3, b"result")
    assert store.begin_command("c1", 4) == "done"
    assert [s.payload for s in store.read("events", 0, 10)] == [b"result"]


def test_a_corrupt_file_is_salvaged_as_far_as_it_can_be_read(store: OutboxStore, tmp_path: Path) -> None:
    store.append([("telemetry", number, b"x" * 3000) for number in range(200)])
    store.close()
    data = bytearray(store.path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20_000] = b"\xff" * 20_000
    store.path.write_bytes(data)
    new = OutboxStore(tmp_path / "new.db")
    new.open()
    kept, _reason = salvage(store.path, new)
    assert 0 < kept <= 200
    assert new.depth("telemetry").batches == kept


def test_thinning_keeps_the_last_row_and_each_end_of_a_value() -> None:
    rows = DeviceRows(
        device="d",
        times=list(range(50)),
        values={"t": [None if i == 33 else float(i) for i in range(50)]},
        marks=[(33, "t", "sensor-fault")],
    )
    payload, lost = thin(Payload(telemetry=[rows]))
    assert payload is not None
    kept = decode_payload(encode_payload(payload)).telemetry[0]
    assert kept.times == [0, 10, 20, 30, 33, 40, 49]
    assert kept.marks == [(4, "t", "sensor-fault")]
    assert lost == 49 - 6
    assert thin(payload) == (None, 6)
