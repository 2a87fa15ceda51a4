"""What endpoints are given: services, a transaction, the person who asks."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from plantroom_cloud.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import RANK, LoginSession, Role, User
from plantroom_shared.said import said

COOKIE = "plantroom_session"
_SAFE = ("GET", "HEAD", "OPTIONS")


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]


def _at(services: ServicesDep) -> datetime:
    return services.now()


At = Annotated[datetime, Depends(_at)]


def _read(services: ServicesDep) -> Iterator[Session]:
    with services.database.read() as session:
        yield session


def _write(services: ServicesDep) -> Iterator[Session]:
    with services.database.write() as session:
        yield session


#: Nothing of it is committed.
ReadSession = Annotated[Session, Depends(_read, scope="function")]
#: Committed once, before the answer is sent.
WriteSession = Annotated[Session, Depends(_write, scope="function")]


def _who(request: Request, services: Services, at: datetime) -> tuple[User, LoginSession | None]:
    header = request.headers.get("authorization", "")
    with services.database.read() as session:
        if header.startswith("Bearer "):
            user = services.users.by_token(session, header.removeprefix("Bearer ").strip(), at)
            if user is None:
                raise UnauthenticatedError("the token is not valid, or no longer")
            return user, None
        found = services.users.by_cookie(session, request.cookies.get(COOKIE, ""), at)
    if found is None:
        raise UnauthenticatedError("log in, or send Authorization: Bearer …")
    return found


async def _user(request: Request, services: ServicesDep, at: At) -> User:
    """By bearer token, or by session cookie; an unsafe request by cookie needs the CSRF token as well."""
    user, login = await run_in_threadpool(_who, request, services, at)  # a slow database keeps no other task waiting
    if login is None:
        request.state.user = user
        return user
    request.state.user, request.state.csrf_token = user, login.csrf_token
    if request.method not in _SAFE:
        sent = request.headers.get("x-csrf-token")
        if sent is None and "form" in request.headers.get("content-type", ""):
            sent = str((await request.form()).get("csrf_token", ""))
        if sent != login.csrf_token:
            raise ForbiddenError("the form is out of date; reload the page and send it again")
    return user


CurrentUser = Annotated[User, Depends(_user)]


def at_least(role: Role) -> Callable[[User], User]:
    """A dependency: the person has this role or a higher one."""

    def check(user: CurrentUser) -> User:
        if RANK[user.role] < RANK[role]:
            raise ForbiddenError(said("this needs the role %(role)s; yours is %(role2)s", role=role, role2=user.role))
        return user

    return check


Viewer = Annotated[User, Depends(at_least(Role.VIEWER))]
Technician = Annotated[User, Depends(at_least(Role.TECHNICIAN))]
Dispatcher = Annotated[User, Depends(at_least(Role.DISPATCHER))]
Manager = Annotated[User, Depends(at_least(Role.MANAGER))]
Admin = Annotated[User, Depends(at_least(Role.ADMIN))]


def sites_asked(user: User, site: str | None) -> list[str]:
    """The sites of a list that is asked for: all that the person may see (none named: every one), or this one alone.
    Raises NotFoundError for one that the person may not know of."""
    if site is None:
        return user.sites
    if not may_see(user, site):
        raise NotFoundError(said("there is no site %(site)r", site=site))
    return [site]


def may_see(user: User, site_id: str) -> bool:
    """Sites bound what a person sees."""
    return not user.sites or site_id in user.sites
