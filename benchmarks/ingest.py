"""Ingest: values a second from the broker to committed, acknowledged and stored; 20 alarm rules per device are on.

python -m benchmarks.ingest [--store influxdb|sqlite] [--size 100|1000] [--seconds 8] [--rounds 3]

The messages wait in the broker, in the sessions of the control plane and of the baseline; then one after the other is
started and timed. The baseline is the bare pipeline: paho subscriber, decode, line protocol, InfluxDB; without
validation, alarms, ledger, journal, windows, acknowledgement.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.rig import METRICS, Rig, Sender, batch, birth, control_plane, figure, gateway_name, now_ms, rig, wait
from tests.servers.process import die_with_parent

GATEWAYS = 10
SESSION = "plantroom-cloud"
BARE = "bare-pipeline"
WITHOUT_WEB = ("--part", "ingest", "--part", "writer", "--part", "scheduler")


@dataclass(frozen=True)
class Result:
    """Of one round."""

    bare: float
    ours: float
    cpu_us: float
    memory_mb: float


def preload(port: int, messages: int, devices: int) -> None:
    """Have the broker keep so many batches for both sessions."""
    sender = Sender(port, "bench-sender")
    start, pending = now_ms() - messages // GATEWAYS * 100, []
    for number in range(messages):
        gateway, seq = gateway_name(number % GATEWAYS), number // GATEWAYS + 1
        pending.append(sender.send(gateway, "data", batch(gateway, seq, devices, start + seq * 100)))
        if len(pending) >= 2_000:
            for info in pending:
                info.wait_for_publish(60)
            pending.clear()
    for info in pending:
        info.wait_for_publish(60)
    sender.close()


def run_bare(rig: Rig, values: int) -> float:
    """The bare pipeline, as its own process; values a second."""
    command = [sys.executable, "-m", "benchmarks.bare", str(rig.broker.port), rig.influx.url, BARE, str(values)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=die_with_parent)
    return values / float(done.stdout)


def one_round(store: str, size: int, seconds: float, profile: str, parts: tuple[str, ...]) -> Result:
    """Bare, then ours, over the same messages."""
    devices = size // METRICS
    messages = round(seconds * (60_000 if size < 1_000 else 150_000) / size / GATEWAYS) * GATEWAYS
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder), store, GATEWAYS) as servers:
        with control_plane(servers, *parts):  # devices and rules register
            sender = Sender(servers.broker.port, "bench-births")
            for number in range(GATEWAYS):
                sender.send(gateway_name(number), "birth", birth(gateway_name(number), devices)).wait_for_publish(30)
            wait(lambda: registered(servers) == GATEWAYS * devices, 60, "devices are registered")
            sender.close()
        Sender(servers.broker.port, BARE, "plantroom/v1/+/data", session_s=3600).close()
        preload(servers.broker.port, messages, devices)
        values = messages * size
        bare = run_bare(servers, values)
        with control_plane(servers, *parts) as process:
            if profile:
                spy = [str(Path(sys.executable).parent / "py-spy"), "record", "-d", "12", "-r", "200", "-o", profile]
                subprocess.Popen([*spy, "-f", "raw", "-p", str(process.pid)], preexec_fn=die_with_parent)
            begun, ended, peak, cpu = _watch(servers, process, values)
        return Result(bare, values / (ended - begun), cpu / values * 1e6, peak)


def registered(servers: Rig) -> int:
    """Devices that the control plane knows."""
    with servers.services.database.read() as session:
        return len(servers.services.devices.list(session))


def _watch(servers: Rig, process: psutil.Process, values: int) -> tuple[float, float, float, float]:
    """When the first values were committed and the last stored; the memory at most, MB, and the CPU time between, s."""
    begun, peak, cpu, deadline = 0.0, 0.0, 0.0, time.monotonic() + 300
    while time.monotonic() < deadline:
        done, peak = figure(servers, "plantroom_values_stored_total"), max(peak, process.memory_info().rss / 1e6)
        now = time.monotonic()
        if not begun and figure(servers, "plantroom_values_committed_total"):
            begun, cpu = now, sum(process.cpu_times()[:2])
        if done >= values:
            return begun, now, peak, sum(process.cpu_times()[:2]) - cpu
        time.sleep(0.05)
    raise TimeoutError(f"{done:,.0f} of {values:,} values stored")


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=("influxdb", "sqlite"), default="influxdb")
    parser.add_argument("--size", type=int, choices=(100, 1_000), default=100, help="values in a batch")
    parser.add_argument("--seconds", type=float, default=8.0, help="how much to send, about")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-web", action="store_true", help="the page in another process, as in a large site")
    parser.add_argument("--profile", default="", help="write a py-spy profile here")
    asked = parser.parse_args()
    parts = WITHOUT_WEB if asked.without_web else ()
    results = [one_round(asked.store, asked.size, asked.seconds, asked.profile, parts) for _ in range(asked.rounds)]
    bare = statistics.median(result.bare for result in results)
    ours = statistics.median(result.ours for result in results)
    print(f"{asked.store}, {asked.size} values a batch, {GATEWAYS} gateways, {METRICS} metrics and rules a device")
    print(f"bare pipeline to InfluxDB  {bare:>12,.0f} values/s")
    print(f"plantroom-cloud            {ours:>12,.0f} values/s")
    print(f"ratio                      {statistics.median(r.ours / r.bare for r in results):>12.2f}")
    print(f"CPU of plantroom-cloud     {statistics.median(r.cpu_us for r in results):>12.2f} µs a value")
    print(f"its memory at most         {max(r.memory_mb for r in results):>12.0f} MB")


if __name__ == "__main__":
    main()
