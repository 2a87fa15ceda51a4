"""Rules that say too little make events; rules on labels; severity by the matrix; on both relational databases."""

from pathlib import Path

import pytest
from sqlmodel import select

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.models import Alarm, AlarmRule, Impact, RuleEvent, Severity
from plantroom_cloud.alarms.rationalisation import Matrix
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.assets.models import Asset, AssetDevice, AssetKind
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import Device
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import InvalidError, InvalidFieldsError
from plantroom_cloud.notifications.models import Notice
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrder
from tests.integration.cloud.test_alarm_rules import RATIONALISED, change, later, suggested
from tests.integration.cloud.test_ingest import NOW, Cloud, batch, birth

PUMP = "gw-a.pump"


@pytest.fixture
def cloud(database: Database, tmp_path: Path) -> Cloud:
    return Cloud(database, tmp_path)


def make(cloud: Cloud, **said: object) -> AlarmRule:
    told = {"name": "Warm", "kind": "limit", "metric": "t", "operator": ">", "limit": 40}
    with cloud.database.write() as session:
        return cloud.alarms.create_rule(session, RuleDefinition.model_validate(told | said), "anna", NOW)


def found(cloud: Cloud) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """Alarms and events: name, active."""
    with cloud.database.read() as session:
        alarms = session.exec(select(Alarm).order_by(Alarm.id))  # type: ignore[arg-type]
        events = session.exec(select(RuleEvent).order_by(RuleEvent.id))  # type: ignore[arg-type]
        return [(a.name, a.active) for a in alarms], [(e.name, e.active) for e in events]


def test_a_rule_that_says_too_little_makes_an_event_with_its_times(database: Database, tmp_path: Path) -> None:
    cloud = Cloud(database, tmp_path)
    told = NotificationService(UserService(), AbsenceService(UserService()), "", lambda _session, _alarm: True)
    cloud.alarms = AlarmService(cloud.orders, told)
    cloud.ingest._alarms = cloud.alarms
    rule = make(cloud, device_id=PUMP, severity="critical", cause="c")
    cloud.send("data", batch(1, (2, 50.0), (3, 60.0), until=3), at=later(3))
    cloud.send("data", batch(2, (4, 50.0), until=4), at=later(4))
    assert found(cloud) == ([], [("Warm", True)])
    cloud.send("data", batch(3, (8, 30.0), until=8), at=later(8))
    assert found(cloud) == ([], [("Warm", False)])
    cloud.send("data", batch(4, (9, 50.0), until=9), at=later(9))
    with database.read() as session:
        first, second = cloud.alarms.events(session, ["main"], device_id=PUMP)[::-1]
        assert (first.began_at, first.ended_at, first.value) == (later(2), later(8), 50.0)
        assert (second.began_at, second.ended_at) == (later(9), None)
        assert cloud.alarms.events(session, ["elsewhere"]) == []
        assert cloud.alarms.figures(session, None, [], NOW, later(60), all_teams=True).activations == 0
        assert session.exec(select(WorkOrder)).all() == []
        assert session.exec(select(Notice)).all() == []
        assert (rule.severity, first.rule_id) == (Severity.CRITICAL, rule.id)


def test_what_is_said_later_makes_it_an_alarm_and_back(cloud: Cloud) -> None:
    rule = make(cloud, device_id=PUMP)
    cloud.send("data", batch(1, (2, 50.0), until=2), at=later(2))
    assert set(change(cloud, rule, 20, **RATIONALISED)) == set(RATIONALISED)
    assert found(cloud) == ([], [("Warm", False)])
    cloud.send("data", batch(2, (22, 50.0), until=22), at=later(22))
    assert found(cloud) == ([("Warm", True)], [("Warm", False)])
    with cloud.database.read() as session:
        rule = cloud.alarms.rule(session, rule.id or 0)
    change(cloud, rule, 30, response="")
    cloud.send("data", batch(3, (42, 50.0), until=42), at=later(42))
    assert found(cloud) == ([("Warm", False)], [("Warm", False), ("Warm", True)])


def test_an_event_of_a_deleted_rule_is_over(cloud: Cloud) -> None:
    rule = make(cloud, device_id=PUMP)
    cloud.send("data", batch(1, (2, 50.0), until=2), at=later(2))
    with cloud.database.write() as session:
        cloud.alarms.delete_rule(session, rule.id or 0, "anna", later(5))
    assert found(cloud) == ([], [("Warm", False)])


def test_a_restart_goes_on_with_an_event(cloud: Cloud) -> None:
    make(cloud, device_id=PUMP)
    cloud.send("data", batch(1, (2, 50.0), until=2), at=later(2))
    cloud.alarms.forget()
    cloud.send("data", batch(2, (4, 55.0), until=4), at=later(4))
    cloud.alarms.forget()
    cloud.send("data", batch(3, (6, 20.0), until=6), at=later(6))
    assert found(cloud) == ([], [("Warm", False)])


