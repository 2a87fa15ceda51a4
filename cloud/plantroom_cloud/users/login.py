"""Logging in: by name and password, slowed down after many failures, without keeping anybody else waiting."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from plantroom_cloud.database import Database
from plantroom_cloud.errors import TooManyRequestsError, UnauthenticatedError
from plantroom_cloud.users import repository
from plantroom_cloud.users.models import LoginSession, Role
from plantroom_cloud.users.service import UserService, digest
from plantroom_shared.said import said

#: Failed logins by one name or address within the window, after which further ones must wait.
MOST_FAILURES = 8
FAILURE_WINDOW = timedelta(minutes=5)
#: Failures that are remembered at once; with more, somebody tries names by the thousand and everybody waits.
MOST_REMEMBERED = 10_000
#: Passwords that are checked at once: each takes 64 MB and most of a core for a tenth of a second.
CHECKED_AT_ONCE = 2
LONGEST_WAIT_S = 10.0


@dataclass(frozen=True)
class LoggedIn:
    """A new session: the cookie's value is known only here."""

    cookie: str
    session: LoginSession
    name: str
    role: Role


class LoginService:
    """Opens its own transactions: none is open while a password is checked."""

    def __init__(self, database: Database, users: UserService) -> None:
        self._database = database
        self._users = users
        self._places = threading.BoundedSemaphore(CHECKED_AT_ONCE)

    def log_in(self, name: str, password: str, address: str, at: datetime) -> LoggedIn:
        """Raises UnauthenticatedError, or TooManyRequestsError after many failures by name or address; they are kept in
        the database, so that a restart forgives nobody."""
        keys = (digest(f"name:{name}"), digest(f"address:{address}"))
        with self._database.read() as session:
            failed = repository.failures(session, keys, at - FAILURE_WINDOW)
            if repository.failure_count(session, at - FAILURE_WINDOW) >= MOST_REMEMBERED:
                raise TooManyRequestsError("too many failed logins by too many; try again in a minute", 60)
            user = repository.by_name(session, name)
        for times in failed.values():
            if len(times) >= MOST_FAILURES:
                wait = round((FAILURE_WINDOW - (at - times[-MOST_FAILURES])).total_seconds()) + 1
                raise TooManyRequestsError(said("too many failed logins; try again in %(wait)s s", wait=wait), wait)
        right = self._is_right(user.password_hash if user is not None else None, password)
        with self._database.write() as session:
            user = repository.by_name(session, name)  # as he is now
            if right and user is not None and user.active:
                repository.forget_failures(session, keys[0])
                login = self._users.begin(session, user, at)
                return LoggedIn(login.cookie, login.session, user.name, user.role)
            repository.remember_failure(session, keys, at, at - FAILURE_WINDOW)
        raise UnauthenticatedError("name or password is wrong")

    def _is_right(self, password_hash: str | None, password: str) -> bool:
        if not self._places.acquire(timeout=LONGEST_WAIT_S):
            raise TooManyRequestsError("too many people log in now; try again in a moment", 5)
        try:
            return self._users.is_right(password_hash, password)
        finally:
            self._places.release()
