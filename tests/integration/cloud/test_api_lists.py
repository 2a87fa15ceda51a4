"""Lists of the API: filtered by query, in parts, by site."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from plantroom_cloud.app import create_app
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.models import metadata
from plantroom_cloud.services import Services, build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from plantroom_shared.clock import SystemClock
from plantroom_shared.messages import Action, Birth, BirthDevice, SuggestedRule

DEVICES = {
    "gw-a": [("pump-1", "pump", "x/pump"), ("pump-2", "pump", "x/pump"), ("meter-1", "meter", "x/meter")],
    "gw-b": [("pump-1", "pump", "x/pump")],
}


def _device(name: str, kind: str, profile: str) -> BirthDevice:
    rule = SuggestedRule(key="silent", name="Silent", kind="no-data", severity="low", on_delay_s=30)
    return BirthDevice(
        device=name,
        label=name.title(),
        profile=profile,
        kind=kind,
        rules=[rule],
        actions=[Action(name="set", label="Set")],
    )


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    config = CloudConfig(
        database_url=f"sqlite:///{tmp_path / 'plantroom.db'}", telemetry=Telemetry(path=tmp_path / "telemetry.db")
    )
    services = build(config, SystemClock())
    metadata.create_all(services.database.engine)
    at = services.now()
    with services.database.write() as session:
        for number, (gateway, devices) in enumerate(DEVICES.items()):
            session.add(Site(id=f"site-{number}", name="Site"))
            session.flush()
            services.gateways.enrol(session, gateway, f"site-{number}", "", "", at)
            birth = Birth(
                v=1, gateway=gateway, boot="b", at=1, config_version="1", devices=[_device(*known) for known in devices]
            )
            services.devices.register(session, birth, at)
            session.flush()
            services.alarms.ensure_suggested(session, birth, at)
        for number in range(5):
            asked = at + timedelta(seconds=number // 2)
            services.gateways.command(session, "gw-a", f"pump-{number % 2 + 1}", "set", {}, "", "anna", 30, asked)
        for kind, priority in (("corrective", "high"), ("inspection", "low"), ("corrective", "low")):
            services.work_orders.create(session, kind, "", "site-0", None, priority, None, "anna", at, kind=kind)
        services.users.add(session, "anna", "correct horse battery", Role.ADMIN, at)
    services.telemetry.open()
    yield services
    services.telemetry.store.close()
    services.database.close()


@pytest.fixture
def web(services: Services) -> Iterator[TestClient]:
    with services.database.write() as session:
        token = services.users.make_token(session, services.users.get(session, "anna"), "test", services.now())
    with TestClient(create_app(services), headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def ids(web: TestClient, path: str) -> list[Any]:
    answer = web.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text
    return [item.get("id", item.get("profile")) for item in answer.json()["items"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("gateway=gw-b", ["gw-b.pump-1"]),
        ("site=site-1", ["gw-b.pump-1"]),
        ("kind=meter", ["gw-a.meter-1"]),
        ("profile=x/pump&gateway=gw-a", ["gw-a.pump-1", "gw-a.pump-2"]),
        ("q=METER", ["gw-a.meter-1"]),
        ("health=ok", []),
        ("label=chilled", []),
        ("gateway=none", []),
    ],
)
def test_devices_are_filtered(web: TestClient, query: str, found: list[str]) -> None:
    assert ids(web, f"devices?{query}") == found


def test_other_lists_are_filtered(web: TestClient) -> None:
    assert ids(web, "gateways?site=site-1") == ["gw-b"]
    assert ids(web, "gateways?state=online") == []
    assert ids(web, "gateways?revoked=false") == ["gw-a", "gw-b"]
    assert ids(web, "profiles?kind=meter") == ["x/meter"]
    assert len(ids(web, "alarm-rules?profile=x/pump&kind=no-data")) == 1
    assert ids(web, "alarm-rules?device=gw-a.pump-1") == []
    assert len(ids(web, "work-orders?kind=corrective")) == 2
    assert len(ids(web, "work-orders?kind=corrective&priority=low&site=site-0")) == 1
    assert ids(web, "work-orders?alarm=7") == []
    assert len(ids(web, "gateways/gw-a/commands?device=pump-1")) == 3
    assert ids(web, "gateways/gw-a/commands?state=done") == []


@pytest.mark.parametrize(
    "path", ["devices", "gateways", "sites", "profiles", "alarm-rules", "gateways/gw-a/commands", "work-orders"]
)
def test_a_list_in_parts_is_the_whole_list(web: TestClient, path: str) -> None:
    whole, parts, cursor = ids(web, path), [], ""
    while True:
        answer = web.get(f"/api/v1/{path}", params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        parts += [item.get("id", item.get("profile")) for item in answer["items"]]
        assert len(answer["items"]) == 1
        if answer["next"] is None:
            break
        cursor = answer["next"]
    assert parts == whole
    assert len(whole) > 1


@pytest.mark.parametrize("path", ["devices", "gateways", "alarm-rules", "gateways/gw-a/commands"])
def test_a_cursor_of_something_that_is_gone_is_told(web: TestClient, path: str) -> None:
    answer = web.get(f"/api/v1/{path}", params={"cursor": "gone"})
    assert (answer.status_code, "begin again without it" in answer.json()["detail"]) == (422, True)
