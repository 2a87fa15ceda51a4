"""Work orders: the list, and one with its steps."""

from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.checklists.shown import shown
from plantroom_cloud.costs.api import visible
from plantroom_cloud.dependencies import (
    At,
    Dispatcher,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
    may_see,
)
from plantroom_cloud.errors import ForbiddenError, NotFoundError
from plantroom_cloud.files.api import files_of
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import RANK, Role, User
from plantroom_cloud.web.forms import Form as Fields
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_cloud.workorders.board import columns
from plantroom_cloud.workorders.models import WorkOrderState
from plantroom_cloud.workorders.moves import moves
from plantroom_cloud.workorders.repository import OrderQuery
from plantroom_cloud.workorders.service import HOLD_REASONS
from plantroom_cloud.workorders.shown import assets_of, cards, equipment, told_note, workers
from plantroom_cloud.workorders.transitions import steps
from plantroom_shared.said import said

NAV = (NavEntry("work-orders", "/work-orders", "Work orders", order=30, group="Work"),)
router = APIRouter(include_in_schema=False)

ON_A_PAGE = 50
_STATES = {
    "requested": WorkOrderState.REQUESTED,
    "done": WorkOrderState.DONE,
    "closed": WorkOrderState.CLOSED,
}
Shown = Literal["open", "mine", "offered", "team", "pool", "requested", "done", "closed", "all"]


@router.get("/work-orders")
def orders_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    view: Literal["list", "board"] = "list",
    show: Shown = "open",
    q: str = "",
    site: str = "",
    team: str = "",
    priority: str = "",
    kind: str = "",
    level: Literal["", "running", "warned", "paused", "breached"] = "",
    sort: Literal["", "due"] = "",
    skip: Annotated[int, Query(ge=0, le=100_000)] = 0,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """The list, or the board."""
    asked = {"view": view, "q": q, "site": site, "team": team, "priority": priority, "kind": kind}
    wanted = OrderQuery(
        sites=[site] if site and may_see(user, site) else user.sites,
        team_id=team or None,
        priority=priority,
        kind=kind,
        text=q.strip(),
    )
    shared: dict[str, Any] = {
        "user": user,
        "page": "work-orders",
        "teams": {team.id: team.name for team in services.users.teams(session)},
        "sites": services.sites.list(session, user.sites),
        "links": {name: urlencode({**asked, "view": name}) for name in ("list", "board")},
    }
    if view == "board":
        found, more = cards(session, services, user, wanted, at)
        return render(request, "work_order_board.html", columns=columns(found), more=more, asked=asked, **shared)
    wanted = replace(
        wanted,
        open_only=show in ("open", "mine", "offered", "team", "pool"),
        state=_STATES.get(show),
        assignee=user.name if show == "mine" else None,
        offered_to=user.name if show == "offered" else None,
        nobody=show == "pool",
        team_id=user.team_id if show == "team" else wanted.team_id,
        level=level,
        by_due=sort == "due",
    )
    asked |= {"show": show, "level": level, "sort": sort}
    orders = services.work_orders.find(session, wanted, before, ON_A_PAGE + 1, skip)
    rest = orders[ON_A_PAGE:]
    after = {"skip": skip + ON_A_PAGE} if sort else {"before": orders[ON_A_PAGE - 1].id if rest else None}
    return render(
        request,
        "work_orders.html",
        orders=orders[:ON_A_PAGE],
        equipment=equipment(session, services, orders),
        asked=asked,
        more=urlencode({**asked, **after}) if rest else "",
        **shared,
    )


@router.get("/work-orders/{order_id}/moves")
def moves_part(
    request: Request,
    order_id: int,
    user: Technician,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    to: WorkOrderState | None = None,
) -> Response:
    """What the person may do with it, or how to bring it to one column: what the board's dialog holds."""
    order = visible(session, services, user, order_id)
    helps = user.name in services.work_orders.helpers(session, order_id)
    found = [move for move in moves(order, user, helps=helps) if to in (None, move.to)]
    people = workers(services.users.list(session), order) if any(move.step == "assign" for move in found) else []
    return render(
        request,
        "work_order_moves.html",
        user=user,
        about=order,
        order=order,
        moves=found,
        people=people,
        away=services.absences.now(session, at),
        reasons=HOLD_REASONS,
    )


@router.get("/work-orders/new")
def new_order_page(
    request: Request, user: Technician, session: ReadSession, services: ServicesDep, device: str = ""
) -> Response:
    """An empty form, perhaps for a device."""
    return _new_form(request, session, services, user, {"device_id": device, "priority": "medium"}, {})


