"""The pages: what a person sees. Each works through the services that the API uses."""

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session, col, select

from plantroom_cloud.alarms.models import Alarm, AlarmRule
from plantroom_cloud.dependencies import (
    COOKIE,
    At,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
    may_see,
)
from plantroom_cloud.devices.api import visible as visible_device
from plantroom_cloud.devices.service import health
from plantroom_cloud.errors import NotFoundError, TooManyRequestsError, UnauthenticatedError
from plantroom_cloud.gateways import ledger
from plantroom_cloud.gateways.api import visible as visible_gateway
from plantroom_cloud.quarantine.service import count, dismiss, waiting
from plantroom_cloud.services import Services
from plantroom_cloud.users.api import set_cookie
from plantroom_cloud.users.models import User
from plantroom_cloud.web.render import render
from plantroom_cloud.workorders.transitions import steps

router = APIRouter(include_in_schema=False)

#: What a tile shows first, by kind of equipment.
_KEY_METRICS = {
    "pump": ("bearing_temperature", "speed", "vibration"),
    "transformer": ("winding_temperature_l2", "load"),
    "air-handler": ("supply_temperature", "filter_pressure_drop"),
    "fridge": ("temperature", "door_open"),
    "water-meter": ("flow", "volume"),
    "ups": ("state", "battery", "load"),
    "meter": ("active_power", "voltage_l1", "voltage", "energy_import"),
}
_SEVERITY = ("critical", "high", "medium", "low")


@router.get("/login")
def login_page(request: Request) -> Response:
    """The form."""
    return render(request, "login.html", error="", first="")


