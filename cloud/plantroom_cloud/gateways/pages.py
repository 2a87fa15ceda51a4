"""Gateways: all of them, and one with its buffer, ledger, bus load, commands and configurations."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import Response

from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Viewer
from plantroom_cloud.devices.models import device_key
from plantroom_cloud.devices.tile import tiles
from plantroom_cloud.gateways import ledger
from plantroom_cloud.gateways.api import visible
from plantroom_cloud.gateways.report import report
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (NavEntry("gateways", "/gateways", "Gateways", order=50, group="Equipment"),)
router = APIRouter(include_in_schema=False)

LEDGER_HOURS = 24


@router.get("/gateways")
def gateways_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """All gateways, those that need attention first; the number of queries does not grow with theirs."""
    gateways = services.gateways.list(session, user.sites)
    latest = services.devices.latest(session, [device_key(g.id, g.id) for g in gateways])
    well: dict[str, list[bool]] = {}
    for tile in tiles(session, services, user.sites, at):
        well.setdefault(tile.gateway_id, []).append(tile.well)
    reports = []
    for gateway in gateways:
        own = latest.get(device_key(gateway.id, gateway.id))
        reports.append(report(gateway, own.values if own else {}, well.get(gateway.id, [])))
    reports.sort(key=lambda r: (r.state == "revoked", not r.worries, r.gateway.id))
    return render(
        request,
        "gateways.html",
        user=user,
        page="gateways",
        reports=reports,
        sites=services.sites.list(session, user.sites),
    )


@router.get("/gateways/{gateway_id}")
def gateway_page(
    request: Request, gateway_id: str, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """One gateway."""
    gateway = visible(session, services, user, gateway_id)
    row = services.devices.latest(session, [device_key(gateway_id, gateway_id)]).get(device_key(gateway_id, gateway_id))
    own = next(iter(services.devices.of_ids(session, [device_key(gateway_id, gateway_id)])), None)
    devices = tiles(session, services, (), at, gateway_id)
    hours = ledger.hours(session, gateway_id, at - timedelta(hours=LEDGER_HOURS), at)
    return render(
        request,
        "gateway.html",
        about=gateway,
        user=user,
        page="gateways",
        gateway=gateway,
        report=report(gateway, row.values if row else {}, [tile.well for tile in devices]),
        own=own,
        values=row.values if row else {},
        devices=devices,
        streams=ledger.streams(session, gateway_id),
        hours=hours[::-1],
        commands=services.gateways.commands(session, gateway_id, 10),
        configs=services.gateways.configs(session, gateway_id, 10),
    )
