"""High-high over high, low-low under low: set together, told once, through the real ingest on both databases."""

from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.levels import LevelsDefinition
from plantroom_cloud.alarms.models import Alarm, AlarmState, Suppression
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.database import Database
from plantroom_cloud.errors import InvalidFieldsError, NotFoundError
from plantroom_cloud.notifications.models import Notice
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrder
from tests.integration.cloud.test_alarm_rules import RATIONALISED, change, later, suggested
from tests.integration.cloud.test_ingest import NOW, Cloud, batch

UNSEEN, SEEN, SUPPRESSED = AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.SUPPRESSED
GRAVE = {"impact": "grave", "respond_within_s": 600}


@pytest.fixture
def cloud(database: Database, tmp_path: Path) -> Cloud:
    cloud = Cloud(database, tmp_path)
    change(cloud, suggested(cloud), 0, enabled=False)
    told = NotificationService(UserService(), AbsenceService(UserService()), "", lambda _session, _alarm: True)
    cloud.alarms = cloud.ingest._alarms = AlarmService(cloud.orders, told)
    return cloud


def said(**more: Any) -> LevelsDefinition:
    levels = {
        "high-high": RATIONALISED | GRAVE | {"limit": 95},
        "high": RATIONALISED | {"limit": 80},
        "low": RATIONALISED | {"limit": 10},
        "low-low": RATIONALISED | GRAVE | {"limit": 5},
    }
    levels |= more.pop("levels", {})
    return LevelsDefinition.model_validate(
        {"name": "Bearing", "device_id": "gw-a.pump", "metric": "t", "deadband": 2, "levels": levels} | more
    )


def make(cloud: Cloud, definition: LevelsDefinition | None = None) -> str:
    with cloud.database.write() as session:
        return cloud.alarms.create_levels(session, definition or said(), "anna", NOW)


