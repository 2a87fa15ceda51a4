"""Medical waste over HTTP: labels that a foreign reader reads, tables that add up, by role and by site."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import Role
from plantroom_cloud.waste.label import label_text
from plantroom_shared.batch import Event
from tests.fakes.cast import clients, services_in
from tests.unit.cloud.test_labels import pages, read


class House:
    """Two sites with a ward each, and a client for each person."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._events = 0
        with services.database.write() as session:
            for site in ("east", "west"):
                services.departments.add(session, f"ward-{site}", site, f"Ward {site}", [])
            session.add(Gateway(id="gw-a", site_id="east", enrolled_at=services.now()))
        cast = [
            ("root", Role.ADMIN, []),
            ("east", Role.MANAGER, ["east"]),
            ("west", Role.MANAGER, ["west"]),
            ("tom", Role.TECHNICIAN, []),
            ("vera", Role.VIEWER, []),
        ]
        self.people = clients(services, cast, base="http://test")

    def labels(self, count: int, kind: str = "sharps") -> list[str]:
        body = {"department": "ward-east", "type": kind, "count": count}
        answer = self.people["tom"].post("/api/v1/waste/labels", json=body)
        assert answer.status_code == 201, answer.text
        return [item["code"] for item in answer.json()["items"]]

    def weigh(self, code: str, kg: float, station: str) -> None:
        """Label, then weight."""
        now = self.services.now()
        for kind, data in (
            ("scan", {"kind": "label", "text": label_text(code), "station": station}),
            ("weighing", {"kg": kg, "value": kg, "unit": "kg", "stable": True, "raw": "00", "station": station}),
        ):
            self._events += 1
            at_ms = round(now.timestamp() * 1000) + self._events
            event = Event(id=f"e{self._events}", kind=kind, time=at_ms, device="x", data=data)
            with self.services.database.write() as session:
                self.services.weighings.apply_event(session, "gw-a", event, now)

    def table(self, name: str, path: str, **query: Any) -> list[dict[str, str]]:
        answer = self.people[name].get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with services_in(tmp_path_factory.mktemp("api")) as services:
        yield House(services)


def test_printed_labels_are_read_back_by_an_independent_reader(house: House) -> None:
    codes = house.labels(30)
    sheets = pages(house.people["tom"].get("/waste/labels.pdf", params={"code": codes}).content)
    assert len(sheets) == 2
    assert [text for sheet in sheets for text in read(sheet)] == [label_text(code) for code in codes]


def test_the_balance_and_its_tables_add_up(house: House) -> None:
    first, second, third = [*house.labels(2, "infectious"), *house.labels(1, "chemical")]
    tom = house.people["tom"]
    for code, kg in ((first, 5.0), (second, 2.5), (third, 1.25)):
        assert tom.post(f"/api/v1/waste/bags/{code}/record", json={"stage": "produced"}).status_code == 200
        house.weigh(code, kg, "waste-store")
    day = house.services.now().date().isoformat()
    rows = house.table("tom", "waste/balance.csv", start=day, end=day, by=["type"])
    stored = {row["type"]: (int(row["stored bags"]), float(row["stored kg"])) for row in rows}
    assert stored == {"infectious": (2, 7.5), "chemical": (1, 1.25)}
    by_all = house.table("tom", "waste/balance.csv", start=day, end=day)
    assert {(row["day"], row["department"]) for row in by_all} == {(day, "ward-east")}
    total = tom.get("/api/v1/waste/balance", params={"start": day, "end": day}).json()["total"]["stages"]["stored"]
    assert (total["bags"], total["kg"]) == (3, 8.75)
    bags = {row["code"]: row for row in house.table("tom", "waste/bags.csv")}
    assert (bags[second]["stage"], float(bags[second]["kg"]), bags[second]["type"]) == ("stored", 2.5, "infectious")
    assert sorted(float(row["kg"]) for row in house.table("tom", "weighings.csv")) == [1.25, 2.5, 5.0]


def test_another_site_sees_and_changes_nothing(house: House) -> None:
    [code] = house.labels(1)
    house.weigh(code, 3.0, "ward-east")
    west = house.people["west"]
    assert house.people["east"].get(f"/api/v1/waste/bags/{code}").json()["kg"] == 3.0
    for method, path, body in (
        ("GET", f"/api/v1/waste/bags/{code}", None),
        ("GET", f"/waste/bags/{code}", None),
        ("GET", f"/waste/labels.pdf?code={code}", None),
        ("POST", f"/api/v1/waste/bags/{code}/sign", {"stage": "collected", "role": "collector"}),
        ("POST", f"/api/v1/waste/bags/{code}/write-off", {"reason": "not ours"}),
        ("POST", "/api/v1/waste/labels", {"department": "ward-east", "type": "sharps", "count": 1}),
        ("POST", "/api/v1/waste/manifests", {"site_id": "east", "carrier": "EcoMed"}),
    ):
        assert west.request(method, path, json=body).status_code == 404, path
    assert house.table("west", "waste/bags.csv") == []
    assert house.table("west", "weighings.csv") == []


def test_each_role_does_its_part(house: House) -> None:
    [code] = house.labels(1)
    rules = house.people["root"].get("/api/v1/waste/rules").json()["rules"]
    sign = {"stage": "collected", "role": "collector"}
    for name, method, path, body in (
        ("vera", "POST", "/api/v1/waste/labels", {"department": "ward-east", "type": "sharps", "count": 1}),
        ("vera", "POST", f"/api/v1/waste/bags/{code}/sign", sign),
        ("tom", "POST", f"/api/v1/waste/bags/{code}/explain", {"reason": "so"}),
        ("east", "PUT", "/api/v1/waste/rules", rules),
    ):
        assert house.people[name].request(method, path, json=body).status_code == 403, (name, path)
    assert house.people["tom"].post(f"/api/v1/waste/bags/{code}/sign", json=sign).status_code == 200
    rules["stages"][2]["stays"][0]["over_h"] = 24
    assert house.people["root"].put("/api/v1/waste/rules", json=rules).status_code == 200
    assert house.people["vera"].get("/api/v1/waste/rules").json()["rules"]["stages"][2]["stays"][0]["over_h"] == 24
    [ward] = house.people["vera"].get("/api/v1/waste/wards").json()["items"]
    assert (ward["department_id"], ward["served_at"], ward["overdue"]) == ("ward-east", None, False)
    assert house.people["west"].get("/api/v1/waste/wards").json()["items"] == []
    rules["stages"][2]["climates"] = [{"device": "gw-a.attic", "above": 20}]
    refused = house.people["root"].put("/api/v1/waste/rules", json=rules)
    assert (refused.status_code, "there is no device" in refused.text) == (422, True)
    rules["stages"][2]["requires"] = ["wait"]
    refused = house.people["root"].put("/api/v1/waste/rules", json=rules)
    assert refused.status_code == 422
    assert "'wait' is no record" in refused.text
