"""The phone page that walks a round, and the display that shows a point's rotating code."""

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from pydantic import BaseModel

from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Technician, Viewer, may_see
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.labels import svg
from plantroom_cloud.users.models import Role
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import CAMERA_POLICY, STATIC, render
from plantroom_shared.patrol_code import WINDOW_S
from plantroom_shared.said import said

NAV = (NavEntry("walk", "/patrols/walk", "Walk a round", order=41, group="Patrols", role=Role.TECHNICIAN),)
router = APIRouter(include_in_schema=False)


class Shown(BaseModel):
    """A code and the window in which it counts."""

    window: int
    svg: str


class DisplayCodes(BaseModel):
    """The next codes, so that a display bridges a short loss of the network."""

    name: str
    location: str
    now_ms: int
    window_ms: int
    codes: list[Shown]


@router.get("/patrols/walk")
def walk_page(request: Request, user: Technician) -> Response:
    """The shell; what it shows comes from /api/v1/patrols/walk, or from the phone's own store."""
    response = render(request, "walk.html", user=user, page="walk")
    response.headers["Content-Security-Policy"] = CAMERA_POLICY
    return response


@router.get("/patrols/walk-worker.js")
def walk_worker() -> Response:
    """Opens the page without a network; it may look after that page alone."""
    headers = {"Service-Worker-Allowed": "/patrols/walk", "Cache-Control": "no-cache"}
    return FileResponse(STATIC / "js" / "walk-worker.js", media_type="text/javascript", headers=headers)


@router.get("/patrols/of-order/{order_id}")
def round_of_order(order_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """The round that a work order of kind patrol stands for."""
    found = services.patrols.rounds.of_order(session, order_id)
    if found is None or not may_see(user, found.site_id):
        raise NotFoundError(said("work order %(order_id)s is no patrol round", order_id=order_id))
    return RedirectResponse(f"/patrols/rounds/{found.id}", 303)


@router.get("/patrols/display/{secret}")
def display_page(request: Request, secret: str, session: ReadSession, services: ServicesDep) -> Response:
    """A tablet at the point; its link is its key."""
    point = services.patrols.points.by_display(session, secret)
    return render(request, "patrol_display.html", point=point, secret=secret)


@router.get("/patrols/display/{secret}/codes")
def display_codes(secret: str, session: ReadSession, services: ServicesDep, at: At) -> DisplayCodes:
    """What it shows now and next."""
    point = services.patrols.points.by_display(session, secret)
    return DisplayCodes(
        name=point.name,
        location=point.location,
        now_ms=ms_from_utc(at),
        window_ms=WINDOW_S * 1000,
        codes=[
            Shown(window=window, svg=svg(code))
            for window, code in services.patrols.points.display_codes(session, point, at)
        ],
    )
