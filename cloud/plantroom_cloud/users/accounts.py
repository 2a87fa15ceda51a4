"""People as an administrator and they themselves see them: roles, sites, teams, passwords, sessions, tokens."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, Field
from sqlmodel import Session

from plantroom_cloud.errors import ConflictError, InvalidFieldsError, NotFoundError
from plantroom_cloud.users import repository
from plantroom_cloud.users.models import ApiToken, LoginSession, Role, Team, User
from plantroom_cloud.users.service import UserService, digest
from plantroom_shared.said import said

LONGEST_TOKEN_DAYS = 3650
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_TEAM = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Account(BaseModel):
    """What an administrator may say of a person; no site named means all sites."""

    display_name: str = Field(default="", max_length=100)
    email: str = Field(default="", max_length=200)
    role: Role
    team_id: str | None = None
    sites: list[str] = []
    active: bool = True


class AccountService:
    """Works in the session it is given."""

    def __init__(self, users: UserService) -> None:
        self._users = users

    def choose_language(self, session: Session, name: str, language: str) -> None:
        """BCP 47; empty is what each browser prefers."""
        self._users.get(session, name).language = language[:20]

    def add(self, session: Session, name: str, password: str, account: Account, at: datetime) -> User:
        """A new person; raises ConflictError, InvalidError, InvalidFieldsError."""
        self._check(session, account)
        user = self._users.add(session, name, password, account.role, at, account.display_name)
        self._fill(session, user, account)
        return user

    def change(self, session: Session, name: str, account: Account, actor: str, at: datetime) -> User:
        """Raises NotFoundError, InvalidFieldsError, and ConflictError when nobody would be left to administrate."""
        user = self._users.get(session, name)
        self._check(session, account)
        loses = account.role is not Role.ADMIN or not account.active
        if user.role is Role.ADMIN and user.active and loses:
            if name == actor:
                raise ConflictError("nobody takes administration from himself; ask another administrator")
            if repository.count_administrators(session) < 2:
                raise ConflictError(said("%(name)s is the only administrator; make another one first", name=name))
        before = {key: getattr(user, key) for key in Account.model_fields}
        self._fill(session, user, account)
        if not user.active and user.id is not None:
            repository.delete_sessions_of(session, user.id)
        after = account.model_dump()
        changes = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
        self._users.audit(session, actor, "user.change", f"user/{name}", changes, at)
        return user

    def change_password(
        self, session: Session, user: User, old: str, new: str, again: str, cookie: str, at: datetime
    ) -> None:
        """One's own; other sessions end. Raises InvalidFieldsError."""
        known = self._users.get(session, user.name)
        if not self._users.is_password(known, old):
            raise InvalidFieldsError({"old": "this is not your present password"})
        if new != again:
            raise InvalidFieldsError({"again": "the two are not the same"})
        self._users.set_password(session, known, new)
        self.end_sessions(session, user.name, keep_cookie=cookie)
        self._users.audit(session, user.name, "user.password", f"user/{user.name}", {}, at)

    def reset_password(self, session: Session, name: str, actor: str, at: datetime) -> str:
        """A new random password, known only here; all sessions of the person end."""
        user = self._users.get(session, name)
        password = secrets.token_urlsafe(12)
        self._users.set_password(session, user, password)
        self.end_sessions(session, name)
        self._users.audit(session, actor, "user.password-reset", f"user/{name}", {}, at)
        return password

    def sessions(self, session: Session, user: User, at: datetime) -> Sequence[LoginSession]:
        """Those that last, newest first."""
        assert user.id is not None
        return repository.sessions_of(session, user.id, at)

    def end_sessions(self, session: Session, name: str, keep_cookie: str = "") -> None:
        """All of a person's, perhaps but the one that asks."""
        user = self._users.get(session, name)
        assert user.id is not None
        repository.delete_sessions_of(session, user.id, digest(keep_cookie))

    def tokens(self, session: Session, user: User) -> Sequence[ApiToken]:
        """Newest first."""
        assert user.id is not None
        return repository.tokens_of(session, user.id)

    def make_token(self, session: Session, user: User, purpose: str, days: int | None, at: datetime) -> str:
        """For a program that acts as this person; shown once. Raises InvalidFieldsError."""
        if not purpose.strip():
            raise InvalidFieldsError({"purpose": "say what the token is for"})
        if days is not None and not 1 <= days <= LONGEST_TOKEN_DAYS:
            raise InvalidFieldsError(
                {
                    "days": said(
                        "say 1 to %(longest_token_days)s days, or nothing for no end",
                        longest_token_days=LONGEST_TOKEN_DAYS,
                    )
                }
            )
        token = self._users.make_token(session, user, purpose.strip(), at, timedelta(days=days) if days else None)
        self._users.audit(session, user.name, "token.make", f"user/{user.name}", {"name": purpose.strip()}, at)
        return token

    def revoke_token(self, session: Session, user: User, token_id: int, actor: str, at: datetime) -> None:
        """At once; raises NotFoundError."""
        token = session.get(ApiToken, token_id)
        if token is None or token.user_id != user.id:
            raise NotFoundError(said("there is no token %(token_id)s", token_id=token_id))
        session.delete(token)
        self._users.audit(session, actor, "token.revoke", f"user/{user.name}", {"name": token.name}, at)

    def add_team(self, session: Session, team_id: str, name: str, actor: str, at: datetime) -> Team:
        """Raises InvalidFieldsError, ConflictError."""
        if not _TEAM.fullmatch(team_id):
            raise InvalidFieldsError({"id": "use lower-case letters, digits and hyphens, like hvac or night-shift"})
        if session.get(Team, team_id) is not None:
            raise ConflictError(said("there is a team %(team_id)r already", team_id=team_id))
        team = Team(id=team_id, name=_named(name))
        session.add(team)
        self._users.audit(session, actor, "team.add", f"team/{team_id}", {"name": team.name}, at)
        return team

    def rename_team(self, session: Session, team_id: str, name: str, actor: str, at: datetime) -> Team:
        """Raises NotFoundError, InvalidFieldsError."""
        team = self.team(session, team_id)
        self._users.audit(session, actor, "team.rename", f"team/{team_id}", {"name": [team.name, name]}, at)
        team.name = _named(name)
        session.add(team)
        return team

    def delete_team(self, session: Session, team_id: str, actor: str, at: datetime) -> None:
        """Raises NotFoundError, and ConflictError while anything goes to it."""
        team = self.team(session, team_id)
        if users := repository.team_uses(session, team_id):
            raise ConflictError(
                said("%(team)s is still named by %(users)s; take it out there first", team=team.name, users=list(users))
            )
        session.delete(team)
        self._users.audit(session, actor, "team.delete", f"team/{team_id}", {"name": team.name}, at)

    def team(self, session: Session, team_id: str) -> Team:
        """Raises NotFoundError."""
        team = session.get(Team, team_id)
        if team is None:
            raise NotFoundError(said("there is no team %(team_id)r", team_id=team_id))
        return team

    def _check(self, session: Session, account: Account) -> None:
        wrong: dict[str, str] = {}
        if account.team_id is not None and session.get(Team, account.team_id) is None:
            wrong["team_id"] = said("there is no team %(team_id)r", team_id=account.team_id)
        if unknown := sorted(set(account.sites) - repository.site_ids(session)):
            wrong["sites"] = said("there is no site %(unknown)s", unknown=list(unknown))
        if account.email and not _EMAIL.fullmatch(account.email):
            wrong["email"] = "write it like name@example.org"
        if wrong:
            raise InvalidFieldsError(wrong)

    def _fill(self, session: Session, user: User, account: Account) -> None:
        user.display_name, user.email, user.role = account.display_name or user.name, account.email, account.role
        user.team_id, user.sites, user.active = account.team_id, sorted(account.sites), account.active
        session.add(user)


def _named(name: str) -> str:
    if not name.strip():
        raise InvalidFieldsError({"name": "say how people call it"})
    return name.strip()[:100]
