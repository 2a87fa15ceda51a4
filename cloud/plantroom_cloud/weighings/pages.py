"""Weighings, and labels that were scanned and not weighed."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.dependencies import (
    At,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
    may_see,
)
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.users.models import Role
from plantroom_cloud.web.forms import Form
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_cloud.weighings.api import Filter, find, pair_by_hand
from plantroom_cloud.weighings.models import Order
from plantroom_shared.said import said

NAV = (
    NavEntry("weighings", "/weighings", "Weighings", order=52, group="Waste"),
    NavEntry("stations", "/stations", "Weighing stations", order=87, group="Settings", role=Role.MANAGER),
)
router = APIRouter(include_in_schema=False)
SHOWN = 200
LONELY_FOR = timedelta(days=2)


@router.get("/weighings")
def weighings_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    chosen: Annotated[Filter, Query()],
    at: At,
) -> Response:
    """The list, and what needs a person."""
    devices = {device.id: device for device in services.devices.list(session, user.sites)}
    return render(
        request,
        "weighings.html",
        user=user,
        page="weighings",
        weighings=find(session, services, user, chosen, SHOWN, None),
        scans=services.weighings.lonely_scans(session, user.sites, at - LONELY_FOR),
        stations=services.weighings.stations(session, user.sites),
        devices=devices,
        scales=[device for device in devices.values() if device.kind == "scale"],
        chosen=chosen,
        shown=SHOWN,
    )


@router.post("/weighings/{weighing_id}/pair")
def pair(
    weighing_id: int, form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Say by hand which label it belongs to."""
    pair_by_hand(session, services, user, weighing_id, form.text("code"), at)
    return RedirectResponse("/weighings", 303)


@router.get("/stations")
def stations_page(request: Request, user: Manager, session: ReadSession, services: ServicesDep) -> Response:
    """Where labels and weighings meet."""
    stations = services.weighings.stations(session, user.sites)
    return render(request, "stations.html", user=user, page="stations", stations=stations, orders=list(Order))


@router.post("/stations")
def set_station(form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """How long the two wait for each other, and which comes first."""
    site, key, window = form.text("site"), form.text("key"), form.text("window_s")
    if not may_see(user, site):
        raise NotFoundError(said("there is no site %(site)r", site=site))
    services.sites.get(session, site)
    try:
        seconds, order = float(window), Order(form.text("order"))
    except ValueError as error:
        raise InvalidError(said("window %(window)r: write seconds, like 120", window=window)) from error
    services.weighings.set_station(session, site, key, form.text("name"), seconds, order)
    services.users.audit(session, user.name, "station.change", f"station/{site}/{key}", {"window_s": seconds}, at)
    return RedirectResponse("/stations", 303)
