"""InfluxDB 2.x: set up by the unmodified influxdb-client, then the same data path as 1.x with the token it made.

The server is a twin of the documented interface (tests/servers/influxdb2.py) before a real InfluxDB 1.x."""

import itertools
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from plantroom_cloud.cli import main
from plantroom_cloud.config import CloudConfigError, load_cloud_config
from plantroom_cloud.services import build
from plantroom_cloud.telemetry.rollup import LEVELS, Point
from plantroom_cloud.telemetry.store import StoreUnavailableError
from plantroom_shared.batch import DeviceRows
from plantroom_shared.clock import SystemClock
from tests.servers.influxdb import InfluxDb
from tests.servers.influxdb2 import ADMIN_TOKEN, InfluxDb2

MS = 1_772_366_400_000
_numbers = itertools.count(1)


@pytest.fixture(params=[True, False], ids=["2.5 and later", "before 2.5"])
def twin(request: pytest.FixtureRequest, influxdb: InfluxDb) -> Iterator[InfluxDb2]:
    twin = InfluxDb2(influxdb.url, f"twin{next(_numbers)}_", by_name=request.param)
    twin.start()
    yield twin
    twin.stop()


def configure(folder: Path, twin: InfluxDb2, raw_days: int = 90) -> Path:
    path = folder / "cloud.yaml"
    telemetry = {"store": "influxdb", "url": twin.url, "token_file": "influx.token", "raw_days": raw_days}
    path.write_text(yaml.safe_dump({"telemetry": telemetry}))
    return path


def set_up(path: Path, org: str = "plantroom", token: str = ADMIN_TOKEN) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["influx", "setup", "--org", org, "--admin-token", token, "-c", str(path)])
    return result.exit_code, result.output


def days(twin: InfluxDb2) -> dict[str, int]:
    return {name: b["retentionRules"][0]["everySeconds"] // 86_400 for name, b in twin.buckets.items()}


def test_set_up_then_written_and_read_with_its_token(tmp_path: Path, twin: InfluxDb2) -> None:
    path = configure(tmp_path, twin)
    with pytest.raises(CloudConfigError, match="plantroom-cloud influx setup"):
        load_cloud_config(path)
    code, said = set_up(path)
    assert code == 0, said
    assert days(twin) == {
        "plantroom": 90,
        "plantroom_1m": 400,
        "plantroom_15m": 1_830,
        "plantroom_1h": 3_660,
        "plantroom_1d": 7_320,
    }
    assert stat.S_IMODE((tmp_path / "influx.token").stat().st_mode) == 0o600
    assert ADMIN_TOKEN not in (tmp_path / "influx.token").read_text()
    services = build(load_cloud_config(path), SystemClock())
    store = services.telemetry.store
    store.open()
    rows = DeviceRows(device="d", times=[MS, MS + 1_000], values={"t": [1.0, 3.0], "s": ["on", None]})
    assert store.write([("gw.d", rows)]) == []
    assert [p.last for p in store.raw("gw.d", "t", MS, MS + 2_000, 10)] == [1.0, 3.0]
    window = Point(MS, 1, 2, 3, 3, 2)
    assert store.computed(["gw.d"], ["t"], MS, MS + 60_000, 60) == {("gw.d", "t"): [window]}
    for level in LEVELS:
        store.save_windows(level, {("gw.d", "t"): [window]})
        assert store.windows(level, ["gw.d"], ["t"], MS, MS + 1_000) == {("gw.d", "t"): [window]}
    store.forget(MS)
    store.close()


def test_set_up_again_corrects_the_retention(tmp_path: Path, twin: InfluxDb2) -> None:
    assert set_up(configure(tmp_path, twin))[0] == 0
    code, said = set_up(configure(tmp_path, twin, raw_days=30))
    assert code == 0
    assert "Bucket plantroom: changed." in said
    assert "Bucket plantroom_1m: there." in said
    assert days(twin)["plantroom"] == 30
    assert len(twin.buckets) == 5


def test_what_is_wrong_is_said(tmp_path: Path, twin: InfluxDb2) -> None:
    path = configure(tmp_path, twin)
    for org, token, reason in (("nobody", ADMIN_TOKEN, "no organization 'nobody'"), ("plantroom", "wrong", "401")):
        code, said = set_up(path, org, token)
        assert code == 1
        assert reason in said
    (tmp_path / "influx.token").write_text("stale")
    store = build(load_cloud_config(path), SystemClock()).telemetry.store
    with pytest.raises(StoreUnavailableError, match=r"401.*plantroom-cloud influx setup"):
        store.open()
    with pytest.raises(StoreUnavailableError, match="401"):
        store.write([("gw.d", DeviceRows(device="d", times=[MS], values={"t": [1.0]}))])
    store.close()
