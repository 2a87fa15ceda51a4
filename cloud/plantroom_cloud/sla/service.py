"""Service levels: clocks reckoned from the trail of each order, and what they reach told once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from plantroom_cloud.calendars.business import BusinessCalendar
from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.errors import ConflictError, InvalidFieldsError, NotFoundError
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.sla import repository
from plantroom_cloud.sla.clock import Course, Line, Spell, courses
from plantroom_cloud.sla.figures import Judged, Kept, kept
from plantroom_cloud.sla.models import ClockKind, ClockState, SlaAgreement, SlaClock, SlaMark, SlaPolicy
from plantroom_cloud.sla.policy import PolicyIn, holding
from plantroom_cloud.sla.terms import ALWAYS, BREACH, OF_SITE, WARNING, Mark, Terms, marks
from plantroom_cloud.sla.told import Escalation, in_words
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderEntry
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.said import said

#: Orders reckoned in one tick.
AT_ONCE = 100
#: A calendar may have been changed since: a running clock is reckoned at least this often.
AT_LEAST = timedelta(hours=1)
_OPENING = ("open", "request")


class SlaService:
    """Works in the session it is given; whoever reckons an order's clocks holds its row."""

    def __init__(
        self, work_orders: WorkOrderService, calendars: CalendarService, sites: SiteService, escalation: Escalation
    ) -> None:
        self._work_orders = work_orders
        self._calendars = calendars
        self._sites = sites
        self._escalation = escalation

    def follow(self, session: Session, order: WorkOrder, entry: WorkOrderEntry) -> None:
        """After each line of an order's trail, in its transaction."""
        if entry.action in _OPENING:
            self._agree(session, order)
        assert order.id is not None
        self.reckon(session, order.id, entry.at)

    def tick(self, session: Session, at: datetime) -> None:
        """Reckon what is due; an order that another transaction holds is left to it, or to the next tick."""
        for order_id in repository.orders_due(session, at, AT_ONCE):
            self.reckon(session, order_id, at, skip=True)

    def reckon(self, session: Session, order_id: int, at: datetime, *, skip: bool = False) -> None:
        """The clocks of one order as its trail says; what they have reached is noted and told."""
        agreement = session.get(SlaAgreement, order_id)
        if agreement is None:
            return
        session.flush()
        order = repository.hold_order(session, order_id, skip=skip)
        if order is None:
            return
        terms = Terms.model_validate(agreement.terms)
        calendar = self.calendar(session, terms, order.site_id)
        known = {(row.kind, row.round): row for row in repository.clocks_of(session, order_id)}
        active = any(alarm.active for alarm in repository.spells(session, order))
        for course in self._courses(session, order, terms):
            target = terms.target(course.kind)
            row = known.get((course.kind, course.round))
            if target is None or (row is not None and row.final):
                continue
            if row is None:
                row = known[course.kind, course.round] = SlaClock(
                    work_order_id=order_id,
                    kind=course.kind,
                    round=course.round,
                    state=ClockState.RUNNING,
                    started_at=course.started_at,
                    target_s=target.total_seconds(),
                    elapsed_s=0,
                )
            row.troubled = active
            self._settle(session, order, terms, calendar, course, row, at)
        before = order.sla_state, order.sla_due_at
        _sum_up(order, list(known.values()))
        if before != (order.sla_state, order.sla_due_at):
            record_change(session, "work-order", str(order_id), at)
        session.add(order)
        session.flush()

    def calendar(self, session: Session, terms: Terms, site_id: str) -> BusinessCalendar:
        """That of the terms; the site's where it is gone."""
        if terms.calendar not in (OF_SITE, ALWAYS):
            try:
                return self._calendars.named(session, terms.calendar, site_id)
            except NotFoundError:
                return self._calendars.of_site(session, site_id)
        return (
            self._calendars.named(session, None, site_id)
            if terms.calendar == ALWAYS
            else self._calendars.of_site(session, site_id)
        )

    def terms_of(self, session: Session, order_id: int) -> Terms | None:
        """What was promised when it was opened."""
        agreement = session.get(SlaAgreement, order_id)
        return None if agreement is None else Terms.model_validate(agreement.terms)

    def clocks(self, session: Session, order_id: int) -> Sequence[SlaClock]:
        """Of one order: response, then the rounds of the restoration."""
        return repository.clocks_of(session, order_id)

    def left(self, session: Session, order: WorkOrder, at: datetime) -> dict[tuple[ClockKind, int], timedelta]:
        """Working time that is left to each clock which has not ended, by kind and round; negative: over by that."""
        assert order.id is not None
        terms = self.terms_of(session, order.id)
        if terms is None:
            return {}
        calendar = self.calendar(session, terms, order.site_id)
        return {
            (course.kind, course.round): target - course.elapsed(calendar, at)
            for course in self._courses(session, order, terms)
            if course.ended_at is None and (target := terms.target(course.kind)) is not None
        }

    def marks(self, session: Session, order_id: int) -> Sequence[SlaMark]:
        """What its clocks reached."""
        return repository.marks_of(session, order_id)

    def ticking(
        self, session: Session, sites: Sequence[str] = (), limit: int = 200
    ) -> Sequence[tuple[SlaClock, WorkOrder]]:
        """Clocks that have not ended, what is due first."""
        return repository.ticking(session, sites, limit)

    def figures(
        self, session: Session, sites: Sequence[str], start: datetime, end: datetime, by: str
    ) -> Sequence[Kept]:
        """Clocks that began in [start, end), by "site", "priority", "team" or "month"."""
        zones = {site.id: site.timezone for site in self._sites.list(session)}
        judged = [
            Judged(
                clock.kind,
                order.site_id,
                order.priority,
                order.team_id or "",
                clock.started_at,
                zones.get(order.site_id, "UTC"),
                clock.breached_at is not None,
            )
            for clock, order in repository.judged(session, sites, start, end)
        ]
        return kept(judged, by)

    def policies(self, session: Session) -> Sequence[SlaPolicy]:
        """All."""
        return repository.policies(session)

    def policy(self, session: Session, policy_id: int) -> SlaPolicy:
        """Raises NotFoundError."""
        policy = session.get(SlaPolicy, policy_id)
        if policy is None:
            raise NotFoundError(said("there is no policy %(policy_id)s", policy_id=policy_id))
        return policy

    def add(self, session: Session, plan: PolicyIn, at: datetime) -> SlaPolicy:
        """It holds for orders that are opened from now on. Raises InvalidFieldsError, ConflictError."""
        return self._fill(session, SlaPolicy(changed_at=at), plan, at)

    def change(self, session: Session, policy_id: int, plan: PolicyIn, at: datetime) -> SlaPolicy:
        """Orders that are open keep what held when they were opened. Raises InvalidFieldsError, ConflictError."""
        return self._fill(session, self.policy(session, policy_id), plan, at)

    def remove(self, session: Session, policy_id: int) -> None:
        """Orders that are open keep it."""
        session.delete(self.policy(session, policy_id))
        session.flush()

    def calendar_uses(self, session: Session, calendar_id: str) -> Sequence[str]:
        """Policies that go by a calendar, in words."""
        found = (policy.terms for policy in repository.policies(session))
        return [
            said("policy %(policy)s", policy=terms["name"]) for terms in found if terms.get("calendar") == calendar_id
        ]

    def _agree(self, session: Session, order: WorkOrder) -> None:
        policy = holding(repository.policies(session), order.site_id, order.priority, order.kind)
        if policy is not None:
            assert policy.id is not None
            assert order.id is not None
            session.add(SlaAgreement(work_order_id=order.id, policy_id=policy.id, terms=dict(policy.terms)))
            session.flush()

    def _courses(self, session: Session, order: WorkOrder, terms: Terms) -> list[Course]:
        assert order.id is not None
        trail: list[Line] = []
        for entry in self._work_orders.trail(session, order.id):
            if entry.from_state != entry.to_state:  # what is told late by a phone comes after what was done meanwhile
                moment = max(entry.at, trail[-1].at) if trail else entry.at
                trail.append(Line(moment, entry.action, entry.to_state, entry.note.partition(":")[0]))
        spells = [
            Spell(alarm.raised_at, None if alarm.active else alarm.returned_at or alarm.raised_at)
            for alarm in repository.spells(session, order)
        ]
        return courses(trail, spells, terms.pauses)

    def _settle(
        self,
        session: Session,
        order: WorkOrder,
        terms: Terms,
        calendar: BusinessCalendar,
        course: Course,
        row: SlaClock,
        at: datetime,
    ) -> None:
        ahead: list[datetime] = []
        row.warned_at = row.breached_at = None  # a phone may tell late what was done in time
        for mark in marks(terms, course.kind):
            moment = course.reached(calendar, mark.after)
            if moment is not None and moment > at:
                ahead.append(moment)
            elif moment is not None:
                self._reach(session, order, course, row, mark, moment, at)
        running = course.ended_at is None and not course.is_paused
        row.due_at = course.reached(calendar, timedelta(seconds=row.target_s)) if running else None
        row.next_at = min([*ahead, at + AT_LEAST]) if ahead else None
        row.elapsed_s = course.elapsed(calendar, at).total_seconds()
        row.ended_at, row.final = course.ended_at, course.final
        row.state = _state(course, row)
        session.add(row)

    def _reach(
        self,
        session: Session,
        order: WorkOrder,
        course: Course,
        row: SlaClock,
        mark: Mark,
        moment: datetime,
        at: datetime,
    ) -> None:
        if mark.name == WARNING:
            row.warned_at = moment
        if mark.name == BREACH:
            row.breached_at = moment
        noted = SlaMark(
            work_order_id=row.work_order_id,
            kind=course.kind,
            round=course.round,
            name=mark.name,
            reached_at=moment.astimezone(UTC),
            noted_at=at,
        )
        if not repository.note(session, noted):
            return
        if course.void or (course.ended_at is not None and mark.name != BREACH):
            return  # it was done before anybody could be told: nothing is left to hurry for
        subject, body = in_words(order, course, mark)
        key = f"sla/{row.work_order_id}/{course.kind}/{course.round}/{mark.name}"
        told = self._escalation.tell(session, order, key, subject, body, mark.to or "assignee", at)
        stored = session.get_one(SlaMark, (row.work_order_id, course.kind, course.round, mark.name))
        stored.told = told
        session.add(stored)

    def _fill(self, session: Session, policy: SlaPolicy, plan: PolicyIn, at: datetime) -> SlaPolicy:
        self._check(session, plan)
        same = repository.policy_for(session, plan.site_id, plan.priority, plan.kind)
        if same is not None and same.id != policy.id:
            raise ConflictError(
                said("policy %(terms)r says already what holds there; change that one", terms=same.terms.get("name"))
            )
        policy.site_id, policy.priority, policy.kind, policy.enabled = (
            plan.site_id,
            plan.priority,
            plan.kind,
            plan.enabled,
        )
        policy.terms, policy.changed_at = plan.terms().model_dump(mode="json"), at
        session.add(policy)
        session.flush()
        return policy

    def _check(self, session: Session, plan: PolicyIn) -> None:
        wrong: dict[str, str] = {}
        if plan.site_id and plan.site_id not in {site.id for site in self._sites.list(session)}:
            wrong["site_id"] = said("there is no site %(site_id)r", site_id=plan.site_id)
        if plan.response_min is None and plan.restoration_min is None:
            wrong["restoration_min"] = "promise a time of response, of restoration, or both"
        known = {calendar.id for calendar in self._calendars.list(session)}
        if plan.calendar not in (OF_SITE, ALWAYS) and plan.calendar not in known:
            wrong["calendar"] = said("there is no calendar %(calendar)r", calendar=plan.calendar)
        for number, step in enumerate(plan.steps, 1):
            if plan.terms().target(step.clock) is None:
                wrong["steps"] = said(
                    "step %(number)s: no time of %(clock)s is promised", number=number, clock=step.clock
                )
            if unknown := self._escalation.unknown(session, step.to):
                wrong["steps"] = said("step %(number)s: %(reason)s", number=number, reason=unknown)
        if wrong:
            raise InvalidFieldsError(wrong)


def _state(course: Course, row: SlaClock) -> ClockState:
    if course.void:
        return ClockState.VOID
    if row.breached_at is not None:
        return ClockState.BREACHED
    if course.ended_at is not None:
        return ClockState.MET
    if course.is_paused:
        return ClockState.PAUSED
    return ClockState.WARNED if row.warned_at is not None else ClockState.RUNNING


def _sum_up(order: WorkOrder, rows: Sequence[SlaClock]) -> None:
    """The order's due time is that of its next clock, its state the worst of those that have not ended, else of all."""
    open_rows = [row for row in rows if row.ended_at is None]
    states = {row.state for row in open_rows or rows}
    worst = (ClockState.BREACHED, ClockState.WARNED, ClockState.RUNNING, ClockState.PAUSED, ClockState.MET)
    order.sla_due_at = min((row.due_at for row in open_rows if row.due_at is not None), default=None)
    order.sla_state = next((str(state) for state in worst if state in states), "")
