"""The sink of one driver: the pipeline, and a memory of its own in the outbox file."""

from collections.abc import Mapping, Sequence

from plantroom_edge.driver import Sample
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_shared.batch import Event


class BusSink:
    """What the driver of a bus hands over to."""

    def __init__(self, bus: str, pipeline: Pipeline, outbox: Outbox) -> None:
        self._owner = f"bus {bus}"
        self._pipeline = pipeline
        self._outbox = outbox

    def sample(self, sample: Sample) -> None:
        self._pipeline.sample(sample)

    def event(self, event: Event) -> None:
        self._pipeline.event(event)

    async def record(self, events: Sequence[Event], remember: Mapping[str, str | None] | None = None) -> None:
        await self._pipeline.record(self._owner, events, remember or {})

    async def recall(self, key: str) -> str | None:
        return await self._outbox.recall(self._owner, key)
