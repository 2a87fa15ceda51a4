"""Files by their content."""

from datetime import datetime

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import UtcDateTime


class StoredFile(SQLModel, table=True):
    """A picture, a document; the same content is kept once. In the database, so that a backup has it."""

    __tablename__ = "stored_file"

    id: str = Field(primary_key=True, max_length=64)  #: SHA-256 of the content, hex
    media_type: str
    size: int
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    stored_by: str
    stored_at: datetime = Field(sa_type=UtcDateTime)
