"""Polling: values/s on one core, CPU µs per value, memory of the whole agent, against two bare loops in the same run.

The agent is `plantroom-edge run` as it is: scheduler, decoding, dead-band, durable outbox (fsync), MQTT QoS 1 to
mosquitto, deletion on acknowledgement. A value counts when it has been acknowledged. The device is libmodbus in C, its
readings change with each read; it, the broker and the acknowledging stub have the other core.

python -m benchmarks.polling [--rounds 3] [--seconds 8] [--only limit|4000|1000]
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import psutil
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.polling_loops import PER_CONNECTION
from plantroom_shared.batch import Batch
from plantroom_shared.encoding import decode, encode
from plantroom_shared.messages import Ack
from plantroom_shared.topics import topic
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.process import die_with_parent

GATEWAY = "bench"
WARM_UP_S = 5.0
START_S = 60.0
AGENT_CORE, OTHER_CORE = 0, 1


@dataclass(frozen=True, slots=True)
class Load:
    """Devices × values, each device once a period."""

    name: str
    devices: int
    values: int
    period_s: float

    @property
    def rate(self) -> float:
        return self.devices * self.values / self.period_s


#: At the limit more is asked for than one core can do; late devices skip periods.
LOADS = [
    Load("limit", 600, 50, 0.02),
    Load("4000", 50, 20, 0.25),
    Load("1000", 50, 20, 1.0),
]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one run."""

    values_s: float
    cpu_us: float
    rss_mb: float


class Acknowledger:
    """Stands in for the cloud: acknowledges each batch at once, counts its values."""

    def __init__(self, port: int) -> None:
        self.values = 0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(topic(GATEWAY, "data"), 1)
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        batch = decode(bytes(message.payload), Batch)
        ack = Ack(outbox=batch.outbox, stream=batch.stream, acked=[(batch.seq, batch.seq)])
        client.publish(topic(GATEWAY, "ack"), encode(ack), 1)
        self.values += batch.value_count()


def on_core(core: int) -> Callable[[], None]:
    """For `preexec_fn`: this core alone, and no longer than we live."""

    def setting() -> None:
        die_with_parent()
        if len(os.sched_getaffinity(0)) > 1:
            os.sched_setaffinity(0, {core})

    return setting


