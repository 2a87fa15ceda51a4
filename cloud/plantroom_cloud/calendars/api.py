"""/api/v1/calendars."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from plantroom_cloud.calendars.definition import DAYS, CalendarIn, show_spans
from plantroom_cloud.calendars.models import Calendar
from plantroom_cloud.calendars.service import business
from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession, may_see
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.listing import Page
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/calendars", tags=["calendars"])


class CalendarOut(CalendarIn):
    """A business calendar."""

    id: str
    sites: list[str] = Field(description="where it holds")


class NewCalendar(CalendarIn):
    """A new one."""

    id: str


class OfSite(BaseModel):
    """`calendar`: its id; null: the site works always."""

    calendar: str | None


class Day(BaseModel):
    """One day of a calendar."""

    day: date
    hours: str
    holiday: str


@router.get("")
def list_calendars(user: Viewer, session: ReadSession, services: ServicesDep) -> Page[CalendarOut]:
    """By name."""
    sites = _seen(session, services, user)
    return Page(items=[_out(row, sites) for row in services.calendars.list(session)])


@router.post("", status_code=201)
def add(body: NewCalendar, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> CalendarOut:
    """A new one."""
    row = services.calendars.add(session, body.id, body)
    services.users.audit(session, user.name, "calendar.add", f"calendar/{row.id}", body.model_dump(mode="json"), at)
    return _out(row, {})


@router.get("/{calendar_id}")
def get(calendar_id: str, user: Viewer, session: ReadSession, services: ServicesDep) -> CalendarOut:
    """One."""
    return _out(services.calendars.get(session, calendar_id), _seen(session, services, user))


@router.put("/{calendar_id}")
def change(
    calendar_id: str, body: CalendarIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> CalendarOut:
    """All of it."""
    row = services.calendars.change(session, calendar_id, body)
    services.users.audit(session, user.name, "calendar.set", f"calendar/{row.id}", body.model_dump(mode="json"), at)
    return _out(row, _seen(session, services, user))


@router.delete("/{calendar_id}", status_code=204)
def remove(calendar_id: str, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """One that holds nowhere."""
    services.calendars.remove(session, calendar_id)
    services.users.audit(session, user.name, "calendar.remove", f"calendar/{calendar_id}", {}, at)
    return Response(status_code=204)


@router.get("/{calendar_id}/days")
def days(
    calendar_id: str,
    _user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    start: Annotated[date, Query(ge=date(1970, 1, 1), le=date(2200, 1, 1))],
    count: Annotated[int, Query(ge=1, le=366)] = 31,
) -> Page[Day]:
    """What it says of the days from `start` on."""
    calendar = business(services.calendars.get(session, calendar_id), "UTC")
    each = [date.fromordinal(start.toordinal() + i) for i in range(count)]
    return Page(
        items=[Day(day=day, hours=show_spans(calendar.spans(day)), holiday=calendar.holiday(day)) for day in each]
    )


@router.put("/sites/{site_id}")
def set_site(site_id: str, body: OfSite, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> OfSite:
    """The calendar that holds at a site."""
    if not may_see(user, site_id):
        raise NotFoundError(said("there is no site %(site_id)r", site_id=site_id))
    services.calendars.set_site(session, site_id, body.calendar)
    services.users.audit(session, user.name, "calendar.site", f"site/{site_id}", body.model_dump(), at)
    return body


def _seen(session: Session, services: Services, user: User) -> dict[str, str]:
    """The calendar of each site that the person may see."""
    return {site: calendar for site, calendar in services.calendars.by_site(session).items() if may_see(user, site)}


def _out(row: Calendar, sites: Mapping[str, str]) -> CalendarOut:
    return CalendarOut(
        id=row.id,
        name=row.name,
        timezone=row.timezone,
        **{day: show_spans(spans) for day, spans in zip(DAYS, row.hours, strict=True)},
        country=row.country,
        region=row.region,
        holidays={date.fromisoformat(day): name for day, name in row.holidays.items()},
        worked=[date.fromisoformat(day) for day in row.worked],
        sites=sorted(site for site, calendar_id in sites.items() if calendar_id == row.id),
    )
