"""kill -9 of broker, control plane, PostgreSQL and InfluxDB under load, again and again: all arrives, once."""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.test_lab import until
from tests.chaos.plant import PATIENCE_S, Cloud, Edge, all_arrived
from tests.servers.influxdb import InfluxDb
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgres import Postgres
from tests.servers.process import Server

UNITS = 4
#: Readings that come while a server is dead.
MEANWHILE = 60
LONG_S = 600.0


class Plant:
    """Two gateways under load, and every server by name."""

    def __init__(self, folder: Path, kind: str) -> None:
        broker = Mosquitto(folder / "mosquitto")
        self._postgres: Postgres | None = None
        self.servers: dict[str, Server] = {"broker": broker.server}
        url, telemetry = "", None
        broker.server.start()
        if kind == "servers":
            # not in pytest's folder: another run that begins meanwhile closes that to all but root
            postgres = self._postgres = Postgres(Path(tempfile.mkdtemp(prefix="plantroom-postgres-")))
            influxdb = InfluxDb(folder / "influxdb")
            self.servers |= {"postgres": postgres.server, "influxdb": influxdb.server}
            postgres.server.start()
            influxdb.server.start()
            url = postgres.create_database("plantroom")
            telemetry = {"store": "influxdb", "url": influxdb.url}
        self.cloud = Cloud(folder / "cloud", broker, database_url=url, telemetry=telemetry)
        self.cloud.enrol("gw-a", "gw-b")
        self.servers["cloud"] = self.cloud.server
        self.cloud.server.start(PATIENCE_S)
        self.edges = [Edge(folder / name, name, broker, units=UNITS) for name in ("gw-a", "gw-b")]
        for edge in self.edges:
            edge.start()

    def handed_out(self) -> int:
        return sum(edge.device.total for edge in self.edges)

    def kill(self, name: str) -> None:
        """kill -9, and start it again once readings have come meanwhile."""
        self.servers[name].kill()
        enough = self.handed_out() + MEANWHILE
        until(lambda: self.handed_out() >= enough, PATIENCE_S, f"the gateways read on without {name}")
        until(lambda: self._started(name), PATIENCE_S, f"{name} starts again")

    def flows(self) -> None:
        """Returns once readings of now are in the store."""
        for edge in self.edges:
            now = edge.device.counts[1]
            until(
                lambda edge=edge, now=now: (self.cloud.counted(edge.gateway) or [0])[-1] >= now,  # type: ignore[misc]
                PATIENCE_S,
                f"readings of {edge.gateway} arrive again",
            )

    def close(self) -> None:
        for edge in self.edges:
            edge.close()
        for server in reversed(self.servers.values()):
            server.stop()
        if self._postgres is not None:
            self._postgres.remove()

    def _started(self, name: str) -> bool:
        try:
            self.servers[name].start(PATIENCE_S)
        except RuntimeError:  # PostgreSQL waits until the children of its dead self have gone
            return False
        return True


@contextmanager
def _plant(folder: Path, kind: str) -> Iterator[Plant]:
    plant = Plant(folder, kind)
    try:
        yield plant
    finally:
        plant.close()


@pytest.mark.parametrize("kind", ["embedded", "servers"])
def test_each_server_is_killed_under_load(kind: str, tmp_path: Path) -> None:
    with _plant(tmp_path, kind) as plant:
        for name in plant.servers:
            plant.kill(name)
            plant.flows()
        for edge in plant.edges:
            all_arrived(plant.cloud, edge)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["embedded", "servers"])
def test_servers_are_killed_at_random(kind: str, tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with _plant(tmp_path, kind) as plant:
        end = time.monotonic() + LONG_S / 2
        while time.monotonic() < end:
            plant.kill(chance.choice(list(plant.servers)))
            time.sleep(chance.expovariate(1.0))  # long enough to recover, or amid it
        plant.flows()
        for edge in plant.edges:
            all_arrived(plant.cloud, edge)
