"""The store: parts, what is there of each, what came and went."""

from decimal import Decimal
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.costs.api import visible
from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Technician, Viewer, WriteSession
from plantroom_cloud.errors import ForbiddenError, NotFoundError
from plantroom_cloud.parts.models import Part
from plantroom_cloud.users.models import RANK, Role
from plantroom_cloud.web.forms import Form, Submitted
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_shared.said import said

NAV = (NavEntry("parts", "/parts", "Parts", order=48, group="Work"),)
router = APIRouter(include_in_schema=False)


@router.post("/work-orders/{order_id}/parts/{what}")
def parts_of_order(
    order_id: int, what: str, form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Take a part, or bring it back."""
    order, store = visible(session, services, user, order_id), services.parts
    match what:
        case "use":
            part = store.by_code(session, form.text("code"))
            assert part.id is not None
            store.use(session, order, part.id, form.decimal("quantity"), form.text("note"), user.name, at)
        case "reverse":
            store.reverse(session, int(form.decimal("movement")), form.text("note"), user.name, at, order_id=order_id)
        case _:
            raise NotFoundError(said("there is no step %(what)r", what=what))
    return RedirectResponse(f"/work-orders/{order_id}#costs", 303)


@router.get("/parts")
def parts_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    q: str = "",
    low: bool = False,
    told: str = "",
) -> Response:
    """The store."""
    return render(
        request,
        "parts.html",
        user=user,
        page="parts",
        parts=services.parts.list(session, q, below_minimum=low, retired=True),
        currency=services.costs.currency,
        q=q,
        low=low,
        told=told[:300],
    )


@router.post("/parts")
def add_part(form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """A new one, perhaps with what is there of it."""
    part = Part(code="", name="", unit_cost=Decimal(0), minimum=Decimal(0), stock=Decimal(0))
    _fill(part, form)
    part.code = form.text("code")
    services.parts.save(session, part, at)
    assert part.id is not None
    if form.text("stock"):
        services.parts.count(session, part.id, form.decimal("stock"), "first count", user.name, at)
    services.users.audit(session, user.name, "part.add", f"part/{part.id}", {"code": part.code}, at)
    return RedirectResponse(f"/parts?{urlencode({'told': f'{part.code} is in the catalogue.'})}", 303)


@router.get("/parts/{part_id}")
def part_page(request: Request, part_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """One part and its movements."""
    movements = services.parts.movements(session, part_id)
    return render(
        request,
        "part.html",
        user=user,
        page="parts",
        part=services.parts.get(session, part_id),
        movements=movements,
        reversed={movement.reverses for movement in movements},
        currency=services.costs.currency,
    )


@router.post("/parts/{part_id}/{what}")
def part_step(
    part_id: int, what: str, form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """A delivery, a count."""
    store = services.parts
    match what:
        case "receive":
            store.receive(session, part_id, form.decimal("quantity"), form.text("note"), user.name, at)
        case "count":
            store.count(session, part_id, form.decimal("quantity"), form.text("note"), user.name, at)
        case "reverse":
            if RANK[user.role] < RANK[Role.MANAGER]:
                raise ForbiddenError(said("this needs the role manager; yours is %(role)s", role=user.role))
            number = int(form.decimal("movement"))
            store.reverse(session, number, form.text("note"), user.name, at, part_id=part_id)
        case _:
            raise NotFoundError(said("there is no step %(what)r", what=what))
    return RedirectResponse(f"/parts/{part_id}", 303)


@router.post("/part-catalogue/{part_id}")
def change_part(
    part_id: int, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """What is known of it; not its stock."""
    part = services.parts.get(session, part_id)
    _fill(part, form)
    part.active = form.on("active")
    services.parts.save(session, part, at)
    services.users.audit(session, user.name, "part.change", f"part/{part.id}", {"code": part.code}, at)
    return RedirectResponse(f"/parts/{part_id}", 303)


def _fill(part: Part, form: Submitted) -> None:
    part.name, part.unit, part.place = form.text("name"), form.text("unit") or "pcs", form.text("place")
    part.unit_cost = form.decimal("unit_cost") if form.text("unit_cost") else Decimal(0)
    part.minimum = form.decimal("minimum") if form.text("minimum") else Decimal(0)
