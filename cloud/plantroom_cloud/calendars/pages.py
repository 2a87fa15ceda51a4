"""Business calendars: which holds where, and each with its hours and holidays."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.calendars.definition import DAYS, CalendarIn, read_days, show_days, show_spans
from plantroom_cloud.calendars.models import Calendar
from plantroom_cloud.calendars.public_holidays import countries
from plantroom_cloud.calendars.service import business
from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, WriteSession, may_see
from plantroom_cloud.errors import InvalidFieldsError, NotFoundError
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import Role, User
from plantroom_cloud.web.forms import Form, Submitted, read
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_shared.errors import PlantroomError
from plantroom_shared.said import said

NAV = (NavEntry("calendars", "/calendars", "Calendars", order=87, group="Settings", role=Role.MANAGER),)
router = APIRouter(include_in_schema=False)

#: What a calendar's page shows ahead.
DAYS_AHEAD = 14
_EMPTY = dict.fromkeys(DAYS[:5], "08:00-17:00") | {"saturday": "", "sunday": ""}


@router.get("/calendars")
def calendars_page(request: Request, user: Manager, session: ReadSession, services: ServicesDep) -> Response:
    """All, and which holds at which site."""
    return render(
        request,
        "calendars.html",
        user=user,
        page="calendars",
        calendars=[
            (row, [(day[:3].title(), show_spans(spans)) for day, spans in zip(DAYS, row.hours, strict=True)])
            for row in services.calendars.list(session)
        ],
        by_site=services.calendars.by_site(session),
        site_list=services.sites.list(session, user.sites),
        countries=countries(),
    )


@router.post("/calendars/site")
def set_site(form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """The calendar of a site."""
    site, calendar = form.text("site"), form.optional("calendar")
    if not may_see(user, site):
        raise NotFoundError(said("there is no site %(site)r", site=site))
    services.calendars.set_site(session, site, calendar)
    services.users.audit(session, user.name, "calendar.site", f"site/{site}", {"calendar": calendar}, at)
    return RedirectResponse("/calendars", 303)


@router.get("/calendars/new")
def new_page(request: Request, user: Manager, at: At) -> Response:
    """A form with usual hours."""
    return _form(request, user, None, _EMPTY, {}, at)


@router.post("/calendars/new")
def make(request: Request, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """A new one, or what is wrong beside the field."""
    plan, errors = _read(form)
    if plan is not None:
        try:
            services.calendars.add(session, form.text("id"), plan)
        except InvalidFieldsError as error:
            errors = error.fields
        except PlantroomError as error:
            errors = {"id": str(error)}
        else:
            return _saved(session, services, user, form.text("id"), plan, at)
    return _form(request, user, None, _typed(form), errors, at)


@router.get("/calendars/{calendar_id}")
def calendar_page(
    request: Request, calendar_id: str, user: Manager, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """One, with the days to come."""
    row = services.calendars.get(session, calendar_id)
    sites = services.calendars.sites_of(session, calendar_id)
    return _form(request, user, row, _values(row), {}, at, sites=sites)


@router.post("/calendars/{calendar_id}")
def change(
    request: Request, calendar_id: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Changed, or what is wrong beside the field."""
    row = services.calendars.get(session, calendar_id)
    plan, errors = _read(form)
    if plan is not None:
        try:
            services.calendars.change(session, calendar_id, plan)
        except InvalidFieldsError as error:
            errors = error.fields
        else:
            return _saved(session, services, user, calendar_id, plan, at)
    return _form(request, user, row, _typed(form), errors, at)


@router.post("/calendars/{calendar_id}/remove")
def remove(calendar_id: str, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """One that holds nowhere."""
    services.calendars.remove(session, calendar_id)
    services.users.audit(session, user.name, "calendar.remove", f"calendar/{calendar_id}", {}, at)
    return RedirectResponse("/calendars", 303)


def _read(form: Submitted) -> tuple[CalendarIn | None, dict[str, str]]:
    try:
        days = {
            "holidays": read_days(form.text("holidays"), "holidays"),
            "worked": list(read_days(form.text("worked"), "worked")),
        }
    except InvalidFieldsError as error:
        return None, error.fields
    plain = (*DAYS, "name", "timezone", "country", "region")
    return read(CalendarIn, {name: form.text(name) for name in plain} | days)


def _typed(form: Submitted) -> dict[str, Any]:
    return {name: form.text(name) for name in ("id", *CalendarIn.model_fields)}


def _values(row: Calendar) -> dict[str, Any]:
    return (
        {day: show_spans(spans) for day, spans in zip(DAYS, row.hours, strict=True)}
        | {name: getattr(row, name) for name in ("name", "timezone", "country", "region")}
        | {"holidays": show_days(row.holidays), "worked": "\n".join(row.worked)}
    )


def _ahead(row: Calendar, at: datetime) -> list[tuple[date, str, str]]:
    calendar = business(row, "UTC")
    today = at.astimezone(ZoneInfo(row.timezone or "UTC")).date().toordinal()
    each = [date.fromordinal(today + number) for number in range(DAYS_AHEAD)]
    return [(day, show_spans(calendar.spans(day)), calendar.holiday(day)) for day in each]


def _saved(
    session: Session, services: Services, user: User, calendar_id: str, plan: CalendarIn, at: datetime
) -> Response:
    said = plan.model_dump(mode="json")
    services.users.audit(session, user.name, "calendar.set", f"calendar/{calendar_id}", said, at)
    return RedirectResponse("/calendars", 303)


def _form(
    request: Request,
    user: User,
    row: Calendar | None,
    values: dict[str, Any],
    errors: dict[str, str],
    at: datetime,
    *,
    sites: Any = (),
) -> Response:
    return render(
        request,
        "calendar.html",
        status_code=422 if errors else 200,
        user=user,
        page="calendars",
        calendar=row,
        values=values,
        errors=errors,
        days=DAYS,
        countries=countries(),
        ahead=_ahead(row, at) if row is not None else [],
        sites=sites,
    )
