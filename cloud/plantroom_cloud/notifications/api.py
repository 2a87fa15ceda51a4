"""/api/v1/notifications: what a person was told, the ways to the person, and who is on call."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.listing import Page
from plantroom_cloud.moment import Moment
from plantroom_cloud.notifications.models import Channel, ChannelKind, NoticeKind, Preference, Rota, RotaOverride
from plantroom_cloud.users.models import Role, Team
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1", tags=["notifications"])


class NotificationOut(BaseModel):
    """Something that the person was told."""

    id: int
    kind: NoticeKind
    severity: str
    subject: str
    body: str
    link: str
    site_id: str | None
    at: datetime
    step: int
    read_at: datetime | None


class ChannelOut(BaseModel):
    """A way to the person; `secret` (of a webhook) is told once, when it is made."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    kind: ChannelKind
    label: str
    address: str
    enabled: bool
    last_error: str
    secret: str | None = None


class NewChannel(BaseModel):
    """`keys` are those of a browser's push subscription: p256dh and auth."""

    kind: ChannelKind
    address: str = Field(min_length=3, max_length=1000)
    label: str = Field(default="", max_length=100)
    keys: dict[Literal["p256dh", "auth"], str] = {}


class PreferenceIO(BaseModel):
    """What the person wants to be told; `least` maps a kind to the least severity, or "none"."""

    model_config = ConfigDict(from_attributes=True)
    least: dict[str, str] = {}
    sites: list[str] = []
    quiet_from: str = ""
    quiet_to: str = ""
    timezone: str = "UTC"
    group_s: int = 60
    repeat_s: int = 0


class RotaIO(BaseModel):
    """Who takes turns."""

    model_config = ConfigDict(from_attributes=True)
    users: list[str]
    first_day: str
    days: int = 7
    handover: str = "08:00"
    timezone: str = "UTC"


class OverrideIO(BaseModel):
    """Somebody stands in."""

    model_config = ConfigDict(from_attributes=True)
    user: str
    starts_at: Moment
    ends_at: Moment


class StandInOut(OverrideIO):
    """One of now or to come."""

    id: int


class StepIO(BaseModel):
    """Whom to tell when nobody has acknowledged after so long: on-call, team, managers, or user:NAME."""

    after_s: int
    to: str


class TeamCall(BaseModel):
    """Who is on call, how turns are taken, and what follows when nobody acknowledges."""

    on_call: list[str]
    rota: RotaIO | None
    stand_ins: list[StandInOut]
    escalation: list[StepIO]


class ReadUpTo(BaseModel):
    """The newest one that was seen."""

    id: int = Field(ge=1, le=2**53)


