"""What a work order costs, by thumb; rates."""

from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.costs.api import span, visible, whose_time
from plantroom_cloud.costs.models import Activity, DowntimeReason
from plantroom_cloud.dependencies import (
    At,
    Dispatcher,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    WriteSession,
)
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.users.models import Role
from plantroom_cloud.web.forms import Form, Submitted
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_shared.said import said

NAV = (NavEntry("rates", "/labour-rates", "Labour rates", order=87, group="Settings", role=Role.MANAGER),)
router = APIRouter(include_in_schema=False)

E = TypeVar("E", bound=StrEnum)


@router.post("/work-orders/{order_id}/labour/{what}")
def labour(
    order_id: int, what: str, form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Start or stop the timer, write time down, strike it out."""
    order, book = visible(session, services, user, order_id), services.costs.labour
    zone = services.sites.get(session, order.site_id).timezone
    match what:
        case "start":
            book.start(session, order, user.name, _one_of(Activity, form.text("activity"), "activity"), at)
        case "stop":
            book.stop(session, user.name, at, order_id)
        case "record":
            end = _moment(form, "to", zone) if form.text("to") else at
            start, end = span(None, end, int(form.decimal("minutes")), at)
            person = whose_time(user, form.text("person"))
            activity = _one_of(Activity, form.text("activity"), "activity")
            book.record(session, order, person, activity, start, end, form.text("note"), user.name, at)
        case "strike":
            number = int(form.decimal("record"))
            for record in book.of_order(session, order_id):
                if record.id == number:
                    whose_time(user, record.person)
            book.strike(session, order_id, number, user.name, at)
        case _:
            raise NotFoundError(said("there is no step %(what)r", what=what))
    return _back(order_id)


@router.post("/work-orders/{order_id}/costs/{what}")
def extra_costs(
    order_id: int, what: str, form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Add an extra cost, or strike it out."""
    order = visible(session, services, user, order_id)
    match what:
        case "add":
            services.costs.add_extra(session, order, form.text("text"), form.decimal("amount"), user.name, at)
        case "strike":
            services.costs.strike_extra(session, order_id, int(form.decimal("cost")), user.name, at)
        case _:
            raise NotFoundError(said("there is no step %(what)r", what=what))
    return _back(order_id)


@router.post("/work-orders/{order_id}/estimate/set")
def estimate(
    order_id: int, form: Form, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """How long it will take."""
    order = visible(session, services, user, order_id)
    minutes = int((form.decimal("hours") * 60).to_integral_value())
    services.costs.set_estimate(session, order, minutes, user.name, at)
    return _back(order_id)


@router.post("/work-orders/{order_id}/downtime/{what}")
def downtime(
    order_id: int, what: str, form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """The equipment is down, was down, works again."""
    order, book = visible(session, services, user, order_id), services.costs.downtimes
    zone = services.sites.get(session, order.site_id).timezone
    match what:
        case "record":
            book.record(
                session,
                order,
                _moment(form, "from", zone) if form.text("from") else at,
                _moment(form, "to", zone) if form.text("to") else None,
                _one_of(DowntimeReason, form.text("reason"), "reason"),
                form.on("planned"),
                form.text("note"),
                user.name,
                at,
            )
        case "end":
            book.end(session, order_id, int(form.decimal("downtime")), at, user.name, at)
        case "strike":
            book.strike(session, order_id, int(form.decimal("downtime")), user.name, at)
        case _:
            raise NotFoundError(said("there is no step %(what)r", what=what))
    return _back(order_id)


@router.get("/labour-rates")
def rates_page(request: Request, user: Manager, session: ReadSession, services: ServicesDep) -> Response:
    """What an hour of whom costs, and how many a week has."""
    people = [person for person in services.users.list(session) if person.active]
    whose = [("", "Everybody else")]
    whose += [(f"team:{team.id}", said("Team %(team)s", team=team.name)) for team in services.users.teams(session)]
    whose += [(f"user:{person.name}", person.display_name or person.name) for person in people]
    return render(
        request,
        "labour_rates.html",
        user=user,
        page="rates",
        rates=services.costs.labour.rates(session),
        whose=whose,
        names=dict(whose),
        currency=services.costs.currency,
    )


@router.post("/labour-rates")
def set_rate(form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """From now on."""
    whose = form.text("whose")
    if form.on("remove"):
        services.costs.labour.remove_rate(session, whose)
    else:
        hours = form.decimal("weekly_hours") if form.text("weekly_hours") else None
        services.costs.labour.set_rate(session, whose, form.decimal("amount"), hours)
    services.users.audit(session, user.name, "rate.set", f"rate/{whose}", {"amount": form.text("amount")}, at)
    return RedirectResponse("/labour-rates", 303)


def _moment(form: Submitted, name: str, timezone: str) -> datetime:
    """What a person typed is the site's time, where it says no other."""
    text = form.text(name)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError(
            said("%(name)s: %(text)r is no time; write it like 2026-03-10T14:30", name=name, text=text)
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(timezone))


def _one_of(kind: type[E], text: str, name: str) -> E:
    try:
        return kind(text)
    except ValueError:
        raise InvalidError(said("%(name)s: %(text)r is none of the list", name=name, text=text)) from None


def _back(order_id: int) -> Response:
    return RedirectResponse(f"/work-orders/{order_id}#costs", 303)
