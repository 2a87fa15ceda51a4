"""Departments of a site: wards, theatres, laboratories."""

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document


class Department(SQLModel, table=True):
    """Where waste comes from."""

    id: str = Field(primary_key=True, max_length=63)
    site_id: str = Field(foreign_key="site.id", index=True)
    name: str
    #: login names of who signs for it; empty: anybody of the site
    staff: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    active: bool = True
