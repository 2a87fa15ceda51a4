"""Fixtures for every folder of tests: real servers on free ports, started once and only when a test asks."""

import gc
import itertools
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from plantroom_cloud.database import Database
from plantroom_cloud.models import metadata
from tests.servers.influxdb import InfluxDb
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgres import Postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="module", autouse=True)
def _settled() -> None:
    """What earlier modules left for good is looked through no more: each test of an event loop ends with a collection,
    and one over all that thousands of tests have made took seconds.

    SQLAlchemy keeps, per table, the last hundred statements of engines that are gone: with an engine a test that came
    to a gigabyte and more."""
    for mapper in SQLModel._sa_registry.mappers:
        mapper.__dict__.pop("_compiled_cache", None)  # made anew when asked for
    gc.collect()
    gc.freeze()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A mosquitto of this test's own: it may be killed and started again."""
    broker = Mosquitto(tmp_path / "mosquitto")
    broker.server.start()
    yield broker
    broker.server.stop()


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDb]:
    """One InfluxDB for the whole run; make a database of your own in it, and do not stop it."""
    server = InfluxDb(tmp_path_factory.mktemp("influxdb"))
    server.server.start()
    yield server
    server.server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for the whole run; make a database of your own in it, and do not stop it."""
    # not in pytest's folder: another run that begins meanwhile closes that to all but root, and PostgreSQL is not root
    server = Postgres(Path(tempfile.mkdtemp(prefix="plantroom-postgres-")), durable=False)
    server.server.start()
    yield server
    server.server.stop(signal.SIGINT)  # fast: waits for no client
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty relational store with all tables; each test that asks runs on both kinds."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'plantroom.db'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create_database(f"test_{next(_numbers)}")
    database = Database(url)
    metadata.create_all(database.engine)
    yield database
    database.close()
