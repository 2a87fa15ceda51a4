"""The outbox on a disk that is really full, at its bound, or rotten: events kept, every lost value declared."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plantroom_edge.config.model import OutboxBounds
from plantroom_edge.config.model import Pipeline as PipelineConfig
from plantroom_edge.config.validation import validated
from plantroom_edge.driver import MetricFilter, Sample
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.payload import Payload
from plantroom_edge.outbox.store import ADOPTED
from plantroom_edge.pipeline.boot import Boot
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_edge.pipeline.waiting import MOST_ROWS
from plantroom_shared.batch import DeviceRows, Event, Stream
from plantroom_shared.clock import SystemClock
from tests.servers.small_disk import small_disk

LIMIT_S = 120
VALUES = 400
NOW = 1_764_072_000_000


@asynccontextmanager
async def opened(folder: Path, **bounds: str) -> AsyncIterator[Outbox]:
    limits = validated(OutboxBounds, {"min_free_bytes": "1kB", **bounds})
    outbox = Outbox(folder / "outbox.db", limits, SystemClock())
    await outbox.open()
    try:
        async with asyncio.timeout(LIMIT_S):
            yield outbox
    finally:
        await outbox.close()


def _telemetry(number: int) -> tuple[Stream, Payload]:
    times = [NOW + number * 1000 + at for at in range(VALUES)]
    column: list[Any] = [number + at / 1000 for at in range(VALUES)]
    return "telemetry", Payload(telemetry=[DeviceRows(device="d", times=times, values={"t": column})])


def _event(number: int) -> tuple[Stream, Payload]:
    return "events", Payload(
        events=[Event(id=f"e{number}", kind="gate.opened", time=NOW + number, data={"n": "x" * 200})]
    )


async def _waiting(outbox: Outbox, stream: Stream) -> list[Payload]:
    stored = await outbox.read(stream, ADOPTED, 1_000_000)
    return [payload for payload in map(outbox.prepared, stored) if payload is not None]


async def _events(outbox: Outbox, kind: str) -> list[Event]:
    return [event for payload in await _waiting(outbox, "events") for event in payload.events if event.kind == kind]


async def _all_is_told(outbox: Outbox, batches: int) -> None:
    """Every value is there or declared, every event is there."""
    there = sum(payload.value_count() for payload in await _waiting(outbox, "telemetry"))
    lost = [*await _events(outbox, "telemetry.thinned"), *await _events(outbox, "telemetry.evicted")]
    assert there + sum(event.data["values"] for event in lost) == batches * VALUES
    assert [event.id for event in await _events(outbox, "gate.opened")] == [f"e{n}" for n in range(batches)]
    assert lost, "something had to go"


async def eventually(condition: Callable[[], Awaitable[Any]]) -> None:
    """Return once the condition holds; the test's own limit ends it."""
    while not await condition():  # noqa: ASYNC110  (what we wait for is on the disk)
        await asyncio.sleep(0.02)


