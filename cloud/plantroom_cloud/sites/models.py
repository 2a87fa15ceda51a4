"""A site: a building, campus or estate, with its time zone."""

from sqlmodel import Field, SQLModel


class Site(SQLModel, table=True):
    """What bounds what a person sees."""

    id: str = Field(primary_key=True, max_length=63)
    name: str
    timezone: str = "UTC"
    address: str = ""
