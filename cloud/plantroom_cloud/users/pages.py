"""Logging in and out; the people who work here, their teams, and one's own account."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.dependencies import COOKIE, Admin, At, CurrentUser, ReadSession, ServicesDep, WriteSession
from plantroom_cloud.errors import (
    CloudError,
    ConflictError,
    InvalidFieldsError,
    TooManyRequestsError,
    UnauthenticatedError,
)
from plantroom_cloud.language import LANGUAGES
from plantroom_cloud.services import Services
from plantroom_cloud.users.accounts import Account
from plantroom_cloud.users.api import set_cookie
from plantroom_cloud.users.models import Role, User
from plantroom_cloud.users.service import digest
from plantroom_cloud.web.forms import Form as Fields
from plantroom_cloud.web.forms import Submitted, read
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import SPOKEN, render
from plantroom_shared.errors import PlantroomError

NAV = (
    NavEntry("users", "/users", "People", order=100, group="Settings", role=Role.ADMIN),
    NavEntry("teams", "/teams", "Teams", order=110, group="Settings", role=Role.ADMIN),
)
router = APIRouter(include_in_schema=False)

_YEAR_S = 365 * 86_400


@router.get("/login")
def login_page(
    request: Request, then: Annotated[str, Query(alias="next")] = "", ended: Annotated[str, Query()] = ""
) -> Response:
    """The form; `then` is the page to go on to, `ended`: a form was sent after the session had ended."""
    return render(request, "login.html", error="", first="", next=_own(then), ended=ended == "yes")


@router.post("/login")
def log_in(
    request: Request,
    services: ServicesDep,
    at: At,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    then: Annotated[str, Form(alias="next")] = "",
) -> Response:
    """Begin a session, and go on to where the person wanted to be."""
    address = request.client.host if request.client else ""
    try:
        login = services.logins.log_in(name, password, address, at)
    except (UnauthenticatedError, TooManyRequestsError) as error:
        return render(
            request, "login.html", status_code=error.status, error=str(error), first="", next=_own(then), who=name
        )
    response = RedirectResponse(_own(then) or "/", 303)
    set_cookie(response, services.config.web.secure_cookies, login.cookie)
    return response


@router.get("/first/{token}")
def first_page(request: Request, token: str, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """Make the first administrator; whose link is spent is told so, and may log in."""
    try:
        services.users.check_first_login(session, token, at)
    except UnauthenticatedError as error:
        return render(request, "login.html", status_code=error.status, error=str(error), first="", next="")
    return render(request, "login.html", error="", first=token)


@router.post("/first/{token}")
def first_administrator(
    request: Request,
    token: str,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
) -> Response:
    """The link is spent by this, unless something is wrong with the name or the password."""
    try:
        user = services.users.use_first_login(session, token, name, password, at)
    except CloudError as error:
        session.rollback()
        return render(request, "login.html", status_code=error.status, error=str(error), first=token, who=name)
    login = services.users.begin(session, user, at)
    response = RedirectResponse("/", 303)
    set_cookie(response, services.config.web.secure_cookies, login.cookie)
    return response


@router.post("/logout")
def log_out(request: Request, _user: CurrentUser, session: WriteSession, services: ServicesDep) -> Response:
    """End the session."""
    services.users.log_out(session, request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    return response


@router.get("/users")
def users_page(request: Request, user: Admin, session: ReadSession, services: ServicesDep) -> Response:
    """Everybody."""
    teams = {team.id: team.name for team in services.users.teams(session)}
    return render(request, "users.html", user=user, page="users", people=services.users.list(session), teams=teams)


@router.get("/users/new")
def new_user_page(request: Request, user: Admin, session: ReadSession, services: ServicesDep) -> Response:
    """An empty form."""
    return _user_form(request, session, services, user, {"role": Role.TECHNICIAN, "active": True}, {})


@router.post("/users/new")
def add_user(
    request: Request, form: Fields, user: Admin, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Add, or say what is wrong beside the field."""
    values = _account_values(form) | {"active": True}
    account, errors = read(Account, values)
    if account is not None:
        try:
            services.accounts.add(session, form.text("name"), form.secret("password"), account, at)
        except InvalidFieldsError as error:
            errors = error.fields
        except PlantroomError as error:
            errors = {"name": str(error)}
        else:
            detail = {"role": account.role}
            services.users.audit(session, user.name, "user.add", f"user/{form.text('name')}", detail, at)
            return RedirectResponse("/users", 303)
    return _user_form(request, session, services, user, values | {"name": form.text("name")}, errors)


