"""The first page: what needs attention, what is being done about it, how the equipment is."""

from collections import Counter

from fastapi import APIRouter, Request
from fastapi.responses import Response

from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Viewer
from plantroom_cloud.devices.tile import tiles
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (NavEntry("overview", "/", "Overview", order=10),)
_SEVERITY = ("critical", "high", "medium", "low")
router = APIRouter(include_in_schema=False)


@router.get("/")
def overview(request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """What needs attention first, then the equipment."""
    alarms = services.alarms.search(session, sites=user.sites, open_only=True)
    alarms.sort(key=lambda a: (not a.active, _SEVERITY.index(a.severity), a.id and -a.id))
    orders = services.work_orders.search(session, sites=user.sites, open_only=True)
    devices = tiles(session, services, user, at)
    return render(
        request,
        "overview.html",
        user=user,
        page="overview",
        alarms=alarms,
        orders=orders,
        devices=[d for d in devices if d["kind"] != "gateway"],
        states=Counter(d["health"] for d in devices),
        gateways=services.gateways.list(session, user.sites),
        severities=Counter(a.severity.value for a in alarms if a.active),
    )
