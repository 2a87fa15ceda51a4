"""The HTTP surface as a whole: nothing open, requests bounded, logins slowed down, answers as the schema says."""

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute, Mount

from plantroom_cloud.app import create_app
from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.devices.api import SeriesOut
from plantroom_cloud.ingest.partition import Partition
from plantroom_cloud.listing import Page
from plantroom_cloud.models import metadata
from plantroom_cloud.serve import Part, Server
from plantroom_cloud.services import Services, build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users import login
from plantroom_cloud.users.models import Role
from plantroom_cloud.web.body import MOST_BODY_BYTES
from plantroom_shared.batch import DeviceRows
from plantroom_shared.clock import SystemClock
from plantroom_shared.messages import Birth, BirthDevice, Metric

PASSWORD = "correct horse battery"
#: What somebody without credentials is answered: the way in, and what it needs.
OPEN = {("GET", "/login"), ("POST", "/login"), ("GET", "/first/{token}"), ("POST", "/first/{token}")}
#: A script without data, as those in /static; a service worker must lie where it serves.
OPEN |= {
    ("GET", "/patrols/walk-worker.js"),
    ("GET", "/my-worker.js"),
    ("GET", "/my.webmanifest"),
    ("POST", "/language"),
}
#: Signed: who has no label gets nothing.
OPEN |= {(method, path) for method in ("GET", "POST") for path in ("/r/{label}", "/r/follow/{link}")}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    config = CloudConfig(
        database_url=f"sqlite:///{tmp_path / 'plantroom.db'}", telemetry=Telemetry(path=tmp_path / "telemetry.db")
    )
    services = build(config, SystemClock())
    metadata.create_all(services.database.engine)
    with services.database.write() as session:
        session.add(Site(id="main", name="Main"))
        services.users.add(session, "anna", PASSWORD, Role.ADMIN, services.now())
        session.flush()
        services.gateways.enrol(session, "gw-a", "main", "", "", services.now())
        services.alarms.ensure_system_rules(session, services.now())
    services.telemetry.open()
    yield services
    services.telemetry.store.close()
    services.database.close()


@pytest.fixture
def app(services: Services) -> FastAPI:
    return create_app(services)


@pytest.fixture
def token(services: Services) -> str:
    with services.database.write() as session:
        anna = services.users.get(session, "anna")
        return services.users.make_token(session, anna, "test", services.now())


