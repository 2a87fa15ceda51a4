"""The bare pipeline that the ingest is held against: paho subscriber, decode, line protocol, InfluxDB; nothing else.

python -m benchmarks.bare PORT URL SESSION VALUES: prints the seconds from the first message to the last value stored.
"""

import queue
import sys
import threading
import time

import httpx
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from plantroom_cloud.telemetry.lines import row_lines
from plantroom_shared.batch import Batch
from plantroom_shared.encoding import decode


def main() -> None:
    """Until all values are stored."""
    port, url, name, values = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    waiting: queue.Queue[bytes] = queue.Queue(2_000)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
    client.on_message = lambda _c, _u, message: waiting.put(bytes(message.payload))
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    httpx.post(f"{url}/query", params={"q": 'CREATE DATABASE "bare"'}).raise_for_status()
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)
    begun = [0.0]
    writer = threading.Thread(target=_write, args=(waiting, url, values, begun))
    writer.start()
    client.loop_start()
    writer.join()
    print(time.perf_counter() - begun[0])
    client.disconnect()
    client.loop_stop()


def _write(waiting: "queue.Queue[bytes]", url: str, values: int, begun: list[float]) -> None:
    http = httpx.Client(base_url=url, timeout=60)
    stored = 0
    lines: list[bytes] = []
    while stored < values:
        batch = decode(waiting.get(), Batch)
        begun[0] = begun[0] or time.perf_counter()
        for rows in batch.telemetry:
            lines += row_lines(f"{batch.gateway}.{rows.device}", rows)
        stored += batch.value_count()
        if len(lines) >= 5_000 or stored >= values:
            body = b"\n".join(lines)
            http.post("/write", params={"db": "bare", "precision": "ms"}, content=body).raise_for_status()
            lines.clear()


if __name__ == "__main__":
    main()
