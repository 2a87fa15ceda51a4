"""Assets: the tree of what a building is made of, what is known of each, and which device measures it."""

from datetime import date, datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import UtcDateTime, word


class AssetKind(StrEnum):
    """Levels of the tree, from the outside in."""

    SITE = "site"
    BUILDING = "building"
    FLOOR = "floor"
    ROOM = "room"
    SYSTEM = "system"
    EQUIPMENT = "equipment"


#: Of the texts of an asset.
MOST_CHARACTERS = {
    "code": 63, "name": 200, "equipment_class": 63, "maker": 200, "model": 200, "serial": 200, "notes": 5000,
}  # fmt: skip


class Asset(SQLModel, table=True):
    """A place, a system, or a piece of equipment."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=63)  #: "PMP-001": on its label
    name: str
    kind: AssetKind = Field(sa_type=word(AssetKind))
    site_id: str = Field(foreign_key="site.id", index=True)
    parent_id: int | None = Field(default=None, foreign_key="asset.id", index=True)
    equipment_class: str = Field(default="", index=True)  #: "pump": figures are compared within a class
    maker: str = ""
    model: str = ""
    serial: str = ""
    criticality: str = "medium"  #: "critical", "high", "medium", "low"
    installed_on: date | None = None
    warranty_until: date | None = None
    team_id: str | None = Field(default=None, foreign_key="team.id")  #: requests go to it
    notes: str = ""
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


class AssetDevice(SQLModel, table=True):
    """A device measures an asset, from then to then."""

    __tablename__ = "asset_device"

    id: int | None = Field(default=None, primary_key=True)
    asset_id: int = Field(foreign_key="asset.id", index=True)
    device_id: str = Field(foreign_key="device.id", index=True)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    by: str


class AssetKey(SQLModel, table=True):
    """What the labels of this installation are signed with; made once."""

    __tablename__ = "asset_key"

    id: int = Field(default=1, primary_key=True)
    secret: str


class RequestCount(SQLModel, table=True):
    """How many requests came by a label, or from an address, in an hour: nobody floods the pool."""

    __tablename__ = "asset_request_count"

    source: str = Field(primary_key=True)
    hour: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    count: int = 0
