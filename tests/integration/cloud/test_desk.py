"""What a technician's phone is told: the same few questions to the database, however many tasks there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from plantroom_cloud.app import create_app
from plantroom_cloud.assets.models import Asset, AssetKind
from plantroom_cloud.checklists.definition import StepDefinition, StepKind
from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.devices.models import Device
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.migration import migrate
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from plantroom_shared.batch import DeviceRows
from tests.fakes.clock import HandClock


class _House:
    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        telemetry = Telemetry(path=folder / "telemetry.db")
        self.services = build(CloudConfig(database_url=f"sqlite:///{folder / 'p.db'}", telemetry=telemetry), self.clock)
        migrate(self.services.database)
        self.client = TestClient(create_app(self.services))
        at = self.services.now()
        with self.services.database.write() as session:
            session.add(Site(id="main", name="Main"))
            tom = self.services.users.add(session, "tom", "correct horse battery", Role.TECHNICIAN, at)
            token = self.services.users.make_token(session, tom, "test", at)
            steps = [StepDefinition(kind=StepKind.CHECK, label="Guard is on")]
            template = self.services.checklists.templates.make(session, "Pump check", "", steps, "anna", at)
            assert template.id is not None
            self.template = template.id
        self.client.headers["Authorization"] = f"Bearer {token}"

    def tasks(self, count: int) -> list[int]:
        """So many of tom's, each on an asset of its own and with a checklist."""
        services, at, made = self.services, self.services.now(), []
        with services.database.write() as session:
            for number in range(count):
                code = f"P{number}-{at:%H%M%S}"
                pump = Asset(code=code, name=code, kind=AssetKind.EQUIPMENT, site_id="main", created_at=at)
                asset = services.assets.save(session, pump, at)
                order = services.work_orders.create(
                    session, "Seal", "", "main", None, "high", None, "anna", at, asset_id=asset.id
                )
                assert order.id is not None
                services.work_orders.claim(session, order.id, "tom", at)
                services.checklists.attach(session, order.id, self.template, "anna", at)
                made.append(order.id)
        return made


@pytest.fixture
def house(tmp_path: Path) -> Iterator[_House]:
    house = _House(tmp_path)
    yield house
    house.services.database.close()


@contextmanager
def counted(house: _House) -> Iterator[list[str]]:
    """The statements that go to the database."""
    said: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(house.services.database.engine, "before_cursor_execute", hear)
    yield said
    event.remove(house.services.database.engine, "before_cursor_execute", hear)


@pytest.mark.parametrize("path", ["/api/v1/my", "/api/v1/my/checklists"])
def test_more_tasks_ask_no_more_of_the_database(house: _House, path: str) -> None:
    house.tasks(2)
    house.client.get(path)
    with counted(house) as few:
        assert house.client.get(path).status_code == 200
    house.clock.passes(60)
    house.tasks(20)
    with counted(house) as many:
        assert house.client.get(path).status_code == 200
    assert len(many) == len(few), sorted({one for one in many if many.count(one) > few.count(one)})


def test_the_phone_knows_which_tasks_ask_and_what(house: _House) -> None:
    asking = house.tasks(2)
    services, at = house.services, house.services.now()
    with services.database.write() as session:
        bare = services.work_orders.create(session, "Bare", "", "main", None, "low", None, "anna", at)
        assert bare.id is not None
        services.work_orders.claim(session, bare.id, "tom", at)
    desk = house.client.get("/api/v1/my").json()
    assert {task["id"]: task["checklist"] for task in desk["mine"]} == {
        asking[0]: True,
        asking[1]: True,
        bare.id: False,
    }
    lists = house.client.get("/api/v1/my/checklists").json()["orders"]
    assert {
        int(number): [step["label"] for one in found for step in one["steps"]] for number, found in lists.items()
    } == {number: ["Guard is on"] for number in asking}


def test_a_late_answer_finds_the_telemetry_of_its_own_time(house: _House) -> None:
    services, at = house.services, house.services.now()
    with services.database.write() as session:
        session.add(Gateway(id="gw", site_id="main", enrolled_at=at))
        session.flush()
        metrics = [{"name": "energy", "unit": "kWh"}]
        session.add(Device(id="gw.p", gateway_id="gw", name="p", profile="p", registered_at=at, metrics=metrics))
        session.flush()
        steps = [StepDefinition(kind=StepKind.METER, label="Energy", metric="energy", tolerance=5.0, unit="kWh")]
        template = services.checklists.templates.make(session, "Meter", "", steps, "anna", at)
        order = services.work_orders.create(session, "Read it", "", "main", "gw.p", "low", None, "anna", at)
        assert template.id is not None
        assert order.id is not None
        services.checklists.attach(session, order.id, template.id, "anna", at)
        [step] = [one.id for found in services.checklists.of_order(session, order.id, at) for one in found.steps]
    begun = ms_from_utc(at)
    times = [begun + minute * 60_000 for minute in (1, 2, 180)]
    services.telemetry.open()
    services.telemetry.store.write(
        [("gw.p", DeviceRows(device="p", times=times, values={"energy": [10.0, 20.0, 900.0]}))]
    )
    house.clock.passes(3 * 3600)
    path = f"/api/v1/work-orders/{order.id}/checklists/steps/{step}/answers"
    said = {"ref": "phone-0001", "value": 21, "at": (at + timedelta(seconds=130)).isoformat()}
    answer = house.client.post(path, json=said).json()["answers"][-1]
    assert (answer["verdict"], answer["live"]["value"]) == ("passed", 20)
