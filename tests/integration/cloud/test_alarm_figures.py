"""Alarm figures over any time, by team, in the days of a site's time zone; on both relational databases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState, AlarmTransition, RuleKind, Severity
from plantroom_cloud.app import create_app
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.database import Database
from plantroom_cloud.services import build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role, Team
from tests.fakes.clock import HandClock


class _House:
    """Two teams, two sites; `eve` sees the one in Shanghai alone."""

    def __init__(self, database: Database, folder: Path) -> None:
        config = CloudConfig(
            database_url=database.engine.url.render_as_string(hide_password=False),
            telemetry=Telemetry(path=folder / "telemetry.db"),
        )
        self.services = build(config, HandClock())
        self.now = self.services.now()
        self.client = TestClient(create_app(self.services))
        self.tokens = {}
        with self.services.database.write() as session:
            session.add(Site(id="berlin", name="Berlin", timezone="Europe/Berlin"))
            session.add(Site(id="shanghai", name="Shanghai", timezone="Asia/Shanghai"))
            session.add(Team(id="day", name="Day"))
            session.flush()
            rule = AlarmRule(name="Hot", kind=RuleKind.LIMIT, severity=Severity.HIGH, updated_at=self.now)
            session.add(rule)
            session.flush()
            assert rule.id is not None
            self.rule = rule.id
            for name, sites in (("anna", []), ("eve", ["shanghai"])):
                user = self.services.users.add(session, name, "correct horse battery", Role.MANAGER, self.now)
                user.sites = sites
                self.tokens[name] = self.services.users.make_token(session, user, "test", self.now)

    def raised(
        self,
        at: datetime,
        source: str,
        site: str = "berlin",
        team: str | None = None,
        lasts: timedelta | None = timedelta(minutes=5),
        steps: list[tuple[AlarmState, AlarmState, datetime]] | None = None,
    ) -> None:
        with self.services.database.write() as session:
            alarm = Alarm(
                rule_id=self.rule, source=source, site_id=site, name="Hot", severity=Severity.HIGH, team_id=team,
                state=AlarmState.NORMAL if lasts else AlarmState.UNACKNOWLEDGED, active=lasts is None, raised_at=at,
                detected_at=at, returned_at=at + lasts if lasts else None,
            )  # fmt: skip
            session.add(alarm)
            session.flush()
            assert alarm.id is not None
            first = (AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, at)
            for before, after, moment in [first, *(steps or [])]:
                step = AlarmTransition(alarm_id=alarm.id, at=moment, from_state=before, to_state=after)
                session.add(step)

    def ask(self, path: str = "", **query: Any) -> Any:
        return self.get(f"/api/v1/alarm-figures{path}", **query)

    def get(self, path: str, who: str = "anna", status: int = 200, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        answer = self.client.get(path, params=query, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def house(database: Database, tmp_path: Path) -> _House:
    return _House(database, tmp_path)


def test_any_time_is_told_in_the_days_of_its_site(house: _House) -> None:
    midnight = datetime(2026, 3, 9, 23, tzinfo=UTC)  # in Berlin; seven in the morning in Shanghai
    house.raised(midnight - timedelta(minutes=30), "a", team="day")
    house.raised(midnight, "a", team="day")
    house.raised(midnight + timedelta(hours=1), "b")
    house.raised(midnight + timedelta(hours=1), "c", site="shanghai")
    asked: dict[str, Any] = {"start": "2026-03-09T23:00:00Z", "end": "2026-03-10T23:00:00Z"}
    found = house.ask(site="berlin", **asked)
    assert (found["activations"], found["timezone"]) == (2, "Europe/Berlin")
    assert found["by_day"] == [["2026-03-10", 2]]
    assert (found["by_hour"][0], found["by_hour"][1]) == (1, 1)
    assert house.ask(who="eve", **asked)["by_day"] == [["2026-03-10", 1], ["2026-03-11", 0]]
    everything = house.ask(**asked)
    assert (everything["activations"], everything["timezone"]) == (3, "UTC")
    assert house.ask(team="day", start="2026-03-09T00:00:00Z", end="2026-03-10T23:00:00Z")["activations"] == 2
    teams = house.ask("/teams", **asked)["items"]
    assert {team["team"]: team["activations"] for team in teams} == {"day": 1, None: 2}


def test_the_past_is_told_as_it_was(house: _House) -> None:
    """Stale then, over since; set aside from the first moment on and released later, or never."""
    begun = datetime(2026, 3, 1, tzinfo=UTC)
    house.raised(begun - timedelta(days=1), "stale", lasts=timedelta(days=3))
    unseen, aside = AlarmState.UNACKNOWLEDGED, AlarmState.SUPPRESSED
    house.raised(begun, "silenced", steps=[(unseen, aside, begun)])
    later = begun + timedelta(hours=3)
    house.raised(begun, "released", lasts=None, steps=[(unseen, aside, begun), (aside, unseen, later)])
    house.raised(begun, "shelved later", steps=[(unseen, AlarmState.SHELVED, later)])
    asked: dict[str, Any] = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}
    found = house.ask(**asked)
    assert (found["activations"], found["stale"]) == (2, 1)
    assert (found["by_hour"][0], found["by_hour"][3]) == (1, 1)
    assert house.ask(start="2026-03-05T00:00:00Z", end="2026-03-06T00:00:00Z")["stale"] == 1, "what was released"


def test_alarms_are_found_by_severity_site_team_and_words(house: _House) -> None:
    moment = house.now - timedelta(days=1)
    house.raised(moment, "a", team="day")
    house.raised(moment, "b_1", site="shanghai", lasts=None)
    house.raised(moment, "bx1")

    def found(**query: Any) -> list[str]:
        return [alarm["source"] for alarm in house.get("/api/v1/alarms", **query)["items"]]

    assert found() == ["bx1", "b_1", "a"]
    assert (found(team="day"), found(site="shanghai"), found(q="B_1"), found(q="hot", limit=1)) == (
        ["a"],
        ["b_1"],
        ["b_1"],
        ["bx1"],
    )
    assert (found(severity="low"), found(severity="high", active=True)) == ([], ["b_1"])
    assert found(who="eve") == ["b_1"]
    house.get("/api/v1/alarms", who="eve", status=404, site="berlin")
    story = house.get("/api/v1/alarms/2")
    assert (story["team_id"], story["set_aside"]) == (None, [])


def test_a_time_that_cannot_be_is_refused(house: _House) -> None:
    queries: list[dict[str, Any]] = [
        {"start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"},
        {"start": "2026-03-02T00:00:00"},
        {"start": "2020-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"},
        {"days": 0},
    ]
    for query in queries:
        assert house.ask(status=422, **query)["status"] == 422
    house.ask(status=404, site="nowhere")
    house.ask(status=404, who="eve", site="berlin")
