"""Plans: what is due is opened once, and what came of it is kept."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import inspect
from sqlmodel import Session

from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.calendars.business import BusinessCalendar
from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import CloudError, InvalidError, InvalidFieldsError, NotFoundError
from plantroom_cloud.plans import repository
from plantroom_cloud.plans.ahead import Forecast, Week, by_week, coming
from plantroom_cloud.plans.definition import mistakes, recurrence
from plantroom_cloud.plans.due import MOVED, Recurrence
from plantroom_cloud.plans.models import MaintenancePlan, Outcome, PlanOccurrence, Trigger
from plantroom_cloud.plans.opening import Attach, Opening
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_cloud.workorders.transitions import Step
from plantroom_shared.said import said

_log = logging.getLogger(__name__)

#: So far ahead is looked for the next due time.
FARTHEST = timedelta(days=1826)

_FINISHING = {Step.COMPLETE: Outcome.DONE, Step.CANCEL: Outcome.CANCELLED, Step.REOPEN: Outcome.OPEN}
#: What decides when it is due: changed, nothing is due for the time before.
_WHEN = ("trigger", "site_id", "rule", "starts", "device_id", "metric", "alarm_rule_id")


#: Who could do the work of a plan, when all of them are away at a moment and for the rest of its day; else nobody.
Staff = Callable[[MaintenancePlan, datetime], Sequence[str]]


def _all_there(_session: Session, _since: datetime) -> Staff:
    return lambda _plan, _moment: ()


@dataclass(frozen=True)
class Occurrence:
    """A due time and what came of it: for the figures of compliance."""

    plan: MaintenancePlan
    due_at: datetime
    outcome: Outcome
    finished_at: datetime | None  #: done or cancelled
    order_id: int | None

    @property
    def done_at(self) -> datetime | None:
        """When the work was done."""
        return self.finished_at if self.outcome is Outcome.DONE else None


class PlanService:
    """Works in the session it is given; `attach` puts a checklist onto an order, `staff` knows who is away from a
    moment on."""

    def __init__(
        self,
        work_orders: WorkOrderService,
        devices: DeviceService,
        sites: SiteService,
        calendars: CalendarService,
        alarms: AlarmService,
        attach: Attach,
        staff: Callable[[Session, datetime], Staff] = _all_there,
    ) -> None:
        self._staff = staff
        self._devices = devices
        self._sites = sites
        self._calendars = calendars
        self._alarms = alarms
        self._opening = Opening(work_orders, devices, alarms, attach)

    def get(self, session: Session, plan_id: int) -> MaintenancePlan:
        """Raises NotFoundError."""
        plan = session.get(MaintenancePlan, plan_id)
        if plan is None:
            raise NotFoundError(said("there is no maintenance plan %(plan_id)s", plan_id=plan_id))
        return plan

    def all(
        self,
        session: Session,
        sites: Sequence[str] = (),
        device_id: str | None = None,
    ) -> list[MaintenancePlan]:
        """By title."""
        return repository.plans(session, sites, device_id=device_id)

    def of_asset(self, session: Session, asset_ids: Sequence[int], device_ids: Sequence[str]) -> list[MaintenancePlan]:
        """On these assets, or by what measures them; by title."""
        return repository.of_asset(session, asset_ids, device_ids)

    def held(self, session: Session, plan_id: int) -> MaintenancePlan:
        """To change it: its row is locked until the transaction ends. Raises NotFoundError."""
        plan = repository.held(session, plan_id)
        if plan is None:
            raise NotFoundError(said("there is no maintenance plan %(plan_id)s", plan_id=plan_id))
        return plan

    def of_order(self, session: Session, order_id: int) -> MaintenancePlan | None:
        """The plan that opened an order."""
        found = repository.by_order(session, order_id)
        return self.get(session, found.plan_id) if found is not None else None

    def mistakes(self, session: Session, plan: MaintenancePlan) -> dict[str, str]:
        """By field; empty when it is right."""
        found = mistakes(plan, self._zone(session, plan), self._calendars.of_site(session, plan.site_id))
        if plan.device_id is not None and plan.metric and plan.trigger in (Trigger.COUNTER, Trigger.CONDITION):
            known = [metric["name"] for metric in self._devices.get(session, plan.device_id).metrics]
            if plan.metric not in known:
                found["metric"] = said(
                    "%(device_id)s has no %(metric)r; it has: %(known)s",
                    device_id=plan.device_id,
                    metric=plan.metric,
                    known=list(known) or ["none"],
                )
        if plan.trigger is Trigger.ALARM and plan.alarm_rule_id is not None:
            try:
                self._alarms.rule(session, plan.alarm_rule_id)
            except NotFoundError as error:
                found["alarm_rule_id"] = str(error)
        return found

    def save(self, session: Session, plan: MaintenancePlan, at: datetime, used: float | None = None) -> MaintenancePlan:
        """Make or change it, perhaps with what was used since the work was last done; raises InvalidFieldsError with
        every mistake."""
        state = inspect(plan)
        changed = {name for name in _WHEN if plan.id is not None and state.attrs[name].history.has_changes()}
        if wrong := self.mistakes(session, plan):
            raise InvalidFieldsError(wrong)
        if plan.id is None:  # what is due on the day when it was made is due
            local = at.astimezone(ZoneInfo(self._zone(session, plan)))
            plan.enabled_since = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(seconds=1)
        elif changed:
            plan.enabled_since = max(plan.enabled_since, at)
        if plan.id is None or changed:
            self._opening.begin_anew(session, plan)
        if changed & {"trigger", "metric"}:  # another unit; another device of the same goes on counting
            plan.counter_total, plan.counter_base, plan.counter_days = 0.0, 0.0, []
        if used is not None:
            plan.counter_base = plan.counter_total - used
        session.add(plan)
        session.flush()
        if plan.enabled:
            self._opening.look(session, plan, self._rule(session, plan, self._staff(session, at)), at)
        return plan

    def switch(self, session: Session, plan: MaintenancePlan, enabled: bool, at: datetime) -> None:
        """On again, nothing is due for the time it was off."""
        if enabled and not plan.enabled:
            plan.enabled_since = at
            self._opening.begin_anew(session, plan)
        plan.enabled = enabled
        session.add(plan)

    def remove(self, session: Session, plan: MaintenancePlan) -> None:
        """Only one that never was due; else it is switched off, for its history counts."""
        assert plan.id is not None
        if repository.last(session, plan.id) is not None:
            raise InvalidError("it was due before: switch it off, its history counts in the figures")
        session.delete(plan)

    def occurrences_of(self, session: Session, plan_id: int, limit: int = 200) -> list[PlanOccurrence]:
        """Newest first."""
        return repository.newest(session, plan_id, limit)

    def open_orders(self, session: Session, plan_ids: Sequence[int]) -> dict[int, PlanOccurrence]:
        """The one that is due first of those that are open, by plan."""
        return repository.open_orders(session, plan_ids)

    def last_done(self, session: Session, plan_ids: Sequence[int]) -> dict[int, datetime]:
        """When each was done last, by plan."""
        return repository.last_done(session, plan_ids)

    def occurrences(
        self, session: Session, start: datetime, end: datetime, sites: Sequence[str] = ()
    ) -> list[Occurrence]:
        """What was due in start <= due < end, and what came of it."""
        return [
            Occurrence(plan, found.due_at, found.outcome, found.finished_at, found.order_id)
            for plan, found in repository.due_between(session, start, end, sites)
        ]

    def tick(self, session: Session, at: datetime) -> None:
        """Open what is due; each due time once, whoever looks. A plan that cannot be followed stops no other."""
        away = self._staff(session, at)
        for plan_id in repository.enabled_ids(session):
            try:
                with session.begin_nested():
                    plan = repository.held(session, plan_id)
                    if plan is not None and plan.enabled:
                        self._opening.look(session, plan, self._rule(session, plan, away), at)
            except CloudError as error:
                _log.warning("maintenance plan %s: %s", plan_id, error)

    def follow_work_order(self, session: Session, order: WorkOrder, step: Step, _actor: str, at: datetime) -> None:
        """What came of the order is what came of the due time."""
        outcome = _FINISHING.get(step)
        found = repository.by_order(session, order.id) if outcome is not None and order.id is not None else None
        if found is None or outcome is None:
            return
        found.outcome, found.finished_at = outcome, None if outcome is Outcome.OPEN else at
        session.add(found)
        plan = self.held(session, found.plan_id)
        if outcome is not Outcome.OPEN and plan.floating and plan.trigger is Trigger.COUNTER:
            plan.counter_base = plan.counter_total
            session.add(plan)

    def upcoming(self, session: Session, plans: Sequence[MaintenancePlan], at: datetime) -> dict[int, datetime]:
        """When each is due next: what is open already, else what comes; without those of which nobody can tell."""
        found: dict[int, datetime] = {}
        for plan_id, waiting, ahead in self._ahead(session, plans, at, at + FARTHEST, self._staff(session, at)):
            due = waiting[0].due_at if waiting else next((item.due_at for item in ahead), None)
            if due is not None:
                found[plan_id] = due
        return found

    def coming(self, session: Session, plan: MaintenancePlan, at: datetime, until: datetime) -> Iterator[Forecast]:
        """What is due until then behind what is open already, in order."""
        assert plan.id is not None
        rule = self._rule(session, plan, self._staff(session, at))
        return _foreseen(plan, rule, repository.last(session, plan.id), at, until)

    def forecast(self, session: Session, at: datetime, until: datetime, sites: Sequence[str] = ()) -> list[Forecast]:
        """What is due until then, open orders among it; conditions cannot be foreseen."""
        plans = {plan.id: plan for plan in repository.plans(session, sites, enabled=True)}
        found: list[Forecast] = []
        away = self._staff(session, at)
        for plan_id, waiting, ahead in self._ahead(session, [*plans.values()], at, until, away):
            plan = plans[plan_id]
            days = [max(open_one.due_at, at) for open_one in waiting]
            found += [Forecast(plan, day, away(plan, day)) for day in days]
            found += ahead
        return sorted((item for item in found if item.due_at <= until), key=lambda item: item.due_at)

    def weeks(self, session: Session, at: datetime, weeks: int, sites: Sequence[str] = ()) -> list[Week]:
        """The forecast by week, from this week on."""
        zones = {site.id: ZoneInfo(site.timezone) for site in self._sites.list(session, sites)}
        return by_week(self.forecast(session, at, at + timedelta(weeks=weeks), sites), at.date(), weeks, zones)

    def preview(self, session: Session, plan: MaintenancePlan, at: datetime, most: int) -> list[datetime]:
        """The next due times of a plan as it stands in a form; raises InvalidError."""
        if plan.trigger is not Trigger.CALENDAR:
            return []
        rule = self._rule(session, plan, self._staff(session, at))
        rule.check()
        ahead = rule.forecast(rule.next(at - MOVED), at + FARTHEST)
        return list(islice((due.at for due in ahead if due.at > at), most))

    def _ahead(
        self, session: Session, plans: Sequence[MaintenancePlan], at: datetime, until: datetime, away: Staff
    ) -> Iterator[tuple[int, Sequence[PlanOccurrence], Iterator[Forecast]]]:
        """Of each plan what waits and what comes behind it; a few queries for all of them."""
        ids = [plan.id for plan in plans if plan.id is not None]
        waiting, last = repository.waiting(session, ids), repository.last_of(session, ids)
        hours = {site_id: self._hours(session, site_id) for site_id in {plan.site_id for plan in plans}}
        for plan in plans:
            assert plan.id is not None
            rule = recurrence(plan, *hours[plan.site_id], partial(away, plan))
            yield plan.id, waiting.get(plan.id, ()), _foreseen(plan, rule, last.get(plan.id), at, until)

    def _rule(self, session: Session, plan: MaintenancePlan, away: Staff) -> Recurrence:
        return recurrence(plan, *self._hours(session, plan.site_id), partial(away, plan))

    def _hours(self, session: Session, site_id: str) -> tuple[str, BusinessCalendar]:
        """Time zone and calendar of a site."""
        return self._sites.get(session, site_id).timezone, self._calendars.of_site(session, site_id)

    def _zone(self, session: Session, plan: MaintenancePlan) -> str:
        return self._sites.get(session, plan.site_id).timezone


def _foreseen(
    plan: MaintenancePlan, rule: Recurrence, last: PlanOccurrence | None, at: datetime, until: datetime
) -> Iterator[Forecast]:
    for found in coming(plan, rule, last, at, until):
        yield replace(found, away=rule.away(found.due_at))
