"""Business calendars over HTTP and as a form; by role and site."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from plantroom_cloud.app import create_app
from plantroom_cloud.calendars.definition import CalendarIn
from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.database import Database
from plantroom_cloud.errors import ConflictError, InvalidFieldsError, NotFoundError
from plantroom_cloud.models import metadata
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.users.models import Role
from plantroom_shared.clock import SystemClock

FRIDAY = datetime(2026, 7, 3, 14, tzinfo=UTC)  # 16:00 in Berlin


def test_the_calendar_of_a_site_in_its_time_zone(database: Database) -> None:
    calendars = CalendarService(SiteService())
    with database.write() as session:
        session.add(Site(id="main", name="Main", timezone="Europe/Berlin"))
        session.add(Site(id="east", name="East", timezone="Asia/Shanghai"))
        session.flush()
        assert calendars.of_site(session, "main").is_always
        office = CalendarIn(name="Office", holidays={datetime(2026, 7, 6, tzinfo=UTC).date(): "Fair"}, country="DE")
        calendars.add(session, "office", office)
        for site in ("main", "east"):
            calendars.set_site(session, site, "office")
        due = calendars.of_site(session, "main").add_working(FRIDAY, timedelta(hours=2))
        assert due == datetime(2026, 7, 7, 7, tzinfo=UTC)
        assert calendars.of_site(session, "east").add_working(FRIDAY, timedelta(hours=2)).hour == 2
        with pytest.raises(ConflictError, match="holds for site east, site main"):
            calendars.remove(session, "office")
        with pytest.raises(NotFoundError):
            calendars.set_site(session, "main", "other")
        calendars.set_site(session, "main", None)
        assert calendars.of_site(session, "main").is_always
        empty = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "")
        with pytest.raises(InvalidFieldsError, match="anybody works"):
            calendars.change(session, "office", CalendarIn(name="Office", **empty))
        assert calendars.get(session, "office").hours[0] == [[480, 1020]]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TestClient]]:
    folder: Path = tmp_path_factory.mktemp("calendars")
    telemetry = Telemetry(path=folder / "telemetry.db")
    services = build(CloudConfig(database_url=f"sqlite:///{folder / 'p.db'}", telemetry=telemetry), SystemClock())
    metadata.create_all(services.database.engine)
    app, found = create_app(services), {}
    with services.database.write() as session:
        for site in ("east", "west"):
            services.sites.ensure(session, site, site.capitalize())
        for name, role in (("mia", Role.MANAGER), ("tom", Role.TECHNICIAN)):
            user = services.users.add(session, name, "correct horse battery", role, services.now())
            user.sites = ["east"]
            token = services.users.make_token(session, user, "test", services.now())
            found[name] = TestClient(app, base_url="http://test", headers={"Authorization": f"Bearer {token}"})
    yield found
    services.database.close()


def test_over_http(people: dict[str, TestClient]) -> None:
    mia, tom = people["mia"], people["tom"]
    body = {"id": "day", "name": "Day shift", "timezone": "Europe/Berlin", "country": "DE", "region": "BY"}
    assert tom.post("/api/v1/calendars", json=body).status_code == 403
    made = mia.post("/api/v1/calendars", json=body)
    assert (made.status_code, made.json()["monday"], made.json()["sunday"]) == (201, "08:00-17:00", "")
    assert mia.post("/api/v1/calendars", json=body).status_code == 409
    wrong = mia.put("/api/v1/calendars/day", json=body | {"region": "ZZ"})
    assert (wrong.status_code, "no region of DE" in wrong.json()["detail"]) == (422, True)
    assert mia.put("/api/v1/calendars/sites/east", json={"calendar": "day"}).status_code == 200
    assert mia.put("/api/v1/calendars/sites/west", json={"calendar": "day"}).status_code == 404
    assert tom.get("/api/v1/calendars").json()["items"][0]["sites"] == ["east"]
    days = tom.get("/api/v1/calendars/day/days", params={"start": "2026-12-24", "count": 3}).json()["items"]
    assert [(day["hours"], day["holiday"]) for day in days] == [
        ("08:00-17:00", ""),
        ("", "Christmas Day"),
        ("", "Second Day of Christmas"),
    ]
    assert mia.put("/api/v1/dispatch/people/tom", json={"skills": [], "shift": "day"}).status_code == 200
    gone = mia.delete("/api/v1/calendars/day")
    assert (gone.status_code, "holds for site east, the hours of tom;" in gone.json()["detail"]) == (409, True)


def test_the_form_says_what_is_wrong_beside_the_field(people: dict[str, TestClient]) -> None:
    mia = people["mia"]
    form = {"id": "night", "name": "Night", "monday": "22:00-06:00", "holidays": "2026-12-24 Eve"}
    answer = mia.post("/calendars/new", data=form)
    assert answer.status_code == 422
    assert 'id="monday-problem">&#39;22:00-06:00&#39; ends before it begins' in answer.text
    assert "2026-12-24 Eve</textarea>" in answer.text
    form |= {"monday": "00:00-06:00, 22:00-24:00", "holidays": "24.12."}
    assert "write the day like 2026-12-24" in mia.post("/calendars/new", data=form).text
    form["holidays"] = "2026-12-24 Eve"
    assert mia.post("/calendars/new", data=form, follow_redirects=False).status_code == 303
    page = mia.get("/calendars/night").text
    assert "00:00-06:00, 22:00-24:00" in page
    assert "The days to come" in page
    assert mia.post("/calendars/night/remove", follow_redirects=False).status_code == 303
    assert mia.get("/calendars/night").status_code == 404
