"""The outbox file: numbers without holes, deletion on the cloud's word alone, commands remembered."""

from pathlib import Path

import pytest

from plantroom_edge.outbox.payload import Payload, decode_payload, encode_payload
from plantroom_edge.outbox.salvage import salvage
from plantroom_edge.outbox.store import COMMANDS_KEPT_MS, Depth, OutboxStore, end_command
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
    store.append([("events", 3, b"result")], [end_command("c1", "done")])
    assert store.begin_command("c1", 4) == "done"
    assert [s.payload for s in store.read("events", 0, 10)] == [b"result"]


def test_old_commands_are_forgotten_but_never_one_that_was_begun_and_has_not_ended(store: OutboxStore) -> None:
    for name in ("old", "begun", "new"):
        store.begin_command(name, COMMANDS_KEPT_MS if name == "new" else 1)
    store.append([], [end_command("old", "done"), end_command("new", "done")])
    store.forget_commands(COMMANDS_KEPT_MS + 2)
    assert store.begin_command("new", 0) == "done"
    assert store.begin_command("begun", 0) == "started"
    assert store.begin_command("old", 0) is None


def test_depth_is_known_without_looking_through_the_file(store: OutboxStore) -> None:
    store.append([("telemetry", 7, b"ab"), ("telemetry", 8, b"c"), ("events", 9, b"defg")])
    store.delete("telemetry", [(1, 1)])
    store.give_up([(2, b"")], [], [("events", 10, b"xy")], 2)
    expected = {"telemetry": Depth(1, 0, 8), "events": Depth(2, 6, 9)}
    assert {stream: store.depth(stream) for stream in ("telemetry", "events")} == expected
    store.close()
    again = OutboxStore(store.path)
    again.open()
    assert {stream: again.depth(stream) for stream in ("telemetry", "events")} == expected


def test_a_corrupt_file_is_salvaged_around_the_pages_that_cannot_be_read(store: OutboxStore, tmp_path: Path) -> None:
    payload = Payload(telemetry=[DeviceRows(device="d", times=[1], values={"t": ["x" * 3000]})])
    store.append([("telemetry", number, encode_payload(payload)) for number in range(200)])
    store.append([("events", 1, encode_payload(Payload()))], [("INSERT INTO memory VALUES ('bus a', 'k', 'v')", ())])
    identity = store.outbox_id
    store.close()
    data = bytearray(store.path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = b"\xff" * 20_000
    store.path.write_bytes(data)
    new = OutboxStore(tmp_path / "new.db")
    new.open()
    found = salvage(store.path, new)
    kept = new.read("telemetry", -(2**40), 1000)
    origins = [decode_payload(item.payload).origin for item in kept]
    numbers = [origin[1] for origin in origins if origin is not None]
    assert found.outbox == identity
    assert {origin[0] for origin in origins if origin is not None} == {identity}
    assert numbers == sorted(set(numbers)), "order and identity are kept"
    assert numbers[0] == 1, "what stands before the damage is there"
    assert numbers[-1] == 200, "and so is what stands behind it"
    assert 150 < len(numbers) < 200
    assert new.recall("bus a", "k") == "v"
    assert [item.seq for item in new.append([("telemetry", 1, b"a")])] == [1], "no number of the new file was used"


def _row_values(payloads: list[Payload]) -> list[tuple[int, object]]:
    return [
        (time, {name: column[at] for name, column in rows.values.items() if column[at] is not None})
        for payload in payloads
        for rows in payload.telemetry
        for at, time in enumerate(rows.times)
    ]


def test_thinning_over_batches_keeps_the_ends_of_values_and_what_holds_after_each_row() -> None:
    def rows(times: range, marks: list[tuple[int, str | None, str]]) -> Payload:
        marked = {row for row, _, _ in marks}
        values: dict[str, list[float | int | bool | str | None]] = {
            "t": [None if at in marked else float(time) for at, time in enumerate(times)],
            "rare": [7.0 if time == 42 else None for time in times],
        }
        return Payload(telemetry=[DeviceRows(device="d", times=list(times), values=values, marks=marks)])

    thinned, lost = thin([rows(range(20), []), rows(range(20, 50), [(13, "t", "sensor-fault")])])
    assert _row_values(thinned) == [
        (9, {"t": 9.0}),
        (19, {"t": 19.0}),
        (29, {"t": 29.0}),
        (32, {"t": 32.0}),  # the last before the value ended
        (33, {}),
        (39, {"t": 39.0}),
        (49, {"t": 49.0, "rare": 7.0}),  # a change that went with its row is told by the next that stays
    ]
    assert thinned[1].telemetry[0].marks == [(2, "t", "sensor-fault")]
    assert all(payload.thinned for payload in thinned)
    assert lost == 50 - 7
