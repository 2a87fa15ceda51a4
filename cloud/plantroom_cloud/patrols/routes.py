"""Routes: their points, windows and schedule; releases their rounds ahead of time."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.absences.standing import present
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.patrols import repository
from plantroom_cloud.patrols.models import PatrolRound, PatrolRoundStop, PatrolRoute, PatrolStop, RoundState
from plantroom_cloud.patrols.rounds import RoundBook
from plantroom_cloud.recurrence import check_rule, check_zone, next_occurrence
from plantroom_cloud.sites.models import Site
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.users.models import Team
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.errors import PlantroomError
from plantroom_shared.said import said

_log = logging.getLogger(__name__)

#: After an outage of the control plane rounds are made up for this long back: gateways may still bring their scans.
CATCH_UP = timedelta(days=1)
LONGEST_AHEAD_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class StopPlan:
    """A point of a route; windows in seconds from the time at which the round is due."""

    point_id: str
    window_from_s: int | None = None
    window_to_s: int | None = None
    travel_s: int | None = None


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """What a person writes down about a route."""

    site_id: str
    name: str
    stops: Sequence[StopPlan]
    ordered: bool = True
    rule: str = ""
    starts: str = ""
    timezone: str = ""
    early_s: int = 0
    duration_s: int = 3600
    release_ahead_s: int = 1800
    travel_s: int = 15
    team_id: str | None = None
    assignee: str | None = None
    priority: str = "medium"
    enabled: bool = True


class RouteBook:
    """Works in the session it is given."""

    def __init__(
        self, work_orders: WorkOrderService, users: UserService, rounds: RoundBook, absences: AbsenceService
    ) -> None:
        self._work_orders = work_orders
        self._users = users
        self._rounds = rounds
        self._absences = absences

    def get(self, session: Session, route_id: int) -> PatrolRoute:
        """Raises NotFoundError."""
        route = session.get(PatrolRoute, route_id)
        if route is None:
            raise NotFoundError(said("there is no patrol route %(route_id)s", route_id=route_id))
        return route

    def all(self, session: Session, sites: Sequence[str] = ()) -> list[PatrolRoute]:
        """By name."""
        return repository.routes(session, sites)

    def stops(self, session: Session, route_id: int) -> list[PatrolStop]:
        """In order."""
        return repository.stops(session, route_id)

    def stops_of(self, session: Session, route_ids: Sequence[int]) -> dict[int, list[PatrolStop]]:
        """Route → stops in order."""
        found: dict[int, list[PatrolStop]] = {route_id: [] for route_id in route_ids}
        for stop in repository.stops_of_routes(session, route_ids):
            found[stop.route_id].append(stop)
        return found

    def save(self, session: Session, route_id: int | None, plan: RoutePlan, actor: str, at: datetime) -> PatrolRoute:
        """A new route, or a changed one: its rounds that have not begun and no longer fit are withdrawn."""
        site = session.get(Site, plan.site_id)
        if site is None:
            raise InvalidError(said("site_id: there is no site %(site_id)r", site_id=plan.site_id))
        timezone = plan.timezone or site.timezone
        _check(session, plan, timezone)
        if plan.assignee is not None:
            self._users.get(session, plan.assignee)
        route = self.get(session, route_id) if route_id is not None else PatrolRoute(
            site_id=plan.site_id, name=plan.name, updated_at=at
        )  # fmt: skip
        if route.site_id != plan.site_id:
            raise InvalidError("site_id: a route stays at its site; make a new one there")
        for item in fields(RoutePlan):
            if item.name not in ("stops", "timezone"):
                setattr(route, item.name, getattr(plan, item.name))
        route.timezone, route.updated_at, route.updated_by = timezone, at, actor
        session.add(route)
        session.flush()
        assert route.id is not None
        for old in repository.stops(session, route.id):
            session.delete(old)
        session.flush()
        for position, stop in enumerate(plan.stops, 1):
            session.add(
                PatrolStop(
                    route_id=route.id,
                    position=position,
                    point_id=stop.point_id,
                    window_from_s=stop.window_from_s,
                    window_to_s=stop.window_to_s,
                    travel_s=stop.travel_s,
                )
            )
        session.flush()
        for waiting in repository.future_rounds(session, route.id, at):
            self._rounds.withdraw(session, waiting, "the route was changed", actor, at)
        self._schedule(route, at)
        session.add(route)
        record_change(session, "patrol", f"route/{route.id}", at)
        return route

    def remove(self, session: Session, route_id: int, actor: str, at: datetime) -> PatrolRoute:
        """Walked no more; its rounds stay."""
        route = self.get(session, route_id)
        for waiting in repository.future_rounds(session, route_id, at):
            self._rounds.withdraw(session, waiting, "the route was given up", actor, at)
        for stop in repository.stops(session, route_id):
            session.delete(stop)
        route.enabled, route.rule, route.next_due_at, route.next_release_at = False, "", None, None
        route.updated_at, route.updated_by = at, actor
        session.add(route)
        record_change(session, "patrol", f"route/{route_id}", at)
        return route

    def release_due(self, session: Session, at: datetime) -> list[PatrolRound]:
        """Show the rounds whose time has come; whoever else does the same at once makes none twice."""
        made: list[PatrolRound] = []
        for route in repository.routes_to_release(session, at):
            try:
                with session.begin_nested():
                    self._release_route(session, route, made, at)
            except PlantroomError as error:  # e.g. its person left; the other routes go on
                _log.warning("patrol route %s (%s): %s; tried again in a minute", route.id, route.name, error)
                route.next_release_at = at + timedelta(minutes=1)
                session.add(route)
        return made

    def _release_route(self, session: Session, route: PatrolRoute, made: list[PatrolRound], at: datetime) -> None:
        while route.next_due_at is not None and route.next_release_at is not None and route.next_release_at <= at:
            if route.next_due_at > at - CATCH_UP:
                made.append(self.release(session, route, route.next_due_at, "system", at))
                self._schedule(route, route.next_due_at)
            else:
                self._schedule(route, at - CATCH_UP)
        session.add(route)

    def start(self, session: Session, route: PatrolRoute, actor: str, at: datetime) -> PatrolRound:
        """A round outside the schedule, now; a second click within the second starts no other while it is to walk."""
        assert route.id is not None
        due = at.replace(microsecond=0)
        existing = repository.round_of(session, route.id, due)
        taken = existing is not None and existing.state not in repository.OPEN
        return self.release(session, route, at if taken else due, actor, at)

    def release(self, session: Session, route: PatrolRoute, due: datetime, actor: str, at: datetime) -> PatrolRound:
        """The round of a route that is due at a moment, with its work order: one, however often this is asked."""
        assert route.id is not None
        stops = repository.stops(session, route.id)
        if not stops:
            raise InvalidError(said("route %(route)r has no points", route=route.name))
        existing = repository.round_of(session, route.id, due)
        if existing is not None and existing.state is not RoundState.CANCELLED:
            return existing
        made = existing or PatrolRound(
            route_id=route.id, site_id=route.site_id, name=route.name, ordered=route.ordered,
            due_at=due, opens_at=due, closes_at=due, released_at=at,
        )  # fmt: skip
        made.name, made.ordered, made.released_at, made.state = route.name, route.ordered, at, RoundState.RELEASED
        made.opens_at, made.closes_at = (
            due - timedelta(seconds=route.early_s),
            due + timedelta(seconds=route.duration_s),
        )
        try:
            with session.begin_nested():
                session.add(made)
                session.flush()
        except IntegrityError:  # another scheduler was first
            first = repository.round_of(session, route.id, due)
            assert first is not None
            return first
        assert made.id is not None
        for old in repository.round_stops(session, made.id):
            session.delete(old)
        session.flush()
        for stop in stops:
            session.add(_round_stop(made, stop, route))
        session.flush()
        zone = check_zone(route.timezone)
        order = self._work_orders.create(
            session,
            said("Patrol: %(route)s", route=route.name),
            said(
                "%(count)s points, due %(due)s (%(timezone)s), to be over by %(over)s."
                if len(stops) != 1
                else "1 point, due %(due)s (%(timezone)s), to be over by %(over)s.",
                count=len(stops),
                due=f"{due.astimezone(zone):%Y-%m-%d %H:%M}",
                timezone=route.timezone,
                over=f"{made.closes_at.astimezone(zone):%H:%M}",
            ),
            route.site_id,
            None,
            route.priority,
            route.team_id,
            actor,
            at,
            kind="patrol",
        )
        assert order.id is not None
        walker = next(iter(present([route.assignee], self._absences.away(session, at))), "") if route.assignee else ""
        if walker:
            self._work_orders.assign(session, order.id, walker, actor, at)
        else:  # nobody's own, or away and nobody stands in: the team walks it
            self._work_orders.tell_opened(session, order, at)
        made.work_order_id = order.id
        self._rounds.begin(session, made, actor, at)
        return made

    def _schedule(self, route: PatrolRoute, after: datetime) -> None:
        route.next_due_at = (
            next_occurrence(route.rule, route.starts, route.timezone, after) if route.rule and route.enabled else None
        )
        route.next_release_at = (
            route.next_due_at - timedelta(seconds=max(route.release_ahead_s, route.early_s))
            if route.next_due_at is not None
            else None
        )


def _check(session: Session, plan: RoutePlan, timezone: str) -> None:
    if not plan.name.strip():
        raise InvalidError("name: say what people call the round")
    if plan.priority not in ("critical", "high", "medium", "low"):
        raise InvalidError(said("priority %(priority)r: use critical, high, medium or low", priority=plan.priority))
    if not plan.stops:
        raise InvalidError("stops: a route visits at least one point")
    check_zone(timezone)
    if plan.rule:
        check_rule(plan.rule, plan.starts, timezone)
    if not 10 <= plan.duration_s <= 86_400:
        raise InvalidError("duration_s: between ten seconds and a day")
    if not 0 <= plan.early_s <= 86_400 or not 0 <= plan.release_ahead_s <= LONGEST_AHEAD_S:
        raise InvalidError("early_s goes up to a day, release_ahead_s up to a week")
    if not 0 <= plan.travel_s <= 3600:
        raise InvalidError("travel_s: between 0 and an hour")
    if plan.team_id is not None and session.get(Team, plan.team_id) is None:
        raise InvalidError(said("team_id: there is no team %(team_id)r", team_id=plan.team_id))
    known = {point.id for point in repository.points(session, [plan.site_id], retired=False)}
    for number, stop in enumerate(plan.stops, 1):
        if stop.point_id not in known:
            raise InvalidError(
                said(
                    "stops.%(number)s: there is no point %(point_id)r at site %(site_id)r",
                    number=number,
                    point_id=stop.point_id,
                    site_id=plan.site_id,
                )
            )
        low = -plan.early_s if stop.window_from_s is None else stop.window_from_s
        high = plan.duration_s if stop.window_to_s is None else stop.window_to_s
        if not -plan.early_s <= low < high <= plan.duration_s:
            raise InvalidError(
                said(
                    "stops.%(number)s: the window %(low)s to %(high)s s lies within the round's, %(early_s)s to "
                    "%(duration_s)s s, and begins before it ends",
                    number=number,
                    low=low,
                    high=high,
                    early_s=-plan.early_s,
                    duration_s=plan.duration_s,
                )
            )


def _round_stop(made: PatrolRound, stop: PatrolStop, route: PatrolRoute) -> PatrolRoundStop:
    assert made.id is not None
    low, high = stop.window_from_s, stop.window_to_s
    return PatrolRoundStop(
        round_id=made.id,
        position=stop.position,
        point_id=stop.point_id,
        opens_at=made.opens_at if low is None else made.due_at + timedelta(seconds=low),
        closes_at=made.closes_at if high is None else made.due_at + timedelta(seconds=high),
        travel_s=route.travel_s if stop.travel_s is None else stop.travel_s,
    )
