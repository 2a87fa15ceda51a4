"""What a part of the agent hands over to: the pipeline, a memory of its own in the outbox file, its neighbours."""

from collections.abc import Callable, Mapping, Sequence

from plantroom_edge.driver import Sample, Signal
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_shared.batch import Event


class Memory:
    """Events and what an owner remembers, in one commit."""

    def __init__(self, owner: str, pipeline: Pipeline, outbox: Outbox) -> None:
        self._owner = owner
        self._pipeline = pipeline
        self._outbox = outbox

    async def record(self, events: Sequence[Event], remember: Mapping[str, str | None] | None = None) -> None:
        await self._pipeline.record(self._owner, events, remember or {})

    async def recall(self, key: str) -> str | None:
        return await self._outbox.recall(self._owner, key)


class BusSink(Memory):
    """The sink of the driver of a bus."""

    def __init__(
        self, bus: str, pipeline: Pipeline, outbox: Outbox, on_signal: Callable[[Signal], None] = lambda _: None
    ) -> None:
        super().__init__(f"bus {bus}", pipeline, outbox)
        self._on_signal = on_signal

    def sample(self, sample: Sample) -> None:
        self._pipeline.sample(sample)

    def event(self, event: Event) -> None:
        self._pipeline.event(event)

    def signal(self, signal: Signal) -> None:
        self._on_signal(signal)
