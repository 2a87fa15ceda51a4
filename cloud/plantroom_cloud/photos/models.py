"""Photos that people took, by their content."""

from datetime import datetime

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import UtcDateTime


class Photo(SQLModel, table=True):
    """One picture; the same picture is kept once. In the database, so that a backup has it."""

    id: str = Field(primary_key=True, max_length=64)  #: SHA-256 of the content, hex
    media_type: str
    size: int
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    taken_by: str
    stored_at: datetime = Field(sa_type=UtcDateTime)
