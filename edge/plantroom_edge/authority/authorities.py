"""What the gateway decides by while the cloud is away (allow-lists, patrol points): on disk, and with who decides."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence

import msgspec

from plantroom_edge.driver import Decider
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_shared.batch import Event
from plantroom_shared.clock import Clock
from plantroom_shared.messages import Authority

_log = logging.getLogger(__name__)

OWNER = "authority"
MOST_WAITING = 20


class Authorities:
    """Takes documents from the cloud, lets who decides by them check them, remembers what they took."""

    def __init__(
        self, outbox: Outbox, pipeline: Pipeline, clock: Clock, deciders: Callable[[], Sequence[Decider]]
    ) -> None:
        self._outbox = outbox
        self._pipeline = pipeline
        self._clock = clock
        self._deciders = deciders
        self._waiting: asyncio.Queue[Authority] = asyncio.Queue(MOST_WAITING)

    def take(self, document: Authority) -> None:
        """A document came; never blocks. It is retained by the broker: one that finds no room comes again."""
        if not self._waiting.full():
            self._waiting.put_nowait(document)

    async def restore(self, deciders: Sequence[Decider]) -> None:
        """Hand what was taken before to those that begin."""
        for name, stored in (await self._outbox.recall_all(OWNER)).items():
            document = msgspec.json.decode(stored, type=Authority)
            reason = await _hand_over(document, deciders)
            if reason is not None:
                _log.error("authority %s version %d cannot be used any more: %s", name, document.version, reason)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._apply(await self._waiting.get())

    async def _apply(self, document: Authority) -> None:
        known = await self._outbox.recall(OWNER, document.name)
        if known is not None and msgspec.json.decode(known, type=Authority).version == document.version:
            return
        deciders = self._deciders()
        if not any(document.name in decider.authorities for decider in deciders):
            reason: str | None = f"nothing on this gateway decides by {document.name!r}"
        else:
            reason = await _hand_over(document, deciders)
        data = {"name": document.name, "version": document.version}
        if reason is not None:
            if known is not None:  # one that took it goes back to what is in force
                await _hand_over(msgspec.json.decode(known, type=Authority), deciders)
            _log.warning("authority %s version %d refused: %s", document.name, document.version, reason)
            await self._pipeline.record(OWNER, [self._event("authority.refused", {**data, "reason": reason})], {})
            return
        remember: dict[str, str | None] = {document.name: msgspec.json.encode(document).decode()}
        await self._pipeline.record(OWNER, [self._event("authority.applied", data)], remember)

    def _event(self, kind: str, data: dict[str, object]) -> Event:
        return Event(id=uuid.uuid4().hex, kind=kind, time=self._clock.now_ms(), data=data)


async def _hand_over(document: Authority, deciders: Sequence[Decider]) -> str | None:
    for decider in deciders:
        if document.name in decider.authorities:
            reason = await decider.authority(document.name, document.version, document.document)
            if reason is not None:
                return reason
    return None