@router.post("/login")
def log_in(
    request: Request,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Begin a session."""
    address = request.client.host if request.client else ""
    try:
        login = services.users.log_in(session, name, password, address, at)
    except (UnauthenticatedError, TooManyRequestsError) as error:
        return render(request, "login.html", status_code=error.status, error=str(error), first="")
    response = RedirectResponse("/", 303)
    set_cookie(response, services.config.web.secure_cookies, login.cookie)
    return response


@router.get("/first/{token}")
def first_page(request: Request, token: str) -> Response:
    """Make the first administrator."""
    return render(request, "login.html", error="", first=token)


@router.post("/first/{token}")
def first_administrator(
    token: str,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
) -> Response:
    """The link is spent by this."""
    user = services.users.use_first_login(session, token, name, password, at)
    login = services.users.begin(session, user, at)
    response = RedirectResponse("/", 303)
    set_cookie(response, services.config.web.secure_cookies, login.cookie)
    return response


@router.post("/logout")
def log_out(request: Request, _user: Viewer, session: WriteSession, services: ServicesDep) -> Response:
    """End the session."""
    services.users.log_out(session, request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    return response


@router.get("/")
def overview(request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """What needs attention first, then the equipment."""
    alarms = services.alarms.search(session, sites=user.sites, open_only=True)
    alarms.sort(key=lambda a: (not a.active, _SEVERITY.index(a.severity), a.id and -a.id))
    orders = services.work_orders.search(session, sites=user.sites, open_only=True)
    devices = _devices(session, services, user, at)
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


@router.get("/devices")
def devices_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """All devices with health and freshness."""
    return render(request, "devices.html", user=user, page="devices", devices=_devices(session, services, user, at))


@router.get("/devices/{device_id}")
def device_page(
    request: Request, device_id: str, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """One device: values, chart, alarms, commands."""
    device, gateway = visible_device(session, services, user, device_id)
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


@router.get("/alarms")
def alarms_page(
    request: Request, user: Viewer, session: ReadSession, services: ServicesDep, show: str = "open"
) -> Response:
    """The list."""
    alarms = services.alarms.search(session, sites=user.sites, open_only=show == "open", limit=200)
    return render(request, "alarms.html", user=user, page="alarms", alarms=alarms, show=show)


@router.get("/alarms/{alarm_id}")
def alarm_page(request: Request, alarm_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """The story of one alarm."""
    alarm = _visible_alarm(session, services, user, alarm_id)
    orders = services.work_orders.search(session, limit=500)
    order = next(
        (o for o in orders if o.alarm_id == alarm_id or (o.rule_id, o.source) == (alarm.rule_id, alarm.source)), None
    )
    return render(
        request,
        "alarm.html",
        user=user,
        page="alarms",
        alarm=alarm,
        order=order,
        transitions=services.alarms.transitions(session, alarm_id),
    )


@router.post("/alarms/{alarm_id}/acknowledge")
def acknowledge(
    alarm_id: int,
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    note: Annotated[str, Form()] = "",
) -> Response:
    """By one tap."""
    _visible_alarm(session, services, user, alarm_id)
    services.alarms.acknowledge(session, alarm_id, user.name, note, at)
    return RedirectResponse(f"/alarms/{alarm_id}", 303)


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
) -> Response:
    """A thumb's step."""
    orders = services.work_orders
    if not may_see(user, orders.get(session, order_id).site_id):
        raise NotFoundError(f"there is no work order {order_id}")
    match step:
        case "claim":
            orders.claim(session, order_id, user.name, at)
        case "start":
            orders.start(session, order_id, user.name, at)
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
    gateway = visible_gateway(session, services, user, gateway_id)
    row = services.devices.latest(session, [f"{gateway_id}.{gateway_id}"]).get(f"{gateway_id}.{gateway_id}")
    devices = [
        d for d in _devices(session, services, user, at) if d["gateway"] == gateway_id and d["kind"] != "gateway"
    ]
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


@router.get("/quarantine")
def quarantine_page(request: Request, user: Viewer, session: ReadSession) -> Response:
    """Messages that could not be taken."""
    return render(
        request, "quarantine.html", user=user, page="quarantine", messages=waiting(session), total=count(session)
    )


@router.post("/quarantine/{message_id}/dismiss")
def dismiss_message(message_id: int, user: Manager, session: WriteSession, at: At) -> Response:
    """Somebody has looked at it."""
    dismiss(session, message_id, user.name, at)
    return RedirectResponse("/quarantine", 303)


@router.get("/rules")
def rules_page(request: Request, user: Viewer, session: ReadSession) -> Response:
    """The alarm rules."""
    rules = session.exec(select(AlarmRule).order_by(col(AlarmRule.profile), col(AlarmRule.id))).all()
    return render(request, "rules.html", user=user, page="rules", rules=rules)


def _visible_alarm(session: Session, services: Services, user: User, alarm_id: int) -> Alarm:
    alarm = services.alarms.get(session, alarm_id)
    if not may_see(user, alarm.site_id):
        raise NotFoundError(f"there is no alarm {alarm_id}")
    return alarm


def _devices(session: Session, services: Services, user: User, at: At) -> list[dict[str, Any]]:
    """Devices as the tiles and lists show them."""
    latest = services.devices.latest(session)
    gateways = {gateway.id: gateway for gateway in services.gateways.list(session)}
    active = Counter(a.device_id for a in services.alarms.search(session, active=True, limit=500))
    rows = []
    for device in services.devices.list(session, user.sites):
        row = latest.get(device.id)
        word, reason = health(device, row, gateways.get(device.gateway_id), at)
        units = {m["name"]: m for m in device.metrics}
        wanted = [m for m in _KEY_METRICS.get(device.kind, ()) if m in units] or list(units)[:3]
        values = row.values if row else {}
        rows.append(
            {
                "id": device.id,
                "label": device.label,
                "kind": device.kind,
                "location": device.location,
                "gateway": device.gateway_id,
                "health": word,
                "reason": reason,
                "alarms": active.get(device.id, 0),
                "last": row.last_reading_at if row else None,
                "values": [
                    (units[m]["label"], values[m]["v"], units[m].get("unit", "")) for m in wanted if m in values
                ][:3],
            }
        )
    return sorted(rows, key=lambda d: (-d["alarms"], d["health"] == "ok", d["kind"], d["label"]))
