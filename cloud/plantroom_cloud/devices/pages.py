"""Devices: all of them, and one."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi import Form as FormField
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.alarms.models import AlarmRule
from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.devices.api import visible
from plantroom_cloud.devices.service import health as health_of
from plantroom_cloud.devices.tile import first_metric, key_values, tiles
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (NavEntry("devices", "/devices", "Devices", order=40, group="Equipment"),)
router = APIRouter(include_in_schema=False)

ON_A_PAGE = 50


@router.get("/devices")
def devices_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    q: str = "",
    kind: str = "",
    health: str = "",
    gateway: str = "",
    p: Annotated[int, Query(ge=1)] = 1,
) -> Response:
    """Devices with health and freshness, those that need attention first."""
    everything = tiles(session, services, user.sites, at)
    found = [
        tile
        for tile in everything
        if q.lower() in f"{tile.label} {tile.id} {tile.location}".lower()
        and kind in ("", tile.kind)
        and gateway in ("", tile.gateway_id)
        and health in ("", "attention" if not tile.well else "ok", tile.health if tile.health != "ok" else None)
    ]
    pages = max(1, -(-len(found) // ON_A_PAGE))
    shown = found[(min(p, pages) - 1) * ON_A_PAGE :][:ON_A_PAGE]
    asked = {"q": q, "kind": kind, "health": health, "gateway": gateway}
    return render(
        request,
        "devices.html",
        user=user,
        page="devices",
        devices=shown,
        values=key_values(session, services, [tile.id for tile in shown]),
        found=len(found),
        total=len(everything),
        kinds=sorted({tile.kind for tile in everything}),
        gateways=sorted({tile.gateway_id for tile in everything}),
        asked=asked,
        query=urlencode({name: value for name, value in asked.items() if value}),
        number=min(p, pages),
        pages=pages,
    )


@router.get("/devices/{device_id}")
def device_page(
    request: Request, device_id: str, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """One device: values, chart, alarms, commands."""
    device, gateway = visible(session, services, user, device_id)
    row = services.devices.latest(session, [device_id]).get(device_id)
    rules = services.alarms.rules_on(session, device.id)
    word, reason = health_of(device, row, gateway, at)
    alarms = services.alarms.search(session, device_id=device_id, limit=20)
    active = [alarm for alarm in alarms if alarm.active]
    return render(
        request,
        "device.html",
        about=gateway,
        user=user,
        page="devices",
        device=device,
        gateway=gateway,
        health=word,
        reason=reason,
        latest=row.values if row else {},
        last_reading_at=row.last_reading_at if row else None,
        alarms=alarms,
        active=services.alarms.active_by_device(session).get(device_id, 0),
        orders=services.work_orders.search(session, device_id=device_id, limit=10),
        plans=services.plans.all(session, user.sites, device_id=device_id),
        commands=services.gateways.commands_of(session, device.gateway_id, device.name, limit=10),
        events=services.alarms.events(session, device_id=device_id, limit=10),
        rules=rules,
        limits=_limits(rules.judged),
        shown_metric=first_metric(device, [alarm.metric for alarm in active if alarm.metric]),
        chart_metrics=[m for m in device.metrics if m.get("kind", "gauge") in ("gauge", "counter")],
    )


@router.post("/devices/{device_id}/labels")
def label(
    device_id: str,
    user: Manager,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    labels: Annotated[str, FormField()] = "",
) -> Response:
    """With commas between."""
    device, _ = visible(session, services, user, device_id)
    services.devices.set_labels(session, device, labels.split(","), at)
    services.users.audit(session, user.name, "device.labels", f"device/{device_id}", {"labels": device.labels}, at)
    return RedirectResponse(f"/devices/{device_id}", 303)


def _limits(rules: Sequence[AlarmRule]) -> dict[str, list[dict[str, Any]]]:
    """Lines of the chart, by metric."""
    found: dict[str, list[dict[str, Any]]] = {}
    for rule in rules:
        if rule.metric is not None and rule.limit is not None:
            found.setdefault(rule.metric, []).append({"limit": rule.limit, "name": rule.name})
    return found
