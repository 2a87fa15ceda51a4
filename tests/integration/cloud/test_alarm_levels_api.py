"""Levels of a metric by the API: made, previewed, read, changed, deleted."""

from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from plantroom_cloud.app import create_app
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.devices.models import Device
from plantroom_cloud.migration import migrate
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from tests.fakes.clock import HandClock


def test_a_set_of_levels_lives_by_one_call_each(tmp_path: Path) -> None:
    config = CloudConfig(database_url=f"sqlite:///{tmp_path / 'x.db'}", telemetry=Telemetry(path=tmp_path / "t.db"))
    services = build(config, HandClock())
    migrate(services.database)
    services.telemetry.open()
    with services.database.write() as session:
        session.add(Site(id="main", name="Main"))
        session.flush()
        services.gateways.enrol(session, "gw", "main", "", "", services.now())
        session.flush()
        device = Device(id="gw.ahu", gateway_id="gw", name="ahu", profile="p", registered_at=services.now())
        device.metrics = [{"name": "t", "label": "T"}]
        session.add(device)
        user = services.users.add(session, "anna", "correct horse battery", Role.MANAGER, services.now())
        token = services.users.make_token(session, user, "test", services.now())
    client = TestClient(create_app(services), headers={"Authorization": f"Bearer {token}"})
    why = {"cause": "c", "consequence": "q", "response": "r", "impact": "grave", "respond_within_s": 600}
    body: dict[str, Any] = {"name": "Supply air", "device_id": "gw.ahu", "metric": "t", "deadband": 1}
    body["levels"] = {"high-high": {"limit": 35} | why, "high": {"limit": 28, "on_delay_s": 300}, "low": {"limit": 14}}

    refused = client.post("/api/v1/alarm-levels", json=body | {"levels": {"high": {"limit": 1}, "low": {"limit": 2}}})
    assert refused.status_code == 422
    assert "levels.high.limit" in refused.text
    assert client.post("/api/v1/alarm-levels", json=body | {"levels": {}}).status_code == 422

    seen = client.post("/api/v1/alarm-levels/preview", json=body, params={"days": 2}).json()
    assert (list(seen["levels"]), seen["per_day"], seen["budget"]) == (["high-high", "high", "low"], 0, "acceptable")
    assert [item["device_id"] for item in seen["levels"]["high"]] == ["gw.ahu"]
    hour = client.post("/api/v1/alarm-levels/preview", json=body, params={"days": 1 / 24})
    assert (hour.status_code, hour.json()["seen_days"]) == (200, 1 / 24)
    assert client.post("/api/v1/alarm-levels/preview", json=body, params={"days": 1e-12}).status_code == 422

    made = client.post("/api/v1/alarm-levels", json=body)
    assert made.status_code == 201, made.text
    found = made.json()
    assert {level: rule["name"] for level, rule in found["rules"].items()} == {
        "high-high": "Supply air HH",
        "high": "Supply air H",
        "low": "Supply air L",
    }
    assert (found["rules"]["high-high"]["severity"], found["rules"]["high-high"]["lacks"]) == ("critical", [])
    assert found["rules"]["high"]["lacks"] == ["cause", "consequence", "response", "impact", "respond_within_s"]
    where = f"/api/v1/alarm-levels/{found['id']}"
    assert client.get(where).json() == found
    assert client.get("/api/v1/alarm-levels").json()["items"] == [found]

    del body["levels"]["low"]
    body["levels"]["high"]["limit"] = 29
    changed = client.put(where, json=body).json()
    assert {level: rule["limit"] for level, rule in changed["rules"].items()} == {"high-high": 35, "high": 29}
    cause = {"name": "Supply fan stands", "kind": "limit", "device_id": "gw.ahu", "metric": "t", "operator": "<"} | why
    cause = client.post("/api/v1/alarm-rules", json=cause | {"limit": 0, "recurrence_s": 7200}).json()
    assert (cause["recurrence_s"], cause["suppressed_by"], cause["suppressed_within"]) == (7200, None, "device")
    shared = {"recurrence_s": 0, "suppressed_by": cause["id"], "suppressed_within": "site"}
    changed = client.put(where, json=body | shared).json()
    assert [{name: rule[name] for name in shared} for rule in changed["rules"].values()] == [shared, shared]
    circle = client.put(
        f"/api/v1/alarm-rules/{cause['id']}", json=cause | {"suppressed_by": changed["rules"]["high-high"]["id"]}
    )
    assert (circle.status_code, "suppressed_by" in circle.text) == (422, True)
    assert client.put(f"/api/v1/alarm-rules/{cause['id']}", json=cause | {"recurrence_s": -1}).status_code == 422
    single = client.put(
        f"/api/v1/alarm-rules/{changed['rules']['high']['id']}", json=changed["rules"]["high"] | {"limit": 5}
    )
    assert (single.status_code, "set together" in single.text) == (422, True)
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == 404
    names = [rule["name"] for rule in client.get("/api/v1/alarm-rules").json()["items"]]
    assert not [name for name in names if name.startswith("Supply air")]
    services.database.close()
