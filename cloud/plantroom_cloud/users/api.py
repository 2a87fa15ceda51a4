"""/api/v1/session: logging in and out by the API."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from plantroom_cloud.dependencies import COOKIE, At, CurrentUser, ServicesDep, WriteSession
from plantroom_cloud.users.service import SESSION_LENGTH

router = APIRouter(prefix="/api/v1/session", tags=["session"])


class Credentials(BaseModel):
    """Name and password."""

    name: str
    password: str


class SessionOut(BaseModel):
    """Who is logged in; unsafe requests by cookie carry the token in X-CSRF-Token."""

    name: str
    role: str
    csrf_token: str


@router.post("")
def log_in(
    body: Credentials, request: Request, response: Response, session: WriteSession, services: ServicesDep, at: At
) -> SessionOut:
    """Begin a session."""
    address = request.client.host if request.client else ""
    login = services.users.log_in(session, body.name, body.password, address, at)
    set_cookie(response, services.config.web.secure_cookies, login.cookie)
    user = services.users.get(session, body.name)
    return SessionOut(name=user.name, role=user.role, csrf_token=login.session.csrf_token)


@router.get("")
def who(user: CurrentUser, request: Request) -> SessionOut:
    """Who asks."""
    return SessionOut(name=user.name, role=user.role, csrf_token=getattr(request.state, "csrf_token", ""))


@router.delete("", status_code=204)
def log_out(
    _user: CurrentUser, request: Request, response: Response, session: WriteSession, services: ServicesDep
) -> None:
    """End the session."""
    services.users.log_out(session, request.cookies.get(COOKIE, ""))
    response.delete_cookie(COOKIE)


def set_cookie(response: Response, secure: bool, value: str) -> None:
    """HttpOnly, for this site alone."""
    response.set_cookie(
        COOKIE, value, max_age=round(SESSION_LENGTH.total_seconds()), httponly=True, secure=secure, samesite="lax"
    )
