"""People, their sessions and tokens, teams, and the audit log."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, UtcDateTime, word


class Role(StrEnum):
    """What a person may do, most first."""

    ADMIN = "admin"
    MANAGER = "manager"
    DISPATCHER = "dispatcher"
    TECHNICIAN = "technician"
    VIEWER = "viewer"
    REQUESTER = "requester"


#: Each role may do what those of a lower rank may.
RANK = {role: rank for rank, role in enumerate(reversed(Role))}


class Team(SQLModel, table=True):
    """Who alarms and work orders go to, e.g. "HVAC"."""

    id: str = Field(primary_key=True, max_length=63)
    name: str


class User(SQLModel, table=True):
    """A person who logs in."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=63)  #: login name
    display_name: str = ""
    email: str = ""
    password_hash: str
    role: Role = Field(sa_type=word(Role))
    team_id: str | None = Field(default=None, foreign_key="team.id")
    sites: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))  #: empty: all sites
    active: bool = True
    language: str = Field(default="", max_length=20)  #: BCP 47, e.g. "zh-Hans-CN"; empty: what the browser prefers
    created_at: datetime = Field(sa_type=UtcDateTime)
    skills: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    shift: str = ""  #: id of the calendar by which the person works; empty: that of the site


class LoginSession(SQLModel, table=True):
    """A browser that is logged in; `id_hash` is SHA-256 of the cookie."""

    id_hash: str = Field(primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    csrf_token: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class ApiToken(SQLModel, table=True):
    """A program that calls the API; `token_hash` is SHA-256 of the bearer token."""

    id: int | None = Field(default=None, primary_key=True)
    token_hash: str = Field(unique=True)
    name: str
    user_id: int = Field(foreign_key="user.id", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FirstLogin(SQLModel, table=True):
    """The one-time link that makes the first administrator."""

    token_hash: str = Field(primary_key=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FailedLogin(SQLModel, table=True):
    """A login that failed, by SHA-256 of "name:…" or "address:…"; kept for some minutes."""

    __tablename__ = "failed_login"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(index=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)


class AuditEntry(SQLModel, table=True):
    """Who did what to which object, when."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    actor: str
    action: str  #: "login", "user.add", "alarm.acknowledge", "gateway.revoke" …
    object: str = Field(default="", index=True)  #: "alarm/12", "gateway/gw-a"
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))
