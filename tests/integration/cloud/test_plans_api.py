"""Maintenance plans over HTTP and by their forms, by role and by site."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from plantroom_cloud.users.models import Role
from tests.fakes.cast import clients, services_in

PLANS = "/api/v1/maintenance-plans"
WEEKLY = {"title": "Grease it", "site_id": "east", "rule": "FREQ=WEEKLY", "starts": "2026-01-01T08:00", "lead_days": 7}


@pytest.fixture
def people(tmp_path: Path) -> Iterator[dict[str, TestClient]]:
    with services_in(tmp_path) as services:
        cast = [("mia", Role.MANAGER, ["east"]), ("will", Role.MANAGER, ["west"]), ("vera", Role.VIEWER, ["east"])]
        yield clients(services, cast, base="http://test")


def test_a_plan_over_http(people: dict[str, TestClient]) -> None:
    mia, vera, will = people["mia"], people["vera"], people["will"]
    assert vera.post(PLANS, json=WEEKLY).status_code == 403
    assert will.post(PLANS, json=WEEKLY).status_code == 422  # knows of no such site
    dates = mia.post(f"{PLANS}/preview", json=WEEKLY).json()["due_at"]
    assert len(dates) == 10
    made = mia.post(PLANS, json=WEEKLY)
    assert made.status_code == 201
    path = f"{PLANS}/{made.json()['id']}"
    story = vera.get(path).json()
    [first] = [found for found in story["occurrences"] if found["outcome"] == "open"][-1:]
    assert story["next_due_at"] <= dates[0]
    assert vera.get(f"/api/v1/work-orders/{first['order_id']}").json()["plan_id"] == story["id"]
    assert "Its plan" in vera.get(f"/work-orders/{first['order_id']}").text
    assert will.get(path).status_code == 404
    assert [plan["title"] for plan in vera.get(PLANS).json()["items"]] == ["Grease it"]
    assert will.get(PLANS).json()["items"] == []

    weeks = vera.get(f"{PLANS}/forecast/weeks").json()["items"]
    assert len(weeks) == 53
    assert weeks[20] == weeks[20] | {"count": 1, "hours": 1.0, "teams": [{"team_id": None, "count": 1, "hours": 1.0}]}
    assert [week["count"] for week in will.get(f"{PLANS}/forecast/weeks").json()["items"]] == [0] * 53
    assert 52 <= len(vera.get(f"{PLANS}/forecast").json()["items"]) <= 54

    assert mia.post(f"/api/v1/work-orders/{first['order_id']}/complete", json={"note": "greased"}).status_code == 200
    when = {"start": "2026-01-01T00:00:00Z", "end": "2035-01-01T00:00:00Z"}
    [done] = [o for o in vera.get(f"{PLANS}/occurrences", params=when).json()["items"] if o["outcome"] == "done"]
    assert (done["plan_id"], done["due_at"]) == (story["id"], first["due_at"])
    assert done["done_at"]
    assert will.get(f"{PLANS}/occurrences", params=when).json()["items"] == []
    assert vera.get(f"{PLANS}/occurrences", params=when | {"end": when["start"]}).status_code == 422

    assert vera.put(path, json=WEEKLY).status_code == 403
    assert mia.put(path, json=WEEKLY | {"title": "Oil it"}).json()["title"] == "Oil it"
    assert mia.post(f"{path}/switch", json={"enabled": False}).json()["enabled"] is False
    assert vera.get(path).json()["next_due_at"] is None
    assert mia.delete(path).status_code == 422  # its history counts
    yearly = mia.post(PLANS, json=WEEKLY | {"rule": "FREQ=YEARLY", "starts": "2190-01-01T08:00"}).json()
    assert mia.delete(f"{PLANS}/{yearly['id']}").status_code == 204


def test_every_mistake_is_told_by_field(people: dict[str, TestClient]) -> None:
    mia = people["mia"]
    wrong = mia.post(PLANS, json=WEEKLY | {"title": " ", "rule": "often", "kind": "magic"})
    assert wrong.status_code == 422
    assert all(field in wrong.json()["detail"] for field in ("title:", "rule:", "kind:"))
    places = {"asset_id": 7, "device_id": "gw.x", "team_id": "x", "checklist_id": 7}
    wrong = mia.post(PLANS, json=WEEKLY | places)
    assert all(f"{field}:" in wrong.json()["detail"] for field in places)
    for rule, field in (("FREQ=HOURLY", "rule"), ("FREQ=DAILY", "lead_days")):
        wrong = mia.post(PLANS, json=WEEKLY | {"rule": rule, "lead_days": 60})
        assert (wrong.status_code, wrong.json()["detail"].split(":")[0]) == (422, field)
    for starts in ("tomorrow", "9999-12-31T23:00", "0001-01-01T00:00"):
        assert mia.post(f"{PLANS}/preview", json=WEEKLY | {"starts": starts}).status_code == 422
    assert mia.post(PLANS, json=WEEKLY | {"trigger": "alarm", "alarm_rule_id": 99}).status_code == 422


def test_the_form_keeps_what_was_said_and_tells_each_mistake_beside_its_field(people: dict[str, TestClient]) -> None:
    mia = people["mia"]
    form = {"title": "", "kind": "preventive", "site_id": "east", "priority": "low", "estimated_h": "1.5"}
    form |= {"lead_days": "0", "trigger": "calendar", "rule": "FREQ=NEVER", "starts": "2026-01-01T08:00"}
    answer = mia.post("/plans/new", data=form)
    assert answer.status_code == 422
    assert 'id="title-problem"' in answer.text
    answer = mia.post("/plans/new", data=form | {"title": "Grease it", "trigger": "counter"})
    assert all(f'id="{field}-problem"' in answer.text for field in ("device_id", "metric", "every"))
    answer = mia.post("/plans/new", data=form | {"title": "Grease it", "trigger": "alarm"})
    assert 'id="alarm_rule_id-problem"' in answer.text
    answer = mia.post("/plans/new", data=form | {"title": "Grease it"})
    assert 'id="rule-problem"' in answer.text
    assert 'value="1.5"' in answer.text
    assert "FREQ=NEVER" in mia.post("/plans/preview", data=form).text
    saved = mia.post("/plans/new", data=form | {"title": "Grease it", "rule": "FREQ=MONTHLY"}, follow_redirects=False)
    assert saved.status_code == 303
    page = saved.headers["location"]
    assert mia.get(page).status_code == 200
    assert mia.get(f"{page}/edit").status_code == 200
    assert people["vera"].get(page).status_code == 200
    assert people["vera"].get(f"{page}/edit").status_code == 403
    assert people["will"].get(page).status_code == 404
    assert "Grease it" in people["vera"].get("/plans/calendar").text
    assert "Grease it" not in people["will"].get("/plans/calendar").text
