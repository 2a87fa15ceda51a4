"""Alarms set aside: shelved by a person, suppressed by design, out of service with the equipment. What happens
meanwhile is recorded and told to nobody; when it ends, the process decides."""

from datetime import datetime, timedelta

from sqlmodel import Session

from plantroom_cloud.alarms import repository
from plantroom_cloud.alarms.models import SET_ASIDE, Alarm, AlarmRule, AlarmState, Severity, Suppression
from plantroom_cloud.alarms.raising import Raising
from plantroom_cloud.alarms.transitions import INTO, TRANSITIONS, AlarmEvent, next_state
from plantroom_cloud.errors import ConflictError, InvalidError
from plantroom_shared.said import said

#: The longest that an alarm may be shelved.
LONGEST_SHELF = {
    Severity.CRITICAL: timedelta(hours=2),
    Severity.HIGH: timedelta(hours=8),
    Severity.MEDIUM: timedelta(days=1),
    Severity.LOW: timedelta(days=7),
}


#: How long a person may choose: minutes and words.
_SHELF = ((15, "15 minutes"), (60, "1 hour"), (120, "2 hours"), (480, "8 hours"), (1440, "1 day"), (10_080, "1 week"))


def shelf(severity: Severity) -> list[tuple[int, str]]:
    """What a severity allows, the longest last."""
    return [choice for choice in _SHELF if choice[0] <= LONGEST_SHELF[severity] / timedelta(minutes=1)]


class Suppressing:
    """Works in the session it is given."""

    def __init__(self, raising: Raising) -> None:
        self._raising = raising

    def shelve(
        self,
        session: Session,
        alarm: Alarm,
        reason: str,
        minutes: float | None,
        actor: str,
        at: datetime,
        *,
        once: bool,
    ) -> None:
        """For so many minutes, at the longest what its severity allows; `once`: until it returns to normal."""
        if not reason.strip():
            raise InvalidError("reason: say why it is shelved")
        longest = LONGEST_SHELF[alarm.severity]
        if minutes is None and not once:
            raise InvalidError("minutes: say how long, or once")
        wanted = timedelta(minutes=minutes) if minutes is not None else longest
        if not timedelta() < wanted <= longest:
            most = longest / timedelta(minutes=1)
            raise InvalidError(
                said(
                    "minutes: an alarm of severity %(severity)s is shelved for 1 to %(most).0f",
                    severity=alarm.severity.value,
                    most=most,
                )
            )
        next_state(alarm.state, AlarmEvent.SHELVE)
        suppression = Suppression(
            kind=AlarmState.SHELVED,
            source=alarm.source,
            rule_id=alarm.rule_id,
            since=at,
            until=at + wanted,
            once=once,
            reason=reason.strip(),
            by=actor,
        )
        session.add(suppression)
        session.flush()
        self._raising.move(session, alarm, AlarmEvent.SHELVE, actor, _told(suppression), at)

    def unshelve(self, session: Session, alarm: Alarm, note: str, actor: str, at: datetime) -> None:
        """Raises ConflictError for one that is not shelved."""
        found = [
            item
            for item in repository.held_suppressions_of(session, alarm.rule_id, alarm.source)
            if item.kind is AlarmState.SHELVED
        ]
        if alarm.state is not AlarmState.SHELVED or not found:
            raise ConflictError(
                said("alarm %(alarm_id)s is %(state)s, not shelved", alarm_id=alarm.id, state=alarm.state.value)
            )
        for suppression in found:
            self._end(session, suppression, note or "unshelved", actor, at)

    def remove_from_service(
        self, session: Session, source: str, reason: str, work_order_id: int | None, actor: str, at: datetime
    ) -> None:
        """The equipment is being worked on: all its alarms are expected."""
        known = repository.out_of_service(session, source, work_order_id)
        if known is not None:
            return
        suppression = Suppression(
            kind=AlarmState.OUT_OF_SERVICE,
            source=source,
            since=at,
            reason=reason,
            by=actor,
            work_order_id=work_order_id,
        )
        session.add(suppression)
        session.flush()
        for alarm in repository.open_alarms_of(session, source):
            if (alarm.state, AlarmEvent.REMOVE) in TRANSITIONS:
                self._raising.move(session, alarm, AlarmEvent.REMOVE, actor, reason, at)

    def return_to_service(self, session: Session, work_order_id: int, note: str, actor: str, at: datetime) -> None:
        """The work is done: what is still not normal is an alarm again."""
        for suppression in repository.out_of_service_by(session, work_order_id):
            self._end(session, suppression, note, actor, at)

    def tick(self, session: Session, at: datetime) -> None:
        """End what is over by itself."""
        for suppression in repository.suppressions_over(session, at):
            self._end(session, suppression, "its time is over", "system", at)
        for suppression in repository.shelved_once_and_normal(session):
            self._end(session, suppression, "returned to normal", "system", at)
        for suppression in repository.first_out_over(session):
            self._end(session, suppression, "the alarm that told of it is over", "system", at)

    def _end(self, session: Session, suppression: Suppression, note: str, actor: str, at: datetime) -> None:
        suppression.ended_at, suppression.ended_by = at, actor
        session.add(suppression)
        session.flush()
        released = [
            alarm
            for alarm in repository.open_alarms_of(session, suppression.source, suppression.rule_id)
            if alarm.state is suppression.kind
        ]
        for alarm in sorted(released, key=lambda alarm: self._raising.may_be_stood_for(session, alarm)):
            left = repository.suppression_of(session, alarm.rule_id, alarm.source)
            event = AlarmEvent.RELEASE_ACTIVE if alarm.active else self._released(session, alarm)
            self._raising.move(session, alarm, event, actor, note, at)
            if left is None and alarm.active:
                left = self._raising.by_design(session, alarm, at)
            if left is not None and alarm.active and left.kind in SET_ASIDE:
                self._raising.move(session, alarm, INTO[left.kind], left.by, _told(left), at)
            elif alarm.active:
                self._raising.annunciate(session, alarm, at, f"released/{suppression.id}")

    def _released(self, session: Session, alarm: Alarm) -> AlarmEvent:
        """Normal again while it was set aside; who repaired the equipment has seen what latched."""
        rule = session.get(AlarmRule, alarm.rule_id)
        latches = rule is not None and rule.latching and alarm.state is not AlarmState.OUT_OF_SERVICE
        return AlarmEvent.RELEASE_LATCHED if latches else AlarmEvent.RELEASE_NORMAL


def _told(suppression: Suppression) -> str:
    if suppression.until is None:
        return suppression.reason
    text = "%(reason)s (until %(until)s, or until it is normal)" if suppression.once else "%(reason)s (until %(until)s)"
    return said(text, reason=suppression.reason, until=suppression.until)
