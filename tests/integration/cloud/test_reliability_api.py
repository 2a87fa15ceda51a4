"""What the figures count: which alarms are failures, whose they are, what people wrote down instead."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session

from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState, RuleKind, Severity
from plantroom_cloud.app import create_app
from plantroom_cloud.assets.models import Asset, AssetDevice, AssetKind
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.costs.models import DowntimeReason
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import Device
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from plantroom_cloud.workorders.models import WorkOrder
from tests.fakes.clock import HandClock

HOUR = timedelta(hours=1)


class _House:
    """Two pumps; the hours are counted from `zero`, and it is hour 1000 now."""

    def __init__(self, database: Database, folder: Path) -> None:
        config = CloudConfig(
            database_url=database.engine.url.render_as_string(hide_password=False),
            telemetry=Telemetry(path=folder / "telemetry.db"),
        )
        self.clock = HandClock()
        self.services = build(config, self.clock)
        self.now = self.services.now()
        self.zero = self.now - 1000 * HOUR
        self.client = TestClient(create_app(self.services))
        self.assets: list[int] = []
        with self.services.database.write() as session:
            session.add_all([Site(id="main", name="Main"), Site(id="other", name="Other")])
            session.flush()
            self.services.gateways.enrol(session, "gw", "main", "", "", self.zero)
            session.flush()
            for name in ("a", "b"):
                session.add(
                    Device(
                        id=f"gw.{name}", gateway_id="gw", name=name, label=name, profile="p", registered_at=self.zero
                    )
                )
                asset = Asset(
                    code=name, name=name, kind=AssetKind.EQUIPMENT, site_id="main", equipment_class="pump",
                    created_at=self.zero,
                )  # fmt: skip
                session.add(asset)
                session.flush()
                assert asset.id is not None
                self.assets.append(asset.id)
            rule = AlarmRule(name="Hot", kind=RuleKind.LIMIT, severity=Severity.HIGH, updated_at=self.zero)
            session.add(rule)
            session.flush()
            assert rule.id is not None
            self.rule = rule.id
            self.tokens = {}
            for name, sites in (("anna", []), ("eve", ["other"])):
                user = self.services.users.add(session, name, "correct horse battery", Role.MANAGER, self.zero)
                user.sites = sites
                self.tokens[name] = self.services.users.make_token(session, user, "test", self.now)

    def hour(self, number: float) -> datetime:
        return self.zero + number * HOUR

    def bind(self, asset: int, device: str, start: float, end: float | None = None) -> None:
        with self.services.database.write() as session:
            until = None if end is None else self.hour(end)
            session.add(
                AssetDevice(
                    asset_id=self.assets[asset], device_id=device, since=self.hour(start), until=until, by="anna"
                )
            )

    def alarm(
        self, session: Session, device: str, start: float, end: float | None, *, order: bool = True
    ) -> WorkOrder | None:
        alarm = Alarm(
            rule_id=self.rule, source=device, gateway_id="gw", site_id="main", device_id=device, name="Hot",
            severity=Severity.HIGH, state=AlarmState.NORMAL, active=end is None, raised_at=self.hour(start),
            detected_at=self.hour(start), returned_at=None if end is None else self.hour(end),
        )  # fmt: skip
        session.add(alarm)
        session.flush()
        return self.services.work_orders.open_for_alarm(session, alarm, 600, self.hour(start)) if order else None

    def get(self, path: str, who: str = "anna", status: int = 200) -> Any:
        answer = self.client.get(f"/api/v1/reliability{path}", headers={"Authorization": f"Bearer {self.tokens[who]}"})
        assert answer.status_code == status, answer.text
        return answer.json()

    def period(self, start: float, end: float) -> str:
        def text(number: float) -> str:
            return self.hour(number).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

        return f"start={text(start)}&end={text(end)}"

    def rows(self, start: float = 0, end: float = 1000, more: str = "") -> dict[str, Any]:
        return {row["name"]: row for row in self.get(f"?{self.period(start, end)}{more}")["items"]}


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[_House]:
    house = _House(database, tmp_path)
    yield house
    house.client.close()
    house.services.database.close()


def test_a_failure_belongs_to_the_asset_that_the_device_measured_then(house: _House) -> None:
    house.bind(0, "gw.a", 0, 500)
    house.bind(1, "gw.a", 500)
    with house.services.database.write() as session:
        for start, end in ((100.0, 110.0), (600.0, 605.0)):
            order = house.alarm(session, "gw.a", start, end)
            assert order is not None
            assert order.id is not None
            house.services.work_orders.complete(session, order.id, "", "tom", house.hour(end))
            house.services.work_orders.verify(session, order.id, "seen", "anna", house.hour(end))
    rows = house.rows()
    assert {name: (row["failures"], row["down_s"] / 3600, row["observed_s"] / 3600) for name, row in rows.items()} == {
        "a": (1, 10, 500),
        "b": (1, 5, 500),
    }
    figures = {figure["key"]: figure["value"] for figure in rows["a"]["figures"]}
    assert (figures["mtbf"], figures["mttr"], figures["availability"]) == (490 * 3600, 10 * 3600, 0.98)
    assert house.rows(105, 500)["a"]["failures"] == 0  # it began before
    assert house.rows(105, 500)["a"]["down_s"] == 5 * 3600  # cut at the edge


def test_one_is_said_as_one_and_several_as_several(house: _House) -> None:
    def page(language: str) -> str:
        headers = {"Authorization": f"Bearer {house.tokens['anna']}", "Accept-Language": language}
        return str(house.client.get("/reliability?days=90", headers=headers).text)

    house.bind(0, "gw.a", 0)
    with house.services.database.write() as session:
        first = house.alarm(session, "gw.a", 100, 110)
    assert "1 failure in" in page("en")
    assert "1 open order, 1 of them without an estimate." in page("en")
    assert "故障 1 次" in page("zh")
    assert first is not None
    assert first.id is not None
    with house.services.database.write() as session:
        house.services.work_orders.complete(session, first.id, "", "tom", house.hour(110))
        house.services.work_orders.verify(session, first.id, "seen", "anna", house.hour(110))
        house.alarm(session, "gw.a", 200, 210)
    assert "2 failures in" in page("en")
    assert "故障 2 次" in page("zh")


def test_only_what_opened_work_and_was_real_is_a_failure(house: _House) -> None:
    house.bind(0, "gw.a", 0)
    with house.services.database.write() as session:
        house.alarm(session, "gw.a", 50, 60, order=False)  # a rule that opens no work
        false = house.alarm(session, "gw.a", 100, 110)
        assert false is not None
        assert false.id is not None
        house.services.work_orders.cancel(session, false.id, "the sensor was wet", "anna", house.hour(111))
    row = house.rows()["a"]
    assert (row["failures"], row["down_s"]) == (0, 0)
    mtbf = next(figure for figure in row["figures"] if figure["key"] == "mtbf")
    assert (mtbf["value"], mtbf["why"]) == (None, "no failure began in the period")


def test_what_people_wrote_down_stands_for_the_alarm(house: _House) -> None:
    house.bind(0, "gw.a", 0)
    with house.services.database.write() as session:
        order = house.alarm(session, "gw.a", 100, 110)
        assert order is not None
        book = house.services.costs.downtimes
        for start, end, reason, planned in (
            (102, 104, DowntimeReason.FAILURE, False),
            (103, 106, DowntimeReason.SUPPLY, False),
            (105, 109, DowntimeReason.MAINTENANCE, True),
        ):
            book.record(session, order, house.hour(start), house.hour(end), reason, planned, "", "tom", house.now)
    row = house.rows()["a"]
    assert (row["failures"], row["down_s"] / 3600, row["planned_down_s"] / 3600) == (1, 7, 3)
    told = house.get(f"/assets/{house.assets[0]}?{house.period(0, 1000)}")
    assert [(d["reason"], d["planned"]) for d in told["downtimes"]] == [("supply", False), ("maintenance", True)]
    assert told["failures"][0]["work_orders"] == [order.id]


def test_an_alarm_that_lasts_is_down_until_now_and_no_repair(house: _House) -> None:
    house.bind(0, "gw.a", 0)
    with house.services.database.write() as session:
        house.alarm(session, "gw.a", 900, None)
    row = house.rows(0, 2000)["a"]  # a period that is not over
    assert (row["observed_s"] / 3600, row["down_s"] / 3600) == (1000, 100)
    assert (row["failures"], row["restored"], row["mttr_parts"]) == (1, 0, None)


def test_by_class_and_site_and_for_those_who_may_see(house: _House) -> None:
    house.bind(0, "gw.a", 0)
    for by, key in (("class", "pump"), ("site", "main")):
        found = house.get(f"?by={by}&{house.period(0, 1000)}")
        assert [(row["key"], row["assets"]) for row in found["items"]] == [(key, 2)]
        assert found["all"]["observed_s"] == 2000 * 3600  # b has no device: it counts as long as it is in use
        assert {row["source"] for row in found["definitions"]} >= {"EN 15341 (operating time per failure), SMRP 3.5.1"}
    assert house.get("?class=fan")["items"] == []
    assert house.get("", "eve")["items"] == []
    house.get("?site=main", "eve", 404)
    house.get(f"/assets/{house.assets[0]}", "eve", 404)
    house.get("?site=nowhere", status=404)
    house.get(f"?{house.period(10, 5)}", status=422)
    csv = house.client.get("/reliability.csv?days=42", headers={"Authorization": f"Bearer {house.tokens['anna']}"})
    lines = csv.text.splitlines()
    assert lines[0].startswith("key,name,assets,from,to,observed_h,down_h")
    assert len(lines) == 3
