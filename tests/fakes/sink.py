"""The in-memory twin of the agent behind a driver."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from plantroom_edge.driver import Sample, Signal
from plantroom_shared.batch import Event

LIMIT_S = 60.0


class MemorySink:
    """Keeps what came, and what the driver remembers; `until` waits for a condition on it."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.events: list[Event] = []
        self.signals: list[Signal] = []
        self.memory: dict[str, str] = {}
        self._changed = asyncio.Event()

    def sample(self, sample: Sample) -> None:
        self.samples.append(sample)
        self._changed.set()

    def event(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    def signal(self, signal: Signal) -> None:
        self.signals.append(signal)
        self._changed.set()

    async def record(self, events: Sequence[Event], remember: Mapping[str, str | None] | None = None) -> None:
        self.events.extend(events)
        for key, value in (remember or {}).items():
            if value is None:
                self.memory.pop(key, None)
            else:
                self.memory[key] = value
        self._changed.set()

    async def recall(self, key: str) -> str | None:
        return self.memory.get(key)

    async def until(self, condition: Callable[["MemorySink"], bool], seconds: float = LIMIT_S) -> None:
        """Return once the condition holds; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()
