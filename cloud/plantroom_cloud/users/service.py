"""People: passwords, sessions, tokens, the audit log."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlmodel import Session

from plantroom_cloud.errors import (
    ConflictError,
    InvalidFieldsError,
    NotFoundError,
    UnauthenticatedError,
)
from plantroom_cloud.users import repository
from plantroom_cloud.users.models import ApiToken, AuditEntry, FirstLogin, LoginSession, Role, Team, User
from plantroom_shared.ids import check_id
from plantroom_shared.said import said

SESSION_LENGTH = timedelta(hours=12)
FIRST_LOGIN_LENGTH = timedelta(hours=24)
SHORTEST_PASSWORD = 10


@dataclass(frozen=True)
class Login:
    """A new session: the cookie's value is known only here."""

    cookie: str
    session: LoginSession


def digest(secret: str) -> str:
    """Secrets with enough randomness of their own are kept as SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()


class UserService:
    """Works in the session it is given."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._dummy = self._hasher.hash(secrets.token_hex(8))

    def add(self, session: Session, name: str, password: str, role: Role, at: datetime, display_name: str = "") -> User:
        """A new person; raises ConflictError, InvalidError."""
        check_id(name, "user name")
        _long_enough(password)
        if repository.by_name(session, name) is not None:
            raise ConflictError(said("there is a user %(name)r already", name=name))
        user = User(
            name=name,
            display_name=display_name or name,
            password_hash=self._hasher.hash(password),
            role=role,
            created_at=at,
        )
        session.add(user)
        session.flush()
        return user

    def get(self, session: Session, name: str) -> User:
        """Raises NotFoundError."""
        user = repository.by_name(session, name)
        if user is None:
            raise NotFoundError(said("there is no user %(name)r", name=name))
        return user

    def is_password(self, user: User, password: str) -> bool:
        """Whether it is this person's."""
        return self.is_right(user.password_hash, password)

    def is_right(self, password_hash: str | None, password: str) -> bool:
        """Whether a password fits; takes as long where there is nobody of that name."""
        try:
            return self._hasher.verify(password_hash or self._dummy, password) and password_hash is not None
        except (VerifyMismatchError, InvalidHashError):
            return False

    def set_password(self, session: Session, user: User, password: str) -> None:
        """Raises InvalidError when it is too short."""
        _long_enough(password)
        user.password_hash = self._hasher.hash(password)
        session.add(user)

    def list(self, session: Session) -> Sequence[User]:
        """Everybody, in the order they were added."""
        return repository.users(session)

    def any(self, session: Session) -> bool:
        """Whether anybody can log in."""
        return repository.count(session) > 0

    def begin(self, session: Session, user: User, at: datetime) -> Login:
        """A session for somebody who has shown who he is."""
        assert user.id is not None
        cookie = secrets.token_urlsafe(32)
        row = LoginSession(
            id_hash=digest(cookie),
            user_id=user.id,
            csrf_token=secrets.token_urlsafe(24),
            created_at=at,
            expires_at=at + SESSION_LENGTH,
        )
        session.add(row)
        self.audit(session, user.name, "login", f"user/{user.name}", {}, at)
        return Login(cookie, row)

    def by_cookie(self, session: Session, cookie: str, at: datetime) -> tuple[User, LoginSession] | None:
        """Who has this session, while it lasts."""
        row = session.get(LoginSession, digest(cookie))
        if row is None or row.expires_at <= at:
            return None
        user = session.get(User, row.user_id)
        return (user, row) if user is not None and user.active else None

    def log_out(self, session: Session, cookie: str) -> None:
        """End a session."""
        repository.delete_session(session, digest(cookie))

    def make_token(self, session: Session, user: User, name: str, at: datetime, lasts: timedelta | None = None) -> str:
        """A bearer token for a program; shown once."""
        assert user.id is not None
        token = "pr_" + secrets.token_urlsafe(32)
        session.add(
            ApiToken(
                token_hash=digest(token),
                name=name,
                user_id=user.id,
                created_at=at,
                expires_at=at + lasts if lasts else None,
            )
        )
        return token

    def by_token(self, session: Session, token: str, at: datetime) -> User | None:
        """Whose token this is, while it lasts."""
        row = repository.token(session, digest(token))
        if row is None or (row.expires_at is not None and row.expires_at <= at):
            return None
        user = session.get(User, row.user_id)
        return user if user is not None and user.active else None

    def first_login(self, session: Session, at: datetime) -> str | None:
        """A one-time token for the first administrator, while there is nobody yet."""
        if self.any(session):
            return None
        token = secrets.token_urlsafe(24)
        repository.delete_first_logins(session)
        session.add(FirstLogin(token_hash=digest(token), created_at=at, expires_at=at + FIRST_LOGIN_LENGTH))
        return token

    def check_first_login(self, session: Session, token: str, at: datetime) -> FirstLogin:
        """The link, while it can be used. Raises UnauthenticatedError."""
        row = session.get(FirstLogin, digest(token))
        if row is None or row.used_at is not None or row.expires_at <= at or self.any(session):
            raise UnauthenticatedError("this link is spent; ask an administrator, or run plantroom-cloud user add")
        return row

    def use_first_login(self, session: Session, token: str, name: str, password: str, at: datetime) -> User:
        """Make the first administrator; the link is spent. Raises UnauthenticatedError."""
        row = self.check_first_login(session, token, at)
        row.used_at = at
        session.add(row)
        return self.add(session, name, password, Role.ADMIN, at)

    def audit(self, session: Session, actor: str, action: str, what: str, detail: dict[str, Any], at: datetime) -> None:
        """One line of the audit log."""
        session.add(AuditEntry(at=at, actor=actor, action=action, object=what, detail=detail))

    def teams(self, session: Session) -> Sequence[Team]:
        """By name."""
        return repository.teams(session)

    def audited(self, session: Session, what: str, limit: int = 50) -> Sequence[AuditEntry]:
        """Who did what to an object, newest first."""
        return repository.audit_of(session, what, limit)


def _long_enough(password: str) -> None:
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidFieldsError(
            {
                "password": said(
                    "it has %(count)s characters; use at least %(shortest_password)s",
                    count=len(password),
                    shortest_password=SHORTEST_PASSWORD,
                )
            }
        )


def trim_sessions(session: Session, at: datetime) -> None:
    """Forget sessions that are over."""
    repository.delete_sessions_before(session, at)