def every(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    """Routers that were included, taken apart."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from every(included.routes)


def log_in(client: TestClient, password: str, name: str = "anna") -> int:
    status: int = client.post("/api/v1/session", json={"name": name, "password": password}).status_code
    return status


def test_the_first_administrator_is_made_by_a_link_that_serves_once(services: Services, app: FastAPI) -> None:
    with services.database.write() as session:
        assert services.users.first_login(session, services.now()) is None  # there is somebody
        session.delete(services.users.get(session, "anna"))
        session.flush()
        token = services.users.first_login(session, services.now())
    client = TestClient(app, follow_redirects=False)
    assert client.get(f"/first/{token}").status_code == 200
    weak = client.post(f"/first/{token}", data={"name": "zoe", "password": "short"})
    assert (weak.status_code, f'action="/first/{token}"' in weak.text) == (422, True)  # the form again, with the reason
    assert client.post("/first/made-up", data={"name": "zoe", "password": PASSWORD}).status_code == 401
    made = client.post(f"/first/{token}", data={"name": "zoe", "password": PASSWORD})
    assert (made.status_code, made.headers["location"]) == (303, "/")
    assert client.get("/api/v1/session").json()["role"] == "admin"
    spent = TestClient(app).post(f"/first/{token}", data={"name": "eve", "password": PASSWORD})
    assert (spent.status_code, "spent" in spent.text) == (401, True)


def test_nothing_is_open_but_the_way_in(app: FastAPI) -> None:
    client = TestClient(app, follow_redirects=False)
    seen = 0
    for route in every(app.routes):
        if isinstance(route, Mount):
            assert route.path == "/static"
            continue
        assert isinstance(route, APIRoute)
        for method in (route.methods or set()) - {"HEAD"}:
            seen += 1
            path = re.sub(r"\{[^}]+\}", "1", route.path)
            answer = client.request(method, path, headers={"Content-Type": "application/json"}, content=b"{}")
            if (method, route.path) in OPEN:
                continue
            if (method, route.path) == ("POST", "/api/v1/session"):
                assert answer.status_code == 422
                continue
            if "{secret}" in route.path:  # the address itself is the credential
                assert answer.status_code == 404
                continue
            refused = answer.status_code in (401, 403)
            to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login")
            assert refused or (to_login and not path.startswith("/api/")), (
                f"{method} {route.path}: {answer.status_code}"
            )
    assert seen > 50


def test_a_body_is_bounded_whether_its_length_was_told_or_not(app: FastAPI, token: str) -> None:
    client = TestClient(app, headers={"Authorization": f"Bearer {token}"})
    pieces = 0

    def stream() -> Iterator[bytes]:
        nonlocal pieces
        for _ in range(400):
            pieces += 1
            yield b"x" * 10_000

    told = client.post("/api/v1/devices/gw-a.x/commands", content=b"x" * (MOST_BODY_BYTES + 1))
    untold = client.post("/api/v1/devices/gw-a.x/commands", content=stream())
    for answer in (told, untold):
        assert (answer.status_code, answer.json()["title"]) == (413, "Request too large")
        assert answer.headers["content-type"] == "application/problem+json"
    small = client.post("/api/v1/devices/gw-a.x/commands", json={"action": "x", "args": {}, "reason": "y"})
    assert small.status_code == 404


def test_failed_logins_are_slowed_down_also_after_a_restart(
    app: FastAPI, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = TestClient(app)
    assert [log_in(client, "wrong") for _ in range(login.MOST_FAILURES)] == [401] * login.MOST_FAILURES
    again = TestClient(create_app(build(services.config, SystemClock())))
    answer = again.post("/api/v1/session", json={"name": "anna", "password": PASSWORD})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 301
    with services.database.write() as session:  # as after five minutes
        from plantroom_cloud.users.repository import remember_failure

        remember_failure(session, (), services.now(), services.now() + timedelta(seconds=1))
    assert log_in(again, PASSWORD) == 200


def test_failed_logins_are_bounded(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "MOST_REMEMBERED", 6)
    client = TestClient(app)
    answers = [log_in(client, "wrong", f"nobody-{number}") for number in range(5)]
    assert answers == [401, 401, 401, 429, 429]


def test_nobody_waits_for_a_password_that_is_checked(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    checking, go_on = threading.Event(), threading.Event()

    def slow(_hash: str | None, _password: str) -> bool:
        checking.set()
        return go_on.wait(90)

    monkeypatch.setattr(services.users, "is_right", slow)
    client = TestClient(create_app(services))
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(log_in(client, PASSWORD)))
    thread.start()
    assert checking.wait(90)
    with services.database.write() as session:  # on SQLite there is one writer at a time
        services.users.audit(session, "x", "y", "", {}, services.now())
    go_on.set()
    thread.join(90)
    assert answers == [200]


def test_the_schema_is_for_who_is_logged_in_and_names_the_problems(app: FastAPI, token: str) -> None:
    client = TestClient(app, headers={"Authorization": f"Bearer {token}"})
    schema: dict[str, Any] = client.get("/api/v1/openapi.json").json()
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            for status in ("401", "403", "404", "422"):
                assert operation["responses"][status]["content"] == {"application/problem+json": problem}, path


def test_a_chart_is_answered_as_its_schema_says_and_asks_for_no_more_than_a_metric(
    app: FastAPI, services: Services, token: str
) -> None:
    client = TestClient(app, headers={"Authorization": f"Bearer {token}"})
    device = BirthDevice(device="pump", label="Pump", profile="x/pump", metrics=[Metric(name="t", label="T")])
    born = Birth(v=1, gateway="gw-a", boot="b", at=1, config_version="1", devices=[device])
    at = services.now()
    rows = DeviceRows(device="pump", times=[ms_from_utc(at) - 1_500], values={"t": [1.5]})
    with services.database.write() as session:
        services.devices.register(session, born, at)
        services.telemetry.journal(session, "gw-a", [rows], 1, at, late=False)
    services.telemetry_writer.drain(at)
    for every in ({}, {"every": 0}, {"every": 60}):
        answer = client.get("/api/v1/devices/gw-a.pump/telemetry", params={"metric": "t", **every})
        page = Page[SeriesOut].model_validate_json(answer.content)
        [point] = page.items[0].points
        assert (point.min, point.mean, point.max, point.last, point.count) == (1.5, 1.5, 1.5, 1.5, 1)
        assert point.time.tzinfo is not None
    for metric in ('t" FROM "x', "t;DROP", "T"):
        assert client.get("/api/v1/devices/gw-a.pump/telemetry", params={"metric": metric}).status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "gateways/gw-a/ledger",
        "patrols/rounds",
        "alarm-figures",
        "access-events",
        "access-events.csv",
        "weighings",
        "devices/gw-a.d/telemetry?metric=m",
        "absences",
        "reliability",
    ],
)
@pytest.mark.parametrize("key", ["start", "end"])
def test_a_time_without_zone_or_out_of_range_is_told(app: FastAPI, token: str, path: str, key: str) -> None:
    with TestClient(app, headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False) as client:
        for time in ("2026-11-25T10:00:00", "2026-11-25", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"):
            answer = client.get(f"/api/v1/{path}", params={**({"metric": "m"} if "?" in path else {}), key: time})
            assert answer.status_code == 422, (time, answer.text)
            assert answer.json()["detail"] == f"query.{key}: write a time like 2026-03-10T14:30:00Z"


def test_refusals_say_what_the_standard_asks_for(app: FastAPI, token: str) -> None:
    with TestClient(app) as client:
        stranger = client.get("/api/v1/devices")
        assert (stranger.status_code, stranger.headers["www-authenticate"]) == (401, "Bearer")
        wrong = client.delete("/api/v1/devices", headers={"Authorization": f"Bearer {token}"})
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
        assert wrong.json()["detail"] == "This address takes GET."


def test_health_and_figures_are_answered_where_they_are_asked_for(services: Services) -> None:
    server = Server(services, set(Part), Partition.parse("1/1"))
    with TestClient(server.health_app(), follow_redirects=False) as client:
        assert client.get("/health").json()["status"] == "ok"
        figures = client.get("/metrics")
        assert (figures.status_code, figures.headers["content-type"].split(";")[0]) == (200, "text/plain")
        assert "plantroom_broker_connected" in figures.text


def test_a_whole_number_is_asked_for_where_one_is_needed(app: FastAPI, token: str) -> None:
    with TestClient(app, headers={"Authorization": f"Bearer {token}"}) as client:
        answer = client.get("/api/v1/alarms/first")
        assert answer.json()["detail"] == "path.alarm_id: write a whole number, like 80"
