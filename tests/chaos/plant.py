"""A whole Plantroom of separate processes around a counting device: any of them may be killed at any moment."""

import json
import signal
import sqlite3
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from plantroom_cloud.config import load_cloud_config
from plantroom_cloud.gateways import ledger
from plantroom_cloud.migration import migrate
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from plantroom_shared.clock import SystemClock
from tests.acceptance.test_lab import until
from tests.chaos.counting_device import CountingDevice
from tests.chaos.dying_agent import NEVER
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.process import Server

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
#: Seconds until all has arrived; only a broken run waits so long.
PATIENCE_S = 120.0


class Cloud:
    """The control plane as a process; with SQLite, or with the databases it is given."""

    def __init__(
        self, folder: Path, broker: Mosquitto, *, database_url: str = "", telemetry: dict[str, Any] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.web, self.metrics = free_port(), free_port()
        self.yaml = folder / "cloud.yaml"
        self._token = ""
        document = {
            "database_url": database_url or "sqlite:///plantroom.db",
            "telemetry": telemetry or {"store": "sqlite"},
            "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "web": {"port": self.web},
            "metrics": {"port": self.metrics},
        }
        self.yaml.write_text(yaml.safe_dump(document))
        self.config = load_cloud_config(self.yaml, {})
        self.server = Server(
            "cloud", [BIN / "plantroom-cloud", "serve", "-c", self.yaml], log=folder / "cloud.log", ready=self._ready
        )

    def enrol(self, *gateways: str) -> None:
        """Make the tables, one site and these gateways."""
        services = build(self.config, SystemClock())
        migrate(services.database)
        with services.database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.flush()
            for gateway in gateways:
                services.gateways.enrol(session, gateway, "main", "", "", datetime.now(UTC))
        services.database.close()

    def latest(self, device_id: str) -> float:
        """The newest value of the device's register, as the page shows it; 0 while there is none."""
        token = self._token or self._make_token()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.web}/api/v1/devices/{device_id}/latest",
            headers={"Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return float(sum(item["value"] for item in json.load(response)["items"] if item["metric"] == "reads"))

    def _make_token(self) -> str:
        services = build(self.config, SystemClock())
        with services.database.write() as session:
            user = services.users.add(session, "chaos", "a long enough password", Role("admin"), datetime.now(UTC))
            session.flush()
            self._token = services.users.make_token(session, user, "chaos", datetime.now(UTC), None)
        services.database.close()
        return self._token

    def counted(self, gateway: str, device: str = "counter") -> list[int]:
        """What the telemetry store has of the device's register, by event time; asked of the database itself."""
        if self.config.telemetry.store == "sqlite":
            return [
                round(value)
                for (value,) in self._sql(
                    "SELECT value FROM raw JOIN series ON id = series WHERE metric = 'reads' AND device = ? "
                    "ORDER BY time",
                    f"{gateway}.{device}",
                )
            ]
        rows = self._influxql(f"SELECT reads FROM telemetry WHERE device = '{gateway}.{device}'")
        return [round(value) for _, value in rows if value is not None]

    def arrived(self, gateway: str, device: str) -> int:
        """How many readings of the register are in the embedded store: cheaper than all of them."""
        [(found,)] = self._sql(
            "SELECT count(*) FROM raw JOIN series ON id = series WHERE metric = 'reads' AND device = ?",
            f"{gateway}.{device}",
        )
        return int(found)

    def books(self, gateway: str) -> tuple[int, int, int]:
        """The ledger's missing batches, rejected batches, and values received."""
        services = build(self.config, SystemClock())
        try:
            with services.database.read() as session:
                missing = sum(stream.missing for stream in ledger.streams(session, gateway))
                hours = ledger.hours(
                    session, gateway, datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
                )
            return missing, sum(h.rejected for h in hours), sum(h.values_received for h in hours)
        finally:
            services.database.close()

    def stored_values(self, gateway: str) -> int:
        """All values of all devices of a gateway in the telemetry store."""
        if self.config.telemetry.store == "sqlite":
            [(found,)] = self._sql(
                "SELECT count(*) FROM raw JOIN series ON id = series WHERE device LIKE ?", f"{gateway}.%"
            )
            return int(found)
        [row] = self._influxql(f"SELECT count(*) FROM telemetry WHERE device =~ /^{gateway}[.]/") or [[0]]
        return sum(row[1:])

    def _sql(self, query: str, argument: str) -> list[tuple[Any, ...]]:
        db = sqlite3.connect(self.config.telemetry.path, timeout=15)
        try:
            return db.execute(query, (argument,)).fetchall()
        finally:
            db.close()

    def _influxql(self, query: str) -> list[list[Any]]:
        telemetry = self.config.telemetry
        parameters = urllib.parse.urlencode({"db": telemetry.database, "epoch": "ms", "q": query})
        with urllib.request.urlopen(f"{telemetry.url}/query?{parameters}") as response:
            series = json.load(response)["results"][0].get("series", [])
        return series[0]["values"] if series else []

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/health", timeout=1) as response:
                return bool(json.load(response)["broker"])
        except OSError:
            return False


class Edge:
    """One gateway as a process, and the counting device on its one bus."""

    def __init__(self, folder: Path, gateway: str, broker: Mosquitto, *, period: str = "50ms", units: int = 1) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.gateway = gateway
        self.device = CountingDevice(units)
        self.folder = folder
        self.yaml = folder / "gateway.yaml"
        names = ["counter", *(f"counter-{unit}" for unit in range(2, units + 1))]
        self.names = dict(zip(names, range(1, units + 1), strict=True))
        document = {
            "gateway": gateway,
            "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "data_dir": "data",
            "profiles_dir": str(ROOT / "tests/chaos/profiles"),
            "outbox": {"min_free_bytes": "1MB"},
            "buses": [
                {"id": "line", "type": "modbus-tcp", "host": "127.0.0.1", "port": self.device.port, "timeout": "5s"}
            ],
            "devices": [
                {"id": name, "profile": "chaos/counter", "bus": "line", "unit": unit, "period": period}
                for name, unit in self.names.items()
            ],
        }
        self.yaml.write_text(yaml.safe_dump(document))
        self.server = self.agent(NEVER, 0, folder / "trace", self.reading)
        self._seen = 0

    def agent(self, point: str, nth: int, trace: Path, ready: Callable[[], bool]) -> Server:
        """An agent that dies at a point."""
        command: list[str | Path] = [sys.executable, "-m", "tests.chaos.dying_agent", self.yaml, point, str(nth), trace]
        return Server(self.gateway, command, log=self.folder / "edge.log", ready=ready, folder=ROOT)

    def reading(self) -> bool:
        """Whether the device has been read a few times since the last start."""
        return self.device.total >= self._seen + 5 * len(self.names)

    def start(self) -> None:
        """Returns once it reads."""
        self._seen = self.device.total
        self.server.start(PATIENCE_S)

    def outbox_is_empty(self) -> bool:
        """Whether the cloud has confirmed all that was committed."""
        with sqlite3.connect(f"file:{self.folder / 'data/outbox.db'}?mode=ro", uri=True) as db:
            waiting: int = db.execute("SELECT count(*) FROM batch").fetchone()[0]
        return waiting == 0

    def close(self) -> None:
        self.server.stop()
        self.device.close()


def all_arrived(cloud: Cloud, edge: Edge, lost: int = 0) -> None:
    """Freeze the device, wait, and compare its own count with the store and the ledger: `lost` readings at most, which
    died in the memory of a killed agent, are not there; none is there twice."""
    edge.device.freeze()
    for name, unit in edge.names.items():
        handed_out = edge.device.counts[unit]
        until(
            lambda name=name, handed_out=handed_out: len(cloud.counted(edge.gateway, name)) >= handed_out - lost,  # type: ignore[misc]
            PATIENCE_S,
            f"{handed_out} readings of {name} are in the store",
        )
        found = cloud.counted(edge.gateway, name)
        assert len(found) == len(set(found)), "a reading is there twice"
        assert found == sorted(found), "the order of the readings is lost"
        missing = set(range(1, handed_out + 1)) - set(found)
        assert len(missing) <= lost, sorted(missing)
        assert set(found) <= set(range(1, handed_out + 1))
    until(edge.outbox_is_empty, PATIENCE_S, "the cloud has confirmed all, events too")
    edge.server.stop(signal.SIGTERM)  # nothing new, so that the books stand still
    assert edge.server.exit_code == 0, "the agent ends when it is told to"
    until(lambda: _settled(cloud, edge), PATIENCE_S, "the books agree: nothing missing, as many values as stored")


def _settled(cloud: Cloud, edge: Edge) -> bool:
    missing, rejected, received = cloud.books(edge.gateway)
    return missing == 0 and rejected == 0 and received == cloud.stored_values(edge.gateway)
