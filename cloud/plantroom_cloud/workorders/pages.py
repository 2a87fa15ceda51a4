"""Work orders: the list, and one with its steps."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Technician, Viewer, WriteSession, may_see
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_cloud.workorders.transitions import steps

NAV = (NavEntry("work-orders", "/work-orders", "Work orders", order=30),)
router = APIRouter(include_in_schema=False)


@router.get("/work-orders")
def orders_page(
    request: Request, user: Viewer, session: ReadSession, services: ServicesDep, show: str = "open"
) -> Response:
    """The list."""
    orders = services.work_orders.search(
        session,
        sites=user.sites,
        open_only=show in ("open", "mine"),
        assignee=user.name if show == "mine" else None,
        limit=200,
    )
    return render(request, "work_orders.html", user=user, page="work-orders", orders=orders, show=show)


@router.get("/work-orders/{order_id}")
def order_page(request: Request, order_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """One work order, its story and its buttons."""
    order = services.work_orders.get(session, order_id)
    if not may_see(user, order.site_id):
        raise NotFoundError(f"there is no work order {order_id}")
    return render(
        request,
        "work_order.html",
        user=user,
        page="work-orders",
        order=order,
        possible=[str(s) for s in steps(order.state)],
        trail=services.work_orders.trail(session, order_id),
    )


@router.post("/work-orders/{order_id}/{step}")
def order_step(
    order_id: int,
    step: str,
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    note: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "parts",
    out_of_service: Annotated[str, Form()] = "",
) -> Response:
    """A thumb's step."""
    orders = services.work_orders
    if not may_see(user, orders.get(session, order_id).site_id):
        raise NotFoundError(f"there is no work order {order_id}")
    match step:
        case "claim":
            orders.claim(session, order_id, user.name, at)
        case "start":
            orders.start(session, order_id, user.name, at, out_of_service=out_of_service == "yes")
        case "hold":
            orders.hold(session, order_id, reason, note, user.name, at)
        case "resume":
            orders.resume(session, order_id, user.name, at)
        case "complete":
            orders.complete(session, order_id, note, user.name, at)
        case "note":
            orders.note(session, order_id, note, user.name, at)
        case _:
            raise NotFoundError(f"there is no step {step!r}")
    return RedirectResponse(f"/work-orders/{order_id}", 303)
