"""Patrols for supervisors: rounds as they are walked, routes, points with their labels, visits that need a look."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.dependencies import At, Dispatcher, Manager, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.errors import ConflictError, InvalidError
from plantroom_cloud.labels import SHEETS, svg
from plantroom_cloud.patrols.form import PointForm, RouteForm, beside, point_values, route_values, stop_values
from plantroom_cloud.patrols.models import CodeKind, PatrolPoint, PatrolRoute, RoundState
from plantroom_cloud.patrols.visible import check_site, visible_point, visible_round, visible_route
from plantroom_cloud.recurrence import occurrences
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_cloud.web.forms import Form, read
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_shared.errors import PlantroomError
from plantroom_shared.said import said

NAV = (
    NavEntry("patrols", "/patrols", "Rounds", order=40, group="Patrols"),
    NavEntry("patrol-routes", "/patrols/routes", "Routes", order=42, group="Patrols"),
    NavEntry("patrol-points", "/patrols/points", "Points", order=43, group="Patrols"),
    NavEntry("patrol-visits", "/patrols/visits", "Visits", order=44, group="Patrols"),
)
router = APIRouter(include_in_schema=False)

_DAY = timedelta(hours=24)
_ENDED_BADLY = (RoundState.MISSED, RoundState.DEVIATIONS)


@router.get("/patrols")
def rounds_page(
    request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At, show: str = "today"
) -> Response:
    """Today's, those with something missed, or all."""
    rounds = services.patrols.rounds
    if show == "today":
        found = rounds.search(session, sites=user.sites, start=at - _DAY / 2, end=at + _DAY, limit=200)
    else:
        states = _ENDED_BADLY if show == "missed" else ()
        found = rounds.search(session, sites=user.sites, states=states, limit=200)
    found.sort(key=lambda r: (r.state not in (RoundState.IN_PROGRESS, RoundState.RELEASED), -r.due_at.timestamp()))
    stops = rounds.stops(session, [r.id for r in found if r.id is not None])
    names = {point.id: point.name for point in services.patrols.points.all(session, user.sites, retired=True)}
    orders = services.work_orders.of_ids(session, {r.work_order_id for r in found if r.work_order_id is not None})
    people = {r.id: orders[r.work_order_id].assignee for r in found if r.work_order_id is not None}
    return render(
        request, "patrol_rounds.html", user=user, page="patrols", rounds=found, stops=stops, names=names,
        people=people, show=show,
        suspects=services.patrols.visits.search(session, sites=user.sites, suspect=True, limit=5),
        routes=services.patrols.routes.all(session, user.sites),
    )  # fmt: skip