def test_severity_is_what_the_matrix_says(cloud: Cloud) -> None:
    rule = make(cloud, device_id=PUMP, **RATIONALISED | {"impact": "grave", "respond_within_s": 600})
    assert rule.severity is Severity.CRITICAL
    assert change(cloud, rule, respond_within_s=7 * 86_400)["severity"] == ["critical", "medium"]
    with pytest.raises(InvalidFieldsError) as refused:
        make(cloud, device_id=PUMP, severity="high", **RATIONALISED)
    assert refused.value.fields["severity"].startswith("a minor consequence with soon response is low")
    gentle = {impact: {"immediate": "low", "prompt": "low", "soon": "low", "later": "low"} for impact in Impact}
    with cloud.database.write() as session:
        AlarmService(cloud.orders, matrix=Matrix.model_validate({"severity": gentle})).ensure_system_rules(session, NOW)
    with cloud.database.read() as session:
        assert {rule.severity for rule in cloud.alarms.rules(session)} == {Severity.LOW}


def test_a_rule_on_a_label_reaches_labels_kinds_and_classes_until_a_nearer_one(cloud: Cloud) -> None:
    with pytest.raises(InvalidFieldsError, match="no device, label, profile or site 'cooling'"):
        make(cloud, label="cooling", **RATIONALISED)
    with cloud.database.write() as session:
        device = session.get_one(Device, PUMP)
        DeviceService().set_labels(session, device, [" cooling", "", "cooling "], NOW)
        assert device.labels == ["cooling"]
        asset = Asset(code="P", name="P", kind=AssetKind.EQUIPMENT, site_id="main", created_at=NOW)
        asset.equipment_class = "chilled-water pump"
        session.add(asset)
        session.flush()
        session.add(AssetDevice(asset_id=asset.id or 0, device_id=PUMP, since=NOW, by="anna"))
    cloud.send("birth", birth())  # what people said stays
    by_class = make(cloud, name="Class", label="chilled-water pump", **RATIONALISED)
    labelled = make(cloud, name="Hot", label="cooling", limit=60, **RATIONALISED)
    cloud.send("data", batch(1, (2, 50.0), (9, 90.0), until=9), at=later(9))
    assert found(cloud)[0] == [("Class", True), ("Hot", True)], "the profile's rule of that name is not judged here"
    with cloud.database.read() as session:
        assert {rule.rule_id for rule in session.exec(select(Alarm))} == {by_class.id, labelled.id}
        choice = cloud.alarms.rules_on(session, PUMP)
        assert {rule.id for rule in choice.judged} == {by_class.id, labelled.id}
        assert [(rule.key, by.id) for rule, by in choice.replaced] == [("hot", labelled.id)]
        assert cloud.alarms.reach(session, labelled, []) == ([PUMP], [])
        judged, [(device_id, nearer)] = cloud.alarms.reach(session, suggested(cloud), [])
        assert (judged, device_id, nearer.id) == ([], PUMP, labelled.id)
        assert cloud.alarms.labels(session, ["main"]) == ["chilled-water pump", "cooling"]


def test_what_a_nearer_rule_or_a_lost_label_ends_does_not_stay_active(cloud: Cloud) -> None:
    with cloud.database.write() as session:
        DeviceService().set_labels(session, session.get_one(Device, PUMP), ["cooling"], NOW)
    make(cloud, name="Labelled", label="cooling", **RATIONALISED)
    make(cloud, name="Event", label="cooling")
    cloud.send("data", batch(1, (2, 90.0), (9, 90.0), until=9), at=later(9))
    assert found(cloud) == ([("Labelled", True), ("Hot", True)], [("Event", True)])
    make(cloud, name="Hot", device_id=PUMP, limit=95, **RATIONALISED)
    cloud.send("data", batch(2, (12, 90.0), until=12), at=later(12))
    assert found(cloud) == ([("Labelled", True), ("Hot", False)], [("Event", True)])
    with cloud.database.write() as session:
        DeviceService().set_labels(session, session.get_one(Device, PUMP), [], NOW)
    cloud.send("data", batch(3, (22, 90.0), until=22), at=later(22))
    assert found(cloud) == ([("Labelled", False), ("Hot", False)], [("Event", False)])
    with cloud.database.read() as session:
        notes = [step.note for alarm in (1, 2) for step in cloud.alarms.transitions(session, alarm)]
        assert notes.count("its rule is not judged here any more") == 2


@pytest.mark.parametrize(("labels", "told"), [(["x" * 64], "longer than 63"), ([str(n) for n in range(21)], "at most")])
def test_labels_are_bounded(cloud: Cloud, labels: list[str], told: str) -> None:
    with cloud.database.write() as session, pytest.raises(InvalidError, match=told):
        DeviceService().set_labels(session, session.get_one(Device, PUMP), labels, NOW)