@router.get("/notifications")
def list_notifications(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    unread: bool = False,
    cursor: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[NotificationOut]:
    """Newest first."""
    found = services.notifications.inbox(session, user, unread_only=unread, before_id=cursor, limit=limit + 1)
    items = [
        NotificationOut(
            id=notification.id or 0,
            kind=notice.kind,
            severity=notice.severity,
            subject=notice.subject,
            body=notice.body,
            link=notice.link,
            site_id=notice.site_id,
            at=notice.at,
            step=notification.step,
            read_at=notification.read_at,
        )
        for notification, notice in found[:limit]
    ]
    return Page(items=items, next=str(items[-1].id) if len(found) > limit else None)


@router.post("/notifications/read", status_code=204)
def read(body: ReadUpTo, user: Viewer, session: WriteSession, services: ServicesDep, at: At) -> None:
    """Seen, up to this one."""
    services.notifications.read(session, user, body.id, at)


@router.get("/notifications/channels")
def list_channels(user: Viewer, session: ReadSession, services: ServicesDep) -> list[ChannelOut]:
    """The person's own."""
    return [_channel(channel) for channel in services.notifications.channels(session, user)]


@router.post("/notifications/channels", status_code=201)
def add_channel(body: NewChannel, user: Viewer, session: WriteSession, services: ServicesDep, at: At) -> ChannelOut:
    """A new way; one that the person has already is switched on again."""
    if body.kind is ChannelKind.WEBHOOK and user.role not in (Role.ADMIN, Role.MANAGER):
        raise InvalidError("a webhook is set up by a manager")
    if body.kind is ChannelKind.WEB_PUSH and set(body.keys) != {"p256dh", "auth"}:
        raise InvalidError("keys: a push subscription has p256dh and auth")
    keys = {str(name): value for name, value in body.keys.items()}
    channel = services.notifications.add_channel(session, user, body.kind, body.address, body.label, keys, at)
    return _channel(channel, secret=channel.secret or None)


@router.delete("/notifications/channels/{channel_id}", status_code=204)
def remove_channel(channel_id: int, user: Viewer, session: WriteSession, services: ServicesDep) -> None:
    """Not by this way any more."""
    services.notifications.remove_channel(session, user, channel_id)


@router.get("/notifications/preferences")
def get_preferences(user: Viewer, session: ReadSession, services: ServicesDep) -> PreferenceIO:
    """What the person chose."""
    return PreferenceIO.model_validate(services.notifications.preference(session, user))


@router.put("/notifications/preferences")
def put_preferences(body: PreferenceIO, user: Viewer, session: WriteSession, services: ServicesDep) -> PreferenceIO:
    """Choose."""
    preference = Preference(user_id=user.id or 0, **body.model_dump())
    return PreferenceIO.model_validate(services.notifications.choose(session, user, preference))


@router.get("/teams/{team_id}/on-call")
def get_on_call(team_id: str, _user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> TeamCall:
    """Who is on call now, and the plan."""
    if session.get(Team, team_id) is None:
        raise NotFoundError(said("there is no team %(team_id)r", team_id=team_id))
    rota = services.notifications.on_call.rota(session, team_id)
    return TeamCall(
        on_call=list(services.notifications.on_call.now(session, team_id, at)),
        rota=RotaIO.model_validate(rota) if rota is not None else None,
        stand_ins=[
            StandInOut.model_validate(each) for each in services.notifications.on_call.stand_ins(session, team_id, at)
        ],
        escalation=[StepIO.model_validate(step) for step in services.notifications.on_call.steps(session, team_id)],
    )


@router.put("/teams/{team_id}/rota")
def put_rota(team_id: str, body: RotaIO, _user: Manager, session: WriteSession, services: ServicesDep) -> RotaIO:
    """Who takes turns from now on."""
    if session.get(Team, team_id) is None:
        raise NotFoundError(said("there is no team %(team_id)r", team_id=team_id))
    return RotaIO.model_validate(
        services.notifications.on_call.set_rota(session, Rota(team_id=team_id, **body.model_dump()))
    )


@router.post("/teams/{team_id}/stand-ins", status_code=201)
def post_stand_in(
    team_id: str, body: OverrideIO, _user: Manager, session: WriteSession, services: ServicesDep
) -> StandInOut:
    """Somebody stands in for a while."""
    if session.get(Team, team_id) is None:
        raise NotFoundError(said("there is no team %(team_id)r", team_id=team_id))
    override = RotaOverride(team_id=team_id, **body.model_dump())
    return StandInOut.model_validate(services.notifications.on_call.stand_in(session, override))


@router.delete("/teams/{team_id}/stand-ins/{stand_in_id}", status_code=204)
def delete_stand_in(
    team_id: str, stand_in_id: int, _user: Manager, session: WriteSession, services: ServicesDep
) -> None:
    """Nobody stands in then after all."""
    services.notifications.on_call.end_stand_in(session, team_id, stand_in_id)


@router.put("/teams/{team_id}/escalation")
def put_escalation(
    team_id: str, body: list[StepIO], _user: Manager, session: WriteSession, services: ServicesDep
) -> list[StepIO]:
    """What follows when nobody acknowledges."""
    if session.get(Team, team_id) is None:
        raise NotFoundError(said("there is no team %(team_id)r", team_id=team_id))
    services.notifications.on_call.set_steps(session, team_id, [(step.after_s, step.to) for step in body])
    return body


def _channel(channel: Channel, secret: str | None = None) -> ChannelOut:
    return ChannelOut.model_validate(channel).model_copy(update={"secret": secret})
