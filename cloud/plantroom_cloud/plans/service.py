"""Plans: what is due is opened once, and what came of it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.plans import repository
from plantroom_cloud.plans.counter import Count
from plantroom_cloud.plans.definition import mistakes, recurrence
from plantroom_cloud.plans.due import Due, moment_of
from plantroom_cloud.plans.models import MaintenancePlan, Outcome, PlanOccurrence, Trigger
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_cloud.workorders.transitions import Step

#: Due times that nobody could follow are kept as skipped, at most so many at once.
MOST_SKIPPED = 400

_FINISHING = {Step.COMPLETE: Outcome.DONE, Step.CANCEL: Outcome.CANCELLED, Step.REOPEN: Outcome.OPEN}


@dataclass(frozen=True)
class Occurrence:
    """A due time and what came of it: for the figures of compliance."""

    plan: MaintenancePlan
    due_at: datetime
    outcome: Outcome
    finished_at: datetime | None


@dataclass(frozen=True)
class Forecast:
    """Work to come."""

    plan: MaintenancePlan
    due_at: datetime


class PlanService:
    """Works in the session it is given."""

    def __init__(self, work_orders: WorkOrderService, devices: DeviceService, calendars: CalendarService) -> None:
        self._orders = work_orders
        self._devices = devices
        self._calendars = calendars

    def get(self, session: Session, plan_id: int) -> MaintenancePlan:
        """Raises NotFoundError."""
        plan = session.get(MaintenancePlan, plan_id)
        if plan is None:
            raise NotFoundError(f"there is no maintenance plan {plan_id}")
        return plan

    def all(
        self, session: Session, sites: Sequence[str] = (), asset_ids: Sequence[int] | None = None
    ) -> list[MaintenancePlan]:
        """By title."""
        return repository.plans(session, sites, asset_ids=asset_ids)

    def mistakes(self, session: Session, plan: MaintenancePlan) -> dict[str, str]:
        """By field; empty when it is right."""
        found = mistakes(plan, self._calendars.of_site(session, plan.site_id))
        if plan.device_id is not None and plan.metric and plan.trigger is not Trigger.CALENDAR:
            known = [metric["name"] for metric in self._devices.get(session, plan.device_id).metrics]
            if plan.metric not in known:
                found["metric"] = f"{plan.device_id} has no {plan.metric!r}; it has: {', '.join(known) or 'none'}"
        return found

    def save(self, session: Session, plan: MaintenancePlan, at: datetime) -> MaintenancePlan:
        """Make or change it; raises InvalidError with every mistake."""
        if wrong := self.mistakes(session, plan):
            raise InvalidError("; ".join(f"{field}: {text}" for field, text in wrong.items()))
        if plan.id is None:  # what is due on the day when it was made is due
            local = at.astimezone(self._calendars.of_site(session, plan.site_id).zone)
            plan.enabled_since = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(seconds=1)
        session.add(plan)
        session.flush()
        self._look(session, plan, at)
        return plan

    def switch(self, session: Session, plan: MaintenancePlan, enabled: bool, at: datetime) -> None:
        """On again, nothing is due for the time it was off."""
        if enabled and not plan.enabled:
            plan.enabled_since = at
            plan.counter_last, plan.condition_since = None, None
        plan.enabled = enabled
        session.add(plan)

    def remove(self, session: Session, plan: MaintenancePlan) -> None:
        """Only one that never was due; else it is switched off, for its history counts."""
        assert plan.id is not None
        if repository.last(session, plan.id) is not None:
            raise InvalidError("it was due before: switch it off, its history counts in the figures")
        session.delete(plan)

    def occurrences_of(self, session: Session, plan_ids: Sequence[int]) -> dict[int, list[PlanOccurrence]]:
        """Newest first, by plan."""
        return repository.newest(session, plan_ids)

    def occurrences(
        self, session: Session, start: datetime, end: datetime, sites: Sequence[str] = ()
    ) -> list[Occurrence]:
        """What was due in start <= due < end, and what came of it."""
        return [
            Occurrence(plan, found.due_at, found.outcome, found.finished_at)
            for plan, found in repository.due_between(session, start, end, sites)
        ]

    def tick(self, session: Session, at: datetime) -> None:
        """Open what is due; each due time once, whoever looks."""
        for plan in repository.plans(session, (), enabled=True):
            self._look(session, plan, at)

    def follow_work_order(self, session: Session, order: WorkOrder, step: Step, _actor: str, at: datetime) -> None:
        """What came of the order is what came of the due time."""
        outcome = _FINISHING.get(step)
        found = repository.by_order(session, order.id) if outcome is not None and order.id is not None else None
        if found is not None and outcome is not None:
            found.outcome, found.finished_at = outcome, None if outcome is Outcome.OPEN else at
            session.add(found)

    def upcoming(self, session: Session, plan: MaintenancePlan, at: datetime) -> datetime | None:
        """When it is due next: what is open already, else what comes; None when nobody can tell."""
        assert plan.id is not None
        if waiting := repository.waiting(session, plan.id):
            return waiting[0].due_at
        return next((found.due_at for found in self._coming(session, plan, at, at + timedelta(days=1826))), None)

    def forecast(self, session: Session, at: datetime, until: datetime, sites: Sequence[str] = ()) -> list[Forecast]:
        """What is due until then, open orders among it; conditions cannot be foreseen."""
        found: list[Forecast] = []
        for plan in repository.plans(session, sites, enabled=True):
            assert plan.id is not None
            found += [Forecast(plan, max(open_one.due_at, at)) for open_one in repository.waiting(session, plan.id)]
            found += self._coming(session, plan, at, until)
        return sorted(found, key=lambda item: item.due_at)

    def preview(self, session: Session, plan: MaintenancePlan, at: datetime, most: int) -> list[datetime]:
        """The next due times of a plan as it stands in a form; raises InvalidError."""
        if plan.trigger is not Trigger.CALENDAR:
            return []
        rule = recurrence(plan, self._calendars.of_site(session, plan.site_id))
        rule.check()
        ahead = rule.forecast(rule.next(at), at + timedelta(days=1826))
        return [due.at for due, _ in zip(ahead, range(most), strict=False)]

    def _coming(self, session: Session, plan: MaintenancePlan, at: datetime, until: datetime) -> list[Forecast]:
        """Behind what is recorded already."""
        assert plan.id is not None
        last = repository.last(session, plan.id)
        if plan.trigger is Trigger.CALENDAR:
            rule = recurrence(plan, self._calendars.of_site(session, plan.site_id))
            if not plan.floating:
                first = rule.next(max(plan.enabled_since, at, _moment(last) or at))
            elif last is None:
                first = rule.next(plan.enabled_since)
            else:
                first = rule.after_done(last.finished_at or max(last.due_at, at))
            return [Forecast(plan, max(due.at, at)) for due in rule.forecast(first, until)]
        if plan.trigger is Trigger.COUNTER and plan.every:
            count = _count(plan)
            number = max(count.number(plan.every, 0, at), _number(last)) + 1
            moments = []
            while (moment := count.due_at(number, plan.every, at)) is not None and moment <= until:
                moments.append(Forecast(plan, moment))
                number += 1
                if len(moments) >= MOST_SKIPPED:
                    break
            return moments
        return []

    def _look(self, session: Session, plan: MaintenancePlan, at: datetime) -> None:
        if not plan.enabled:
            return
        match plan.trigger:
            case Trigger.CALENDAR:
                self._by_calendar(session, plan, at)
            case Trigger.COUNTER:
                self._by_counter(session, plan, at)
            case Trigger.CONDITION:
                self._by_condition(session, plan, at)

    def _by_calendar(self, session: Session, plan: MaintenancePlan, at: datetime) -> None:
        assert plan.id is not None
        rule = recurrence(plan, self._calendars.of_site(session, plan.site_id))
        last, until = repository.last(session, plan.id), at + timedelta(days=plan.lead_days)
        if plan.floating:
            if last is not None and last.outcome is Outcome.OPEN:
                return
            first = rule.next(plan.enabled_since) if last is None else rule.after_done(last.finished_at or last.due_at)
            if first is not None and first.at <= until:
                self._open(session, plan, first, at)
            return
        after = max(plan.enabled_since, _moment(last) or plan.enabled_since)
        found = [due for due in rule.between(after, until) if due.at <= until]
        past = [due for due in found if due.at <= at]
        for due in past[-MOST_SKIPPED:-1]:
            self._record(session, plan, due, at, Outcome.SKIPPED)
        for due in found[max(len(past) - 1, 0) :]:
            self._open(session, plan, due, at)

    def _by_counter(self, session: Session, plan: MaintenancePlan, at: datetime) -> None:
        value = self._value(session, plan)
        if value is None or plan.every is None:
            return
        count = _count(plan).read(value, at)
        if (count.last, count.total) != (plan.counter_last, plan.counter_total):
            plan.counter_last, plan.counter_total, plan.counter_since = count.last, count.total, count.since
            session.add(plan)
        assert plan.id is not None
        last = repository.last(session, plan.id)
        number = count.number(plan.every, plan.lead_days, at)
        if number > _number(last) and not (last is not None and last.outcome is Outcome.OPEN):
            self._open(session, plan, Due(f"counter:{number}", count.due_at(number, plan.every, at) or at), at)

    def _by_condition(self, session: Session, plan: MaintenancePlan, at: datetime) -> None:
        value = self._value(session, plan)
        if value is None or plan.limit is None:
            return
        before = (plan.condition_since, plan.condition_taken)
        if not (value > plan.limit if plan.above else value < plan.limit):
            plan.condition_since, plan.condition_taken = None, False
        elif plan.condition_since is None:
            plan.condition_since = at
        if (plan.condition_since, plan.condition_taken) != before:
            session.add(plan)
        if plan.condition_since is None or plan.condition_taken:
            return
        if at - plan.condition_since < timedelta(seconds=plan.held_s):
            return
        assert plan.id is not None
        last = repository.last(session, plan.id)
        if last is None or last.outcome is not Outcome.OPEN:
            self._open(session, plan, Due(f"condition:{_number(last) + 1}", at), at)
            plan.condition_taken = True

    def _value(self, session: Session, plan: MaintenancePlan) -> float | None:
        """The newest good value; None when there is none."""
        if plan.device_id is None:
            return None
        latest = self._devices.latest(session, [plan.device_id]).get(plan.device_id)
        found = latest.values.get(plan.metric) if latest is not None else None
        if not isinstance(found, dict) or found.get("q") != "good":
            return None
        value = found.get("v")
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def _open(self, session: Session, plan: MaintenancePlan, due: Due, at: datetime) -> None:
        found = self._record(session, plan, due, at, Outcome.OPEN)
        if found is None:
            return
        order = self._orders.create(
            session,
            plan.title,
            plan.instructions,
            plan.site_id,
            plan.device_id,
            plan.priority,
            plan.team_id,
            "system",
            at,
            kind=plan.kind,
            asset_id=plan.asset_id,
            due_at=due.at,
        )
        found.order_id = order.id
        session.add(found)

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


def _count(plan: MaintenancePlan) -> Count:
    return Count(plan.counter_last, plan.counter_total, plan.counter_since)


def _moment(last: PlanOccurrence | None) -> datetime | None:
    """Of a due time by a rule; None of another trigger's, when it was changed."""
    return moment_of(last.key) if last is not None and last.key[0].isdigit() else None


def _number(last: PlanOccurrence | None) -> int:
    """Of "counter:3" or "condition:3"; a plan whose trigger was changed begins with what it finds."""
    number = last.key.rpartition(":")[2] if last is not None and not last.key[0].isdigit() else "0"
    return int(number)
