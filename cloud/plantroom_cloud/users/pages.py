"""Logging in and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.dependencies import COOKIE, At, ServicesDep, Viewer, WriteSession
from plantroom_cloud.errors import TooManyRequestsError, UnauthenticatedError
from plantroom_cloud.users.api import set_cookie
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV: tuple[NavEntry, ...] = ()
router = APIRouter(include_in_schema=False)


@router.get("/login")
def login_page(request: Request, then: Annotated[str, Query(alias="next")] = "") -> Response:
    """The form; `then` is the page to go on to."""
    return render(request, "login.html", error="", first="", next=_own(then))


@router.post("/login")
def log_in(
    request: Request,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    then: Annotated[str, Form(alias="next")] = "",
) -> Response:
    """Begin a session, and go on to where the person wanted to be."""
    address = request.client.host if request.client else ""
    try:
        login = services.users.log_in(session, name, password, address, at)
    except (UnauthenticatedError, TooManyRequestsError) as error:
        return render(request, "login.html", status_code=error.status, error=str(error), first="", next=_own(then))
    response = RedirectResponse(_own(then) or "/", 303)
    set_cookie(response, services.config.web.secure_cookies, login.cookie)
    return response


@router.get("/first/{token}")
def first_page(request: Request, token: str) -> Response:
    """Make the first administrator."""
    return render(request, "login.html", error="", first=token)


@router.post("/first/{token}")
def first_administrator(
    token: str,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
) -> Response:
    """The link is spent by this."""
    user = services.users.use_first_login(session, token, name, password, at)
    login = services.users.begin(session, user, at)
    response = RedirectResponse("/", 303)
    set_cookie(response, services.config.web.secure_cookies, login.cookie)
    return response


@router.post("/logout")
def log_out(request: Request, _user: Viewer, session: WriteSession, services: ServicesDep) -> Response:
    """End the session."""
    services.users.log_out(session, request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    return response


def _own(path: str) -> str:
    """A path on this site, else nothing: a link to the login must not lead away from it."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else ""
