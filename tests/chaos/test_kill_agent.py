"""kill -9 of the agent at each point of a reading's life."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.test_lab import until
from tests.chaos.dying_agent import POINTS, held_in_memory
from tests.chaos.plant import PATIENCE_S, Cloud, Edge, all_arrived
from tests.servers.mosquitto import Mosquitto

#: Passes of the point before the agent dies: at its start, and amid its work.
MOMENTS = (1, 12)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mosquitto, Cloud]]:
    folder = tmp_path_factory.mktemp("plant")
    broker = Mosquitto(folder / "mosquitto")
    broker.server.start()
    cloud = Cloud(folder / "cloud", broker)
    cloud.enrol(*POINTS)
    cloud.server.start(PATIENCE_S)
    yield broker, cloud
    cloud.server.stop()
    broker.server.stop()


@pytest.mark.parametrize("point", POINTS)
def test_kill_at(point: str, plant: tuple[Mosquitto, Cloud], tmp_path: Path) -> None:
    broker, cloud = plant
    edge = Edge(tmp_path, point, broker)
    lost = 0
    try:
        for nth in MOMENTS:
            trace = tmp_path / f"trace-{nth}"
            doomed = edge.agent(point, nth, trace, trace.exists)
            doomed.start(PATIENCE_S)
            until(lambda doomed=doomed: doomed.ended, PATIENCE_S, f"the agent dies {point}")  # type: ignore[misc]
            lost += held_in_memory(trace.read_text()) + 1  # and the answer that was on the wire
        edge.start()
        all_arrived(cloud, edge, lost)
    finally:
        edge.close()


def test_what_a_trace_says() -> None:
    assert [held_in_memory(trace) for trace in ("", "s", "sfc", "sfsc", "ssfcsfs")] == [0, 1, 0, 1, 2]
