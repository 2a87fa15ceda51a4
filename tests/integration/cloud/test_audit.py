"""What people do with assets and their documents stands in the log, however they do it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from plantroom_cloud.devices.models import Device
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import Role
from tests.fakes.cast import clients, services_in

PUMP = {"code": "P1", "name": "Pump", "kind": "equipment", "site_id": "east"}
LINK = {"title": "Drawing", "url": "https://example.org/d"}
TABLE = b"code,name,kind,site\nP2,Second pump,equipment,east\n"
STORY = [
    "asset.add", "asset.change", "asset.bind", "asset.unbind", "document.add", "document.remove", "asset.retire",
]  # fmt: skip


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with services_in(tmp_path) as services:
        with services.database.write() as session:
            session.add(Gateway(id="gw", site_id="east", enrolled_at=services.now()))
            session.flush()
            session.add(Device(id="gw.pump", gateway_id="gw", name="pump", registered_at=services.now()))
        yield services


def _logged(services: Services, what: str) -> list[str]:
    """Oldest first; all of them mia's."""
    with services.database.read() as session:
        entries = services.users.audited(session, what)
    assert {entry.actor for entry in entries} == {"mia"}
    return [entry.action for entry in reversed(entries)]


def test_by_the_api(services: Services) -> None:
    mia = clients(services, [("mia", Role.MANAGER, ["east"])])["mia"]
    mia.post("assets", json=PUMP)
    mia.put("assets/1", json=PUMP | {"name": "Big pump"})
    mia.post("assets/1/devices", json={"device_id": "gw.pump"})
    mia.delete("assets/1/devices/gw.pump")
    mia.post("assets/1/documents", json=LINK)
    mia.delete("assets/1/documents/1")
    mia.post("assets/1/retire")
    assert _logged(services, "asset/1") == STORY
    for dry_run in (True, False):
        taken = mia.post("assets/import", params={"dry_run": dry_run}, content=TABLE)
        assert taken.json()["new"] == 1, taken.text
    assert _logged(services, "assets") == ["asset.import"]  # a trial changes nothing


def test_by_the_forms(services: Services) -> None:
    with services.database.write() as session:
        services.users.add(session, "mia", "correct horse battery", Role.MANAGER, services.now())
    app = clients(services, [])["nobody"].app
    page = TestClient(app, base_url="http://test", follow_redirects=False)
    page.post("/login", data={"name": "mia", "password": "correct horse battery"})
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.get("/account").text)
    assert found
    token = {"csrf_token": found[1]}
    for path, said in (
        ("new", PUMP),
        ("1/edit", PUMP | {"name": "Big pump"}),
        ("1/devices", {"device": "gw.pump"}),
        ("1/devices", {"device": "gw.pump", "end": "yes"}),
        ("1/documents", LINK),
        ("1/documents/1/remove", {}),
        ("1/retire", {}),
    ):
        answer = page.post(f"/assets/{path}", data=token | said)
        assert answer.status_code == 303, answer.text
    assert _logged(services, "asset/1") == STORY
    answer = page.post("/assets/import", data=token, files={"file": ("assets.csv", TABLE)})
    assert answer.status_code == 303, answer.text
    assert _logged(services, "assets") == ["asset.import"]
