"""What is due is opened: each due time once, whoever looks, however often."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.columns import utc_from_ms
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import CloudError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.plans import repository
from plantroom_cloud.plans.counter import Count
from plantroom_cloud.plans.due import Due, Recurrence, moment_of
from plantroom_cloud.plans.models import MaintenancePlan, Outcome, PlanOccurrence, Trigger
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.said import Own, said

#: Due times that nobody could follow are kept as skipped, at most so many at once.
MOST_SKIPPED = 400

#: Puts a checklist template onto an order: session, order, template, who, when. Raises CloudError.
Attach = Callable[[Session, int, int, str, datetime], object]


@dataclass(frozen=True)
class _Reading:
    """A good value, when it was read, and how far it is known to hold."""

    value: float
    at: datetime
    until: datetime


class Opening:
    """Works in the session it is given, on plans whose rows it holds."""

    def __init__(
        self, work_orders: WorkOrderService, devices: DeviceService, alarms: AlarmService, attach: Attach
    ) -> None:
        self._orders = work_orders
        self._devices = devices
        self._alarms = alarms
        self._attach = attach

    def look(self, session: Session, plan: MaintenancePlan, rule: Recurrence, at: datetime) -> None:
        """Open what is due of one that is enabled; `rule` is its own."""
        match plan.trigger:
            case Trigger.CALENDAR:
                self._by_calendar(session, plan, rule, at)
            case Trigger.COUNTER:
                self._by_counter(session, plan, at)
            case Trigger.CONDITION:
                self._by_condition(session, plan, at)
            case Trigger.ALARM:
                self._by_alarm(session, plan, at)
        session.add(plan)

    def begin_anew(self, session: Session, plan: MaintenancePlan) -> None:
        """What was seen before a plan was made, changed or switched on makes nothing due."""
        plan.condition_since, plan.condition_taken, plan.counter_last, plan.counter_read_at = None, False, None, None
        if plan.alarm_rule_id is not None:
            where = plan.alarm_rule_id, plan.site_id, plan.device_id, 0
            alarm, event = self._alarms.newest_raised(session, *where), self._alarms.newest_event(session, *where)
            plan.alarm_seen = alarm.id or 0 if alarm is not None else 0
            plan.event_seen = event.id or 0 if event is not None else 0

    def _by_calendar(self, session: Session, plan: MaintenancePlan, rule: Recurrence, at: datetime) -> None:
        assert plan.id is not None
        last, until = repository.last(session, plan.id), at + timedelta(days=plan.lead_days)
        if plan.floating:
            if last is not None and last.outcome is Outcome.OPEN:
                return
            first = next_floating(rule, plan, last)
            if first is not None and first.at <= until:
                self._open(session, plan, first, at, away=rule.away(max(first.at, at)))
            return
        found = [due for due in rule.between(behind(plan, last), until) if due.at <= until]
        past = [due for due in found if due.at <= at]
        for due in past[-MOST_SKIPPED:-1]:
            self._record(session, plan, due, at, Outcome.SKIPPED)
        for due in found[max(len(past) - 1, 0) :]:
            self._open(session, plan, due, at, away=rule.away(max(due.at, at)))

    def _by_counter(self, session: Session, plan: MaintenancePlan, at: datetime) -> None:
        if plan.every is None:
            return
        count = count_of(plan)
        reading = self._reading(session, plan)
        if reading is not None:
            count = count.read(reading.value, reading.at, plan.every)
            _keep(plan, count)
        assert plan.id is not None
        last = repository.last(session, plan.id)
        if last is not None and last.outcome is Outcome.OPEN:
            return
        if count.is_due(plan.counter_base, plan.every, plan.lead_days):
            through = plan.counter_base + max(count.full(plan.counter_base, plan.every), 1) * plan.every
            due_at = count.due_at(through, at) or at
            if self._open(session, plan, Due(_following("counter", last), due_at), at) and not plan.floating:
                plan.counter_base = through

    def _by_condition(self, session: Session, plan: MaintenancePlan, at: datetime) -> None:
        """In event time, as far as the gateway vouches for: silence counts as nothing."""
        reading = self._reading(session, plan)
        if reading is None or plan.limit is None:
            plan.condition_since = None
            return
        if not (reading.value > plan.limit if plan.above else reading.value < plan.limit):
            plan.condition_since, plan.condition_taken = None, False
            return
        plan.condition_since = plan.condition_since or reading.at
        if plan.condition_taken or reading.until - plan.condition_since < timedelta(seconds=plan.held_s):
            return
        assert plan.id is not None
        last = repository.last(session, plan.id)
        if last is None or last.outcome is not Outcome.OPEN:
            self._open(session, plan, Due(_following("condition", last), at), at)
        plan.condition_taken = True

    def _by_alarm(self, session: Session, plan: MaintenancePlan, at: datetime) -> None:
        if plan.alarm_rule_id is None:
            return
        where = plan.alarm_rule_id, plan.site_id, plan.device_id
        alarm = self._alarms.newest_raised(session, *where, plan.alarm_seen)
        event = self._alarms.newest_event(session, *where, plan.event_seen)
        plan.alarm_seen = alarm.id or 0 if alarm is not None else plan.alarm_seen
        plan.event_seen = event.id or 0 if event is not None else plan.event_seen
        seen, key = (alarm, f"alarm:{plan.alarm_seen}") if alarm is not None else (event, f"event:{plan.event_seen}")
        assert plan.id is not None
        last = repository.last(session, plan.id)
        if seen is not None and (last is None or last.outcome is not Outcome.OPEN):
            self._open(session, plan, Due(key, at), at, seen.device_id)

    def _reading(self, session: Session, plan: MaintenancePlan) -> _Reading | None:
        """The newest; None when it is not good, or its gateway is away."""
        if plan.device_id is None:
            return None
        latest = self._devices.latest(session, [plan.device_id]).get(plan.device_id)
        found = latest.values.get(plan.metric) if latest is not None else None
        if not isinstance(found, dict) or found.get("q") != "good":
            return None
        value, time = found.get("v"), found.get("t")
        if not isinstance(value, int | float) or isinstance(value, bool) or not isinstance(time, int):
            return None
        device = self._devices.get(session, plan.device_id)
        gateway = session.get(Gateway, device.gateway_id)
        read_at = utc_from_ms(time)
        if gateway is None or device.direct:
            return _Reading(float(value), read_at, read_at)
        if gateway.state == "offline":
            return None
        return _Reading(float(value), read_at, max(read_at, gateway.complete_until or read_at))

    def _open(
        self,
        session: Session,
        plan: MaintenancePlan,
        due: Due,
        at: datetime,
        device_id: str | None = None,
        away: Sequence[str] = (),
    ) -> bool:
        """False when another process was first."""
        found = self._record(session, plan, due, at, Outcome.OPEN)
        if found is None:
            return False
        order = self._orders.create(
            session,
            plan.title,
            plan.instructions,
            plan.site_id,
            plan.device_id or device_id,
            plan.priority,
            plan.team_id,
            "system",
            at,
            kind=plan.kind,
            asset_id=plan.asset_id,
            due_at=due.at,
        )
        assert order.id is not None
        found.order_id = order.id
        session.add(found)
        session.flush()
        if away:
            text = said("all who could do it are away when it is due: %(away)s", away=[Own(name) for name in away])
            self._orders.tell_unstaffed(session, order.id, text, at)
        if plan.checklist_id is not None:
            try:
                self._attach(session, order.id, plan.checklist_id, "system", at)
            except CloudError as error:  # the work is due all the same
                self._orders.note(
                    session, order.id, said("without its checklist: %(error)s", error=error), "system", at
                )
        return True

    def _record(
        self, session: Session, plan: MaintenancePlan, due: Due, at: datetime, outcome: Outcome
    ) -> PlanOccurrence | None:
        """None when another process was first."""
        assert plan.id is not None
        found = PlanOccurrence(plan_id=plan.id, key=due.key, due_at=due.at, outcome=outcome, created_at=at)
        try:
            with session.begin_nested():
                session.add(found)
                session.flush()
        except IntegrityError:
            return None
        return found


def behind(plan: MaintenancePlan, last: PlanOccurrence | None) -> datetime:
    """By the calendar nothing is due at or before this moment any more."""
    return max(plan.enabled_since, _moment(last) or plan.enabled_since)


def next_floating(rule: Recurrence, plan: MaintenancePlan, last: PlanOccurrence | None) -> Due | None:
    """Counted from when the last one was finished, or from the beginning; None when it is never due again."""
    if last is None:
        return rule.next(plan.enabled_since)
    following = rule.after_done(last.finished_at or last.due_at, _moment(last))
    if following is not None and following.at <= plan.enabled_since:  # it was off, or another plan
        return rule.next(plan.enabled_since)
    return following


def count_of(plan: MaintenancePlan) -> Count:
    """Where its counter stands."""
    days = tuple((datetime.fromisoformat(moment), float(total)) for moment, total in plan.counter_days)
    return Count(plan.counter_last, plan.counter_read_at, plan.counter_total, days)


def _keep(plan: MaintenancePlan, count: Count) -> None:
    plan.counter_last, plan.counter_read_at, plan.counter_total = count.last, count.read_at, count.total
    days = [[moment.isoformat(), total] for moment, total in count.days]
    if days != plan.counter_days:
        plan.counter_days = days


def _following(word: str, last: PlanOccurrence | None) -> str:
    """Two who see the same last one name the same; nobody names it again."""
    return f"{word}:{last.id if last is not None else 0}"


def _moment(last: PlanOccurrence | None) -> datetime | None:
    """Of a due time by a rule; None of another trigger's, when it was changed."""
    return moment_of(last.key) if last is not None and last.key[0].isdigit() else None
