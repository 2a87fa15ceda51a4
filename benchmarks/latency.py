"""Latency: from a register's change to the alarm at a page, through gateway, broker, ingest and live stream.

python -m benchmarks.latency [--store sqlite|influxdb] [--rounds 100]

A Modbus server of our own notes when it first answered a poll with the changed value: from then ("poll completed") to
the event of the alarm on a server-sent stream, as a page gets it. Real gateway and control plane; another gateway sends
1,000 values a second beside. The baseline is a bare round trip over the same broker.
"""

import argparse
import asyncio
import contextlib
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import yaml

from benchmarks.rig import Rig, Sender, batch, birth, control_plane, gateway_name, now_ms, rig, wait
from plantroom_cloud.users.models import Role
from tests.servers.process import die_with_parent

#: Changes that are not counted, and the time between two.
WARM_UP, SETTLE_S = 5, 0.35

PROFILE = {
    "maker": "Bench",
    "model": "Point",
    "kind": "meter",
    "verified": "document",
    "source": "this benchmark",
    "registers": [{"metric": "t", "address": 0, "label": "T", "unit": "°C", "type": "uint16"}],
    "rules": [
        {
            "key": "hot",
            "name": "Hot",
            "kind": "limit",
            "severity": "high",
            "metric": "t",
            "operator": ">",
            "limit": 80,
            "deadband": 1,
            "cause": "This benchmark.",
            "consequence": "None.",
            "response": "None.",
            "work_order": False,
        }
    ],
}


class Register:
    """A Modbus TCP server with one register; notes when a changed value was first read."""

    def __init__(self) -> None:
        self.value = 20
        self.read_at: float | None = None

    def change(self, value: int) -> None:
        """From now on polls get this."""
        self.value, self.read_at = value, None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Function code 3 and 4 alone."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(7)
                number, _, length, unit = struct.unpack(">HHHB", head)
                code, _, count = struct.unpack(">BHH", await reader.readexactly(length - 1))
                data = struct.pack(">H", self.value) * count
                body = struct.pack(">BBB", unit, code, len(data)) + data
                writer.write(struct.pack(">HHH", number, 0, len(body)) + body)
                await writer.drain()
                if self.read_at is None:
                    self.read_at = time.perf_counter()


async def follow(url: str, token: str, arrived: "asyncio.Queue[float]") -> None:
    """When each alarm event arrives; first a 0, once the stream is open."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=None) as http,
        http.stream("GET", f"{url}/api/v1/stream") as answer,
    ):
        async for line in answer.aiter_lines():
            if line == "event: alarm":
                arrived.put_nowait(time.perf_counter())
            elif line.startswith("retry"):
                arrived.put_nowait(0.0)


async def measure(servers: Rig, token: str, rounds: int) -> list[float]:
    """Seconds from the poll to the page, for each change up and down."""
    register, arrived = Register(), asyncio.Queue[float]()
    server = await asyncio.start_server(register.serve, "127.0.0.1", 0)
    config = gateway_config(servers, server.sockets[0].getsockname()[1])
    program = str(Path(sys.executable).parent / "plantroom-edge")
    found: list[float] = []
    with (servers.folder / "edge.log").open("ab") as log:
        command = [program, "run", "-c", str(config)]
        edge = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent)  # noqa: ASYNC220
        following = asyncio.create_task(follow(f"http://127.0.0.1:{servers.web_port}", token, arrived))
        try:
            await asyncio.wait_for(arrived.get(), 30)
            for number in range(rounds + WARM_UP):
                await asyncio.sleep(SETTLE_S if number else 5)
                while not arrived.empty():  # what else the change before brought
                    arrived.get_nowait()
                register.change(20 if number % 2 else 90)
                at = await asyncio.wait_for(arrived.get(), 60)
                assert register.read_at is not None
                if number >= WARM_UP:
                    found.append(at - register.read_at)
        finally:
            following.cancel()
            edge.terminate()
            await asyncio.to_thread(edge.wait, 30)
            server.close()
    return found


def gateway_config(servers: Rig, port: int) -> Path:
    """A gateway with one device, polled every 100 ms."""
    folder = servers.folder / "gateway"
    (folder / "profiles" / "bench").mkdir(parents=True)
    (folder / "profiles" / "bench" / "point.yaml").write_text(yaml.safe_dump(PROFILE, allow_unicode=True))
    path = folder / "gateway.yaml"
    document = {
        "gateway": "gw-0",
        "mqtt": {"host": "127.0.0.1", "port": servers.broker.port},
        "data_dir": "data",
        "buses": [{"id": "bus", "type": "modbus-tcp", "host": "127.0.0.1", "port": port}],
        "devices": [{"id": "point", "profile": "bench/point", "bus": "bus", "unit": 1, "period": "100ms"}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


class Load:
    """Other gateways: 1,000 values a second each."""

    def __init__(self, servers: Rig, gateways: int) -> None:
        self._servers = servers
        self._names = [gateway_name(number) for number in range(1, gateways + 1)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        sender, seq = Sender(self._servers.broker.port, "bench-load"), 0
        for name in self._names:
            sender.send(name, "birth", birth(name, 50))
        while not self._stop.wait(1 / max(1, len(self._names))):
            seq += 1
            name = self._names[seq % len(self._names)]
            sender.send(name, "data", batch(name, seq, 50, now_ms()))
        sender.close()


def round_trip(port: int, rounds: int) -> list[float]:
    """Seconds that a message takes over the broker and back, nothing else."""
    sender, times = Sender(port, "bench-trip", "plantroom/v1/gw-0/ack"), []
    time.sleep(0.5)
    for number in range(rounds):
        begun = time.perf_counter()
        sender.client.publish("plantroom/v1/gw-0/ack", b"x" * 100, 1)
        wait(lambda wanted=number: len(sender.got) > wanted, 10, "the message is back", every=0.0005)  # type: ignore[misc]
        times.append(sender.got[number][2] - begun)
    sender.close()
    return times


def main() -> None:
    """Print the percentiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=("influxdb", "sqlite"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--load", type=int, default=1, help="gateways of 1,000 values a second beside")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder), asked.store, asked.load + 1) as servers:
        services = servers.services
        with services.database.write() as session:
            user = services.users.add(session, "bench", "a password for it", Role.ADMIN, services.now())
            token = services.users.make_token(session, user, "bench", services.now())
        bare = round_trip(servers.broker.port, asked.rounds)
        with control_plane(servers), Load(servers, asked.load) if asked.load else contextlib.nullcontext():
            found = asyncio.run(measure(servers, token, asked.rounds))
    print(f"{asked.store}, {asked.rounds} changes, {asked.load * 1_000:,} values a second beside")
    print("                        p50       p99")
    for name, times in (("bare broker round trip", bare), ("poll to alarm on page", found)):
        p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
        print(f"{name}  {p50 * 1000:>6.1f} ms {p99 * 1000:>6.1f} ms")
    print(f"ratio of the medians    {statistics.median(found) / statistics.median(bare):>6.1f}")


if __name__ == "__main__":
    main()
