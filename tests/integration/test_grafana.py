"""The dashboards' queries find what the telemetry store writes: asked of a real InfluxDB 1.x, as Grafana would."""

import json
import re
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from plantroom_cloud.config import Telemetry
from plantroom_cloud.services import retention
from plantroom_cloud.telemetry.influx import InfluxServer, InfluxTelemetryStore
from plantroom_edge.profile.loader import ProfileLibrary
from plantroom_shared.batch import DeviceRows
from tests.servers.influxdb import InfluxDb

GRAFANA = Path(__file__).resolve().parents[2] / "docker/grafana"
DASHBOARDS = [json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))]


def _panels() -> list[tuple[str, str]]:
    """Title and query of every panel."""
    return [
        (panel["title"], target["query"])
        for dashboard in DASHBOARDS
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]


def test_every_panel_finds_a_series(influxdb: InfluxDb) -> None:
    library = ProfileLibrary()
    now = time.time_ns() // 1_000_000
    store = InfluxTelemetryStore(InfluxServer(influxdb.url, "grafana"), retention(Telemetry()))
    store.open()
    metrics = {metric.name for name in library.names() for metric in _metrics(library, name)}
    values: dict[str, Any] = {metric: [1.5] for metric in sorted(metrics)}
    store.write([("gw.device", DeviceRows(device="device", times=[now - 1_000], values=values))])
    assert _panels()
    for title, query in _panels():
        asked = (
            query.replace("$timeFilter", "time > now() - 1h").replace("$__interval", "1m").replace("$interval", "1m")
        )
        assert "$" not in asked, f"{title}: a variable that this test does not know: {asked}"
        [result] = _ask(influxdb, asked)["results"]
        assert result.get("series"), f"{title}: nothing for {asked}"
    store.close()


def test_panels_name_the_provisioned_data_source() -> None:
    [source] = yaml.safe_load((GRAFANA / "provisioning/datasources/influxdb.yaml").read_text())["datasources"]
    for dashboard in DASHBOARDS:
        assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    cloud = yaml.safe_load((GRAFANA.parent / "cloud.yaml").read_text())
    assert source["jsonData"]["dbName"] == cloud["telemetry"]["database"]
    assert source["url"] == cloud["telemetry"]["url"]


def _metrics(library: ProfileLibrary, name: str) -> list[Any]:
    profile = library.get(name)
    return list(profile.metrics()) if hasattr(profile, "metrics") else []


def _ask(influxdb: InfluxDb, query: str) -> Any:
    assert re.match("SELECT ", query)
    parameters = urllib.parse.urlencode({"db": "grafana", "epoch": "ms", "q": query})
    with urllib.request.urlopen(f"{influxdb.url}/query?{parameters}") as response:
        return json.load(response)
