"""Alarms, and the rules that raise them."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Technician, Viewer, WriteSession, may_see
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (
    NavEntry("alarms", "/alarms", "Alarms", order=20),
    NavEntry("rules", "/rules", "Alarm rules", order=80, group="Settings"),
)
router = APIRouter(include_in_schema=False)


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
    return render(
        request,
        "alarm.html",
        user=user,
        page="alarms",
        alarm=alarm,
        order=services.work_orders.for_alarm(session, alarm),
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


@router.get("/rules")
def rules_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """The alarm rules."""
    rules = services.alarms.rules(session)
    return render(request, "rules.html", user=user, page="rules", rules=rules)


def _visible_alarm(session: Session, services: Services, user: User, alarm_id: int) -> Alarm:
    alarm = services.alarms.get(session, alarm_id)
    if not may_see(user, alarm.site_id):
        raise NotFoundError(f"there is no alarm {alarm_id}")
    return alarm
