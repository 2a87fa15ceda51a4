"""The form of a rule says what the API says of it, and shows what is wrong beside the field."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from plantroom_cloud.app import create_app
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.models import metadata
from plantroom_cloud.services import build
from plantroom_cloud.users.models import Role
from plantroom_shared.clock import SystemClock
from tests.integration.cloud.test_bad_forms import PASSWORD, _csrf


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    url = f"sqlite:///{tmp_path / 'plantroom.db'}"
    services = build(CloudConfig(database_url=url, telemetry=Telemetry(path=tmp_path / "t.db")), SystemClock())
    metadata.create_all(services.database.engine)
    with services.database.write() as session:
        services.users.add(session, "anna", PASSWORD, Role.ADMIN, services.now())
        services.alarms.ensure_system_rules(session, services.now())
    with TestClient(create_app(services), follow_redirects=False) as client:
        client.post("/login", data={"name": "anna", "password": PASSWORD})
        yield client
    services.database.close()


def test_recurrence_and_what_silences_a_rule_are_said_on_its_page(client: TestClient) -> None:
    rules = {rule["key"]: rule for rule in client.get("/api/v1/alarm-rules").json()["items"]}
    lost, pressed = rules["gateway-lost"], rules["outbox.pressed"]
    path = f"/rules/{pressed['id']}"
    page = client.get(path).text
    assert "empty: as everywhere, 1 h" in page
    assert f'<option value="{lost["id"]}">Gateway lost</option>' in page
    assert f'<option value="{pressed["id"]}">' not in page  # not by itself
    names = ("name", "cause", "consequence", "response", "impact", "respond_within_s", "on_delay_s", "proving_s")
    fields = {name: str(pressed[name]) for name in names} | {"work_order": "on", "enabled": "on"}
    said = {"recurrence_s": "7200", "suppressed_by": str(lost["id"]), "suppressed_within": "gateway"}
    assert client.post(path, data=fields | said | {"csrf_token": _csrf(client)}).status_code == 303
    kept = client.get(f"/api/v1/alarm-rules/{pressed['id']}").json()
    assert {name: str(kept[name]) for name in said} == said | {"recurrence_s": "7200.0"}
    page = client.get(path).text
    assert 'name="recurrence_s" type="number" value="7200"' in page
    assert f'<option value="{lost["id"]}" selected>' in page
    assert '<option value="gateway" selected>' in page
    refused = client.post(path, data=fields | {"recurrence_s": "-1", "csrf_token": _csrf(client)})
    assert refused.status_code == 422
    assert 'id="recurrence_s-problem"' in refused.text
    emptied = client.post(path, data=fields | {"recurrence_s": "", "suppressed_by": "", "csrf_token": _csrf(client)})
    assert emptied.status_code == 303
    kept = client.get(f"/api/v1/alarm-rules/{pressed['id']}").json()
    assert (kept["recurrence_s"], kept["suppressed_by"]) == (None, None)