class _Reading:
    """Sends one value after the other, and lets the clock look."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.seconds = 0

    def __call__(self, *values: float) -> dict[str, AlarmState]:
        readings = []
        for value in values:
            self.seconds += 2
            readings.append((self.seconds, value))
        at = later(self.seconds)
        self.cloud.send("data", batch(self.seconds, *readings, until=self.seconds), at=at)
        with self.cloud.database.write() as session:
            self.cloud.alarms.tick(session, at)
        return self.states()

    def states(self) -> dict[str, AlarmState]:
        """Of what is active, by the letters of its level."""
        with self.cloud.database.read() as session:
            found = session.exec(select(Alarm).where(Alarm.active, Alarm.name.startswith("Bearing")))
            return {alarm.name.split()[-1]: alarm.state for alarm in found}


def told(cloud: Cloud) -> list[str]:
    with cloud.database.read() as session:
        return [notice.subject.split(":")[0] for notice in session.exec(select(Notice).order_by(Notice.id))]  # type: ignore[arg-type]


def test_while_high_high_is_told_high_is_suppressed_and_comes_back(cloud: Cloud) -> None:
    make(cloud)
    read = _Reading(cloud)
    assert read(50, 85) == {"H": UNSEEN}
    with cloud.database.write() as session:
        cloud.alarms.acknowledge(session, 1, "tom", "", later(5))
    assert read(96) == {"H": SUPPRESSED, "HH": UNSEEN}
    assert read(94) == {"H": SUPPRESSED, "HH": UNSEEN}, "within the dead-band"
    assert read(90) == {"H": UNSEEN}
    assert read(97) == {"H": SUPPRESSED, "HH": UNSEEN}
    assert read(50) == {}
    assert told(cloud) == ["Bearing H", "Bearing HH", "Bearing H", "Bearing HH"]
    with cloud.database.read() as session:
        assert {alarm.state for alarm in session.exec(select(Alarm))} == {AlarmState.NORMAL, AlarmState.RETURNED}
        reasons = [found.reason for found in session.exec(select(Suppression).order_by(Suppression.id))]  # type: ignore[arg-type]
        assert reasons[0] == "alarm 2, Bearing HH, tells of it and of worse"


@pytest.mark.parametrize(("value", "letters"), [(99, "H"), (1, "L")])
def test_what_crosses_both_at_once_is_told_once(cloud: Cloud, value: float, letters: str) -> None:
    make(cloud)
    read = _Reading(cloud)
    assert read(50, value) == {letters: SUPPRESSED, letters * 2: UNSEEN}
    assert told(cloud) == [f"Bearing {letters * 2}"]
    with cloud.database.read() as session:
        assert [order.title.split(":")[0] for order in session.exec(select(WorkOrder))] == [f"Bearing {letters * 2}"]
        assert cloud.alarms.figures(session, None, [], NOW, later(60), all_teams=True).activations == 1


def test_levels_of_one_first_out_group_are_no_cause_and_consequence(cloud: Cloud) -> None:
    make(cloud, said(first_out="pump"))
    read = _Reading(cloud)
    assert read(50, 85) == {"H": UNSEEN}
    assert read(96) == {"H": SUPPRESSED, "HH": UNSEEN}
    assert read(90) == {"H": UNSEEN}


def test_a_shelved_outer_level_silences_nothing_new_until_it_is_back(cloud: Cloud) -> None:
    """Nobody is left without any alarm."""
    make(cloud, said(levels={"high": RATIONALISED | {"limit": 80, "on_delay_s": 3}}))
    read = _Reading(cloud)
    assert read(50, 97) == {"HH": UNSEEN}
    with cloud.database.write() as session:
        cloud.alarms.shelve(session, 1, "known", 60, "tom", later(5))
    assert read(97, 97) == {"HH": AlarmState.SHELVED, "H": UNSEEN}
    with cloud.database.write() as session:
        cloud.alarms.unshelve(session, 1, "", "tom", later(9))
    assert read.states() == {"HH": UNSEEN, "H": SUPPRESSED}


def test_an_inner_level_off_its_shelf_stays_silent_while_the_outer_one_is_told(cloud: Cloud) -> None:
    make(cloud)
    read = _Reading(cloud)
    read(50, 85)
    with cloud.database.write() as session:
        cloud.alarms.shelve(session, 1, "known", 60, "tom", later(5))
    assert read(96) == {"H": AlarmState.SHELVED, "HH": UNSEEN}
    with cloud.database.write() as session:
        cloud.alarms.unshelve(session, 1, "", "tom", later(7))
    assert read.states() == {"H": SUPPRESSED, "HH": UNSEEN}
    assert read(90) == {"H": UNSEEN}


def test_an_outer_level_that_makes_events_only_silences_nothing(cloud: Cloud) -> None:
    make(cloud, said(levels={"high-high": {"limit": 95}}))
    assert _Reading(cloud)(50, 97) == {"H": UNSEEN}


def test_a_level_of_the_device_stands_in_for_that_of_its_profile_and_belongs_to_its_set(cloud: Cloud) -> None:
    make(cloud, said(device_id=None, profile="x/pump", name="bearing"))
    high = said(levels={}).model_dump()
    high["levels"] = {"high": RATIONALISED | {"limit": 60}}
    make(cloud, LevelsDefinition.model_validate(high))
    read = _Reading(cloud)
    read(50, 65)
    read(97)
    with cloud.database.read() as session:
        found = {alarm.name: alarm.state for alarm in session.exec(select(Alarm).where(Alarm.active))}
    assert found == {"Bearing H": SUPPRESSED, "bearing HH": UNSEEN}


def test_levels_are_changed_together(cloud: Cloud) -> None:
    levels_id = make(cloud)
    read = _Reading(cloud)
    read(50, 97)
    changed = said(deadband=1).model_dump()
    del changed["levels"]["high-high"], changed["levels"]["low-low"]
    changed["levels"]["high"]["limit"] = 85
    with cloud.database.write() as session:
        changes = cloud.alarms.change_levels(
            session, levels_id, LevelsDefinition.model_validate(changed), "anna", later(5)
        )
    assert changes == {
        "high-high limit": [95, None],
        "low-low limit": [5, None],
        "high limit": [80, 85],
        "deadband": [2, 1],
    }
    assert read(97) == {"H": UNSEEN}, "what silenced it is gone"
    with cloud.database.write() as session:
        cloud.alarms.change_levels(session, levels_id, said(name="Shaft"), "anna", later(10))
        [rules] = cloud.alarms.level_sets(session, levels_id).values()
        assert [rule.name for rule in rules] == ["Shaft HH", "Shaft H", "Shaft L", "Shaft LL"]
        cloud.alarms.delete_levels(session, levels_id, "anna", later(11))
        with pytest.raises(NotFoundError, match="no levels"):
            cloud.alarms.level_sets(session, levels_id)


def test_one_of_them_alone_keeps_what_they_share(cloud: Cloud) -> None:
    levels_id = make(cloud)
    with cloud.database.read() as session:
        [rules] = cloud.alarms.level_sets(session, levels_id).values()
    wrong: dict[str, Any] = {"limit": 81.0, "name": "x", "deadband": 9.0, "metric": "u"}
    for field, value in wrong.items():
        with pytest.raises(InvalidFieldsError) as refused:
            change(cloud, rules[1], **{field: value})
        assert list(refused.value.fields) == [field]
    assert change(cloud, rules[1], on_delay_s=5, enabled=False) == {"on_delay_s": [0, 5], "enabled": [True, False]}


def test_every_mistake_is_told_at_its_field(cloud: Cloud) -> None:
    wrong = said(
        metric="u",
        team_id="nobody",
        levels={"high": {"limit": 99}, "low": RATIONALISED | {"limit": 10, "severity": "high"}},
    )
    with pytest.raises(InvalidFieldsError) as refused:
        make(cloud, wrong)
    assert set(refused.value.fields) == {"metric", "team_id", "levels.high-high.limit", "levels.low.severity"}
    single = RuleDefinition.model_validate({"name": "x", "kind": "limit", "metric": "t", "operator": ">", "limit": 1})
    with cloud.database.write() as session, pytest.raises(InvalidFieldsError):
        cloud.alarms.create_rule(session, single, "anna", NOW)
