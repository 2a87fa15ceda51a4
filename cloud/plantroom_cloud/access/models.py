"""Zones, hours, groups, people with their credentials, gates, and the log of who passed."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import BigId, Document, UtcDateTime, word


class Standing(StrEnum):
    """Of a card."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    LOST = "lost"


class EntryKind(StrEnum):
    """A line of the access log."""

    DECISION = "decision"  #: somebody showed a card or code
    COMMAND = "command"  #: somebody asked from the control plane
    FORCED = "forced"  #: it opened, and nobody had asked


class AccessZone(SQLModel, table=True):
    """What gates separate."""

    __tablename__ = "access_zone"

    id: str = Field(primary_key=True, max_length=63)
    site_id: str = Field(foreign_key="site.id", index=True)
    name: str


class AccessHours(SQLModel, table=True):
    """A time profile; `spans` as plantroom_shared.allow_list.Span has them."""

    __tablename__ = "access_hours"

    id: str = Field(primary_key=True, max_length=63)
    site_id: str = Field(foreign_key="site.id", index=True)
    name: str
    spans: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Document, nullable=False))


class AccessHoliday(SQLModel, table=True):
    """A day that is no weekday at a site."""

    __tablename__ = "access_holiday"

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    day: str = Field(primary_key=True, max_length=10)  #: 2026-12-25
    name: str = ""


class AccessGroup(SQLModel, table=True):
    """Who may enter which zones when; `grants` as plantroom_shared.allow_list.Grant has them."""

    __tablename__ = "access_group"

    id: str = Field(primary_key=True, max_length=63)
    site_id: str = Field(foreign_key="site.id", index=True)
    name: str
    grants: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Document, nullable=False))


class AccessPerson(SQLModel, table=True):
    """Somebody who passes gates; not somebody who logs in here."""

    __tablename__ = "access_person"

    id: str = Field(primary_key=True, max_length=63)
    site_id: str = Field(foreign_key="site.id", index=True)
    name: str = Field(index=True)
    company: str = ""
    groups: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    active: bool = True
    valid_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    valid_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    pin: str = ""  #: salted, see plantroom_shared.allow_list.hash_pin
    through_lockdown: bool = False
    made_at: datetime = Field(sa_type=UtcDateTime)


class AccessCredential(SQLModel, table=True):
    """A card or code. `key` is what a reader sees: "w26:12:3456"."""

    __tablename__ = "access_credential"

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    key: str = Field(primary_key=True, max_length=120)
    person_id: str = Field(foreign_key="access_person.id", index=True)
    label: str = ""  #: what is printed on it
    standing: Standing = Field(sa_type=word(Standing))
    valid_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    made_at: datetime = Field(sa_type=UtcDateTime)


class AccessGate(SQLModel, table=True):
    """A gate and what it separates; without an inside, no card opens it."""

    __tablename__ = "access_gate"

    device_id: str = Field(primary_key=True, foreign_key="device.id")
    site_id: str = Field(foreign_key="site.id", index=True)
    gateway_id: str = Field(foreign_key="gateway.id", index=True)
    inside: str | None = Field(default=None, foreign_key="access_zone.id")
    outside: str | None = Field(default=None, foreign_key="access_zone.id")
    pin_hours: str = ""  #: time profile during which the card alone does not suffice
    anti_passback: str = "off"  #: "off", "soft", "hard"


class AccessChange(SQLModel, table=True):
    """Whether the gateways of a site have been told the newest: they are behind while the two differ."""

    __tablename__ = "access_change"

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    changes: int = 0
    told: int = 0
    by: str = "system"
    problem: str = ""  #: why the list could not be made


class AccessEntry(SQLModel, table=True):
    """One line of the access log, written by the gateway's event; its result comes with a later one."""

    __tablename__ = "access_entry"
    __table_args__ = (UniqueConstraint("event_id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    event_id: str
    kind: EntryKind = Field(sa_type=word(EntryKind))
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    site_id: str = Field(foreign_key="site.id", index=True)
    gateway_id: str = Field(foreign_key="gateway.id")
    gate: str = Field(index=True)  #: device id
    reader: str = ""
    direction: str = ""
    credential: str = ""
    person_id: str = Field(default="", index=True)
    person: str = ""  #: name at that time
    outcome: str = Field(default="", index=True)  #: "granted", "denied"; of a command its action
    reason: str = ""
    list_version: int | None = None
    result: str = ""  #: "opened", "not-opened", "refused", "unconfirmed"; of a command its state
    detail: str = ""
    result_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
