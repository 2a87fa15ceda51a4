"""History for the charts: what the simulated devices would have said, through the same ingest as everything else."""

import asyncio
import secrets
import ssl
import time
from pathlib import Path

import aiomqtt

from plantroom_shared.batch import Batch, DeviceRows, Value
from plantroom_shared.encoding import decode, encode
from plantroom_shared.messages import VERSION, Ack
from plantroom_shared.topics import topic
from plantroom_sim.device import SimDevice
from plantroom_sim.errors import SimError
from plantroom_sim.scenario import Gateway

EVERY_S = 300
ROWS_PER_BATCH = 200
ANSWER_S = 120.0


async def send_history(
    gateway: Gateway, devices: dict[str, SimDevice], days: float, port: int, password: str, ca_file: Path
) -> int:
    """Publish the past days of one gateway as historical batches of an outbox of their own; how many values.
    Waits for the control plane's acknowledgement; raises SimError when it does not come."""
    end = int(time.time()) // EVERY_S * EVERY_S
    moments = list(range(end - round(days * 86_400), end, EVERY_S))
    outbox = secrets.token_hex(8)
    batches: list[Batch] = []
    for start in range(0, len(moments), ROWS_PER_BATCH):
        part = moments[start : start + ROWS_PER_BATCH]
        rows = [_rows(devices[device.id], part) for device in gateway.devices]
        batches.append(
            Batch(
                v=VERSION,
                gateway=gateway.id,
                outbox=outbox,
                stream="telemetry",
                seq=len(batches) + 1,
                boot="history",
                sent_at=int(time.time() * 1000),
                historical=True,
                telemetry=rows,
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
                username=gateway.id,
                password=password,
                identifier=f"{gateway.id}-history",
                tls_context=context,
            ) as client,
        ):
            await client.subscribe(topic(gateway.id, "ack"), 1)
            for batch in batches:
                await client.publish(topic(gateway.id, "data"), encode(batch), qos=1)
            async for message in client.messages:
                if isinstance(message.payload, bytes):
                    ack = decode(message.payload, Ack)
                    if ack.outbox == outbox:
                        for first, last in ack.acked:
                            waiting -= set(range(first, last + 1))
                if not waiting:
                    break
    except (aiomqtt.MqttError, TimeoutError) as error:
        raise SimError(f"history of {gateway.id}: {len(waiting)} batches were not acknowledged") from error
    return sum(batch.value_count() for batch in batches)


def _rows(device: SimDevice, moments: list[int]) -> DeviceRows:
    values: dict[str, list[Value]] = {}
    for point in device.map.points:
        wave = device.waves.get(point.metric)
        if wave is None:
            continue
        if point.states:
            values[point.metric] = [point.states.get(round(wave.at(moment)), "") for moment in moments]
        elif point.bit is not None:
            values[point.metric] = [bool(wave.at(moment)) for moment in moments]
        else:
            values[point.metric] = [round(wave.at(moment), 4) for moment in moments]
    return DeviceRows(device=device.name, times=[moment * 1000 for moment in moments], values=values)
