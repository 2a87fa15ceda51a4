"""Plans that fall on days on which all who could do the work are away: foreseen, told, and moved where that is wanted;
and the year by week as files."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from sqlmodel import select

from plantroom_cloud.absences.models import Absence, AbsenceReason
from plantroom_cloud.app import create_app
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.database import Database
from plantroom_cloud.dispatch.models import NeedOf
from plantroom_cloud.notifications.models import Notice
from plantroom_cloud.plans.form import PlanIn
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role, Team
from plantroom_cloud.workorders.models import WorkOrderEntry
from tests.fakes.clock import HandClock

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class _House:
    """tom alone is of the team; eva is of none; mia manages. `due`: in ten days, at 8 in the morning of the site."""

    def __init__(self, database: Database, folder: Path) -> None:
        url = database.engine.url.render_as_string(hide_password=False)
        telemetry = Telemetry(path=folder / "telemetry.db")
        self.services = build(CloudConfig(database_url=url, telemetry=telemetry), HandClock())
        self.now = self.services.now()
        self.due = (self.now.astimezone(SHANGHAI) + 10 * DAY).replace(hour=8, minute=0, second=0, microsecond=0)
        with self.services.database.write() as session:
            session.add(Site(id="main", name="Main", timezone="Asia/Shanghai"))
            session.add(Team(id="hvac", name="HVAC"))
            session.flush()
            for name, role, team in (
                ("tom", Role.TECHNICIAN, "hvac"),
                ("eva", Role.TECHNICIAN, None),
                ("mia", Role.MANAGER, None),
            ):
                user = self.services.users.add(session, name, "correct horse battery", role, self.now)
                user.team_id = team
            token = self.services.users.make_token(session, user, "test", self.now)
        headers = {"Authorization": f"Bearer {token}"}
        self.mia = TestClient(create_app(self.services), base_url="http://test", headers=headers)

    def plan(self, **more: object) -> None:
        wanted = PlanIn.model_validate(
            {
                "title": "=Grease it",
                "site_id": "main",
                "team_id": "hvac",
                "rule": "FREQ=WEEKLY",
                "starts": f"{self.due:%Y-%m-%dT%H:%M}",
                "estimated_h": 1.5,
            }
            | more
        )
        with self.services.database.write() as session:
            self.services.plans.save(session, wanted.new(self.now), self.now)

    def away(self, name: str, substitute: str | None = None) -> None:
        """Over the first due day and the next, back in the morning after."""
        absence = Absence(
            user=name, reason=AbsenceReason.HOLIDAY, starts_at=self.due - HOUR, ends_at=self.due + 2 * DAY - HOUR,
            substitute=substitute, entered_by="", entered_at=self.now,
        )  # fmt: skip
        with self.services.database.write() as session:
            self.services.absences.enter(session, absence, self.services.users.get(session, "mia"), self.now)

    def foreseen(self) -> list[tuple[datetime, list[str]]]:
        """The first two."""
        items = self.mia.get("/api/v1/maintenance-plans/forecast").json()["items"][:2]
        return [(datetime.fromisoformat(item["due_at"]), item["away"]) for item in items]

    def tick(self, at: datetime) -> None:
        with self.services.database.write() as session:
            self.services.plans.tick(session, at)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[_House]:
    house = _House(database, tmp_path)
    yield house
    house.mia.close()
    house.services.database.close()


def test_what_falls_on_the_absence_of_the_only_one_is_foreseen(house: _House) -> None:
    house.plan()
    assert house.foreseen() == [(house.due, []), (house.due + 7 * DAY, [])]
    house.away("eva")  # of no team
    assert house.foreseen()[0] == (house.due, [])
    house.away("tom")
    assert house.foreseen() == [(house.due, ["tom"]), (house.due + 7 * DAY, [])]
    page = house.mia.get("/plans/calendar").text
    assert page.count("away: tom") == 1
    assert page.count("nobody there") == 1
    assert house.mia.get("/plans/1").text.count("away: tom") == 1


def test_who_stands_in_does_it(house: _House) -> None:
    house.plan()
    house.away("tom", "eva")
    assert house.foreseen()[0] == (house.due, [])


def test_only_who_has_the_skills_counts(house: _House) -> None:
    house.plan(team_id=None)
    house.away("tom")
    assert house.foreseen()[0] == (house.due, [])  # eva and mia are there
    with house.services.database.write() as session:
        house.services.dispatch.set_need(session, NeedOf.PLAN, "1", ["Gas"])
        house.services.dispatch.set_person(session, "tom", ["gas"], "")
    assert house.foreseen()[0] == (house.due, ["tom"])


def test_a_plan_that_keeps_off_days_without_work_waits_until_somebody_is_back(house: _House) -> None:
    house.plan(avoid_holidays=True, lead_days=7)
    house.away("tom")
    assert house.foreseen() == [(house.due + 2 * DAY, []), (house.due + 7 * DAY, [])]
    for _ in range(2):
        house.tick(house.due - 5 * DAY)
    with house.services.database.read() as session:
        [found] = house.services.plans.occurrences_of(session, 1)
        assert found.due_at == house.due + 2 * DAY
        assert not session.exec(select(WorkOrderEntry).where(WorkOrderEntry.action == "note")).all()


def test_managers_are_told_once_when_it_opens(house: _House) -> None:
    house.plan(lead_days=7)
    house.away("tom")
    for _ in range(2):  # two processes that look
        house.tick(house.due - 7 * DAY)
    with house.services.database.read() as session:
        [note] = session.exec(select(WorkOrderEntry).where(WorkOrderEntry.action == "note")).all()
        assert note.note == "all who could do it are away when it is due: tom"
        subjects = [notice.subject for notice in session.exec(select(Notice))]
        assert subjects.count("Nobody is there for: =Grease it") == 1
    assert house.foreseen()[0] == (house.due, ["tom"])  # now of the open order


def test_the_year_by_week_is_a_file_for_spreadsheets(house: _House) -> None:
    house.plan()
    house.plan(title="Oil it", team_id=None, estimated_h=2)
    house.away("tom")
    answer = house.mia.get("/plans/calendar.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    week = f"{house.due:%G-W%V}"
    assert len({row["week"] for row in rows}) == 53  # weeks with nothing among them
    assert [(row["team"], row["orders"], row["hours"]) for row in rows if row["week"] == week] == [
        ("HVAC", "1", "1.5"),
        ("", "1", "2.0"),
    ]
    answer = house.mia.get("/plans/calendar.xlsx")
    book = load_workbook(io.BytesIO(answer.content))
    weeks, due = (list(book[name].values) for name in ("weeks", "due"))
    assert [(row[0], row[3], row[4]) for row in weeks[1:]] == [
        (row["week"], int(row["orders"]), float(row["hours"])) for row in rows
    ]
    first = dict(zip(due[0], due[1], strict=True))
    assert (first["week"], first["due"], first["plan"]) == (week, f"{house.due:%Y-%m-%d %H:%M}", "'=Grease it")
    assert (first["team"], first["hours"], first["all_away"]) == ("HVAC", 1.5, "tom")
    assert len(due) - 1 == sum(int(row["orders"]) for row in rows)
    assert house.mia.get("/plans/calendar").text.count("/plans/calendar.xlsx") == 1