@router.post("/work-orders/new")
def make_order(
    request: Request, form: Fields, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Open one by hand, or say what is wrong beside the field."""
    names = ("title", "description", "device_id", "site_id", "priority", "team_id")
    values = {name: form.text(name) for name in names}
    errors = {}
    site_id = values["site_id"]
    if values["device_id"]:
        device = services.devices.get(session, values["device_id"])
        site_id = services.gateways.get(session, device.gateway_id).site_id
    if not values["title"]:
        errors["title"] = "say in a few words what is to be done"
    for name, most in (("title", 200), ("description", 5000)):
        if len(values[name]) > most:
            errors[name] = said("at most %(most)s characters", most=most)
    if values["team_id"] and values["team_id"] not in {team.id for team in services.users.teams(session)}:
        errors["team_id"] = "choose one of the list"
    if site_id not in {site.id for site in services.sites.list(session, user.sites)}:
        errors["site_id"] = "say where"
    if errors:
        return _new_form(request, session, services, user, values, errors)
    order = services.work_orders.create(
        session,
        values["title"],
        values["description"],
        site_id,
        values["device_id"] or None,
        values["priority"],
        values["team_id"] or None,
        user.name,
        at,
    )
    return RedirectResponse(f"/work-orders/{order.id}", 303)


@router.get("/work-orders/{order_id}")
def order_page(
    request: Request, order_id: int, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """One work order, its story and its buttons."""
    order = visible(session, services, user, order_id)
    teams = services.users.teams(session)
    return render(
        request,
        "work_order.html",
        about=order,
        user=user,
        page="work-orders",
        order=order,
        device=services.devices.get(session, order.device_id) if order.device_id else None,
        assets=assets_of(session, services, order),
        site=services.sites.get(session, order.site_id),
        hold_reasons=HOLD_REASONS,
        possible=[str(s) for s in steps(order.state)],
        people=workers(services.users.list(session), order),
        away=services.absences.now(session, at),
        helpers=services.work_orders.helpers(session, order_id),
        needed=services.dispatch.needed(session, order),
        candidates=services.dispatch.candidates(session, order, at) if RANK[user.role] >= RANK[Role.DISPATCHER] else [],
        teams=teams,
        team=next((team.name for team in teams if team.id == order.team_id), ""),
        trail=[(entry, told_note(entry)) for entry in services.work_orders.trail(session, order_id)],
        checklists=shown(session, services, user, order, at),
        files=files_of(session, services, order_id),
        costs=services.costs.sheet(session, order, at),
        timer=services.costs.labour.running(session, user.name),
        store=services.parts.list(session),
        at=at,
        sla_terms=services.sla.terms_of(session, order_id),
        sla_clocks=services.sla.clocks(session, order_id),
        sla_left=services.sla.left(session, order, at),
        sla_marks=services.sla.marks(session, order_id),
        plan=services.plans.of_order(session, order_id),
    )


@router.post("/work-orders/{order_id}/assign")
def assign(
    order_id: int, form: Fields, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """To a person, to a team, or to both."""
    order = visible(session, services, user, order_id)
    team, person = form.optional("team_id"), form.optional("person")
    if team is not None:
        services.accounts.team(session, team)
    if team != order.team_id:
        services.work_orders.dispatch(session, order_id, team, user.name, at)
    if person is not None and person != order.assignee:
        services.work_orders.assign(session, order_id, services.users.get(session, person).name, user.name, at)
    return RedirectResponse(f"/work-orders/{order_id}", 303)


@router.post("/work-orders/{order_id}/verify")
def verify(
    order_id: int, form: Fields, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Closed without waiting for the telemetry, with a reason."""
    visible(session, services, user, order_id)
    services.work_orders.verify(session, order_id, form.text("reason"), user.name, at)
    return RedirectResponse(f"/work-orders/{order_id}", 303)


@router.post("/work-orders/{order_id}/cancel")
def cancel(
    order_id: int, form: Fields, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Nothing is to be done, with a reason."""
    visible(session, services, user, order_id)
    services.work_orders.cancel(session, order_id, form.text("reason"), user.name, at)
    return RedirectResponse(f"/work-orders/{order_id}", 303)


@router.post("/work-orders/{order_id}/{step}")
def order_step(
    order_id: int,
    step: str,
    form: Fields,
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
) -> Response:
    """A thumb's step."""
    orders = services.work_orders
    note, reason, to = form.text("note"), form.text("reason"), form.text("to")
    visible(session, services, user, order_id)
    match step:
        case "claim":
            orders.claim(session, order_id, user.name, at)
        case "start":
            orders.start(session, order_id, user.name, at, out_of_service=form.text("out_of_service") == "yes")
        case "hold":
            orders.hold(session, order_id, reason, note, user.name, at)
        case "approve" | "reject" | "reopen" if RANK[user.role] < RANK[Role.DISPATCHER]:
            raise ForbiddenError(said("this needs the role dispatcher; yours is %(role)s", role=user.role))
        case "approve":
            orders.approve(session, order_id, user.name, at)
        case "reject":
            orders.reject(session, order_id, reason, user.name, at)
        case "reopen":
            orders.reopen(session, order_id, reason, user.name, at)
        case "accept":
            orders.accept(session, order_id, user.name, at)
        case "decline":
            orders.decline(session, order_id, reason, user.name, at)
        case "offer":
            services.users.get(session, to)
            orders.offer(session, order_id, to, user.name, at)
        case "join":
            services.users.get(session, to)
            orders.join(session, order_id, to, user.name, at)
        case "take-over":
            orders.take_over(session, order_id, user.name, at)
        case "resume":
            orders.resume(session, order_id, user.name, at)
        case "complete":
            orders.complete(session, order_id, note, user.name, at)
        case "note":
            orders.note(session, order_id, note, user.name, at)
        case _:
            raise NotFoundError(said("there is no step %(step)r", step=step))
    return RedirectResponse(f"/work-orders/{order_id}", 303)


def _new_form(
    request: Request, session: Session, services: Services, user: User, values: dict[str, str], errors: dict[str, str]
) -> Response:
    return render(
        request,
        "new_work_order.html",
        status_code=422 if errors else 200,
        user=user,
        page="work-orders",
        values=values,
        errors=errors,
        sites=services.sites.list(session, user.sites),
        devices=[device for device in services.devices.list(session, user.sites) if device.kind != "gateway"],
        teams=services.users.teams(session),
    )
