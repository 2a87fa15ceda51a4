"""Business calendars, and which holds at a site."""

from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document


class Calendar(SQLModel, table=True):
    """Working hours, holidays, exceptions."""

    __tablename__ = "business_calendar"

    id: str = Field(primary_key=True, max_length=63)
    name: str
    timezone: str = ""  #: empty: that of the site
    #: of each weekday, Monday first: [[[480, 1020]], …], minutes after midnight
    hours: list[Any] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    country: str = ""  #: ISO 3166-1 alpha-2: its public holidays are free
    region: str = ""
    holidays: dict[str, str] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))  #: day: name
    worked: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))  #: days


class SiteCalendar(SQLModel, table=True):
    """The calendar of a site; a site without one works always."""

    __tablename__ = "site_calendar"

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    calendar_id: str = Field(foreign_key="business_calendar.id", index=True)
