"""Both telemetry stores, the same tests, against real servers."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from plantroom_cloud.telemetry.influx import InfluxServer, InfluxTelemetryStore
from plantroom_cloud.telemetry.sqlite import SqliteTelemetryStore
from plantroom_cloud.telemetry.store import StoreUnavailableError, TelemetryStore
from plantroom_shared.batch import DeviceRows, Value
from tests.servers.influxdb import InfluxDb
from tests.servers.process import free_port

MS = 1_772_366_400_000  # 2026-03-01 12:00 UTC
_numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", "influxdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TelemetryStore]:
    store: TelemetryStore
    if request.param == "sqlite":
        store = SqliteTelemetryStore(tmp_path / "telemetry.db")
    else:
        server: InfluxDb = request.getfixturevalue("influxdb")
        store = InfluxTelemetryStore(InfluxServer(server.url, f"test{next(_numbers)}"))
    store.open()
    yield store
    store.close()


def rows(*readings: tuple[int, Value], metric: str = "t") -> DeviceRows:
    return DeviceRows(device="d", times=[MS + at for at, _ in readings], values={metric: [v for _, v in readings]})


def test_what_is_written_twice_is_stored_once(store: TelemetryStore) -> None:
    for _ in range(2):
        assert store.write([("gw.d", rows((0, 1.5), (1_000, None), (2_000, 2)))]) == []
    points = store.query("gw.d", "t", MS, MS + 10_000, None)
    assert [(p.time - MS, p.last) for p in points] == [(0, 1.5), (2_000, 2.0)]


def test_a_later_correction_overwrites(store: TelemetryStore) -> None:
    store.write([("gw.d", rows((0, 1.0)))])
    store.write([("gw.d", rows((0, 3.0)))])
    assert [p.last for p in store.query("gw.d", "t", MS, MS + 1, None)] == [3.0]


def test_windows_have_least_mean_greatest_last_and_count(store: TelemetryStore) -> None:
    store.write([("gw.d", rows((0, 10.0), (30_000, 40.0), (60_000, 7.0)))])
    if isinstance(store, SqliteTelemetryStore):
        store.roll_up()
    first, second = store.query("gw.d", "t", MS, MS + 120_000, 60)
    assert (first.time - MS, first.minimum, first.mean, first.maximum, first.last, first.count) == (
        0,
        10,
        25,
        40,
        40,
        2,
    )
    assert (second.time - MS, second.mean, second.count) == (60_000, 7, 1)


def test_a_metric_that_changes_its_kind_blocks_nothing(store: TelemetryStore) -> None:
    values: list[Value] = [1, 2.5, True, "broken", 3]
    for number, value in enumerate(values):
        assert store.write([("gw.d", rows((number * 1_000, value)))]) == []
    assert [p.last for p in store.query("gw.d", "t", MS, MS + 10_000, None)] == [1.0, 2.5, 1.0, 3.0]


def test_a_value_that_is_no_number_is_left_out(store: TelemetryStore) -> None:
    assert store.write([("gw.d", rows((0, float("nan")), (1_000, float("inf")), (2_000, 1.0)))]) == []
    assert [p.last for p in store.query("gw.d", "t", MS, MS + 10_000, None)] == [1.0]


def test_an_unknown_series_is_empty(store: TelemetryStore) -> None:
    assert store.query("gw.nothing", "t", MS, MS + 1, None) == []
    assert store.query("gw.nothing", "t", MS, MS + 60_000, 60) == []


def test_influxdb_keeps_the_good_lines_of_a_bad_batch(influxdb: InfluxDb) -> None:
    store = InfluxTelemetryStore(InfluxServer(influxdb.url, f"test{next(_numbers)}"))
    store.open()
    taken = DeviceRows(device="d", times=[MS], values={"t": [1.0], "bad name": [2.0]})
    refused = store.write([("gw.d", rows((1_000, 5.0))), ("gw.d", taken), ("gw.d", rows((2_000, 6.0)))])
    assert len(refused) == 1
    assert "bad name" in refused[0]
    assert [p.last for p in store.query("gw.d", "t", MS, MS + 10_000, None)] == [5.0, 6.0]
    store.close()


def test_influxdb_away_says_so() -> None:
    store = InfluxTelemetryStore(InfluxServer(f"http://127.0.0.1:{free_port()}", "x"))
    with pytest.raises(StoreUnavailableError):
        store.write([("gw.d", rows((0, 1.0)))])
