"""The in-memory twin of the control plane at the broker: collects batches, acknowledges them when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt

from plantroom_shared.batch import Batch
from plantroom_shared.encoding import decode_batch, encode
from plantroom_shared.messages import Ack
from plantroom_shared.topics import CLOUD_SUBSCRIPTIONS, parse_topic, topic

LIMIT_S = 90.0


class CloudTwin:
    """What came, in order."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.batches: list[Batch] = []
        self.others: list[str] = []  #: kinds of the other messages
        self.acknowledges = True
        self._client = client
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        async for message in self._client.messages:
            address = parse_topic(message.topic.value)
            if address.kind != "data":
                self.others.append(address.kind)
            else:
                assert isinstance(message.payload, bytes)
                batch = decode_batch(message.payload)
                self.batches.append(batch)
                if self.acknowledges:
                    await self.acknowledge(batch)
            self._changed.set()

    async def acknowledge(self, *batches: Batch) -> None:
        """As after a commit."""
        for batch in batches:
            ack = Ack(outbox=batch.outbox, stream=batch.stream, acked=[(batch.seq, batch.seq)])
            await self._client.publish(topic(batch.gateway, "ack"), encode(ack), qos=1)

    async def send(self, gateway: str, kind: Any, message: Any) -> None:
        """A command or a configuration."""
        await self._client.publish(topic(gateway, kind), encode(message), qos=1)

    async def until(self, condition: Callable[["CloudTwin"], Any], seconds: float = LIMIT_S) -> None:
        """Return once the condition holds; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def cloud_twin(port: int, **login: Any) -> AsyncIterator[CloudTwin]:
    """Connected to a broker on loopback, by MQTT 3.1.1."""
    async with aiomqtt.Client("127.0.0.1", port, identifier="cloud-twin", **login) as client:
        client.pending_calls_threshold = 1_000
        for subscription in CLOUD_SUBSCRIPTIONS:
            await client.subscribe(subscription, 1)
        twin = CloudTwin(client)
        running = asyncio.create_task(twin.run(), name="cloud twin")
        try:
            yield twin
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
