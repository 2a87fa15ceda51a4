"""Who sees one site knows nothing of another: every endpoint and every page is asked for what stands at a site that the
person does not see."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings

from plantroom_cloud.app import PAGES
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.ingest.connection import Received
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from plantroom_shared.clock import SystemClock
from plantroom_shared.encoding import encode
from plantroom_shared.messages import Birth, BirthDevice, Metric
from tests.fakes.furnished import Furnished

PASSWORD = "correct horse battery"
#: What is nowhere but at the furnished site.
OF_MAIN = re.compile(
    r"gw-a|_id\":\"main\"|sites\":\[\"main\"|>Main<|Leak|Grease|Bearing|[>\"]Hot\b|[>\"]P1[<\"]|>Roof<|>Eva<"
)
#: Of the whole installation: no site bounds people, teams, calendars, checklists, parts, or what is the person's own.
OF_NO_SITE = (
    "/api/v1/alarm-levels", "/api/v1/calendars", "/api/v1/checklist-templates", "/api/v1/dispatch/people",
    "/api/v1/dispatch/teams", "/api/v1/labour-rates", "/api/v1/notifications", "/api/v1/parts",
    "/api/v1/patrols/walk/reports", "/api/v1/photos", "/api/v1/sla/policies", "/api/v1/teams", "/api/v1/tokens",
    "/api/v1/absences",
)  # fmt: skip
#: Pages of the same, those that nobody has to log in for, and the label of an asset, which the public may read.
PAGES_OF_NO_SITE = ("/calendars", "/checklists", "/parts", "/sla", "/first", "/login", "/r/")
RULE = {"name": "Warm", "kind": "limit", "metric": "t", "operator": ">", "limit": 60}
LEVELS = {"name": "Oil", "metric": "t", "levels": {"high": {"limit": 95}}}


class House(Furnished):
    """With a second, empty site, and a manager who sees nothing else."""

    def __init__(self, folder: Path) -> None:
        url = f"sqlite:///{folder / 'plantroom.db'}"
        super().__init__(build(CloudConfig(database_url=url, telemetry=Telemetry(path=folder / "t.db")), SystemClock()))
        services = self.services
        with services.database.write() as session:
            session.add(Site(id="other", name="Other"))
            olga = services.users.add(session, "olga", PASSWORD, Role.MANAGER, services.now())
            olga.sites = ["other"]
            session.flush()
            services.gateways.enrol(session, "gw-b", "other", "", "", services.now())
            token = services.users.make_token(session, olga, "test", services.now())
        fan = BirthDevice(device="fan", label="Fan", kind="fan", profile="x/fan", metrics=[Metric(name="t", label="T")])
        birth = encode(Birth(v=1, gateway="gw-b", boot="b", at=1, config_version="1", devices=[fan]))
        services.ingest.process([Received("plantroom/v1/gw-b/birth", birth, 1)], services.now())
        self.hers = {"Authorization": f"Bearer {token}"}

    def as_olga(self, method: str, path: str, **more: Any) -> Any:
        return self.ask(method, path, headers=self.hers, **more)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("cloud"))
    yield house
    house.services.telemetry.store.close()
    house.services.database.close()


def _ask(house: House, operation: Any) -> list[tuple[int, str]]:
    """What she is told where she names what stands at the other site."""
    told: list[tuple[int, str]] = []

    @given(case=operation.as_strategy())
    @settings(
        max_examples=3,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        for name in case.path_parameters or {}:
            if (known := house.named(case.path, name)) is not None:
                case.path_parameters[name] = known
        for part in (case.query, case.body):
            if isinstance(part, dict):
                part.update({name: house.known[name] for name in part if name in house.known})
        answer = case.call(headers=house.hers, timeout=60)
        told.append((answer.status_code, "" if b"\x00" in answer.content else answer.content.decode(errors="replace")))

    ask()
    return told


@pytest.mark.timeout(300)
def test_no_endpoint_shows_or_changes_what_stands_at_another_site(house: House) -> None:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", house.app, headers=house.headers, timeout=300)
    wrong = []
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        label = f"{operation.method.upper()} {operation.path}"
        if operation.path == "/api/v1/stream" or label == "DELETE /api/v1/session":
            continue
        named = "{" in operation.path and not operation.path.startswith(OF_NO_SITE)
        for status, text in _ask(house, operation):
            if status < 300 and (named or OF_MAIN.search(text)):
                wrong.append(f"{label}: {status} {text[:200]}")
    assert not wrong, "\n".join(wrong)


def test_no_page_shows_what_stands_at_another_site(house: House) -> None:
    http = TestClient(house.app, base_url="http://test", follow_redirects=False)
    assert http.post("/login", data={"name": "olga", "password": PASSWORD}).status_code == 303
    wrong, seen = [], 0
    for pages in PAGES:
        for route in pages.router.routes:
            if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()):
                continue
            names = {name: house.named(route.path, name) or "x" for name in route.param_convertors}
            answer = http.get(route.path.format(**names))
            seen += 1
            named = bool(names) and not route.path.startswith(PAGES_OF_NO_SITE)
            if answer.status_code < 300 and (named or OF_MAIN.search(answer.text)):
                wrong.append(f"{route.path}: {OF_MAIN.findall(answer.text)}")
    assert seen > 90
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("of", [{"device_id": "gw-a.pump"}, {"site_id": "main"}, {"label": "pump"}])
def test_a_rule_elsewhere_or_everywhere_is_made_by_who_sees_there(house: House, of: dict[str, str]) -> None:
    for path, body in (("alarm-rules", RULE), ("alarm-levels", LEVELS)):
        for where in (path, f"{path}/preview"):
            told = house.as_olga("POST", where, json=body | of)
            assert told.status_code == 422, told.text
            assert "target" in told.json()["detail"]


def test_at_the_own_site_rules_and_levels_are_made_changed_and_deleted(house: House) -> None:
    for path, body in (("alarm-rules", RULE), ("alarm-levels", LEVELS)):
        for of in ({"site_id": "other"}, {"device_id": "gw-b.fan"}):
            made = house.as_olga("POST", path, json=body | of)
            assert made.status_code == 201, made.text
            mine = f"{path}/{made.json()['id']}"
            assert house.as_olga("PUT", mine, json=body | of | {"deadband": 2}).status_code == 200
            assert house.as_olga("DELETE", mine).status_code == 204


def test_a_rule_of_every_site_is_seen_but_not_changed_by_who_sees_one(house: House) -> None:
    mine = {rule["name"]: rule for rule in house.as_olga("GET", "alarm-rules").json()["items"]}
    assert "Hot" not in mine
    everywhere = next(rule for rule in mine.values() if rule["profile"] == "system")
    assert house.as_olga("PUT", f"alarm-rules/{everywhere['id']}", json=everywhere).status_code == 403
    assert house.as_olga("DELETE", f"alarm-rules/{everywhere['id']}").status_code == 403


def test_rules_and_levels_of_another_site_stay_as_they_are(house: House) -> None:
    hot = next(rule for rule in house.ask("GET", "alarm-rules").json()["items"] if rule["name"] == "Hot")
    levels = house.known["levels_id"]
    for path, body in ((f"alarm-rules/{hot['id']}", RULE), (f"alarm-levels/{levels}", LEVELS)):
        before = house.ask("GET", path).json()
        assert house.as_olga("GET", path).status_code == 404
        assert house.as_olga("PUT", path, json=body | {"device_id": "gw-a.pump"}).status_code == 404
        assert house.as_olga("DELETE", path).status_code == 404
        assert house.ask("GET", path).json() == before


def test_nobody_takes_a_device_of_another_site_for_the_own_asset_or_work(house: House) -> None:
    asset = {"code": "O1", "name": "Other pump", "kind": "equipment", "site_id": "other"}
    mine = house.as_olga("POST", "assets", json=asset).json()["id"]
    assert house.as_olga("POST", f"assets/{mine}/devices", json={"device_id": "gw-a.pump"}).status_code == 404
    assert [item["until"] for item in house.ask("GET", "assets/1").json()["devices"]] == [None]
    order = {"title": "Look", "site_id": "other", "device_id": "gw-a.pump"}
    assert house.as_olga("POST", "work-orders", json=order).status_code == 404
    assert house.ask("POST", "work-orders", json=order).status_code == 422
    assert house.as_olga("POST", "work-orders", json=order | {"device_id": None}).status_code == 201
