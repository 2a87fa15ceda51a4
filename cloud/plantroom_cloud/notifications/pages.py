"""What a person was told, and by which ways."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from plantroom_cloud.absences.pages import zone_of
from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.errors import InvalidError, InvalidFieldsError, NotFoundError
from plantroom_cloud.notifications.choice import NONE, SEVERITIES
from plantroom_cloud.notifications.models import ChannelKind, NoticeKind, Preference, Rota, RotaOverride
from plantroom_cloud.notifications.rota import turns
from plantroom_cloud.notifications.senders import SendError, public_key, vapid_key
from plantroom_cloud.notifications.sending import trial
from plantroom_cloud.users.models import Role
from plantroom_cloud.web.forms import Form as FormDep
from plantroom_cloud.web.forms import Submitted
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import language_of, render
from plantroom_shared.said import said

NAV = (
    NavEntry("notifications", "/notifications", "Notifications", order=70, group="Settings"),
    NavEntry("on-call", "/on-call", "On call", order=51, group="Work"),
)
router = APIRouter(include_in_schema=False)

#: Turns of a rota on the page, and steps that a form of the escalation has.
TURNS, STEPS = 6, 5
WORKER = Path(__file__).parents[1] / "web" / "static" / "js" / "push-worker.js"


@router.get("/notifications")
def notifications_page(
    request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At, told: str = ""
) -> Response:
    """The inbox, the ways, the choices."""
    found = services.notifications.inbox(session, user, limit=100)
    ways = [ChannelKind.APPRISE]
    if user.role in (Role.ADMIN, Role.MANAGER):
        ways.append(ChannelKind.WEBHOOK)
    if services.config.notifications.smtp_host:
        ways.insert(0, ChannelKind.EMAIL)
    push_key = ""
    if services.config.notifications.contact:
        key = public_key(vapid_key(services.config.notifications.vapid_file))
        push_key = base64.urlsafe_b64encode(key).decode().rstrip("=")
    return render(
        request,
        "notifications.html",
        user=user,
        page="notifications",
        found=found,
        newest=found[0][0].id if found else 0,
        unread=services.notifications.unread(session, user),
        channels=services.notifications.channels(session, user),
        preference=services.notifications.preference(session, user),
        on_call=list(services.notifications.on_call.now(session, user.team_id, at)) if user.team_id else [],
        ways=[way.value for way in ways],
        push_key=push_key,
        kinds=[kind.value for kind in NoticeKind],
        severities=(*SEVERITIES, NONE),
        told=told[:300],
    )


@router.get("/notifications/bell")
def bell(request: Request, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """How many are new, inside the bell of every page."""
    return render(request, "bell.html", user=user, unread=services.notifications.unread(session, user))


@router.get("/push-worker.js")
def push_worker(_user: Viewer) -> FileResponse:
    """The service worker of Web Push; it stands at the root so that its scope may be the page."""
    return FileResponse(WORKER, media_type="text/javascript")


@router.post("/notifications/read")
def mark_read(
    user: Viewer, session: WriteSession, services: ServicesDep, at: At, newest: Annotated[int, Form()]
) -> Response:
    """All that the page showed."""
    services.notifications.read(session, user, newest, at)
    return RedirectResponse("/notifications", 303)


@router.post("/notifications/channels")
def add_channel(
    user: Viewer,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    kind: Annotated[ChannelKind, Form()],
    address: Annotated[str, Form()] = "",
    label: Annotated[str, Form()] = "",
) -> Response:
    """A new way."""
    if kind is ChannelKind.WEBHOOK and user.role not in (Role.ADMIN, Role.MANAGER):
        raise InvalidError("a webhook is set up by a manager")
    channel = services.notifications.add_channel(session, user, kind, address, label, {}, at)
    told = (
        said("Secret of this webhook, shown once: %(secret)s", secret=channel.secret)
        if channel.secret
        else "Added. Send a test."
    )
    return _told(told)


@router.post("/notifications/channels/{channel_id}/remove")
def remove_channel(channel_id: int, user: Viewer, session: WriteSession, services: ServicesDep) -> Response:
    """Not by this way any more."""
    services.notifications.remove_channel(session, user, channel_id)
    return _told("Removed.")


@router.post("/notifications/channels/{channel_id}/test")
def test_channel(
    request: Request, channel_id: int, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """Send a test now, and say what became of it."""
    channel = services.notifications.channel(session, user, channel_id)
    try:
        services.dispatcher.try_now(
            trial(channel, at, services.config.notifications.base_url, language_of(request, user))
        )
    except SendError as error:
        return _told(said("The test did not go out: %(error)s", error=error))
    return _told("The test went out.")


@router.post("/notifications/preferences")
async def choose(request: Request, user: Viewer, session: WriteSession, services: ServicesDep) -> Response:
    """What to be told, and when."""
    form = await request.form()

    def text(name: str, otherwise: str = "") -> str:
        return str(form.get(name, otherwise)).strip()

    preference = Preference(
        user_id=user.id or 0,
        least={kind.value: text(f"least-{kind.value}", SEVERITIES[0]) for kind in NoticeKind},
        sites=text("sites").replace(",", " ").split(),
        quiet_from=text("quiet_from"),
        quiet_to=text("quiet_to"),
        timezone=text("timezone", "UTC"),
        group_s=_whole(text("group_s", "60"), "group_s"),
        repeat_s=_whole(text("repeat_s", "0"), "repeat_s"),
    )
    services.notifications.choose(session, user, preference)
    return _told("Saved.")


@router.get("/on-call")
def on_call_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """Each team: who is called now, whose turns come, who stands in, and what follows when nobody acknowledges."""
    teams = services.users.teams(session)
    calls = services.notifications.on_call.of_teams(session, [team.id for team in teams], at)
    people = [person for person in services.users.list(session) if person.active]
    zone, _site = zone_of(session, services, user)
    found = []
    for team in teams:
        call = calls[team.id]
        rota = call.rota
        steps = [(int(str(step["after_s"])) // 60, str(step["to"])) for step in call.steps]
        found.append(
            {
                "team": team,
                "now": list(call.now),
                "rota": rota
                or Rota(team_id=team.id, first_day=at.astimezone(zone).date().isoformat(), timezone=zone.key),
                "turns": turns(rota, at, TURNS) if rota is not None else [],
                "stand_ins": call.stand_ins,
                "steps": [*steps, *[("", "")] * (STEPS - len(steps))],
                "members": [person.name for person in people if person.team_id == team.id],
            }
        )
    return render(
        request,
        "on_call.html",
        user=user,
        page="on-call",
        teams=found,
        people=people,
        names={person.name: person.display_name or person.name for person in people},
        away=services.absences.now(session, at),
    )


@router.post("/on-call/{team_id}/{what}")
def set_on_call(
    team_id: str, what: str, form: FormDep, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """The turns, who stands in, what follows."""
    services.accounts.team(session, team_id)
    book = services.notifications.on_call
    match what:
        case "rota":
            book.set_rota(session, _rota(team_id, form))
        case "stand-in":
            rota = book.rota(session, team_id)
            zone = ZoneInfo(rota.timezone) if rota is not None else zone_of(session, services, user)[0]
            starts_at, ends_at = _moment(form, "starts_at", zone), _moment(form, "ends_at", zone)
            book.stand_in(
                session, RotaOverride(team_id=team_id, user=form.text("user"), starts_at=starts_at, ends_at=ends_at)
            )
        case "end-stand-in":
            book.end_stand_in(session, team_id, _whole(form.text("stand_in"), "stand_in"))
        case "escalation":
            rows = zip(form.fields.get("minutes", []), form.fields.get("to", []), strict=True)
            book.set_steps(session, team_id, [(_minutes(minutes) * 60, to) for minutes, to in rows if minutes and to])
        case _:
            raise NotFoundError(said("there is no step %(what)r", what=what))
    services.users.audit(session, user.name, f"on-call.{what}", f"team/{team_id}", {}, at)
    return RedirectResponse(f"/on-call#team-{team_id}", 303)


def _rota(team_id: str, form: Submitted) -> Rota:
    days = form.text("days")
    return Rota(
        team_id=team_id,
        users=form.listed("users"),
        first_day=form.text("first_day"),
        days=int(days) if days.isdecimal() else 0,
        handover=form.text("handover"),
        timezone=form.text("timezone"),
    )


def _moment(form: Submitted, name: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.fromisoformat(form.text(name)).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidFieldsError({name: "write a time like 2026-03-10T14:30"}) from None


def _minutes(text: str) -> int:
    if not text.strip().isdecimal():
        raise InvalidFieldsError({"minutes": said("%(text)r is no whole number of minutes", text=text)})
    return int(text)


def _whole(text: str, name: str) -> int:
    if not text.isdecimal():
        raise InvalidFieldsError({name: said("%(text)r is no whole number of seconds", text=text)})
    return int(text)


def _told(text: str) -> Response:
    return RedirectResponse(f"/notifications?told={quote(text)}", 303)
