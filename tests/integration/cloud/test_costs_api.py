"""The API of labour, parts, costs and downtime, as a technician's and a manager's program uses it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from plantroom_cloud.app import create_app
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.migration import migrate
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from tests.fakes.clock import HandClock


class _Api:
    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        config = CloudConfig(
            database_url=f"sqlite:///{folder / 'plantroom.db'}", telemetry=Telemetry(path=folder / "telemetry.db")
        )
        self.services = build(config, self.clock)
        migrate(self.services.database)
        self.client = TestClient(create_app(self.services))
        self.tokens: dict[str, str] = {}
        at = self.services.now()
        with self.services.database.write() as session:
            session.add(Site(id="main", name="Main", timezone="Europe/Berlin"))
            session.add(Site(id="other", name="Other"))
            for name, role in (("anna", Role.ADMIN), ("tom", Role.TECHNICIAN), ("eve", Role.TECHNICIAN)):
                user = self.services.users.add(session, name, "correct horse battery", role, at)
                if name == "eve":
                    user.sites = ["other"]
                self.tokens[name] = self.services.users.make_token(session, user, "test", at)
            order = self.services.work_orders.create(session, "Seal", "", "main", None, "high", None, "anna", at)
            self.order = order.id

    def call(self, who: str, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        answer = self.client.request(method, f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[_Api]:
    api = _Api(tmp_path)
    yield api
    api.services.database.close()


def test_time_parts_and_costs_of_a_work_order(api: _Api) -> None:
    path = f"/work-orders/{api.order}"
    api.call("anna", "PUT", "/labour-rates", {"whose": "user:tom", "amount": "60", "weekly_hours": 38.5})
    api.call("tom", "PUT", "/labour-rates", {"amount": 1}, 403)
    api.call("tom", "POST", f"{path}/labour/start", {"activity": "diagnose"})
    api.clock.passes(90)
    assert api.call("tom", "GET", f"{path}/costs")["timer_runs"] is True
    stopped = api.call("tom", "POST", f"{path}/labour/stop")
    assert (stopped["amount"], stopped["activity"]) == ("1.50", "diagnose")
    api.clock.passes(3600)
    api.call("tom", "POST", f"{path}/labour", {"activity": "repair", "minutes": 30, "note": "seal"}, 201)
    api.call("tom", "POST", f"{path}/labour", {"activity": "repair", "minutes": 10}, 409)
    api.call("tom", "POST", f"{path}/labour", {"activity": "repair"}, 422)
    api.call("tom", "POST", f"{path}/labour", {"activity": "repair", "minutes": 5, "person": "anna"}, 403)
    api.call("anna", "POST", f"{path}/labour", {"activity": "travel", "minutes": 5, "person": "anna"}, 201)

    api.call("tom", "POST", "/parts", {"code": "S1", "name": "Seal"}, 403)
    part = api.call("anna", "POST", "/parts", {"code": "S1", "name": "Seal", "unit_cost": "2.35", "minimum": 5}, 201)
    api.call("tom", "POST", f"/parts/{part['id']}/movements", {"kind": "receipt", "quantity": 4}, 201)
    api.call("tom", "POST", f"/parts/{part['id']}/movements", {"kind": "use", "quantity": 4}, 422)
    used = api.call("tom", "POST", f"{path}/parts", {"code": "S1", "quantity": 3}, 201)
    refused = api.call("tom", "POST", f"{path}/parts", {"code": "S1", "quantity": 3}, 409)
    assert "only 1 pcs of S1 are counted" in refused["detail"]
    assert [row["code"] for row in api.call("tom", "GET", "/parts?below_minimum=true")["items"]] == ["S1"]

    api.call("tom", "POST", f"{path}/costs", {"text": "Crane", "amount": "120.00"}, 201)
    sheet = api.call("tom", "GET", f"{path}/costs")
    assert {key: sheet[key] for key in ("currency", "labour", "parts", "extra", "total", "labour_s")} == {
        "currency": "EUR",
        "labour": "31.50",
        "parts": "7.05",
        "extra": "120.00",
        "total": "158.55",
        "labour_s": 90 + 1800 + 300,
    }
    api.call("tom", "POST", f"{path}/parts/{used['id']}/reverse", None, 201)
    assert api.call("tom", "GET", f"{path}/costs")["parts"] == "0.00"
    headers = {"Authorization": f"Bearer {api.tokens['tom']}"}
    body = {"movement": "1", "note": "was wrong"}
    assert api.client.post(f"/parts/{part['id']}/reverse", data=body, headers=headers).status_code == 403
    assert api.call("tom", "GET", f"/parts/{part['id']}")["stock"] == "4"
    actions = [entry["note"] for entry in api.call("tom", "GET", path)["trail"]]
    assert "used 3 pcs of Seal" in actions


def test_who_does_not_see_the_site_does_not_see_its_costs(api: _Api) -> None:
    for method, path, body in (
        ("GET", "labour", None),
        ("GET", "costs", None),
        ("GET", "downtime", None),
        ("POST", "costs", {"text": "x", "amount": 1}),
        ("POST", "labour/start", {}),
    ):
        api.call("eve", method, f"/work-orders/{api.order}/{path}", body, 404)


def test_downtime_needs_equipment_and_past_times(api: _Api) -> None:
    path = f"/work-orders/{api.order}/downtime"
    started = api.services.now().isoformat()
    refused = api.call("tom", "POST", path, {"from": started}, 422)
    assert "names no equipment" in refused["detail"]
    assert api.call("tom", "GET", path) == {"items": [], "proposed": []}
