"""From the journal into the store and into its windows: both stores, both relational databases, the same tests."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from plantroom_cloud.database import Database
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.quarantine.service import waiting
from plantroom_cloud.telemetry import repository
from plantroom_cloud.telemetry import service as telemetry_service
from plantroom_cloud.telemetry.influx import InfluxServer, InfluxTelemetryStore
from plantroom_cloud.telemetry.rollup import LEVELS, Point
from plantroom_cloud.telemetry.service import TelemetryService
from plantroom_cloud.telemetry.sqlite import SqliteTelemetryStore
from plantroom_cloud.telemetry.store import Refused, Retention, StoreUnavailableError, TelemetryStore
from plantroom_cloud.telemetry.writer import TelemetryWriter
from plantroom_shared.batch import DeviceRows, Value
from tests.servers.influxdb import InfluxDb

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MS = 1_772_366_400_000
MINUTE, DAY = 60_000, 86_400_000
FOR_EVER = Retention(None, dict.fromkeys(LEVELS))
_numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", "influxdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TelemetryStore]:
    store: TelemetryStore
    if request.param == "sqlite":
        store = SqliteTelemetryStore(tmp_path / "telemetry.db", FOR_EVER)
    else:
        server: InfluxDb = request.getfixturevalue("influxdb")
        store = InfluxTelemetryStore(InfluxServer(server.url, f"writer{next(_numbers)}"), FOR_EVER)
    store.open()
    yield store
    store.close()


class Plant:
    """Journal, writer and charts over one store."""

    def __init__(self, database: Database, store: TelemetryStore, raw_days: int | None = None) -> None:
        self.database = database
        self.telemetry = TelemetryService(database, store, journal_bytes=100_000)
        self.writer = TelemetryWriter(database, store, raw_days)

    def take(self, *readings: tuple[float, Value], device: str = "pump", late: bool = False) -> None:
        """Readings as (seconds after noon, value)."""
        rows = DeviceRows(
            device=device,
            times=[MS + round(at * 1000) for at, _ in readings],
            values={"t": [value for _, value in readings]},
        )
        with self.database.write() as session:
            self.telemetry.journal(session, "gw", [rows], len(readings), NOW, late=late)

    def settle(self, at: datetime) -> None:
        """Write all, compute all that is over."""
        while self.writer.drain(at) or self.writer.roll_up(at):
            pass

    def chart(self, every: int, at: datetime, end: int = MS + DAY, start: int = MS) -> list[Point]:
        return self.telemetry.series("gw.pump", "t", start, end, every, at)[1]


@pytest.fixture
def plant(database: Database, store: TelemetryStore) -> Plant:
    return Plant(database, store)


def test_late_data_corrects_the_windows_of_every_level(plant: Plant) -> None:
    tomorrow = NOW + timedelta(days=2)
    plant.take((0, 10.0), (30, 20.0))
    plant.settle(tomorrow)
    for every in LEVELS:
        [window] = plant.chart(every, tomorrow, start=MS - DAY // 2)
        assert (window.mean, window.last, window.count) == (15.0, 20.0, 2)
    plant.take((15, 60.0), (7200, 0.0), late=True)
    plant.settle(tomorrow)
    for every in LEVELS[:-1]:
        first, second = plant.chart(every, tomorrow)
        assert (first.minimum, first.mean, first.maximum, first.last, first.count) == (10.0, 30.0, 60.0, 20.0, 3)
        assert (second.time, second.last, second.count) == (MS + 7_200_000, 0.0, 1)
    [day] = plant.chart(86_400, tomorrow, start=MS - DAY // 2)
    assert (day.time, day.minimum, day.mean, day.maximum, day.last, day.count) == (MS - DAY // 2, 0, 22.5, 60, 0, 4)


@pytest.mark.parametrize("settled_s", [0, 61, 125, 910, 3_700])
def test_open_windows_are_whole_whatever_has_been_computed(plant: Plant, settled_s: int) -> None:
    """Whether the writer has just been there or not, a chart shows the same."""
    readings = [(float(at), float(at % 7)) for at in range(0, 4_000, 10)]
    done = [reading for reading in readings if reading[0] < settled_s]
    if done:
        plant.take(*done)
        plant.settle(NOW + timedelta(seconds=settled_s))
    plant.take(*readings[len(done) :])
    at = NOW + timedelta(seconds=4_000)
    while plant.writer.drain(at):
        pass
    for every in (10, 60, 300, 900, 3_600, 10_800, 86_400):
        windows = plant.chart(every, at, start=MS - DAY // 2)
        assert sum(window.count for window in windows) == len(readings)
        for window in windows:
            inside = [
                value for moment, value in readings if window.time <= MS + moment * 1000 < window.time + every * 1000
            ]
            assert (window.minimum, window.maximum, window.last) == (min(inside), max(inside), inside[-1])
            assert window.mean == pytest.approx(sum(inside) / len(inside))


def test_a_restart_forgets_no_window(plant: Plant, store: TelemetryStore) -> None:
    plant.take((0, 10.0))
    plant.writer.drain(NOW)
    again = Plant(plant.database, store)
    again.settle(NOW + timedelta(minutes=2))
    assert [p.last for p in store.windows(60, ["gw.pump"], ["t"], MS, MS + MINUTE)["gw.pump", "t"]] == [10.0]


def test_a_window_whose_values_are_forgotten_stays_as_it_is(database: Database, store: TelemetryStore) -> None:
    plant = Plant(database, store, raw_days=7)
    store.save_windows(60, {("gw.pump", "t"): [Point(MS, 1, 2, 3, 2, 60)]})
    later = NOW + timedelta(days=8)
    plant.take((0, 100.0), late=True)
    plant.settle(later)
    assert plant.chart(60, later) == [Point(MS, 1, 2, 3, 2, 60)]


def test_the_present_goes_before_what_is_late(plant: Plant) -> None:
    plant.take((0, 1.0), late=True)
    plant.take((1, 2.0))
    with plant.database.read() as session:
        entries = repository.next_entries(session, 1_000_000)
    assert [entry.id for entry in entries] == [2, 1]


def test_a_step_holds_at_least_one_entry_and_not_more_bytes_than_allowed(plant: Plant) -> None:
    for number in range(5):
        plant.take((number, 1.0))
    with plant.database.read() as session:
        size = plant.telemetry.backlog(session).size // 5
        assert len(repository.next_entries(session, 1)) == 1
        assert len(repository.next_entries(session, 3 * size)) == 3


def test_the_journal_says_how_full_it_is_and_since_when(plant: Plant) -> None:
    with plant.database.read() as session:
        assert plant.telemetry.fullness(session, NOW) == 0
    plant.take(*((at, 1.0) for at in range(10_000)))
    with plant.database.read() as session:
        assert plant.telemetry.fullness(session, NOW) == 0  # looked at once a second
        assert plant.telemetry.fullness(session, NOW + timedelta(seconds=1)) > 1
        assert plant.telemetry.backlog(session).oldest == NOW


def test_questions_that_would_be_answered_for_ever_are_refused(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    year = MS + 365 * DAY
    for every in (1, 10, 90):
        with pytest.raises(InvalidError, match="window"):
            plant.chart(every, NOW, end=year)
    plant.take(*((at, 1.0) for at in range(101)))
    plant.writer.drain(NOW)
    monkeypatch.setattr(telemetry_service, "MOST_ANSWERED", 100)
    with pytest.raises(InvalidError, match="shorter range"):
        plant.telemetry.raw("gw.pump", "t", MS, year)


class Moody:
    """A store that refuses a value, or does not answer; all else is the real one's."""

    def __init__(self, store: TelemetryStore) -> None:
        self._store = store
        self.away = False

    def write(self, blocks: list[tuple[str, DeviceRows]]) -> list[Refused]:
        if self.away:
            raise StoreUnavailableError("away")
        self._store.write(blocks)
        return [Refused("because", "line 1"), Refused("because", "line 2")]

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_what_the_store_refuses_is_kept_and_blocks_nothing(database: Database, store: TelemetryStore) -> None:
    moody = Moody(store)
    plant = Plant(database, moody)  # type: ignore[arg-type]
    plant.take((0, 1.0))
    moody.away = True
    with pytest.raises(StoreUnavailableError):
        plant.writer.drain(NOW)
    moody.away = False
    assert plant.writer.drain(NOW) == 1
    with database.read() as session:
        assert plant.telemetry.backlog(session).entries == 0
        [message] = waiting(session)
        assert message.reason == "the telemetry store refused 2 values: because"
        assert message.payload == b"line 1\nline 2"
    assert _due(database) == {("gw.pump", 60, MS): {"t"}}


def _due(database: Database) -> dict[tuple[str, int, int], set[str]]:
    session: Session
    with database.read() as session:
        return repository.load_due(session)
