"""Bags, what happened to each bag, manifests, and the rules in force."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, UtcDateTime


class Manifest(SQLModel, table=True):
    """Bags that leave the house together."""

    id: int | None = Field(default=None, primary_key=True)
    number: str = Field(unique=True, max_length=63)
    site_id: str = Field(foreign_key="site.id", index=True)
    carrier: str
    vehicle: str = ""
    destination: str = ""
    state: str = "draft"  #: draft, shipped, destroyed
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str
    shipped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    shipped_by: str = ""  #: login name of who handed over
    carrier_signature: str = ""  #: name of who took over for the carrier
    bags: int = 0
    kg: float = 0.0
    kg_by_type: dict[str, float] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))
    destroyed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    destroyed_by: str = ""  #: login name of who recorded it
    certificate: str = ""


class WasteBag(SQLModel, table=True):
    """A bag, from its printed label to its end."""

    __tablename__ = "waste_bag"

    code: str = Field(primary_key=True, max_length=16)
    site_id: str = Field(foreign_key="site.id", index=True)
    department_id: str = Field(foreign_key="department.id", index=True)
    type: str
    printed_at: datetime = Field(sa_type=UtcDateTime)
    printed_by: str
    stage: str = Field(default="issued", index=True)  #: the furthest complete one
    stage_at: datetime = Field(sa_type=UtcDateTime)  #: event time of its completion
    kg: float | None = None  #: as weighed last
    manifest_id: int | None = Field(default=None, foreign_key="manifest.id", index=True)
    void_reason: str = ""  #: written off: why
    closed: bool = Field(default=False, index=True)  #: at the end of the chain, or written off
    #: alarm keys that are raised now
    alarms: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))


class BagRecord(SQLModel, table=True):
    """What is known of one bag in one stage."""

    __tablename__ = "bag_record"
    __table_args__ = (UniqueConstraint("bag_code", "stage"),)

    id: int | None = Field(default=None, primary_key=True)
    bag_code: str = Field(foreign_key="waste_bag.code", index=True, max_length=16)
    stage: str
    opened_at: datetime = Field(sa_type=UtcDateTime)  #: event time of the first thing known
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    weighing_id: int | None = Field(default=None, foreign_key="weighing.id")
    kg: float | None = None
    manifest_id: int | None = Field(default=None, foreign_key="manifest.id")
    certificate: str = ""
    explained: str = ""  #: why its weight may differ from the one before: said by a person


class BagSignature(SQLModel, table=True):
    """Who stands for a handover."""

    __tablename__ = "bag_signature"
    __table_args__ = (UniqueConstraint("record_id", "role"),)

    id: int | None = Field(default=None, primary_key=True)
    record_id: int = Field(foreign_key="bag_record.id", index=True)
    role: str
    user: str  #: login name
    method: str  #: "login" or "pin"
    at: datetime = Field(sa_type=UtcDateTime)


class BagEntry(SQLModel, table=True):
    """One line of a bag's life; nothing of it is ever changed."""

    __tablename__ = "bag_entry"

    id: int | None = Field(default=None, primary_key=True)
    bag_code: str = Field(foreign_key="waste_bag.code", index=True, max_length=16)
    at: datetime = Field(sa_type=UtcDateTime)  #: when it happened
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    actor: str
    action: str
    note: str = ""


class WasteRulesVersion(SQLModel, table=True):
    """The rules as they were from a moment on; the newest is in force."""

    __tablename__ = "waste_rules_version"

    id: int | None = Field(default=None, primary_key=True)
    document: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))
    at: datetime = Field(sa_type=UtcDateTime)
    by: str


class SigningPin(SQLModel, table=True):
    """What somebody signs with on another person's phone."""

    __tablename__ = "signing_pin"

    user_id: int = Field(primary_key=True, foreign_key="user.id")
    pin_hash: str
    set_at: datetime = Field(sa_type=UtcDateTime)
