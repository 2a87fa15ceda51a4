"""Backlog: gateways come back after an outage, and others go on: how fast it drains, how fresh the present stays.

python -m benchmarks.backlog [--store influxdb|sqlite] [--gateways 10] [--batches 600]

Each returning gateway keeps as many batches under way as ours does, and sends the next when one is acknowledged; beside
them one gateway sends 1,000 fresh values a second. The baseline is that gateway alone.
"""

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.ingest import registered
from benchmarks.rig import METRICS, Sender, batch, birth, control_plane, figure, gateway_name, now_ms, rig, wait
from plantroom_shared.encoding import decode
from plantroom_shared.messages import Ack

DEVICES = 50
VALUES = DEVICES * METRICS
UNDER_WAY = 16


class Returning:
    """Gateways with a backlog; all by one client of the broker."""

    def __init__(self, port: int, gateways: list[str], batches: int) -> None:
        self._left = dict.fromkeys(gateways, batches)
        self._next = dict.fromkeys(gateways, 1)
        self._start = now_ms() - batches * 1_000
        self._sender = Sender(port, "bench-backlog", "plantroom/v1/+/ack")
        self._payloads = {g: [self._batch(g, seq) for seq in range(1, batches + 1)] for g in gateways}
        self.acknowledged = 0
        self._sender.client.on_message = lambda _c, _u, m: self._on_ack(m.topic, bytes(m.payload))

    def begin(self) -> None:
        """Fill the windows."""
        for gateway in self._left:
            for _ in range(UNDER_WAY):
                self._send(gateway)

    def close(self) -> None:
        """Leave."""
        self._sender.close()

    def _batch(self, gateway: str, seq: int) -> bytes:
        return batch(gateway, seq, DEVICES, self._start + seq * 1_000, historical=True)

    def _send(self, gateway: str) -> None:
        seq = self._next[gateway]
        if seq <= self._left[gateway]:
            self._next[gateway] = seq + 1
            self._sender.send(gateway, "data", self._payloads[gateway][seq - 1])

    def _on_ack(self, topic: str, payload: bytes) -> None:
        gateway = topic.split("/")[2]
        if gateway in self._left:
            for first, last in decode(payload, Ack).acked:
                for _ in range(last - first + 1):
                    self.acknowledged += 1
                    self._send(gateway)


class Fresh:
    """A gateway that goes on; how long each of its batches waits for its acknowledgement."""

    def __init__(self, port: int, gateway: str) -> None:
        self._gateway = gateway
        self._sender = Sender(port, "bench-fresh", f"plantroom/v1/{gateway}/ack")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.times: list[float] = []
        self._thread.start()

    def close(self) -> None:
        """Leave."""
        self._stop.set()
        self._thread.join()
        self._sender.close()

    def _run(self) -> None:
        seq = 0
        while not self._stop.wait(0.25):
            seq += 1
            begun, before = time.perf_counter(), len(self._sender.got)
            self._sender.send(self._gateway, "data", batch(self._gateway, seq, DEVICES, now_ms()))
            wait(lambda before=before: len(self._sender.got) > before, 60, "it is acknowledged", every=0.001)  # type: ignore[misc]
            self.times.append(self._sender.got[before][2] - begun)


def main() -> None:
    """Print what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=("influxdb", "sqlite"), default="influxdb")
    parser.add_argument("--gateways", type=int, default=10)
    parser.add_argument("--batches", type=int, default=400, help="of 1,000 values, for each gateway")
    asked = parser.parse_args()
    names = [gateway_name(number) for number in range(asked.gateways + 1)]
    total = asked.gateways * asked.batches * VALUES
    with (
        tempfile.TemporaryDirectory() as folder,
        rig(Path(folder), asked.store, len(names)) as servers,
        control_plane(servers) as process,
    ):
        sender = Sender(servers.broker.port, "bench-births")
        for name in names:
            sender.send(name, "birth", birth(name, DEVICES)).wait_for_publish(30)
        wait(lambda: registered(servers) == len(names) * DEVICES, 60, "devices are registered")
        sender.close()
        returning = Returning(servers.broker.port, names[:-1], asked.batches)
        fresh = Fresh(servers.broker.port, names[-1])
        time.sleep(5)
        alone = list(fresh.times)
        begun, peak = time.perf_counter(), 0.0
        returning.begin()
        while returning.acknowledged * VALUES < total:
            peak = max(peak, process.memory_info().rss / 1e6)
            time.sleep(0.1)
        acknowledged = time.perf_counter() - begun
        during = fresh.times[len(alone) :]
        wait(lambda: figure(servers, "plantroom_values_stored_total") >= total, 300, "all is stored")
        stored = time.perf_counter() - begun
        fresh.close()
        returning.close()
    print(f"{asked.store}, {asked.gateways} gateways with {asked.batches:,} batches of {VALUES:,} values each")
    print(f"acknowledged          {total / acknowledged:>10,.0f} values/s")
    print(f"stored                {total / stored:>10,.0f} values/s")
    print(f"its memory at most    {peak:>10,.0f} MB")
    for name, times in (("alone", alone), ("beside", during)):
        p50, most = statistics.median(times) * 1000, max(times) * 1000
        print(f"fresh, {name:<7}  p50  {p50:>9,.1f} ms, at most {most:,.1f} ms")
    print(f"ratio of the medians  {statistics.median(during) / statistics.median(alone):>10.1f}")


if __name__ == "__main__":
    main()
