"""A page or a list asks the database no oftener when a building has more of everything; one query for each row is the
commonest reason why a page that was quick in the lab is slow in a hospital."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import event

from plantroom_cloud.app import _API, PAGES
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.services import build
from plantroom_cloud.users.models import Role
from plantroom_shared.batch import DeviceRows
from plantroom_shared.clock import SystemClock
from plantroom_shared.encoding import encode
from plantroom_shared.messages import Birth, BirthDevice, Metric
from tests.fakes.furnished import DEVICES, Furnished

MORE = 12
#: Who should do each of the first orders of the pool: so many at most, whatever the building has.
BOUNDED = ("/dispatch",)
BEGINS = "2026-01-01T08:00"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Furnished]:
    config = CloudConfig(database_url=f"sqlite:///{tmp_path / 'p.db'}", telemetry=Telemetry(path=tmp_path / "t.db"))
    house = Furnished(build(config, SystemClock()))
    yield house
    house.services.telemetry.store.close()
    house.services.database.close()


def _fill(house: Furnished) -> None:
    """More of everything that lists show."""
    here = {"site_id": "main"}
    names = [f"pump-{number}" for number in range(MORE)]
    devices = [
        BirthDevice(device=name, label=name, kind="pump", profile="x/pump", metrics=[Metric(name="t", label="T")])
        for name in (*DEVICES, *names)
    ]
    house.hear("birth", encode(Birth(v=1, gateway="gw-a", boot="b", at=1, config_version="2", devices=devices)))
    hot = {"kind": "limit", "metric": "t", "operator": ">", "limit": 80, "cause": "c", "consequence": "c",
           "response": "r", "impact": "serious", "respond_within_s": 600, "team_id": "hvac"}  # fmt: skip
    plan = here | {"rule": "FREQ=WEEKLY", "checklist_id": 1, "starts": BEGINS, "lead_days": 7}
    for number, name in enumerate(names):
        device = {"device_id": f"gw-a.{name}"}
        asset = {"code": name, "name": name, "kind": "equipment", "equipment_class": "pump"}
        asset_id = house.post("assets", here | asset)["id"]
        house.post(f"assets/{asset_id}/devices", device)
        order = house.post("work-orders", here | device | {"title": name, "team_id": "hvac"})
        if number % 2:
            house.post(f"work-orders/{order['id']}/claim")
        house.post("maintenance-plans", plan | {"title": name, "asset_id": asset_id})
        part = house.post("parts", {"code": name, "name": name})
        house.post(f"parts/{part['id']}/movements", {"kind": "receipt", "quantity": "5"})
        house.post("work-orders/1/parts", {"code": name, "quantity": "1"})
        house.post("work-orders/1/costs", {"text": name, "amount": "100"})
        house.post("patrols/points", here | {"id": name, "name": name})
        route = here | {"name": name, "stops": [{"point_id": name}], "starts": BEGINS}
        house.post(f"patrols/routes/{house.post('patrols/routes', route)['id']}/rounds")
        cards = [{"key": f"w26:12:{4000 + number}"}]
        house.post("access/people", here | {"id": name, "name": name, "groups": ["crew"], "cards": cards})
        house.post("teams", {"id": name, "name": name})
        house.post("departments", here | {"id": name, "name": name, "staff": ["tom"]})
        house.post("checklist-templates", {"name": name, "steps": [{"kind": "check", "label": "Dry"}]})
        house.post("alarm-rules", hot | device | {"name": name})
        house.hear("data", b"nonsense %d" % number)
    house.post("waste/labels", {"department": "ward", "type": "sharps", "count": MORE})
    now = round(house.services.now().timestamp() * 1000)
    rows = [DeviceRows(device=name, times=[now], values={"t": [90.0]}) for name in names]
    house.hear("data", encode(house._batch("telemetry", now, telemetry=rows, complete_until=now)))
    with house.services.database.write() as session:
        house.services.notifications.tick(session, house.services.now())
        for name in names:
            house.services.users.add(session, name, "correct horse battery", Role.TECHNICIAN, house.services.now())


def _asked(house: Furnished) -> dict[str, Counter[str]]:
    """What each page and list asks the database, how often."""
    said: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    engine = house.services.database.engine
    event.listen(engine, "before_cursor_execute", listen)
    http = TestClient(house.app, base_url="http://test", follow_redirects=False)
    http.post("/login", data={"name": "anna", "password": "correct horse battery"})
    found = {}
    for module in (*_API, *PAGES):
        for route in module.router.routes:
            if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and not route.path.endswith("/stream"):
                names = {name: house.named(route.path, name) or "x" for name in route.param_convertors}
                said.clear()
                http.get(route.path.format(**names))
                found[route.path] = Counter(said)
    event.remove(engine, "before_cursor_execute", listen)
    return found


@pytest.mark.timeout(300)
def test_no_page_and_no_list_asks_once_for_each_row(house: Furnished) -> None:
    before = _asked(house)
    _fill(house)
    wrong = []
    for path, after in _asked(house).items():
        more = after - before[path]
        if after.total() - before[path].total() >= MORE and path not in BOUNDED:
            statement, count = more.most_common(1)[0]
            wrong.append(f"{path}: {before[path].total()} -> {after.total()} queries, of them {count}: {statement}")
    assert len(before) > 200
    assert not wrong, "\n".join(wrong)
