"""History for the charts: what the simulated devices would have said, through the same ingest as everything else."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiomqtt

from plantroom_shared.batch import Batch
from plantroom_shared.encoding import decode, encode
from plantroom_shared.messages import VERSION, Ack
from plantroom_shared.topics import topic
from plantroom_sim.errors import SimError
from plantroom_sim.kind import SimDevice

EVERY_S = 300
ROWS_PER_BATCH = 200
ANSWER_S = 120.0


@dataclass(frozen=True, slots=True)
class History:
    """What is to be told of one gateway. Outbox and end stay the same when it is sent again: nothing counts twice."""

    gateway: str
    outbox: str
    end: int  #: seconds since the epoch
    days: float


async def send_history(history: History, devices: Sequence[SimDevice], port: int, password: str, ca_file: Path) -> int:
    """Publish the past of one gateway as historical batches of an outbox of their own; how many values.
    Waits for the control plane's acknowledgement; raises SimError when it does not come."""
    end = history.end // EVERY_S * EVERY_S
    moments = list(range(end - round(history.days * 86_400), end, EVERY_S))
    batches: list[Batch] = []
    for start in range(0, len(moments), ROWS_PER_BATCH):
        rows = [device.history(moments[start : start + ROWS_PER_BATCH]) for device in devices]
        await asyncio.sleep(0)  # the devices answer meanwhile
        batches.append(
            Batch(
                v=VERSION,
                gateway=history.gateway,
                outbox=history.outbox,
                stream="telemetry",
                seq=len(batches) + 1,
                boot="history",
                sent_at=int(time.time() * 1000),
                historical=True,
                telemetry=[row for row in rows if row is not None],
            )
        )
    waiting = {batch.seq for batch in batches}
    context = ssl.create_default_context(cafile=str(ca_file))
    try:
        async with (
            asyncio.timeout(ANSWER_S),
            aiomqtt.Client(
                "127.0.0.1",
                port,
                username=history.gateway,
                password=password,
                identifier=f"{history.gateway}-history",
                tls_context=context,
            ) as client,
        ):
            await client.subscribe(topic(history.gateway, "ack"), 1)
            for batch in batches:
                await client.publish(topic(history.gateway, "data"), encode(batch), qos=1)
            async for message in client.messages:
                if isinstance(message.payload, bytes):
                    if message.topic.value != topic(history.gateway, "ack"):
                        continue  # the embedded broker brings what the gateway of that name subscribed to
                    ack = decode(message.payload, Ack)
                    if ack.outbox == history.outbox:
                        for first, last in ack.acked:
                            waiting -= set(range(first, last + 1))
                        waiting -= {refused.seq for refused in ack.rejected}
                if not waiting:
                    break
    except (aiomqtt.MqttError, TimeoutError) as error:
        text = f"history of {history.gateway}: {len(waiting)} batches were not acknowledged"
        raise SimError(text) from error
    return sum(batch.value_count() for batch in batches)
