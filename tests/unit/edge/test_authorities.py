"""What the gateway decides by: checked by the driver, remembered, handed out again after a restart."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from plantroom_edge.authority.authorities import Authorities
from plantroom_edge.config.model import OutboxBounds
from plantroom_edge.config.model import Pipeline as PipelineConfig
from plantroom_edge.driver import Driver
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.payload import decode_payload
from plantroom_edge.pipeline.boot import Boot
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_edge.pipeline.sink import BusSink
from plantroom_shared.batch import Event
from plantroom_shared.clock import SystemClock
from plantroom_shared.messages import VERSION, Authority


class _Gate:
    """Refuses an empty list."""

    def __init__(self) -> None:
        self.lists: list[int] = []

    @property
    def authorities(self) -> Collection[str]:
        return ("allow-list",)

    async def authority(self, name: str, version: int, document: Mapping[str, Any]) -> str | None:
        if not document.get("cards"):
            return "there is no card in it"
        self.lists.append(version)
        return None


def _document(version: int, cards: Sequence[str], name: str = "allow-list") -> Authority:
    return Authority(v=VERSION, name=name, version=version, issued_at=0, issued_by="a", document={"cards": list(cards)})


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    box = Outbox(tmp_path / "outbox.db", OutboxBounds(), SystemClock())
    await box.open()
    yield box
    await box.close()


def _pipeline(outbox: Outbox) -> Pipeline:
    clock = SystemClock()
    return Pipeline(PipelineConfig(), outbox, Boot(clock), clock)


async def _events(outbox: Outbox) -> list[Event]:
    return [event for item in await outbox.read("events", 0, 100) for event in decode_payload(item.payload).events]


async def _take(outbox: Outbox, gate: _Gate, *documents: Authority) -> None:
    authorities = Authorities(outbox, _pipeline(outbox), SystemClock(), lambda: [cast("Driver", gate)])
    told = len(await _events(outbox))
    task = asyncio.create_task(authorities.run(), name="authorities")
    for document in documents:
        authorities.take(document)
    async with asyncio.timeout(60):
        while len(await _events(outbox)) < told + len(documents):
            await outbox.wait_for_more()
    task.cancel()


async def test_a_document_is_taken_once_and_remembered(outbox: Outbox) -> None:
    gate = _Gate()
    await _take(outbox, gate, _document(1, ["a"]), _document(2, ["b"]))
    assert gate.lists == [1, 2]
    assert [(event.kind, event.data["version"]) for event in await _events(outbox)] == [
        ("authority.applied", 1),
        ("authority.applied", 2),
    ]
    after_restart = _Gate()
    drivers = [cast("Driver", after_restart)]
    await Authorities(outbox, _pipeline(outbox), SystemClock(), lambda: drivers).restore(drivers)
    assert after_restart.lists == [2]


async def test_what_a_driver_refuses_leaves_the_one_before_in_force(outbox: Outbox) -> None:
    gate = _Gate()
    await _take(outbox, gate, _document(1, ["a"]), _document(2, []), _document(3, ["x"], name="patrol-points"))
    assert [event.kind for event in await _events(outbox)] == [
        "authority.applied",
        "authority.refused",
        "authority.refused",
    ]
    assert (await _events(outbox))[1].data["reason"] == "there is no card in it"
    assert gate.lists == [1, 1]


async def test_events_and_memory_are_one_commit_and_each_bus_has_its_own(outbox: Outbox) -> None:
    pipeline = _pipeline(outbox)
    one, other = BusSink("one", pipeline, outbox), BusSink("other", pipeline, outbox)
    one.event(Event(id="before", kind="x", time=1))
    await one.record([Event(id="decision", kind="x", time=2)], {"pending": "decision"})
    assert [event.id for event in await _events(outbox)] == ["before", "decision"]
    assert await one.recall("pending") == "decision"
    assert await other.recall("pending") is None
    await one.record([Event(id="result", kind="x", time=3)], {"pending": None})
    assert await one.recall("pending") is None
    assert [event.id for event in await _events(outbox)] == ["before", "decision", "result"]