@router.get("/users/{name}")
def user_page(
    request: Request, name: str, user: Admin, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """One person."""
    person = services.users.get(session, name)
    return _user_form(request, session, services, user, person.model_dump(), {}, person, at)


@router.post("/users/{name}")
def change_user(
    request: Request, name: str, form: Fields, user: Admin, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Change, or say what is wrong beside the field."""
    values = _account_values(form)
    account, errors = read(Account, values)
    if account is not None:
        try:
            services.accounts.change(session, name, account, user.name, at)
        except InvalidFieldsError as error:
            errors = error.fields
        except ConflictError as error:
            errors = {"role": str(error)}
        else:
            return RedirectResponse("/users", 303)
    person = services.users.get(session, name)
    return _user_form(request, session, services, user, values, errors, person, at)


@router.post("/users/{name}/reset-password")
def reset_password(
    request: Request, name: str, user: Admin, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """The new one is shown once."""
    password = services.accounts.reset_password(session, name, user.name, at)
    person = services.users.get(session, name)
    return _user_form(request, session, services, user, person.model_dump(), {}, person, at, password)


@router.post("/users/{name}/end-sessions")
def end_sessions(
    request: Request, name: str, user: Admin, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """The person must log in anew everywhere."""
    services.accounts.end_sessions(session, name, request.cookies.get(COOKIE, ""))
    services.users.audit(session, user.name, "user.end-sessions", f"user/{name}", {}, at)
    return RedirectResponse(f"/users/{name}", 303)


@router.post("/users/{name}/tokens/{token_id}/revoke")
def revoke_token_of(
    name: str, token_id: int, user: Admin, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """At once."""
    services.accounts.revoke_token(session, services.users.get(session, name), token_id, user.name, at)
    return RedirectResponse(f"/users/{name}", 303)


@router.get("/teams")
def teams_page(request: Request, user: Admin, session: ReadSession, services: ServicesDep) -> Response:
    """All teams."""
    return _teams(request, session, services, user, {}, {})


@router.post("/teams")
def add_team(
    request: Request, form: Fields, user: Admin, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Add, or say what is wrong beside the field."""
    values = {"id": form.text("id"), "name": form.text("name")}
    try:
        services.accounts.add_team(session, values["id"], values["name"], user.name, at)
    except InvalidFieldsError as error:
        return _teams(request, session, services, user, values, error.fields)
    except ConflictError as error:
        return _teams(request, session, services, user, values, {"id": str(error)})
    return RedirectResponse("/teams", 303)


@router.post("/teams/{team_id}/rename")
def rename_team(
    team_id: str, form: Fields, user: Admin, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Its id stays."""
    services.accounts.rename_team(session, team_id, form.text("name"), user.name, at)
    return RedirectResponse("/teams", 303)


@router.post("/teams/{team_id}/delete")
def delete_team(team_id: str, user: Admin, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Only while nobody and nothing names it."""
    services.accounts.delete_team(session, team_id, user.name, at)
    return RedirectResponse("/teams", 303)


@router.get("/account")
def account_page(
    request: Request, user: CurrentUser, session: ReadSession, services: ServicesDep, at: At, told: str = ""
) -> Response:
    """One's own password, tokens and sessions."""
    text = "Your password is changed." if told == "password" else ""
    return _account(request, session, services, user, at, told=text)


@router.post("/account/password")
def change_password(
    request: Request, form: Fields, user: CurrentUser, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Other sessions end."""
    cookie = request.cookies.get(COOKIE, "")
    old, new, again = (form.secret(name) for name in ("old", "password", "again"))
    try:
        services.accounts.change_password(session, user, old, new, again, cookie, at)
    except InvalidFieldsError as error:
        return _account(request, session, services, user, at, errors=error.fields)
    return RedirectResponse("/account?told=password", 303)


@router.post("/account/language")
def choose_language(
    request: Request, form: Fields, user: CurrentUser, session: WriteSession, services: ServicesDep
) -> Response:
    """For pages, notifications and e-mails, and the next login here; back to where the person was."""
    services.accounts.choose_language(session, user.name, form.text("language"))
    return _speak(request, services, form.text("language"))


@router.post("/language")
def speak(request: Request, form: Fields, services: ServicesDep) -> Response:
    """Of who is not logged in, in this browser; it changes nothing but what is read."""
    return _speak(request, services, form.text("language"))


@router.post("/account/tokens")
def make_token(
    request: Request, form: Fields, user: CurrentUser, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """It is shown once."""
    days = form.text("days")
    try:
        if days and not days.isdigit():
            raise InvalidFieldsError({"days": "write a whole number"})
        token = services.accounts.make_token(session, user, form.text("purpose"), int(days) if days else None, at)
    except InvalidFieldsError as error:
        return _account(request, session, services, user, at, errors=error.fields)
    session.flush()
    return _account(request, session, services, user, at, token=token)


@router.post("/account/tokens/{token_id}/revoke")
def revoke_token(token_id: int, user: CurrentUser, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """At once."""
    services.accounts.revoke_token(session, user, token_id, user.name, at)
    return RedirectResponse("/account", 303)


@router.post("/account/end-sessions")
def end_other_sessions(request: Request, user: CurrentUser, session: WriteSession, services: ServicesDep) -> Response:
    """All but this one."""
    services.accounts.end_sessions(session, user.name, request.cookies.get(COOKIE, ""))
    return RedirectResponse("/account", 303)


def _account_values(form: Submitted) -> dict[str, Any]:
    return {
        "display_name": form.text("display_name"),
        "email": form.text("email"),
        "role": form.text("role"),
        "team_id": form.optional("team_id"),
        "sites": form.many("sites"),
        "active": form.on("active"),
    }


def _user_form(
    request: Request,
    session: Session,
    services: Services,
    user: User,
    values: dict[str, Any],
    errors: dict[str, str],
    person: User | None = None,
    at: datetime | None = None,
    password: str = "",
) -> Response:
    known = person is not None and at is not None
    return render(
        request,
        "user.html",
        status_code=422 if errors else 200,
        user=user,
        page="users",
        person=person,
        values=values,
        errors=errors,
        password=password,
        roles=[role.value for role in Role],
        teams=services.users.teams(session),
        sites=services.sites.list(session),
        sessions=services.accounts.sessions(session, person, at) if known and person and at else [],
        tokens=services.accounts.tokens(session, person) if person is not None else [],
        history=services.users.audited(session, f"user/{person.name}", 20) if person is not None else [],
    )


def _teams(
    request: Request, session: Session, services: Services, user: User, values: dict[str, str], errors: dict[str, str]
) -> Response:
    members: dict[str, list[str]] = {}
    for person in services.users.list(session):
        if person.team_id is not None and person.active:
            members.setdefault(person.team_id, []).append(person.display_name or person.name)
    return render(
        request,
        "teams.html",
        status_code=422 if errors else 200,
        user=user,
        page="teams",
        teams=services.users.teams(session),
        members=members,
        values=values,
        errors=errors,
    )


def _account(
    request: Request,
    session: Session,
    services: Services,
    user: User,
    at: datetime,
    *,
    errors: dict[str, str] | None = None,
    token: str = "",
    told: str = "",
) -> Response:
    return render(
        request,
        "account.html",
        status_code=422 if errors else 200,
        user=user,
        page="account",
        errors=errors or {},
        token=token,
        told=told,
        tokens=services.accounts.tokens(session, user),
        sessions=services.accounts.sessions(session, user, at),
        this_session=digest(request.cookies.get(COOKIE, "")),
    )


def _speak(request: Request, services: Services, language: str) -> Response:
    """Kept by the browser; back to the page that asked."""
    there = urlsplit(request.headers.get("referer", ""))
    response = RedirectResponse((_own(there.path) or "/") + (f"?{there.query}" if there.query else ""), 303)
    if language in LANGUAGES:
        secure = services.config.web.secure_cookies
        response.set_cookie(SPOKEN, language, max_age=_YEAR_S, httponly=True, secure=secure, samesite="lax")
    else:
        response.delete_cookie(SPOKEN)
    return response


def _own(path: str) -> str:
    """A path on this site, else nothing: a link to the login must not lead away from it."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else ""