@router.get("/patrols/rounds/{round_id}")
def round_page(request: Request, round_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """One, live."""
    found, patrols = visible_round(session, services, user, round_id), services.patrols
    order = services.work_orders.get(session, found.work_order_id) if found.work_order_id is not None else None
    return render(
        request, "patrol_round.html", user=user, about=found, page="patrols", round=found, order=order,
        stops=patrols.rounds.stops(session, [round_id])[round_id],
        names={point.id: point for point in patrols.points.all(session, [found.site_id], retired=True)},
        visits=patrols.visits.of_round(session, round_id),
        findings=patrols.findings.search(session, round_id=round_id),
        story=patrols.rounds.story(session, round_id),
    )  # fmt: skip


@router.post("/patrols/rounds/{round_id}/{step}")
def round_step(
    round_id: int, step: str, form: Form, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Review it, or cancel it."""
    found, rounds = visible_round(session, services, user, round_id), services.patrols.rounds
    match step:
        case "review":
            rounds.review(session, found, form.text("note"), user.name, at)
        case "cancel":
            rounds.withdraw(session, found, form.text("reason"), user.name, at)
        case _:
            raise InvalidError(said("there is no step %(step)r", step=step))
    return RedirectResponse(f"/patrols/rounds/{round_id}", 303)


@router.get("/patrols/visits")
def visits_page(
    request: Request, user: Viewer, session: ReadSession, services: ServicesDep, show: str = "suspect"
) -> Response:
    """Refused and implausible ones, or all."""
    suspect = True if show == "suspect" else None
    found = services.patrols.visits.search(session, sites=user.sites, suspect=suspect, limit=200)
    names = {point.id: point.name for point in services.patrols.points.all(session, user.sites, retired=True)}
    return render(request, "patrol_visits.html", user=user, page="patrol-visits", visits=found, names=names, show=show)


@router.get("/patrols/points")
def points_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """All, with a choice for label sheets."""
    points = services.patrols.points.all(session, user.sites)
    names = services.devices.names(session, [point.device_id for point in points])
    return render(
        request, "patrol_points.html", user=user, page="patrol-points", points=points, sheets=list(SHEETS), names=names
    )


@router.get("/patrols/points/new")
def new_point_page(request: Request, user: Manager, session: ReadSession, services: ServicesDep) -> Response:
    """An empty form."""
    return _point_form(request, session, services, user, {"code_kind": "static"}, {}, None)


@router.post("/patrols/points/new")
def make_point(
    request: Request, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Make it, or say what is wrong beside the field."""
    values = point_values(form)
    wanted, errors = read(PointForm, values)
    if wanted is not None:
        try:
            check_site(user, wanted.site_id)
            point = services.patrols.points.add(
                session, wanted.id, wanted.site_id, wanted.name, wanted.code_kind, user.name, at,
                location=wanted.location, device_id=wanted.device_id, instructions=wanted.instructions,
            )  # fmt: skip
        except PlantroomError as error:
            errors = beside(error, "id")
        else:
            services.users.audit(session, user.name, "patrol-point.add", f"patrol-point/{point.id}", {}, at)
            return RedirectResponse(f"/patrols/points/{point.id}", 303)
    return _point_form(request, session, services, user, values, errors, None)


@router.get("/patrols/points/{point_id}")
def point_page(request: Request, point_id: str, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """One: its form, its code, its keys, who was there."""
    point = visible_point(session, services, user, point_id)
    return _point_form(request, session, services, user, point.model_dump(), {}, point)


@router.post("/patrols/points/{point_id}")
def change_point(
    request: Request, point_id: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Change it, or say what is wrong beside the field."""
    point = visible_point(session, services, user, point_id)
    values = point_values(form) | {"id": point.id, "site_id": point.site_id}
    wanted, errors = read(PointForm, values)
    if wanted is not None:
        try:
            fields = wanted.model_dump(exclude={"id", "site_id"})
            services.patrols.points.change(session, point_id, fields, user.name, at)
        except PlantroomError as error:
            errors = beside(error, "name")
        else:
            services.users.audit(session, user.name, "patrol-point.change", f"patrol-point/{point_id}", {}, at)
            return RedirectResponse(f"/patrols/points/{point_id}", 303)
    return _point_form(request, session, services, user, values, errors, point)


@router.post("/patrols/points/{point_id}/{step}")
def point_step(
    request: Request, point_id: str, step: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep,
    at: At,
) -> Response:  # fmt: skip
    """A new key, a revoked one, a new display link, or the end of the point."""
    point, points, link = visible_point(session, services, user, point_id), services.patrols.points, ""
    reason = form.text("reason")
    match step:
        case "rotate":
            points.rotate(session, point_id, reason or "new label", form.on("revoke"), user.name, at)
        case "revoke":
            version = form.text("version")
            points.revoke(session, point_id, int(version) if version.isdecimal() else 0, reason, user.name, at)
        case "display":
            link = f"{request.base_url}patrols/display/{points.new_display(session, point_id, user.name, at)}"
        case "retire":
            points.retire(session, point_id, user.name, at)
        case _:
            raise InvalidError(said("there is no step %(step)r", step=step))
    services.users.audit(session, user.name, f"patrol-point.{step}", f"patrol-point/{point_id}", {"reason": reason}, at)
    if link:  # told once: only its hash is kept
        return _point_form(request, session, services, user, point.model_dump(), {}, point, link)
    return RedirectResponse("/patrols/points" if step == "retire" else f"/patrols/points/{point_id}", 303)


@router.get("/patrols/routes")
def routes_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """All."""
    routes = services.patrols.routes.all(session, user.sites)
    stops = services.patrols.routes.stops_of(session, [route.id for route in routes if route.id is not None])
    names = {point.id: point.name for point in services.patrols.points.all(session, user.sites, retired=True)}
    return render(
        request, "patrol_routes.html", user=user, page="patrol-routes", routes=routes, stops=stops, names=names
    )


@router.get("/patrols/routes/new")
def new_route_page(request: Request, user: Manager, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """An empty form with a rule to begin with."""
    values = {
        "ordered": True, "enabled": True, "rule": "FREQ=DAILY;BYHOUR=6,14,22;BYMINUTE=0", "duration_min": 60,
        "release_ahead_min": 30, "early_min": 0, "travel_s": 15, "priority": "medium", "stops": [],
        "starts": f"{at:%Y-%m-%dT00:00}",
    }  # fmt: skip
    return _route_form(request, session, services, user, values, {}, None)


@router.get("/patrols/routes/preview")
def preview_part(
    request: Request, _user: Viewer, at: At, rule: str = "", starts: str = "", timezone: str = "UTC"
) -> Response:
    """When a rule is due, or what is wrong with it."""
    try:
        found = occurrences(rule, starts, timezone or "UTC", at, at + timedelta(days=366)) if rule else iter(())
        times = [moment for _, moment in zip(range(6), found, strict=False)]
    except InvalidError as error:
        return render(request, "patrol_preview.html", times=[], wrong=str(error), by_hand=False)
    return render(request, "patrol_preview.html", times=times, wrong="", by_hand=not rule)


@router.get("/patrols/routes/{route_id}")
def route_page(request: Request, route_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """One in its form."""
    route = visible_route(session, services, user, route_id)
    values = route_values(route, services.patrols.routes.stops(session, route_id))
    return _route_form(request, session, services, user, values, {}, route)


@router.post("/patrols/routes/{key}")
def save_route(
    request: Request, key: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Make or change it, or say what is wrong beside the field."""
    route = None if key == "new" else visible_route(session, services, user, int(key) if key.isdecimal() else 0)
    said = {name: form.optional(name) for name in RouteForm.model_fields if name not in ("stops", "ordered", "enabled")}
    values: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    values |= {"ordered": form.on("ordered"), "enabled": form.on("enabled"), "stops": stop_values(form)}
    if route is not None:
        values["site_id"] = route.site_id
    wanted, errors = read(RouteForm, values)
    if wanted is not None:
        try:
            check_site(user, wanted.site_id)
            saved = services.patrols.routes.save(session, route.id if route else None, wanted.plan(), user.name, at)
        except PlantroomError as error:
            errors = beside(error, "name")
        else:
            detail = {"rule": saved.rule, "stops": [stop.point_id for stop in wanted.stops]}
            services.users.audit(session, user.name, "patrol-route.save", f"patrol-route/{saved.id}", detail, at)
            return RedirectResponse("/patrols/routes", 303)
    return _route_form(request, session, services, user, values, errors, route)


@router.post("/patrols/routes/{route_id}/{step}")
def route_step(
    route_id: int, step: str, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Walk it now, outside its schedule."""
    route = visible_route(session, services, user, route_id)
    if step != "walk":
        raise InvalidError(said("there is no step %(step)r", step=step))
    made = services.patrols.routes.start(session, route, user.name, at)
    return RedirectResponse(f"/patrols/rounds/{made.id}", 303)


def _point_form(
    request: Request, session: Session, services: Services, user: User, values: dict[str, Any],
    errors: dict[str, str], point: PatrolPoint | None, link: str = "",
) -> Response:  # fmt: skip
    points, code = services.patrols.points, ""
    if point is not None and point.code_kind is CodeKind.STATIC and point.retired_at is None:
        try:
            code = svg(points.label_code(session, point), point.name)
        except ConflictError:
            code = ""
    return render(
        request, "patrol_point.html", user=user, about=point, page="patrol-points", values=values, errors=errors,
        point=point,
        link=link, code=code, sites=services.sites.list(session, user.sites),
        devices=services.devices.list(session, [point.site_id] if point else user.sites),
        keys=points.keys(session, point.id) if point else [],
        visits=services.patrols.visits.search(session, point_id=point.id, limit=20) if point else [],
    )  # fmt: skip


def _route_form(
    request: Request, session: Session, services: Services, user: User, values: dict[str, Any],
    errors: dict[str, str], route: PatrolRoute | None,
) -> Response:  # fmt: skip
    sites = services.sites.list(session, user.sites)
    points = services.patrols.points.all(session, [route.site_id] if route else user.sites)
    return render(
        request, "patrol_route.html", user=user, about=route, page="patrol-routes", values=values, errors=errors,
        route=route,
        sites=sites, points=points, teams=services.users.teams(session),
    )  # fmt: skip
