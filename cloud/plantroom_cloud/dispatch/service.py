"""Dispatch: who should do an order and why, and giving it out by itself where a team wants that."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo

from sqlmodel import Session

from plantroom_cloud.absences.models import Absence
from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.calendars.business import BusinessCalendar
from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.dispatch import repository
from plantroom_cloud.dispatch.candidates import Candidate, Need, Person, candidates
from plantroom_cloud.dispatch.models import NeedOf, SkillNeed, TeamDispatch
from plantroom_cloud.dispatch.roster import Roster
from plantroom_cloud.dispatch.skills import named
from plantroom_cloud.errors import InvalidFieldsError, NotFoundError
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.plans.models import MaintenancePlan
from plantroom_cloud.users.models import RANK, Role, User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.said import said

#: Who gives out what nobody gave out.
ACTOR = "dispatch"
#: Orders looked at in one tick.
AT_ONCE = 20


class DispatchService:
    """Works in the session it is given."""

    def __init__(
        self,
        work_orders: WorkOrderService,
        users: UserService,
        calendars: CalendarService,
        notifications: NotificationService,
        absences: AbsenceService,
        alarms: AlarmService,
    ) -> None:
        self._work_orders = work_orders
        self._users = users
        self._calendars = calendars
        self._notifications = notifications
        self._absences = absences
        self._alarms = alarms

    def needed(self, session: Session, order: WorkOrder) -> Sequence[str]:
        """Skills that an order needs: its own, and those of the rule, asset class and plan it comes from."""
        return sorted({*order.skills, *repository.needed(session, order)})

    def candidates(
        self, session: Session, order: WorkOrder, at: datetime, people: Sequence[User] | None = None
    ) -> Sequence[Candidate]:
        """Who may do it, best first; only those who may see its site and are not away. `people`: who is there, where
        several orders are looked at."""
        assert order.id is not None
        loads = repository.loads(session)
        gave_back = repository.gave_back(session, order.id)
        on_call = self._on_call(session, order.team_id, at)
        present = self.present(session, at) if people is None else people
        able = [user for user in present if not user.sites or order.site_id in user.sites]
        shifts = {name: self._shift(session, name, order.site_id).is_working(at) for name in {u.shift for u in able}}
        persons = [
            Person(
                user.name,
                user.display_name,
                user.team_id,
                frozenset(user.skills),
                shifts[user.shift],
                user.name in on_call,
                loads.get(user.name, 0),
                user.name in gave_back,
            )
            for user in able
        ]
        return candidates(persons, Need(order.team_id, frozenset(self.needed(session, order))))

    def away(self, session: Session, since: datetime) -> Callable[[MaintenancePlan, datetime], Sequence[str]]:
        """Who could do what a plan opens, when all of them are away, at any moment from `since` on; else nobody. What
        that takes is read when it is asked first, once for all plans."""
        known: list[Callable[[MaintenancePlan], Roster]] = []

        def ask(plan: MaintenancePlan, moment: datetime) -> Sequence[str]:
            if not known:
                known.append(self._rosters(session, since))
            return known[0](plan).away(moment)

        return ask

    def workers(self, session: Session) -> Sequence[User]:
        """Those who may be given work."""
        return [user for user in self._users.list(session) if user.active and RANK[user.role] >= RANK[Role.TECHNICIAN]]

    def present(self, session: Session, at: datetime) -> Sequence[User]:
        """Those of them who are not away."""
        away = self._absences.away(session, at)
        return [user for user in self.workers(session) if user.name not in away]

    def loads(self, session: Session) -> Mapping[str, int]:
        """Open orders that wait for nothing, by login name."""
        return repository.loads(session)

    def pool(self, session: Session, sites: Sequence[str] = (), limit: int = 20) -> Sequence[WorkOrder]:
        """Taken by nobody, the most urgent first."""
        return repository.pool(session, sites, limit)

    def tick(self, session: Session, at: datetime) -> None:
        """Give out what is in the pool of teams that want it so; where nobody fits now, it stays there."""
        teams = repository.automatic_teams(session)
        orders = repository.in_pool(session, teams, AT_ONCE) if teams else []
        people = self.present(session, at) if orders else []
        for order in orders:
            assert order.id is not None
            best = next((each for each in self.candidates(session, order, at, people) if each.fits), None)
            if best is not None:
                self._work_orders.assign(session, order.id, best.person.name, ACTOR, at)
                session.flush()  # the next one counts it

    def set_order_skills(
        self, session: Session, order_id: int, skills: Sequence[str], actor: str, at: datetime
    ) -> WorkOrder:
        """What an order needs of its own; raises InvalidFieldsError."""
        wanted = named(skills)
        order = self._work_orders.get(session, order_id)
        if wanted != order.skills:
            order.skills = wanted
            session.add(order)
            text = said("it needs %(skills)s", skills=list(wanted)) if wanted else "needs no skill of its own"
            self._work_orders.note(session, order_id, text, actor, at)
        return order

    def set_person(self, session: Session, name: str, skills: Sequence[str], shift: str) -> User:
        """Skills, and the calendar by which somebody works (empty: the site's); raises InvalidFieldsError."""
        user = self._users.get(session, name)
        if shift and shift not in {calendar.id for calendar in self._calendars.list(session)}:
            raise InvalidFieldsError({"shift": said("there is no calendar %(shift)r", shift=shift)})
        user.skills, user.shift = named(skills), shift
        session.add(user)
        session.flush()
        return user

    def needs(self, session: Session, sites: Sequence[str] = ()) -> Sequence[SkillNeed]:
        """Of rules, asset classes and plans; for somebody of these sites."""
        needs = repository.needs(session)
        if not sites:
            return needs
        origins = self.origins(session, sites)
        return [need for need in needs if need.ref in origins[need.of]]

    def origins(self, session: Session, sites: Sequence[str] = ()) -> Mapping[NeedOf, Mapping[str, str]]:
        """What may ask for skills: names by reference; for somebody of these sites."""
        rules = sorted(self._alarms.rules(session, sites), key=lambda rule: rule.name)
        return {
            NeedOf.CLASS: {name: name for name in repository.classes(session, sites)},
            NeedOf.RULE: {
                str(rule.id): said("%(rule)s (%(of)s)", rule=rule.name, of=rule.profile or rule.device_id or "all")
                for rule in rules
            },
            NeedOf.PLAN: {str(plan.id): plan.title for plan in repository.plans(session, sites)},
        }

    def set_need(
        self, session: Session, of: NeedOf, ref: str, skills: Sequence[str], sites: Sequence[str] = ()
    ) -> None:
        """By somebody of these sites. No skill: it needs none any more. Raises InvalidFieldsError, NotFoundError."""
        wanted = named(skills)
        if (wanted or sites) and ref not in self.origins(session, sites)[of]:
            raise NotFoundError(said("there is no %(of)s %(ref)r", of=of, ref=ref))
        row = session.get(SkillNeed, (of, ref))
        if wanted:
            session.merge(SkillNeed(of=of, ref=ref, skills=wanted))
        elif row is not None:
            session.delete(row)
        session.flush()

    def is_automatic(self, session: Session, team_id: str) -> bool:
        """Whether its work is given out by itself."""
        row = session.get(TeamDispatch, team_id)
        return row is not None and row.automatic

    def automatic(self, session: Session) -> Sequence[str]:
        """Teams whose work is given out by itself."""
        return repository.automatic_teams(session)

    def set_automatic(self, session: Session, team_id: str, automatic: bool) -> None:
        """Raises NotFoundError."""
        if all(team.id != team_id for team in self._users.teams(session)):
            raise NotFoundError(said("there is no team %(team_id)r", team_id=team_id))
        session.merge(TeamDispatch(team_id=team_id, automatic=automatic))
        session.flush()

    def calendar_uses(self, session: Session, calendar_id: str) -> Sequence[str]:
        """People who work by a calendar, in words."""
        return [
            said("the hours of %(user)s", user=user.name)
            for user in self._users.list(session)
            if user.shift == calendar_id
        ]

    def _rosters(self, session: Session, since: datetime) -> Callable[[MaintenancePlan], Roster]:
        absences: dict[str, list[Absence]] = {}
        for each in self._absences.since(session, since):
            absences.setdefault(each.user, []).append(each)
        if not absences:
            return lambda _plan: Roster()
        workers = self.workers(session)
        active = frozenset(user.name for user in self._users.list(session) if user.active)
        needed = repository.needed_by_plans(session)
        zones: dict[str, tzinfo] = {}

        def roster(plan: MaintenancePlan) -> Roster:
            if plan.site_id not in zones:
                zones[plan.site_id] = self._calendars.of_site(session, plan.site_id).zone
            skills = needed.get(plan.id or 0, set())
            names = [
                user.name
                for user in workers
                if (not user.sites or plan.site_id in user.sites)
                and plan.team_id in (None, user.team_id)
                and skills <= set(user.skills)
            ]
            return Roster(names, absences, active, zones[plan.site_id])

        return roster

    def _on_call(self, session: Session, team_id: str | None, at: datetime) -> Sequence[str]:
        return () if team_id is None else self._notifications.on_call.now(session, team_id, at)

    def _shift(self, session: Session, shift: str, site_id: str) -> BusinessCalendar:
        """Of who works by this calendar, else by the site's."""
        if shift:
            try:
                return self._calendars.named(session, shift, site_id)
            except NotFoundError:  # removed while somebody was given it
                pass
        return self._calendars.of_site(session, site_id)