def configure(folder: Path, load: Load, port: int, broker: int) -> Path:
    """gateway.yaml and its profile for a load."""
    profile = {
        "maker": "Benchmark",
        "model": "floats",
        "kind": "meter",
        "verified": "document",
        "source": "tests/independent/mb_server.c",
        "registers": [
            {"metric": f"value_{index}", "address": 2 * index, "label": f"Value {index}", "table": "input"}
            for index in range(load.values)
        ],
    }
    (folder / "profiles" / "bench").mkdir(parents=True)
    (folder / "profiles" / "bench" / "floats.yaml").write_text(yaml.safe_dump(profile))
    buses = [f"bus{number}" for number in range(-(-load.devices // PER_CONNECTION))]
    document = {
        "gateway": GATEWAY,
        "mqtt": {"host": "127.0.0.1", "port": broker},
        "data_dir": "data",
        "buses": [{"id": bus, "type": "modbus-tcp", "host": "127.0.0.1", "port": port} for bus in buses],
        "devices": [
            {
                "id": f"device{number}",
                "profile": "bench/floats",
                "bus": buses[number // PER_CONNECTION],
                "unit": number % PER_CONNECTION + 1,
                "period": f"{round(load.period_s * 1000)}ms",
            }
            for number in range(load.devices)
        ],
    }
    path = folder / "gateway.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def agent(load: Load, port: int, seconds: float) -> Figures:
    """The whole agent."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Mosquitto(folder / "mosquitto")
        broker.server.start()
        cloud = Acknowledger(broker.port)
        program, path = Path(sys.executable).parent / "plantroom-edge", configure(folder, load, port, broker.port)
        command = [str(program), "run", "--log-level", "warning", "-c", str(path)]
        process = subprocess.Popen(command, preexec_fn=on_core(AGENT_CORE))
        try:
            seen = psutil.Process(process.pid)
            _wait_for_values(process, cloud)
            time.sleep(WARM_UP_S)
            values, cpu, then = cloud.values, _cpu(seen), time.perf_counter()
            time.sleep(seconds)
            count, used, took = cloud.values - values, _cpu(seen) - cpu, time.perf_counter() - then
            return Figures(count / took, used / count * 1e6, seen.memory_info().rss / 1e6)
        finally:
            process.kill()
            process.wait()
            cloud.stop()
            broker.server.stop()


def _wait_for_values(process: subprocess.Popen[bytes], cloud: Acknowledger) -> None:
    """Until the first have come: a busy machine starts slowly."""
    end = time.monotonic() + START_S
    while cloud.values == 0:
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("the agent delivered nothing")
        time.sleep(0.05)


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def loop(kind: str, load: Load, port: int, seconds: float) -> Figures:
    """A bare loop; at the limit as fast as it goes."""
    period = 0.0 if load.name == "limit" else load.period_s
    numbers = [str(number) for number in (port, load.devices, load.values, period, seconds)]
    command = [sys.executable, "-m", "benchmarks.polling_loops", kind, *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=on_core(AGENT_CORE))
    return Figures(*map(float, done.stdout.split()))


def build_server(folder: Path) -> Path:
    """Compile the device."""
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libmodbus"], capture_output=True, text=True, check=True
    )
    path = folder / "mb_server"
    source = Path(__file__).parents[1] / "tests" / "independent" / "mb_server.c"
    subprocess.run(["gcc", "-O2", str(source), "-o", str(path), *flags.stdout.split()], check=True)
    return path


def median(runs: list[Figures]) -> Figures:
    """Of each figure."""
    return Figures(
        statistics.median(run.values_s for run in runs),
        statistics.median(run.cpu_us for run in runs),
        statistics.median(run.rss_mb for run in runs),
    )


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--only", choices=[load.name for load in LOADS])
    options = parser.parse_args()
    if shutil.which("gcc") is None:
        sys.exit("gcc is missing: make servers")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        server = subprocess.Popen(
            [build_server(Path(name)), "tcp", str(port)], stdout=subprocess.PIPE, preexec_fn=on_core(OTHER_CORE)
        )
        assert server.stdout is not None
        server.stdout.readline()
        try:
            for load in LOADS:
                if options.only in (None, load.name):
                    measure(load, port, options.rounds, options.seconds)
        finally:
            server.kill()
            server.wait()


def measure(load: Load, port: int, rounds: int, seconds: float) -> None:
    """One load, all three in turn, several times."""
    asked = "as fast as it goes" if load.name == "limit" else f"{load.rate:,.0f} values/s asked for"
    print(f"\n{load.devices} devices × {load.values} values, {asked}")
    runs: dict[str, list[Figures]] = {"register by register": [], "bare socket": [], "agent": []}
    for _ in range(rounds):
        runs["register by register"].append(loop("register", load, port, seconds))
        runs["bare socket"].append(loop("socket", load, port, seconds))
        runs["agent"].append(agent(load, port, seconds))
    print(f"{'':24}{'values/s':>12}{'CPU µs/value':>16}{'resident MB':>14}")
    for name, found in runs.items():
        figures = median(found)
        print(f"{name:24}{figures.values_s:>12,.0f}{figures.cpu_us:>16.2f}{figures.rss_mb:>14.1f}")
    ours = median(runs["agent"])
    for name in ("register by register", "bare socket"):
        other = median(runs[name])
        speed, cost = ours.values_s / other.values_s, ours.cpu_us / other.cpu_us
        print(f"agent : {name:16}{speed:>12.2f}×{cost:>15.2f}×")


if __name__ == "__main__":
    main()
