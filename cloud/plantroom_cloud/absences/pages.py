"""Who is away, and when one is away oneself."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.absences.api import may_know_why
from plantroom_cloud.absences.models import Absence, AbsenceReason
from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.errors import InvalidFieldsError
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import RANK, Role, User
from plantroom_cloud.web.forms import Form, Submitted
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (NavEntry("absences", "/absences", "Absences", order=50, group="Work"),)
router = APIRouter(include_in_schema=False)


@router.get("/absences")
def absences_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """Those of now and of the time to come, and a form for another."""
    people = [person for person in services.users.list(session) if person.active]
    found = sorted(services.absences.between(session, at), key=lambda absence: (absence.starts_at, absence.user))
    manages = RANK[user.role] >= RANK[Role.MANAGER]
    zone, site = zone_of(session, services, user)
    return render(
        request,
        "absences.html",
        user=user,
        page="absences",
        absences=[
            (absence, may_know_why(user, absence), manages or absence.user == user.name, absence.starts_at <= at)
            for absence in found
        ],
        names={person.name: person.display_name or person.name for person in people},
        people=people,
        manages=manages,
        reasons=[reason.value for reason in AbsenceReason],
        today=at.astimezone(zone).date().isoformat(),
        site=site,
    )


@router.post("/absences")
def enter(form: Form, user: Viewer, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Another one."""
    zone, _site = zone_of(session, services, user)
    starts_at, ends_at = span_of(form, zone)
    absence = Absence(
        user=form.text("user") or user.name,
        reason=_reason(form),
        starts_at=starts_at,
        ends_at=ends_at,
        substitute=form.optional("substitute"),
        note=form.text("note"),
        entered_by="",
        entered_at=at,
    )
    services.absences.enter(session, absence, user, at)
    return RedirectResponse("/absences", 303)


@router.post("/absences/{absence_id}/end")
def end(absence_id: int, user: Viewer, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Back already, or taken back."""
    services.absences.end(session, absence_id, user, at)
    return RedirectResponse("/absences", 303)


def span_of(form: Submitted, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the first day to the end of the last one, or from hour to hour where hours are said; local time of `zone`.
    Raises InvalidFieldsError."""
    wrong: dict[str, str] = {}
    first, last = _day(form, "starts_at", wrong), _day(form, "ends_at", wrong)
    begins, ends = _hour(form, "from_hour", wrong), _hour(form, "to_hour", wrong)
    if wrong:
        raise InvalidFieldsError(wrong)
    starts_at = datetime.combine(first, begins or time(), zone)
    ends_at = datetime.combine(last if ends else last + timedelta(days=1), ends or time(), zone)
    return starts_at.astimezone(UTC), ends_at.astimezone(UTC)


def zone_of(session: Session, services: Services, user: User) -> tuple[ZoneInfo, str]:
    """The time zone in which a person says days, and the name of the site that it is of; UTC where there is none."""
    sites = services.sites.list(session, user.sites)
    return (ZoneInfo(sites[0].timezone), sites[0].name) if sites else (ZoneInfo("UTC"), "")


def _day(form: Submitted, name: str, wrong: dict[str, str]) -> date:
    try:
        found = date.fromisoformat(form.text(name))
    except ValueError:
        wrong[name] = "write a day like 2026-03-10"
        return date.min
    if not 2000 <= found.year <= 2200:
        wrong[name] = "write a day like 2026-03-10"
    return found


def _hour(form: Submitted, name: str, wrong: dict[str, str]) -> time | None:
    text = form.text(name)
    try:
        return time.fromisoformat(text).replace(tzinfo=None) if text else None
    except ValueError:
        wrong[name] = "write an hour like 13:30"
        return None


def _reason(form: Submitted) -> AbsenceReason:
    try:
        return AbsenceReason(form.text("reason"))
    except ValueError:
        raise InvalidFieldsError({"reason": "choose one of the list"}) from None
