"""Gateways: all of them, and one with its buffer and ledger."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Viewer
from plantroom_cloud.devices.tile import tiles
from plantroom_cloud.gateways import ledger
from plantroom_cloud.gateways.api import visible
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (NavEntry("gateways", "/gateways", "Gateways", order=50),)
router = APIRouter(include_in_schema=False)


@router.get("/gateways")
def gateways_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """All gateways."""
    gateways = services.gateways.list(session, user.sites)
    latest = services.devices.latest(session, [f"{g.id}.{g.id}" for g in gateways])
    rows = [(g, (latest[f"{g.id}.{g.id}"].values if f"{g.id}.{g.id}" in latest else {})) for g in gateways]
    return render(request, "gateways.html", user=user, page="gateways", rows=rows)


@router.get("/gateways/{gateway_id}")
def gateway_page(
    request: Request, gateway_id: str, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """One gateway: buffer, ledger, bus load."""
    gateway = visible(session, services, user, gateway_id)
    row = services.devices.latest(session, [f"{gateway_id}.{gateway_id}"]).get(f"{gateway_id}.{gateway_id}")
    devices = tiles(session, services, (), at, gateway_id)
    hours = ledger.hours(session, gateway_id, at.replace(hour=0, minute=0), at)
    return render(
        request,
        "gateway.html",
        user=user,
        page="gateways",
        gateway=gateway,
        own=row.values if row else {},
        devices=devices,
        streams=ledger.streams(session, gateway_id),
        hours=hours[::-1],
    )