async def test_on_a_full_disk_telemetry_makes_room_for_events(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        async with opened(disk.path) as outbox:
            for number in range(3000):  # 25 MB
                await outbox.append([_telemetry(number), _event(number)])
            await _all_is_told(outbox, 3000)
            assert await _events(outbox, "outbox.pressed")
            assert not outbox.failing
        async with opened(disk.path) as outbox:
            await _all_is_told(outbox, 3000)


async def test_another_program_fills_the_disk_and_events_are_still_kept(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 48) as disk:
        async with opened(disk.path) as outbox:
            for number in range(300):
                await outbox.append([_telemetry(number), _event(number)])
            disk.fill()
            for number in range(300, 900):
                await outbox.append([_telemetry(number), _event(number)])
            await _all_is_told(outbox, 900)
            assert outbox.pressed
            disk.clean()
            await outbox.append([_telemetry(900), _event(900)])
            await _all_is_told(outbox, 901)
            assert await _events(outbox, "outbox.pressed")


async def test_at_its_bound_the_oldest_and_finest_goes_first(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes="4MB") as outbox:
        for number in range(800):
            await outbox.append([_telemetry(number), _event(number)])
        await _all_is_told(outbox, 800)
        sizes = [await outbox.depth("telemetry"), await outbox.depth("events")]
        assert sum(depth.bytes for depth in sizes) < 4_500_000
        telemetry = await _waiting(outbox, "telemetry")
        assert telemetry[0].thinned
        assert not telemetry[-1].thinned
        await outbox.acknowledge(outbox.outbox_id, "telemetry", [(1, 800)])
        await outbox.append([_event(800)])
        assert not outbox.pressed
        pressed, eased = await _events(outbox, "outbox.pressed"), await _events(outbox, "outbox.eased")
        assert len(pressed) == len(eased) > 0


async def test_what_is_on_its_way_is_left_alone(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes="1MB") as outbox:
        outbox.flying = lambda: {1, 2, 3}
        for number in range(400):
            await outbox.append([_telemetry(number)])
        stored = await outbox.read("telemetry", ADOPTED, 4)
        assert [item.seq for item in stored][:3] == [1, 2, 3]
        assert [payload.value_count() for payload in (await _waiting(outbox, "telemetry"))[:3]] == [VALUES] * 3


async def test_while_the_disk_takes_nothing_memory_is_bounded_and_nothing_is_lost_silently(tmp_path: Path) -> None:
    clock = SystemClock()
    taken = MOST_ROWS * 3
    with small_disk(tmp_path / "disk", 2) as disk:  # too small for a reserve
        async with opened(disk.path) as outbox:
            pipeline = Pipeline(PipelineConfig(), outbox, Boot(clock, lambda: True), clock)
            await pipeline.begin()
            pipeline.know("d", [MetricFilter("t")])
            running = asyncio.create_task(pipeline.run(), name="pipeline")
            disk.fill()
            for number in range(taken):
                pipeline.sample(Sample("d", NOW + number, [float(number)], {}, clock.monotonic()))
                if number % 1000 == 0:
                    await asyncio.sleep(0.02)
            pipeline.event(Event(id="during", kind="gate.opened", time=clock.now_ms()))
            await eventually(_is(lambda: outbox.failing))
            assert len(pipeline._rows) <= MOST_ROWS
            disk.clean()
            await eventually(lambda: _events(outbox, "gate.opened"))
            await eventually(lambda: _events(outbox, "outbox.full"))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            there = sum(payload.value_count() for payload in await _waiting(outbox, "telemetry"))
            lost = [*await _events(outbox, "telemetry.thinned"), *await _events(outbox, "telemetry.evicted")]
            assert there + sum(event.data["values"] for event in lost) == taken
            values = [v for p in await _waiting(outbox, "telemetry") for r in p.telemetry for v in r.values["t"]]
            assert values == sorted(values, key=lambda value: float(str(value))), "order is kept"
            assert values[-1] == taken - 1, "the newest is there"


def _is(what: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    async def found() -> Any:
        return what()

    return found


async def test_a_file_that_rots_while_it_is_used_is_replaced_and_all_that_can_be_read_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as outbox:
        for number in range(400):
            await outbox.append([_telemetry(number), _event(number)])
        await outbox.append([], [("INSERT INTO memory VALUES ('bus a', 'k', 'v')", ())])
        identity = outbox.outbox_id
    path = tmp_path / "outbox.db"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40_000] = bytes(range(256)) * 156 + bytes(64)
    path.write_bytes(data)
    async with opened(tmp_path) as outbox:
        await outbox.verify()  # as the agent does beside its work
        await outbox.append([_event(400)])
        assert outbox.outbox_id != identity
        told = (await _events(outbox, "outbox.salvaged"))[0].data
        assert told["outbox"] == identity
        assert told["kept"] + told["lost"] >= 800
        events = await _events(outbox, "gate.opened")
        assert events[0].id == "e0"
        assert events[-1].id == "e400"
        assert len(events) + len(await _waiting(outbox, "telemetry")) > 700
        assert await outbox.recall("bus a", "k") == "v"
        assert list(tmp_path.glob("outbox.corrupt-*")), "the old file is set aside, whole"
        # what was salvaged keeps the identity that the cloud may know it by
        origins = [payload.origin for payload in await _waiting(outbox, "telemetry")]
        assert {origin[0] for origin in origins if origin is not None} == {identity}


async def test_a_record_whose_caller_is_cancelled_is_committed(tmp_path: Path) -> None:
    """A driver's tasks are cancelled when its link is gone: what they were about to record, and the events of others
    that were to go along, are not lost."""
    clock, busy = SystemClock(), threading.Event()
    async with opened(tmp_path) as outbox:
        pipeline = Pipeline(PipelineConfig(), outbox, Boot(clock, lambda: True), clock)
        await pipeline.begin()
        block = asyncio.get_running_loop().run_in_executor(outbox._thread, busy.wait)
        pipeline.event(Event(id="other", kind="gate.opened", time=NOW, data={}))
        mine = Event(id="mine", kind="gate.opened", time=NOW, data={})
        recording = asyncio.create_task(pipeline.record("bus a", [mine], {"k": "v"}), name="record")
        await asyncio.sleep(0.05)
        recording.cancel()
        await asyncio.sleep(0.05)
        busy.set()
        await block
        await asyncio.wait([recording])
        assert recording.cancelled()
        assert [event.id for event in await _events(outbox, "gate.opened")] == ["other", "mine"]
        assert await outbox.recall("bus a", "k") == "v"


async def test_a_batch_that_cannot_be_decoded_blocks_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as outbox:
        await outbox.append([_event(0), _event(1)])
        stored = await outbox.read("events", 0, 10)
        broken = type(stored[0])(stored[0].stream, stored[0].seq, stored[0].taken_ms, stored[0].payload[:-1] + b"\xff")
        assert outbox.prepared(broken) is None
        await outbox.set_aside(broken)
        assert [event.id for event in await _events(outbox, "gate.opened")] == ["e1"]
        assert (tmp_path / "outbox.events-1").read_bytes() == broken.payload
        assert len(await _events(outbox, "batch.unreadable")) == 1
