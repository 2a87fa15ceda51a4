"""Devices: all of them, and one."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Viewer
from plantroom_cloud.devices.api import visible
from plantroom_cloud.devices.service import health
from plantroom_cloud.devices.tile import tiles
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (NavEntry("devices", "/devices", "Devices", order=40),)
router = APIRouter(include_in_schema=False)


@router.get("/devices")
def devices_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """All devices with health and freshness."""
    return render(request, "devices.html", user=user, page="devices", devices=tiles(session, services, user, at))


@router.get("/devices/{device_id}")
def device_page(
    request: Request, device_id: str, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """One device: values, chart, alarms, commands."""
    device, gateway = visible(session, services, user, device_id)
    row = services.devices.latest(session, [device_id]).get(device_id)
    word, reason = health(device, row, gateway, at)
    return render(
        request,
        "device.html",
        user=user,
        page="devices",
        device=device,
        gateway=gateway,
        health=word,
        reason=reason,
        latest=row.values if row else {},
        last_reading_at=row.last_reading_at if row else None,
        alarms=services.alarms.search(session, device_id=device_id, limit=20),
        orders=services.work_orders.search(session, device_id=device_id, limit=10),
        chart_metrics=[m for m in device.metrics if m.get("kind", "gauge") in ("gauge", "counter")],
    )
