"""The broker is gone while a long backlog accumulates: memory flat, order kept, the present first, all arrives once."""

import sqlite3
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from plantroom_edge.outbox.payload import decode_payload
from tests.acceptance.test_lab import until
from tests.chaos.flooding_agent import DEVICE
from tests.chaos.plant import PATIENCE_S, ROOT, Cloud, Edge
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import Server

SHORT, LONG = 100_000, 2_000_000
#: Resident memory that a backlog of any length may cost on top of what the first tenth of it did.
FLAT_BYTES = 24_000_000
#: How soon after the broker's return the present is there; held to by the long run alone, on a machine of its own.
PRESENT_S = 2.0


@dataclass
class Memory:
    """Resident memory of a process over time."""

    pid: int
    seen: list[int] = field(default_factory=list)

    def look(self) -> None:
        self.seen.append(psutil.Process(self.pid).memory_info().rss)

    def assert_flat(self) -> None:
        """What came after the first tenth cost next to nothing."""
        first = max(self.seen[: max(1, len(self.seen) // 10)])
        print(f"resident: {first / 1e6:.0f} MB after a tenth, at most {max(self.seen) / 1e6:.0f} MB")
        assert max(self.seen) - first < FLAT_BYTES


@pytest.mark.parametrize(
    "count", [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.long)]
)
def test_a_backlog_drains_behind_the_present(count: int, tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "mosquitto")
    broker.server.start()
    cloud = Cloud(tmp_path / "cloud", broker)
    cloud.enrol("gw")
    cloud.server.start(PATIENCE_S)
    edge = Edge(tmp_path / "edge", "gw", broker, period="100ms")
    go, done = tmp_path / "go", tmp_path / "done"
    command: list[str | Path] = [sys.executable, "-m", "tests.chaos.flooding_agent", edge.yaml, str(count), go, done]
    edge.server = Server("gw", command, log=tmp_path / "edge.log", ready=edge.reading, folder=ROOT)
    try:
        edge.start()
        until(lambda: cloud.counted("gw"), PATIENCE_S, "the first reading is in the store")
        broker.server.kill()
        go.touch()
        memory = _flooded(edge, done, count)
        memory.assert_flat()
        assert _stored(edge) == list(range(1, count + 1)), "the outbox keeps the order"
        _comes_back(broker, cloud, edge, count)
        _drained(cloud, edge, count)
    finally:
        edge.close()
        cloud.server.stop()
        broker.server.stop()


def _flooded(edge: Edge, done: Path, count: int) -> Memory:
    memory = Memory(edge.server.pid)
    begun = time.monotonic()
    while not done.exists():
        assert not edge.server.ended
        memory.look()
        time.sleep(0.2)
    print(f"{count / (time.monotonic() - begun):,.0f} readings a second into the outbox")
    memory.look()
    return memory


def _stored(edge: Edge) -> list[int]:
    """The readings in the outbox in the order in which they will go."""
    found: list[int] = []
    with sqlite3.connect(f"file:{edge.folder / 'data/outbox.db'}?mode=ro", uri=True) as db:
        for (payload,) in db.execute("SELECT payload FROM batch WHERE stream = 'telemetry' ORDER BY seq"):
            for rows in decode_payload(payload).telemetry:
                if rows.device == DEVICE:
                    found += [int(value) for value in rows.values["reads"] if value is not None]
    return found


def _comes_back(broker: Mosquitto, cloud: Cloud, edge: Edge, count: int) -> None:
    before = edge.device.total
    broker.server.start()
    back = time.monotonic()
    until(lambda: cloud.latest("gw.counter") >= before, PATIENCE_S, "the present is on the page")
    took = time.monotonic() - back
    behind = count - cloud.arrived("gw", DEVICE)
    print(f"the present {took:.2f} s after the broker's return, {behind:,} readings still on their way")
    assert behind > count // 2, "the present did not wait for the past"
    if count == LONG:
        assert took < PRESENT_S


def _drained(cloud: Cloud, edge: Edge, count: int) -> None:
    memory = Memory(cloud.server.pid)
    begun = time.monotonic()
    for tenth in range(1, 11):
        memory.look()
        until(
            lambda tenth=tenth: cloud.arrived("gw", DEVICE) >= count * tenth // 10,  # type: ignore[misc]
            PATIENCE_S * 5,
            f"{tenth} tenths have arrived",
        )
    print(f"{count / (time.monotonic() - begun):,.0f} readings a second into the store")
    print(f"control plane: {memory.seen[0] / 1e6:.0f} MB resident at first, at most {max(memory.seen) / 1e6:.0f} MB")
    assert cloud.counted("gw", DEVICE) == list(range(1, count + 1))
    edge.device.freeze()
    live = edge.device.total
    until(lambda: len(cloud.counted("gw")) >= live, PATIENCE_S, "what was read meanwhile is there too")
    assert cloud.counted("gw") == list(range(1, live + 1))
    until(edge.outbox_is_empty, PATIENCE_S, "the cloud has confirmed all")
    assert cloud.books("gw")[:2] == (0, 0)
