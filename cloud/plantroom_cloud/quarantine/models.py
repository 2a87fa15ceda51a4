"""Messages that could not be taken, kept whole."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import UtcDateTime


class QuarantineDropped(SQLModel, table=True):
    """How many messages were forgotten on a day, by age or because there were too many."""

    __tablename__ = "quarantine_dropped"

    day: str = Field(primary_key=True)  #: 2026-03-01
    messages: int = 0


class QuarantinedMessage(SQLModel, table=True):
    """A message, why it was refused, and how often the same came."""

    __table_args__ = (Index("quarantine_order", "dismissed_at", "id", "size"),)

    id: int | None = Field(default=None, primary_key=True)
    received_at: datetime = Field(sa_type=UtcDateTime, index=True)
    topic: str
    gateway_id: str = Field(default="", index=True)
    reason: str
    payload: bytes
    size: int
    digest: str = Field(index=True)  #: SHA-256 of topic and payload: the same message again only counts up
    times: int = 1
    last_at: datetime = Field(sa_type=UtcDateTime)
    dismissed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    dismissed_by: str = ""
