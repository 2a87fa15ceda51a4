"""/api/v1/session, /users, /teams and /tokens: who works here, and what programs may act as them."""

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from plantroom_cloud.dependencies import (
    COOKIE,
    Admin,
    At,
    CurrentUser,
    ReadSession,
    ServicesDep,
    Viewer,
    WriteSession,
)
from plantroom_cloud.listing import Page
from plantroom_cloud.users.accounts import Account
from plantroom_cloud.users.service import SESSION_LENGTH

router = APIRouter(prefix="/api/v1")


class Credentials(BaseModel):
    """Name and password."""

    name: str = Field(max_length=200)
    password: str = Field(max_length=1_000)


class SessionOut(BaseModel):
    """Who is logged in; unsafe requests by cookie carry the token in X-CSRF-Token."""

    name: str
    role: str
    csrf_token: str


class UserOut(Account):
    """A person."""

    model_config = ConfigDict(from_attributes=True)
    name: str
    created_at: datetime
    skills: list[str]
    shift: str


class NewUser(Account):
    """A person who does not log in yet."""

    name: str = Field(max_length=63)
    password: str = Field(max_length=200)


class Password(BaseModel):
    """Shown once."""

    password: str


class TeamIO(BaseModel):
    """Who alarms and work orders go to."""

    model_config = ConfigDict(from_attributes=True)
    id: str = Field(max_length=63)
    name: str = Field(max_length=100)


class TeamName(BaseModel):
    """How people call it."""

    name: str = Field(max_length=100)


class TokenOut(BaseModel):
    """A token of one's own; its secret is not kept."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    name: str
    created_at: datetime
    expires_at: datetime | None


class NewToken(BaseModel):
    """What it is for and how long it lasts; without days, until it is revoked."""

    name: str = Field(max_length=100)
    days: int | None = None


class Secret(BaseModel):
    """Shown once: send it as `Authorization: Bearer …`."""

    token: str


@router.post("/session", tags=["session"])
def log_in(body: Credentials, request: Request, response: Response, services: ServicesDep, at: At) -> SessionOut:
    """Begin a session."""
    address = request.client.host if request.client else ""
    login = services.logins.log_in(body.name, body.password, address, at)
    set_cookie(response, services.config.web.secure_cookies, login.cookie)
    return SessionOut(name=login.name, role=login.role, csrf_token=login.session.csrf_token)


@router.get("/session", tags=["session"])
def who(user: CurrentUser, request: Request) -> SessionOut:
    """Who asks."""
    return SessionOut(name=user.name, role=user.role, csrf_token=getattr(request.state, "csrf_token", ""))


@router.delete("/session", status_code=204, tags=["session"])
def log_out(
    _user: CurrentUser, request: Request, response: Response, session: WriteSession, services: ServicesDep
) -> None:
    """End the session."""
    services.users.log_out(session, request.cookies.get(COOKIE, ""))
    response.delete_cookie(COOKIE)


@router.get("/users", tags=["users"])
def list_users(_user: Admin, session: ReadSession, services: ServicesDep) -> Page[UserOut]:
    """Everybody."""
    return Page(items=[UserOut.model_validate(found) for found in services.users.list(session)])


@router.post("/users", status_code=201, tags=["users"])
def add_user(body: NewUser, user: Admin, session: WriteSession, services: ServicesDep, at: At) -> UserOut:
    """A new person."""
    added = services.accounts.add(session, body.name, body.password, body, at)
    services.users.audit(session, user.name, "user.add", f"user/{body.name}", {"role": body.role}, at)
    return UserOut.model_validate(added)


@router.get("/users/{name}", tags=["users"])
def get_user(name: str, _user: Admin, session: ReadSession, services: ServicesDep) -> UserOut:
    """One."""
    return UserOut.model_validate(services.users.get(session, name))


@router.put("/users/{name}", tags=["users"])
def change_user(name: str, body: Account, user: Admin, session: WriteSession, services: ServicesDep, at: At) -> UserOut:
    """Role, sites, team; `active` false disables the login and ends the sessions."""
    return UserOut.model_validate(services.accounts.change(session, name, body, user.name, at))


@router.post("/users/{name}/reset-password", tags=["users"])
def reset_password(name: str, user: Admin, session: WriteSession, services: ServicesDep, at: At) -> Password:
    """A new random password, shown once; the person's sessions end."""
    return Password(password=services.accounts.reset_password(session, name, user.name, at))


@router.get("/teams", tags=["teams"])
def list_teams(_user: Viewer, session: ReadSession, services: ServicesDep) -> Page[TeamIO]:
    """By name."""
    return Page(items=[TeamIO.model_validate(team) for team in services.users.teams(session)])


@router.post("/teams", status_code=201, tags=["teams"])
def add_team(body: TeamIO, user: Admin, session: WriteSession, services: ServicesDep, at: At) -> TeamIO:
    """A new one."""
    return TeamIO.model_validate(services.accounts.add_team(session, body.id, body.name, user.name, at))


@router.put("/teams/{team_id}", tags=["teams"])
def rename_team(
    team_id: str, body: TeamName, user: Admin, session: WriteSession, services: ServicesDep, at: At
) -> TeamIO:
    """Its id stays."""
    return TeamIO.model_validate(services.accounts.rename_team(session, team_id, body.name, user.name, at))


@router.delete("/teams/{team_id}", status_code=204, tags=["teams"])
def delete_team(team_id: str, user: Admin, session: WriteSession, services: ServicesDep, at: At) -> None:
    """Only while nobody and nothing names it."""
    services.accounts.delete_team(session, team_id, user.name, at)


@router.get("/tokens", tags=["tokens"])
def list_tokens(user: CurrentUser, session: ReadSession, services: ServicesDep) -> Page[TokenOut]:
    """One's own."""
    return Page(items=[TokenOut.model_validate(token) for token in services.accounts.tokens(session, user)])


@router.post("/tokens", status_code=201, tags=["tokens"])
def make_token(body: NewToken, user: CurrentUser, session: WriteSession, services: ServicesDep, at: At) -> Secret:
    """For a program that acts as oneself."""
    return Secret(token=services.accounts.make_token(session, user, body.name, body.days, at))


@router.delete("/tokens/{token_id}", status_code=204, tags=["tokens"])
def revoke_token(token_id: int, user: CurrentUser, session: WriteSession, services: ServicesDep, at: At) -> None:
    """At once."""
    services.accounts.revoke_token(session, user, token_id, user.name, at)


def set_cookie(response: Response, secure: bool, value: str) -> None:
    """HttpOnly, for this site alone."""
    response.set_cookie(
        COOKIE, value, max_age=round(SESSION_LENGTH.total_seconds()), httponly=True, secure=secure, samesite="lax"
    )
