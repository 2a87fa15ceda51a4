"""What people and broken programs send in forms: each is told what is wrong, and none makes the server stumble."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from plantroom_cloud.alarms.definition import More, RuleDefinition, ScheduleDefinition, mistakes
from plantroom_cloud.alarms.models import RuleKind
from plantroom_cloud.alarms.rationalisation import Matrix
from plantroom_cloud.app import create_app
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.models import metadata
from plantroom_cloud.notifications.preference import time_zone
from plantroom_cloud.recurrence import check_zone
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from plantroom_cloud.waste.rules import Tolerance
from plantroom_shared.clock import SystemClock

PASSWORD = "correct horse battery"
ORDER = {"title": "Look at it", "site_id": "main", "priority": "medium"}
PLAN = {"title": "Grease it", "site_id": "main", "trigger": "condition", "estimated_h": "1"}
ROUTE = {
    "site_id": "main", "name": "Round", "starts": "2026-03-10T08:00", "point": "door", "from_min": "", "to_min": "",
    "leg_s": "",
}  # fmt: skip
STATION = {"site": "main", "key": "ward", "name": "Ward", "window_s": "60", "order": "label-first"}
CHECKLIST = {"name": "Pump", "description": "", "step-kind": "check", "step-label": "Dry", "step-required": "yes"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("cloud")
    url = f"sqlite:///{folder / 'plantroom.db'}"
    services = build(CloudConfig(database_url=url, telemetry=Telemetry(path=folder / "t.db")), SystemClock())
    metadata.create_all(services.database.engine)
    with services.database.write() as session:
        session.add(Site(id="main", name="Main"))
        services.users.add(session, "anna", PASSWORD, Role.ADMIN, services.now())
    with TestClient(create_app(services), follow_redirects=False) as client:
        client.post("/login", data={"name": "anna", "password": PASSWORD})
        yield client
    services.database.close()


def _csrf(client: TestClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/account").text)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("path", "fields", "status", "says"),
    [
        ("/work-orders/new", ORDER | {"team_id": "gone"}, 422, "choose one of the list"),
        ("/work-orders/new", ORDER | {"title": "x" * 201}, 422, "at most 200 characters"),
        ("/work-orders/new", ORDER | {"description": "x" * 5001}, 422, "at most 5000 characters"),
        ("/plans/new", PLAN | {"held_h": "long"}, 422, "write a number"),
        ("/plans/new", PLAN | {"held_h": "nan"}, 422, "less than or equal to 2592000"),
        ("/patrols/routes/new", ROUTE | {"from_min": "nan"}, 200, "less than or equal to 10080"),
        ("/patrols/routes/new", ROUTE | {"to_min": "1e400"}, 200, "less than or equal to 10080"),
        ("/stations", STATION | {"site": "gone"}, 404, "There is no site"),
        ("/stations", STATION | {"window_s": "nan"}, 422, "is not possible"),
        ("/checklists/new", CHECKLIST | {"description": "x" * 2001}, 422, "at most 2000 characters"),
        ("/notifications/preferences", {"timezone": "Europe"}, 422, "is not known"),
        ("/notifications/preferences", {"timezone": "x" * 300}, 422, "is not known"),
    ],
)
def test_bad_input_is_told_and_nothing_breaks(
    client: TestClient, path: str, fields: dict[str, str], status: int, says: str
) -> None:
    answer = client.post(path, data=fields | {"csrf_token": _csrf(client)})
    assert answer.status_code == status
    assert says in answer.text


def test_what_the_database_contradicts_is_a_conflict_and_no_stumble(client: TestClient) -> None:
    body = ORDER | {"team_id": "gone"}
    answer = client.post("/api/v1/work-orders", json=body, headers={"X-CSRF-Token": _csrf(client)})
    assert answer.status_code == 409
    assert "names something that is not there" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["Europe", "x" * 300, "Mars/Base", "", "../../etc/passwd"])
def test_no_name_of_a_time_zone_makes_anything_stumble(name: str) -> None:
    with pytest.raises(InvalidError):
        time_zone(name)
    with pytest.raises(InvalidError):
        check_zone(name)
    schedule = ScheduleDefinition(begins="08:00", ends="17:00", timezone=name)
    rule = RuleDefinition(name="Hot", kind=RuleKind.LIMIT, device_id="gw.pump", more=More(schedule=schedule))
    assert "schedule" in mistakes(rule, None)


def test_times_and_weights_without_end_are_refused() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Matrix(immediate_s=float("inf"))
    with pytest.raises(ValidationError, match="finite"):
        Tolerance(kg=float("inf"))


def test_a_rule_looks_back_for_days_that_are_a_number(client: TestClient) -> None:
    answer = client.post("/rules/preview", data={"preview_days": "abc", "csrf_token": _csrf(client)})
    assert answer.status_code == 200
    assert "is no number" in answer.text


def test_a_login_that_failed_keeps_the_name(client: TestClient) -> None:
    answer = client.post("/login", data={"name": "anna", "password": "wrong"})
    assert answer.status_code == 401
    assert 'value="anna"' in answer.text


def test_who_may_only_ask_for_work_has_a_page_for_it(client: TestClient) -> None:
    rob = TestClient(client.app, follow_redirects=False)
    body = {"name": "rob", "password": PASSWORD, "role": "requester"}
    assert client.post("/api/v1/users", json=body, headers={"X-CSRF-Token": _csrf(client)}).status_code == 201
    rob.post("/login", data={"name": "rob", "password": PASSWORD})
    assert rob.get("/").headers["location"] == "/requests"
    fields = {"csrf_token": _csrf(rob), "where": "site:main", "what": ""}
    assert "say what is wrong" in rob.post("/requests", data=fields).text
    for where in ("site:gone", "asset:99", "asset:", "", "99"):
        assert rob.post("/requests", data=fields | {"where": where, "what": "dark"}).status_code in (404, 422)
    wrong = rob.post("/requests", data=fields | {"what": "dark"}, files={"photo": ("x.jpg", b"no picture")})
    assert wrong.status_code == 422
    assert "dark" in wrong.text
    assert rob.post("/requests", data=fields | {"what": "It is dark"}).status_code == 303
    page = rob.get("/requests").text
    assert "It is dark" in page
    assert "data-live" not in page  # the stream is not for them: no banner that it is lost
    assert 'id="bell"' not in page
    assert rob.get("/account").status_code == 200
    assert "It is dark" not in client.get("/requests").text  # somebody else's


def test_a_form_that_was_open_for_too_long_says_so_and_leads_back(client: TestClient) -> None:
    stranger = TestClient(client.app, follow_redirects=False)
    answer = stranger.post("/work-orders/new", data=ORDER, headers={"Referer": "http://testserver/work-orders/new"})
    assert answer.headers["location"] == "/login?next=%2Fwork-orders%2Fnew&ended=yes"
    assert "was not kept" in stranger.get(answer.headers["location"]).text
    foreign = stranger.post("/work-orders/new", data=ORDER, headers={"Referer": "http://evil.example/x"})
    assert foreign.headers["location"] == "/login?next=&ended=yes"


def test_a_refusal_leads_back_to_the_form_and_a_large_request_is_told_on_a_page(client: TestClient) -> None:
    order = client.post("/work-orders/new", data=ORDER | {"csrf_token": _csrf(client)}).headers["location"]
    before = {"Referer": f"http://testserver{order}"}
    fields = {"csrf_token": _csrf(client)}
    wrong = client.post(f"{order}/files", data=fields, files={"files": ("a.exe", b"MZ\x00\x01")}, headers=before)
    assert wrong.status_code == 422
    assert f'href="{order}"' in wrong.text
    large = client.post(f"{order}/files", data=fields, files={"files": ("a.txt", b"a" * 10_300_000)}, headers=before)
    assert large.status_code == 413
    assert "At most 10.2 MB are taken" in large.text
    assert f'href="{order}"' in large.text
    program = client.post(f"/api/v1{order}/files", content=b"a" * 10_300_000)
    assert program.headers["content-type"] == "application/problem+json"


def _told(client: TestClient, path: str, fields: dict[str, str]) -> dict[str, str]:
    """What the script is told to write beside the fields of a short form."""
    answer = client.post(path, data=fields | {"csrf_token": _csrf(client)}, headers={"X-Here": "1"})
    assert answer.status_code in (409, 422), answer.text
    found: dict[str, str] = answer.json()["fields"]
    return found


def test_a_typo_in_who_signs_for_a_department_is_told_at_its_field(client: TestClient) -> None:
    ward = {"id": "ward-7", "name": "Ward 7", "site": "main", "staff": "anna"}
    assert "anny" in _told(client, "/departments", ward | {"staff": "anna, anny"})["staff"]
    assert client.post("/departments", data=ward | {"csrf_token": _csrf(client)}).status_code == 303
    assert "anny" in _told(client, "/departments", {"id": "ward-7", "name": "Ward 7", "staff": "anny"})["staff"]
    token = {"X-CSRF-Token": _csrf(client)}
    body = {"name": "Ward 7", "staff": ["anny"]}
    answer = client.put("/api/v1/departments/ward-7", json=body, headers=token)
    assert answer.status_code == 422
    assert "anny" in answer.json()["detail"]
    assert 'value="anna"' in client.get("/departments").text  # nothing was changed


def test_short_forms_of_waste_tell_a_mistake_at_its_field(client: TestClient) -> None:
    ward = {"id": "ward-8", "name": "Ward 8", "site": "main", "csrf_token": _csrf(client)}
    assert client.post("/departments", data=ward).status_code == 303
    labels = {"department": "ward-8", "kind": "infectious", "count": "0"}
    assert list(_told(client, "/waste/labels", labels)) == ["count"]
    assert list(_told(client, "/waste/manifests", {"site": "main", "carrier": ""})) == ["carrier"]


def test_a_wrong_rule_of_recurrence_is_told_once(client: TestClient) -> None:
    plan = PLAN | {"trigger": "calendar", "rule": "FREQ=NEVER", "starts": "2026-03-10T08:00", "priority": "medium"}
    page = client.post("/plans/new", data=plan | {"csrf_token": _csrf(client)}).text
    assert page.count("a right one is FREQ=DAILY") == 1
    assert 'hx-trigger="input changed' in page  # the preview would say the same at once
    assert 'hx-trigger="load, input changed' in client.get("/plans/new").text
    route = ROUTE | {"rule": "FREQ=NEVER"}
    page = client.post("/patrols/routes/new", data=route | {"csrf_token": _csrf(client)}).text
    assert page.count("a right one is FREQ=DAILY") == 1
