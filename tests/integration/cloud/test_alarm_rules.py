"""Alarm rules that people make, change, disable and delete, on both relational databases."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlmodel import select

from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState
from plantroom_cloud.database import Database
from plantroom_cloud.errors import ConflictError, InvalidFieldsError, NotFoundError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_shared.batch import DeviceRows
from tests.integration.cloud.test_ingest import MS, NOW, Cloud, batch, birth

#: What makes a rule's condition an alarm.
RATIONALISED = {"cause": "c", "consequence": "q", "response": "r", "impact": "minor", "respond_within_s": 86_400}


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def cloud(database: Database, tmp_path: Path) -> Cloud:
    return Cloud(database, tmp_path)


def suggested(cloud: Cloud) -> AlarmRule:
    with cloud.database.read() as session:
        return session.exec(select(AlarmRule).where(AlarmRule.key == "hot")).one()


def alarms(cloud: Cloud) -> list[Alarm]:
    with cloud.database.read() as session:
        return list(session.exec(select(Alarm).order_by(Alarm.id)))  # type: ignore[arg-type]


def change(cloud: Cloud, rule: AlarmRule, seconds: float = 20, **said: object) -> dict[str, list[object]]:
    definition = RuleDefinition.model_validate(rule.model_dump() | said)
    with cloud.database.write() as session:
        assert rule.id is not None
        return cloud.alarms.change_rule(session, rule.id, definition, "anna", later(seconds))


def test_a_changed_limit_is_judged_by_the_next_batch(cloud: Cloud) -> None:
    cloud.send("data", batch(1, (0, 75.0), (6, 75.0), until=6), at=later(6))
    assert alarms(cloud) == []
    assert change(cloud, suggested(cloud), limit=70.0) == {"limit": [80.0, 70.0]}
    cloud.send("data", batch(2, (22, 75.0), (30, 75.0), until=30), at=later(30))
    [alarm] = alarms(cloud)
    assert (alarm.active, alarm.limit) == (True, 70.0)


def test_disabling_returns_the_active_alarm_and_enabling_raises_it_anew(cloud: Cloud) -> None:
    cloud.send("data", batch(1, (0, 90.0), (6, 90.0), until=6), at=later(6))
    change(cloud, suggested(cloud), enabled=False)
    [alarm] = alarms(cloud)
    assert (alarm.active, alarm.state) == (False, AlarmState.RETURNED)
    cloud.send("data", batch(2, (22, 91.0), (30, 91.0), until=30), at=later(30))
    assert len(alarms(cloud)) == 1, "a disabled rule raises nothing"
    change(cloud, suggested(cloud), 31, enabled=True)
    cloud.send("data", batch(3, (32, 92.0), (40, 92.0), until=40), at=later(40))
    assert [a.active for a in alarms(cloud)] == [False, True]


def test_the_telemetry_verifies_no_work_order_of_a_rule_that_nobody_watches(cloud: Cloud) -> None:
    cloud.send("data", batch(1, (0, 90.0), (6, 90.0), until=6), at=later(6))
    with cloud.database.write() as session:
        [order] = session.exec(select(WorkOrder))
        assert order.id is not None
        cloud.orders.complete(session, order.id, "greased", "tom", later(10))
    change(cloud, suggested(cloud), enabled=False)
    cloud.send("data", batch(2, (300, 50.0), until=300), at=later(300))
    with cloud.database.write() as session:
        cloud.alarms.tick(session, later(300))
    with cloud.database.read() as session:
        assert [o.state for o in session.exec(select(WorkOrder))] == [WorkOrderState.DONE]


def test_a_deleted_rule_does_not_come_back_with_the_next_birth(cloud: Cloud) -> None:
    rule = suggested(cloud)
    assert rule.id is not None
    cloud.send("data", batch(1, (0, 90.0), (6, 90.0), until=6), at=later(6))
    with cloud.database.write() as session:
        cloud.alarms.delete_rule(session, rule.id, "anna", later(8))
    cloud.send("birth", birth())
    cloud.send("data", batch(2, (22, 91.0), (30, 91.0), until=30), at=later(30))
    [alarm] = alarms(cloud)
    assert not alarm.active, "its alarm returned, and none was raised again"
    with cloud.database.read() as session:
        assert [r.key for r in cloud.alarms.rules(session) if r.profile != "system"] == []
        with pytest.raises(NotFoundError):
            cloud.alarms.rule(session, rule.id)


def test_a_rule_of_a_person_is_judged_on_its_device_alone(cloud: Cloud) -> None:
    said = {"name": "Warm", "kind": "limit", "device_id": "gw-a.pump", "metric": "t"} | RATIONALISED
    definition = RuleDefinition.model_validate(said | {"operator": ">", "limit": 40})
    with cloud.database.write() as session:
        rule = cloud.alarms.create_rule(session, definition, "anna", NOW)
        assert rule.created_by == "anna"
    cloud.send("data", batch(1, (2, 50.0), until=2), at=later(2))
    assert [(a.name, a.source) for a in alarms(cloud)] == [("Warm", "gw-a.pump")]


def test_what_cannot_be_is_refused_by_field(cloud: Cloud) -> None:
    said = {"name": "Warm", "kind": "limit", "severity": "low", "device_id": "gw-a.pump", "metric": "speed"}
    definition = RuleDefinition.model_validate(said | {"operator": ">", "limit": 40, "team_id": "nobody"})
    with cloud.database.write() as session, pytest.raises(InvalidFieldsError) as refused:
        cloud.alarms.create_rule(session, definition, "anna", NOW)
    assert set(refused.value.fields) == {"metric", "team_id"}
    with pytest.raises(InvalidFieldsError):
        change(cloud, suggested(cloud), profile="x/other")


def test_what_every_installation_has_is_disabled_and_never_deleted(cloud: Cloud) -> None:
    with cloud.database.write() as session:
        lost = next(r for r in cloud.alarms.rules(session) if r.key == "gateway-lost")
        assert lost.id is not None
        with pytest.raises(ConflictError, match="disable it instead"):
            cloud.alarms.delete_rule(session, lost.id, "anna", NOW)
    assert change(cloud, lost, on_delay_s=120) == {"on_delay_s": [30.0, 120.0]}


def test_a_device_that_was_taken_out_of_the_configuration_is_judged_no_more(cloud: Cloud) -> None:
    silent = {"name": "Silent", "kind": "no-data", "profile": "x/pump", "on_delay_s": 60} | RATIONALISED
    with cloud.database.write() as session:
        cloud.alarms.create_rule(session, RuleDefinition.model_validate(silent), "anna", NOW)
    [pump] = birth().devices
    fan = msgspec.structs.replace(pump, device="fan")
    cloud.send("birth", msgspec.structs.replace(birth(), devices=[pump, fan]))
    cloud.send("data", batch(1, (0, 90.0), (6, 90.0), until=6), at=later(6))
    with cloud.database.write() as session:
        [order] = session.exec(select(WorkOrder))
        cloud.orders.complete(session, order.id or 0, "taken away", "tom", later(10))
    cloud.send("birth", msgspec.structs.replace(birth(), devices=[fan]), at=later(20))
    for seq in range(2, 30):  # 10 s each
        rows = [DeviceRows(device="fan", times=[MS + seq * 10_000], values={"t": [20.0]})]
        each = msgspec.structs.replace(batch(seq, until=seq * 10), telemetry=rows)
        cloud.send("data", each, at=later(seq * 10))
    assert [(a.name, a.active) for a in alarms(cloud)] == [("Hot", False)], "returned, and it is not silent"
    with cloud.database.write() as session:
        cloud.alarms.tick(session, later(300))
    with cloud.database.read() as session:
        [order] = session.exec(select(WorkOrder))
        assert order.state is WorkOrderState.DONE, "nothing proves it"
    cloud.send("birth", msgspec.structs.replace(birth(), devices=[pump, fan]), at=later(300))
    cloud.send("data", batch(40, (301, 95.0), (310, 95.0), until=310), at=later(310))
    assert [a.active for a in alarms(cloud) if a.name == "Hot"] == [False, True]


def test_the_alarms_of_a_revoked_gateway_return(cloud: Cloud) -> None:
    """Nobody would ever end them."""
    cloud.send("data", batch(1, (0, 90.0), (6, 90.0), until=6), at=later(6))
    with cloud.database.write() as session:
        session.get_one(Gateway, "gw-a").revoked_at = later(10)
    with cloud.database.write() as session:
        cloud.alarms.tick_direct(session, later(11), lambda _gateway: True)
    assert [(a.name, a.active) for a in alarms(cloud)] == [("Hot", False)]


def test_what_silences_a_rule_is_an_alarm_and_no_circle(cloud: Cloud) -> None:
    hot = suggested(cloud)

    def make(name: str, **said: object) -> AlarmRule:
        whole = {"name": name, "kind": "limit", "device_id": "gw-a.pump", "metric": "t", "operator": ">"}
        definition = RuleDefinition.model_validate(whole | {"limit": 90} | RATIONALISED | said)
        with cloud.database.write() as session:
            return cloud.alarms.create_rule(session, definition, "anna", NOW)

    def refused(rule: AlarmRule, suppressed_by: int | None) -> str:
        with pytest.raises(InvalidFieldsError) as error:
            change(cloud, rule, suppressed_by=suppressed_by)
        assert list(error.value.fields) == ["suppressed_by"]
        return error.value.fields["suppressed_by"]

    cause, event = make("Cause"), make("Event", cause="")
    follows = make("Follows", suppressed_by=cause.id, suppressed_within="site")
    assert "makes events" in refused(hot, event.id)
    assert "no alarm rule" in refused(hot, 4711)
    assert "no alarm rule" in refused(hot, 2**40)
    assert "by this rule itself" in refused(cause, cause.id)
    assert "by this rule itself" in refused(cause, follows.id)
    assert change(cloud, hot, suppressed_by=follows.id) == {"suppressed_by": [None, follows.id]}
    assert "by this rule itself" in refused(cause, hot.id)
    with cloud.database.write() as session:
        cloud.alarms.delete_rule(session, follows.id or 0, "anna", later(30))
    assert suggested(cloud).suppressed_by is None


def test_the_cause_is_judged_first_of_what_a_batch_brings(cloud: Cloud) -> None:
    """So that what follows from it is told to nobody, whichever rule is older."""
    whole = {"name": "Very hot", "kind": "limit", "device_id": "gw-a.pump", "metric": "t", "operator": ">"}
    with cloud.database.write() as session:
        definition = RuleDefinition.model_validate(whole | {"limit": 95} | RATIONALISED)
        very = cloud.alarms.create_rule(session, definition, "anna", NOW)
    change(cloud, suggested(cloud), suppressed_by=very.id, on_delay_s=0)
    cloud.send("data", batch(1, (22, 99.0), until=22), at=later(22))
    assert {alarm.name: alarm.state for alarm in alarms(cloud)} == {
        very.name: AlarmState.UNACKNOWLEDGED,
        suggested(cloud).name: AlarmState.SUPPRESSED,
    }
    with cloud.database.read() as session:
        assert [order.rule_id for order in session.exec(select(WorkOrder))] == [very.id]
