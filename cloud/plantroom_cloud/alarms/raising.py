"""Alarms raised and returned, each step with its line in the alarm's story; a raised one opens its work order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from plantroom_cloud.alarms import repository
from plantroom_cloud.alarms.judgement import Crossing
from plantroom_cloud.alarms.levels import INNER, OUTER, same_set
from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState, AlarmTransition, RuleEvent, Suppression
from plantroom_cloud.alarms.rationalisation import lacking
from plantroom_cloud.alarms.source import source_name
from plantroom_cloud.alarms.transitions import INTO, AlarmEvent, next_state
from plantroom_cloud.columns import utc_from_ms
from plantroom_cloud.devices.models import Device
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.notifications.models import NoticeKind
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.said import lines, said


class Raising:
    """Works in the session it is given."""

    def __init__(self, work_orders: WorkOrderService, notifications: NotificationService | None = None) -> None:
        self._work_orders = work_orders
        self._notifications = notifications

    def raise_alarm(
        self,
        session: Session,
        rule_id: int,
        gateway_id: str,
        source: str,
        crossing: Crossing,
        evidence: Sequence[tuple[int, Any]],
        at: datetime,
    ) -> None:
        """By a rule; nothing happens when one is active already."""
        rule, gateway = session.get(AlarmRule, rule_id), session.get(Gateway, gateway_id)
        if rule is None or gateway is None:
            return
        device = session.get(Device, source)
        unit = next((m.get("unit", "") for m in device.metrics if m["name"] == rule.metric), "") if device else ""
        alarm = Alarm(
            rule_id=rule_id,
            source=source,
            gateway_id=gateway_id,
            site_id=gateway.site_id,
            device_id=device.id if device else None,
            name=rule.name,
            severity=rule.severity,
            state=next_state(AlarmState.NORMAL, AlarmEvent.RAISE),
            active=True,
            raised_at=utc_from_ms(crossing.at),
            detected_at=at,
            metric=rule.metric,
            value=crossing.value,
            limit=rule.limit,
            unit=unit,
            team_id=rule.team_id,
            cause=rule.cause,
            consequence=rule.consequence,
            response=rule.response,
            respond_within_s=rule.respond_within_s,
            evidence=[[moment, value] for moment, value in evidence],
        )
        self.open(session, alarm, rule, at)

    def open(self, session: Session, alarm: Alarm, rule: AlarmRule, at: datetime) -> Alarm | None:
        """Unique by index: where one is active already, that one is it. Of a rule that is not rationalised it becomes
        an event, and there is no alarm."""
        if lacking(rule):
            self._record(session, alarm, at)
            return None
        known = repository.active_alarm(session, alarm.rule_id, alarm.source)
        if known is not None:
            return known
        try:
            with session.begin_nested():
                session.add(alarm)
                session.flush()
        except IntegrityError:  # another worker was first
            known = repository.active_alarm(session, alarm.rule_id, alarm.source)
            assert known is not None
            return known
        assert alarm.id is not None
        self._tell(session, alarm, AlarmState.NORMAL, alarm.state, "system", "", alarm.raised_at)
        record_change(session, "alarm", str(alarm.id), at)
        suppression = (
            repository.suppression_of(session, alarm.rule_id, alarm.source)
            or self.by_design(session, alarm, at)
            or self._first_out(session, alarm, rule, at)
        )
        if suppression is not None:
            self.move(session, alarm, INTO[suppression.kind], suppression.by, suppression.reason, at)
        else:
            self.annunciate(session, alarm, at)
        return alarm

    def _record(self, session: Session, alarm: Alarm, at: datetime) -> None:
        """An event with the facts of the alarm that it would have been; unique by index like alarms."""
        if repository.active_event(session, alarm.rule_id, alarm.source) is not None:
            return
        facts = alarm.model_dump(
            include={"rule_id", "source", "gateway_id", "site_id", "device_id", "name", "metric", "value", "limit"}
            | {"unit", "detail", "detected_at"}
        )
        event = RuleEvent(**facts, active=True, began_at=alarm.raised_at)
        try:
            with session.begin_nested():
                session.add(event)
                session.flush()
        except IntegrityError:  # another worker was first
            return
        record_change(session, "rule-event", str(event.id), at)

    def end_event(self, session: Session, event: RuleEvent, moment: datetime, at: datetime) -> None:
        """The condition is gone since `moment`."""
        event.active, event.ended_at = False, moment
        session.add(event)
        record_change(session, "rule-event", str(event.id), at)

    def annunciate(self, session: Session, alarm: Alarm, at: datetime, what: str = "raised") -> None:
        """Bring it to the people: a work order by its rule, a notification to its team; `what` happened, told once."""
        rule = session.get(AlarmRule, alarm.rule_id)
        if rule is not None and rule.work_order:
            self._work_orders.open_for_alarm(session, alarm, rule.proving_s, at, recurrence_s=rule.recurrence_s)
        self._announce(session, alarm, what, at)
        if rule is not None and rule.level in INNER:
            for milder, its_rule in repository.told_of_level(session, alarm.source, INNER[rule.level]):
                if same_set(rule, its_rule):
                    self._silence(session, milder, alarm, _worse(alarm), at)
        for other in repository.told_that_it_suppresses(session, alarm):
            self._silence(session, other, alarm, _by_rule(alarm), at)

    def may_be_stood_for(self, session: Session, alarm: Alarm) -> bool:
        """By an outer level or another rule: what is released together is told from the outside."""
        rule = session.get(AlarmRule, alarm.rule_id)
        return rule is not None and (rule.level in OUTER or rule.suppressed_by is not None)

    def by_design(self, session: Session, alarm: Alarm, at: datetime) -> Suppression | None:
        """Suppressed, when the outer level of its set is told already, which says the same, and worse; or when an alarm
        of the rule is that silences this one."""
        rule = session.get(AlarmRule, alarm.rule_id)
        if rule is None:
            return None
        return self._by_outer_level(session, alarm, rule, at) or self._by_rule(session, alarm, rule, at)

    def _by_rule(self, session: Session, alarm: Alarm, rule: AlarmRule, at: datetime) -> Suppression | None:
        if rule.suppressed_by is None:
            return None
        first = repository.told_by(session, alarm, rule.suppressed_by, rule.suppressed_within)
        return self._by_design(session, alarm, first, _by_rule(first), at) if first is not None else None

    def _by_outer_level(self, session: Session, alarm: Alarm, rule: AlarmRule, at: datetime) -> Suppression | None:
        if rule.level not in OUTER:
            return None
        outer = repository.told_of_level(session, alarm.source, OUTER[rule.level])
        first = next((found for found, its_rule in outer if same_set(rule, its_rule)), None)
        return self._by_design(session, alarm, first, _worse(first), at) if first is not None else None

    def _silence(self, session: Session, milder: Alarm, outer: Alarm, reason: str, at: datetime) -> None:
        """Somebody may move it at the same moment."""
        held = repository.held(session, milder.id) if milder.id is not None else None
        if held is not None and held.active and held.state in (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED):
            suppression = self._by_design(session, held, outer, reason, at)
            self.move(session, held, AlarmEvent.SUPPRESS, "system", suppression.reason, at)

    def realarm(self, session: Session, alarm: Alarm, at: datetime) -> None:
        """Acknowledged, and nothing came of it in the rule's time."""
        seen = alarm.acknowledged_at or at
        self.move(session, alarm, AlarmEvent.REALARM, "system", "still active", at)
        self._announce(session, alarm, f"re-alarm/{seen.isoformat()}", at)

    def _first_out(self, session: Session, alarm: Alarm, rule: AlarmRule, at: datetime) -> Suppression | None:
        """The first alarm of a group on a gateway tells what happened; the others follow from it."""
        if not rule.first_out or rule.id is None:
            return None
        found = repository.told_of_group(session, rule.first_out, alarm.gateway_id, rule.id)
        # the inner level of a set comes first, and silences the outer one never
        others = (one for one, its_rule in found if one.source != alarm.source or not same_set(rule, its_rule))
        first = next(others, None)
        if first is None:
            return None
        reason = said(
            "first of its group %(first_out)r was alarm %(first_id)s, %(first)s",
            first_out=rule.first_out,
            first_id=first.id,
            first=first.name,
        )
        return self._by_design(session, alarm, first, reason, at)

    def _by_design(self, session: Session, alarm: Alarm, first: Alarm, reason: str, at: datetime) -> Suppression:
        """Until `first` is over."""
        suppression = Suppression(
            kind=AlarmState.SUPPRESSED,
            source=alarm.source,
            rule_id=alarm.rule_id,
            since=at,
            reason=reason,
            by="system",
            first_alarm_id=first.id,
        )
        session.add(suppression)
        session.flush()
        return suppression

    def _announce(self, session: Session, alarm: Alarm, what: str, at: datetime) -> None:
        if self._notifications is not None:
            device = session.get(Device, alarm.device_id) if alarm.device_id else None
            self._notifications.announce(
                session,
                f"alarm/{alarm.id}/{what}",
                NoticeKind.ALARM,
                str(alarm.severity.value),
                alarm.site_id,
                said(
                    "%(alarm)s: %(source)s",
                    alarm=alarm.name,
                    source=device.label if device else alarm.called or source_name(alarm.source),
                ),
                at,
                body=lines((alarm.detail, alarm.cause, alarm.response)),
                link=f"/alarms/{alarm.id}",
                team_id=alarm.team_id,
                alarm_id=alarm.id,
            )

    def return_alarm(self, session: Session, rule_id: int, source: str, moment: datetime, at: datetime) -> None:
        """The condition is gone since `moment`."""
        event = repository.active_event(session, rule_id, source)
        if event is not None:
            self.end_event(session, event, moment, at)
        alarm = repository.active_alarm(session, rule_id, source)
        if alarm is None or alarm.id is None:
            return
        alarm = repository.held(session, alarm.id)
        if alarm is None or not alarm.active:  # another process was first
            return
        alarm.active, alarm.returned_at = False, moment
        rule = session.get(AlarmRule, rule_id)
        latches = rule is not None and rule.latching and alarm.state is AlarmState.ACKNOWLEDGED
        self.move(session, alarm, AlarmEvent.LATCH if latches else AlarmEvent.RETURN, "system", "", moment)
        record_change(session, "alarm", str(alarm.id), at)

    def move(self, session: Session, alarm: Alarm, event: AlarmEvent, actor: str, note: str, at: datetime) -> None:
        """One step of the state machine; raises ConflictError."""
        before, alarm.state = alarm.state, next_state(alarm.state, event)
        session.add(alarm)
        self._tell(session, alarm, before, alarm.state, actor, note, at)
        record_change(session, "alarm", str(alarm.id), at)

    def _tell(
        self, session: Session, alarm: Alarm, before: AlarmState, after: AlarmState, actor: str, note: str, at: datetime
    ) -> None:
        assert alarm.id is not None
        session.add(
            AlarmTransition(alarm_id=alarm.id, at=at, from_state=before, to_state=after, actor=actor, note=note)
        )


def _worse(outer: Alarm) -> str:
    return said("alarm %(outer_id)s, %(outer)s, tells of it and of worse", outer_id=outer.id, outer=outer.name)


def _by_rule(first: Alarm) -> str:
    return said("alarm %(first_id)s, %(first)s, suppresses it by its rule", first_id=first.id, first=first.name)
