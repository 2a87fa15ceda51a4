"""Both telemetry stores, the same tests, against real servers."""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from plantroom_cloud.telemetry.influx import InfluxServer, InfluxTelemetryStore, databases
from plantroom_cloud.telemetry.rollup import LEVELS, Point
from plantroom_cloud.telemetry.sqlite import SqliteTelemetryStore
from plantroom_cloud.telemetry.store import Retention, StoreUnavailableError, TelemetryStore
from plantroom_shared.batch import DeviceRows, Value
from tests.servers.influxdb import InfluxDb
from tests.servers.ports import free_port

MS = 1_772_366_400_000  # 2026-03-01 12:00 UTC
DAY_MS = 86_400_000
FOR_EVER = Retention(None, dict.fromkeys(LEVELS))
_numbers = itertools.count(1)

MakeStore = Callable[[Retention], TelemetryStore]


@pytest.fixture(params=["sqlite", "influxdb"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    opened: list[TelemetryStore] = []

    def make(retention: Retention) -> TelemetryStore:
        store: TelemetryStore
        if request.param == "sqlite":
            store = SqliteTelemetryStore(tmp_path / "telemetry.db", retention)
        else:
            server: InfluxDb = request.getfixturevalue("influxdb")
            store = InfluxTelemetryStore(InfluxServer(server.url, f"test{next(_numbers)}"), retention)
        store.open()
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(make_store: MakeStore) -> TelemetryStore:
    return make_store(FOR_EVER)


def rows(*readings: tuple[int, Value], metric: str = "t", origin: int = MS) -> DeviceRows:
    return DeviceRows(device="d", times=[origin + at for at, _ in readings], values={metric: [v for _, v in readings]})


def read(store: TelemetryStore, start: int = 0, end: int = 10_000, metric: str = "t") -> list[tuple[int, float]]:
    return [(p.time - MS, p.last) for p in store.raw("gw.d", metric, MS + start, MS + end, 1_000)]


def test_what_is_written_twice_is_stored_once(store: TelemetryStore) -> None:
    for _ in range(2):
        assert store.write([("gw.d", rows((0, 1.5), (1_000, None), (2_000, 2)))]) == []
    assert read(store) == [(0, 1.5), (2_000, 2.0)]


def test_a_later_correction_overwrites(store: TelemetryStore) -> None:
    store.write([("gw.d", rows((0, 1.0)))])
    store.write([("gw.d", rows((0, 3.0)))])
    assert read(store) == [(0, 3.0)]


def test_more_values_than_one_statement_or_request_holds(store: TelemetryStore) -> None:
    block = rows(*((at, float(at)) for at in range(7_001)))
    assert store.write([("gw.d", block)]) == []
    points = store.raw("gw.d", "t", MS, MS + 10_000, 10_000)
    assert [p.last for p in points] == [float(at) for at in range(7_001)]
    assert len(store.raw("gw.d", "t", MS, MS + 10_000, 100)) == 100


def test_windows_have_least_mean_greatest_last_and_count(store: TelemetryStore) -> None:
    store.write([("gw.d", rows((0, 10.0), (30_000, 40.0), (60_000, 7.0))), ("gw.e", rows((1, 1.0), metric="u"))])
    found = store.computed(["gw.d", "gw.e", "gw.f"], ["t", "u"], MS, MS + 120_000, 60)
    assert found == {
        ("gw.d", "t"): [Point(MS, 10, 25, 40, 40, 2), Point(MS + 60_000, 7, 7, 7, 7, 1)],
        ("gw.e", "u"): [Point(MS, 1, 1, 1, 1, 1)],
    }


@pytest.mark.parametrize("level", LEVELS)
def test_windows_are_stored_and_overwritten(store: TelemetryStore, level: int) -> None:
    start = MS // DAY_MS * DAY_MS
    first, second = Point(start, 1, 2, 3, 2.5, 60), Point(start + level * 1000, 1, 2, 3, 2.5, 59)
    store.save_windows(level, {("gw.d", "t"): [first, second], ("gw.d", "u"): [second], ("gw.e", "t"): [first]})
    corrected = Point(start, 0.5, 2, 3, 2.5, 61)
    store.save_windows(level, {("gw.d", "t"): [corrected]})
    assert store.windows(level, ["gw.d", "gw.e"], ["t", "u"], start, start + 2 * level * 1000) == {
        ("gw.d", "t"): [corrected, second],
        ("gw.d", "u"): [second],
        ("gw.e", "t"): [first],
    }
    for other in set(LEVELS) - {level}:
        assert store.windows(other, ["gw.d"], ["t"], start, start + DAY_MS) == {}


def test_a_metric_that_changes_its_kind_blocks_nothing(store: TelemetryStore) -> None:
    values: list[Value] = [1, 2.5, True, "broken", 3]
    for number, value in enumerate(values):
        assert store.write([("gw.d", rows((number * 1_000, value)))]) == []
    assert [value for _, value in read(store)] == [1.0, 2.5, 1.0, 3.0]
    [point] = store.computed(["gw.d"], ["t"], MS, MS + 60_000, 60)["gw.d", "t"]
    assert (point.count, point.last) == (4, 3.0)


def test_what_is_no_number_is_left_out(store: TelemetryStore) -> None:
    values: list[Value] = [float("nan"), float("inf"), 10**400, 1.0]
    assert store.write([("gw.d", rows(*enumerate(values)))]) == []
    assert read(store) == [(3, 1.0)]


def test_texts_with_quotes_and_lines_are_taken(store: TelemetryStore) -> None:
    texts: list[Value] = ['say "no"', "a,b=c d", "line\nline", "back\\", "°C", ""]
    assert store.write([("gw.d", rows(*enumerate(texts), metric="s")), ("gw.d", rows((9, 1.0)))]) == []
    assert read(store) == [(9, 1.0)]
    found = store.texts("gw.d", "s", MS, MS + 10, 100)
    assert [text for _, text in found][:2] == ['say "no"', "a,b=c d"]
    assert [time - MS for time, _ in store.texts("gw.d", "s", MS + 1, MS + 4, 2)] == [1, 2]
    assert store.texts("gw.d", "t", MS, MS + 10, 100) == store.texts("gw.d", "u", MS, MS + 10, 100) == []


def test_an_unknown_series_is_empty(store: TelemetryStore) -> None:
    assert store.raw("gw.nothing", "t", MS, MS + 1, 10) == []
    assert store.computed(["gw.nothing"], ["t"], MS, MS + 60_000, 60) == {}
    assert store.windows(60, ["gw.nothing"], ["t"], MS, MS + 60_000) == {}


def test_each_level_is_kept_for_its_own_time(make_store: MakeStore) -> None:
    store = make_store(Retention(7, {60: 30, 900: 60, 3600: 90, 86_400: None}))
    now = round(time.time() * 1000) // DAY_MS * DAY_MS
    for days in (1, 20, 45, 75, 120):
        origin = now - days * DAY_MS
        assert store.write([("gw.d", rows((0, 1.0), origin=origin))]) == []  # too old is forgotten, not refused
        for level in LEVELS:
            store.save_windows(level, {("gw.d", "t"): [Point(origin, 1, 1, 1, 1, 1)]})
    store.forget(round(time.time() * 1000))
    since, until = now - 200 * DAY_MS, now + DAY_MS
    kept = {level: len(store.windows(level, ["gw.d"], ["t"], since, until)["gw.d", "t"]) for level in LEVELS}
    assert len(store.raw("gw.d", "t", since, until, 10)) == 1
    assert kept == {60: 2, 900: 3, 3600: 4, 86_400: 5}


def influx(server: InfluxDb) -> InfluxTelemetryStore:
    store = InfluxTelemetryStore(InfluxServer(server.url, f"test{next(_numbers)}"), FOR_EVER)
    store.open()
    return store


def test_influxdb_keeps_the_good_lines_and_fields_of_a_bad_request(influxdb: InfluxDb) -> None:
    store = influx(influxdb)
    taken = DeviceRows(device="d", times=[MS], values={"t": [1.0], "bad name": [2.0], "u": [3.0]})
    refused = store.write([("gw.d", rows((1_000, 5.0))), ("gw.d", taken), ("gw.d", rows((2_000, 6.0)))])
    assert len(refused) == 1
    assert "bad name" in refused[0].text
    assert read(store) == [(0, 1.0), (1_000, 5.0), (2_000, 6.0)]
    assert read(store, metric="u") == [(0, 3.0)]
    store.close()


def test_influxdb_isolates_a_field_that_somebody_else_wrote_as_another_type(influxdb: InfluxDb) -> None:
    store = influx(influxdb)
    foreign = f'telemetry,device=other t="text" {MS}'
    database = store._server.database
    url = f"{influxdb.url}/write?db={database}&precision=ms"
    assert httpx.post(url, content=foreign).status_code == 204
    block = DeviceRows(device="d", times=[MS + at for at in range(100)], values={"t": [1.0] * 100, "u": [2.0] * 100})
    refused = store.write([("gw.d", block)])
    assert len(refused) == 100
    assert all("field type conflict" in item.reason and "t=1.0" in item.text for item in refused)
    assert len(store.raw("gw.d", "u", MS, MS + 1_000, 1_000)) == 100
    found = store.computed(["gw.d", "other"], ["t", "u"], MS, MS + 60_000, 60)
    assert [point.count for point in found["gw.d", "u"]] == [100]
    store.close()


def test_influxdb_sets_a_changed_retention_again(influxdb: InfluxDb) -> None:
    server = InfluxServer(influxdb.url, f"test{next(_numbers)}")
    for retention in (Retention(7, dict.fromkeys(LEVELS, 30)), Retention(14, dict.fromkeys(LEVELS, 40))):
        store = InfluxTelemetryStore(server, retention)
        store.open()
        store.close()
        for name, days in databases(server.database, retention).items():
            answer = httpx.get(f"{influxdb.url}/query", params={"q": f'SHOW RETENTION POLICIES ON "{name}"'}).json()
            [policy] = answer["results"][0]["series"][0]["values"]
            assert policy[:2] == ["autogen", f"{days * 24}h0m0s"]  # type: ignore[operator]


def test_influxdb_away_says_so() -> None:
    store = InfluxTelemetryStore(InfluxServer(f"http://127.0.0.1:{free_port()}", "x"), FOR_EVER)
    with pytest.raises(StoreUnavailableError):
        store.write([("gw.d", rows((0, 1.0)))])
    with pytest.raises(StoreUnavailableError):
        store.open()
    store.close()


def test_a_process_that_becomes_the_writer_goes_on_where_another_ended(tmp_path: Path) -> None:
    first, second = (SqliteTelemetryStore(tmp_path / "telemetry.db", Retention(7, {60: 7})) for _ in range(2))
    first.open()
    second.open()  # before there is anything: what the first makes it does not know
    now = round(time.time() * 1000)
    for store, at, value in ((first, 0, 1.0), (second, 1_000, 2.0), (first, 2_000, 3.0)):
        assert store.write([("gw.d", rows((at, value))), ("gw.d", rows((at, value), origin=now))]) == []
    assert read(first) == read(second) == [(0, 1.0), (1_000, 2.0), (2_000, 3.0)]
    third = SqliteTelemetryStore(tmp_path / "telemetry.db", Retention(7, {60: 7}))
    third.open()
    first.write([("gw.d", rows((0, 1.0), metric="u"))])
    third.forget(now)  # what others have made, too
    assert read(first) == read(first, metric="u") == []
    assert len(second.raw("gw.d", "t", now, now + 10_000, 10)) == 3
    for store in (first, second, third):
        store.close()


def test_a_telemetry_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "telemetry.db").mkdir()
    store = SqliteTelemetryStore(tmp_path / "telemetry.db", FOR_EVER)
    with pytest.raises(StoreUnavailableError, match=r"telemetry\.db"):
        store.open()
    with pytest.raises(StoreUnavailableError, match="not open"):
        store.write([("gw.d", rows((0, 1.0)))])
