"""Service levels over HTTP and as pages; by role and site."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from plantroom_cloud.services import Services
from plantroom_cloud.users.models import Role
from tests.fakes.cast import clients, services_in


class House:
    """Two sites, and a client for each person."""

    def __init__(self, services: Services) -> None:
        self.services = services
        cast = [("mia", Role.MANAGER, []), ("wim", Role.MANAGER, ["west"]), ("tom", Role.TECHNICIAN, ["east"])]
        self.people = clients(services, cast, base="http://test")

    def open(self, minutes_ago: float = 0, priority: str = "high", site: str = "east") -> int:
        services = self.services
        with services.database.write() as session:
            at = services.now() - timedelta(minutes=minutes_ago)
            order = services.work_orders.create(session, "Leak", "", site, None, priority, None, "mia", at)
            assert order.id is not None
            return order.id


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with services_in(tmp_path) as services:
        yield House(services)


POLICY = {
    "name": "High",
    "priority": "high",
    "response_min": 15,
    "restoration_min": 60,
    "steps": [{"clock": "restoration", "percent": 50, "to": "managers"}],
}


def test_over_http(house: House) -> None:
    mia, wim, tom = (house.people[name] for name in ("mia", "wim", "tom"))
    assert tom.post("/api/v1/sla/policies", json=POLICY).status_code == 403
    assert "name one of them" in wim.post("/api/v1/sla/policies", json=POLICY).json()["detail"]
    made = mia.post("/api/v1/sla/policies", json=POLICY)
    assert (made.status_code, made.json()["pauses"]) == (201, ["parts", "access", "contractor"])
    assert mia.post("/api/v1/sla/policies", json=POLICY).status_code == 409
    assert wim.put(f"/api/v1/sla/policies/{made.json()['id']}", json=POLICY | {"site_id": "west"}).status_code == 422
    wrong = mia.post("/api/v1/sla/policies", json=POLICY | {"priority": "low", "calendar": "gone"})
    assert (wrong.status_code, wrong.json()["detail"]) == (422, "calendar: there is no calendar 'gone'")
    late, fresh = house.open(31), house.open()
    with house.services.database.write() as session:
        house.services.sla.tick(session, house.services.now())
    levels = tom.get(f"/api/v1/sla/orders/{late}").json()
    assert levels["policy"] == "High"
    assert [(clock["kind"], clock["state"]) for clock in levels["clocks"]] == [
        ("response", "breached"),
        ("restoration", "running"),
    ]
    assert -1000 < levels["clocks"][0]["left_s"] < -900
    assert [(mark["name"], mark["told"]) for mark in levels["marks"]] == [
        ("warning", []),
        ("breach", []),
        ("step-1", ["mia"]),
    ]
    orders = {order["id"]: order for order in tom.get("/api/v1/work-orders").json()["items"]}
    assert (orders[late]["sla_state"], orders[fresh]["sla_state"]) == ("breached", "running")
    assert orders[late]["sla_due_at"] < orders[fresh]["sla_due_at"]
    found = tom.get("/api/v1/work-orders", params={"sla_state": "breached"}).json()["items"]
    assert [order["id"] for order in found] == [late]
    clocks = tom.get("/api/v1/sla/clocks").json()["items"]
    assert [clock["work_order_id"] for clock in clocks] == [late, fresh, late, fresh]
    assert wim.get("/api/v1/sla/clocks").json()["items"] == []
    assert wim.get(f"/api/v1/sla/orders/{late}").status_code == 404
    assert tom.get(f"/api/v1/sla/orders/{house.open(0, 'low')}").status_code == 404
    tom.post(f"/api/v1/work-orders/{fresh}/complete", json={"note": "sealed"})
    figures = tom.get("/api/v1/sla/figures", params={"by": "priority"}).json()
    assert "met ÷ (met + breached)" in figures["formula"]
    assert [(row["kind"], row["met"], row["breached"], row["share"]) for row in figures["items"]] == [
        ("response", 1, 1, 0.5),
        ("restoration", 1, 0, 1.0),
    ]
    assert tom.get("/api/v1/sla/figures", params={"site": "west"}).status_code == 404
    assert mia.delete(f"/api/v1/sla/policies/{made.json()['id']}").status_code == 204


def test_the_form_says_what_is_wrong_beside_the_field(house: House) -> None:
    mia = house.people["mia"]
    form: dict[str, object] = {"name": "All", "response_min": "soon", "enabled": "on", "calendar": ""}
    answer = mia.post("/sla/policies/new", data=form)
    assert answer.status_code == 422
    assert 'id="response_min-problem">write a number' in answer.text
    form |= {
        "response_min": "30",
        "step_clock": "restoration",
        "step_after": "50",
        "step_unit": "percent",
        "step_to": "team",
    }
    assert "step 1: no time of restoration is promised" in mia.post("/sla/policies/new", data=form).text
    form |= {"step_to": "", "restoration_min": "240"}
    assert 'id="steps-problem"' in mia.post("/sla/policies/new", data=form).text
    form["step_to"] = "managers"
    assert mia.post("/sla/policies/new", data=form, follow_redirects=False).status_code == 303
    page = mia.get("/sla").text
    assert "response within 30 min, restoration within 4 h" in page
    number = re.search(r"/sla/policies/(\d+)", page)
    assert number is not None
    assert re.search(r'name="step_after" value="50"', mia.get(number.group()).text)
    again = mia.post("/sla/policies/new", data=form)
    assert (again.status_code, "says already what holds there" in again.text) == (422, True)


def test_due_times_on_the_lists_and_the_order(house: House) -> None:
    mia, tom = house.people["mia"], house.people["tom"]
    mia.post("/api/v1/sla/policies", json=POLICY)
    late, low, fresh = house.open(31), house.open(0, "low"), house.open()
    with house.services.database.write() as session:
        house.services.sla.tick(session, house.services.now())
    by_due = re.findall(r'id="order-(\d+)"', tom.get("/work-orders?sort=due").text)
    assert list(map(int, by_due)) == [late, fresh, low]
    assert re.findall(r'id="order-(\d+)"', tom.get("/work-orders?level=breached").text) == [str(late)]
    assert list(map(int, re.findall(r'id="order-(\d+)"', tom.get("/").text))) == [late, fresh, low]
    assert "1 over time" in tom.get("/").text
    page = tom.get(f"/work-orders/{late}").text
    assert "over by" in page
    assert "29 min of 1 h working time left" in page or "28 min of 1 h working time left" in page
    tom.post(f"/api/v1/work-orders/{late}/start")
    tom.post(f"/api/v1/work-orders/{late}/hold", json={"reason": "parts"})
    assert "clock paused" in tom.get("/work-orders?level=paused").text
    assert 'id="sla"' not in tom.get(f"/work-orders/{low}").text
