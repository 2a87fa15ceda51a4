"""A domain reports a condition: one alarm and one work order, until it says that it is over."""

from datetime import UTC, datetime, timedelta

from sqlmodel import select

from plantroom_cloud.alarms.models import Alarm, AlarmRule
from plantroom_cloud.alarms.reported import ReportedRule
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.database import Database
from plantroom_cloud.sites.models import Site
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULE = ReportedRule("waste.overdue", "Bag overdue", "high", "Nobody collected it.", "Infection risk.", "Collect it.")


def _service(database: Database) -> AlarmService:
    alarms = AlarmService(WorkOrderService())
    alarms.declare(RULE)
    with database.write() as session:
        session.add(Site(id="main", name="Main"))
        alarms.ensure_system_rules(session, NOW)
    return alarms


def test_a_condition_makes_one_alarm_and_one_work_order(database: Database) -> None:
    alarms = _service(database)
    for minutes in (0, 1):
        with database.write() as session:
            at = NOW + timedelta(minutes=minutes)
            alarms.report(session, RULE.key, "bag:1", True, NOW, at, site_id="main", detail="49 h in store")
    with database.read() as session:
        [alarm] = session.exec(select(Alarm)).all()
        [order] = session.exec(select(WorkOrder)).all()
        assert (alarm.active, alarm.raised_at, alarm.gateway_id, alarm.cause) == (True, NOW, None, RULE.cause)
        assert (order.alarm_id, order.description) == (alarm.id, "49 h in store")
    with database.write() as session:
        alarms.report(session, RULE.key, "bag:1", False, NOW + timedelta(hours=1), NOW, site_id="main")
        alarms.report(session, RULE.key, "bag:2", False, NOW, NOW, site_id="main")
    with database.read() as session:
        [alarm] = session.exec(select(Alarm)).all()
        assert (alarm.active, alarm.returned_at) == (False, NOW + timedelta(hours=1))


def test_a_disabled_rule_raises_nothing(database: Database) -> None:
    alarms = _service(database)
    with database.write() as session:
        rule = session.exec(select(AlarmRule).where(AlarmRule.key == RULE.key)).one()
        rule.enabled = False
        session.add(rule)
    with database.write() as session:
        assert alarms.report(session, RULE.key, "bag:1", True, NOW, NOW, site_id="main") is None
        assert session.exec(select(Alarm)).all() == []
