"""Messages that could not be taken, kept whole."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import UtcDateTime


class QuarantinedMessage(SQLModel, table=True):
    """A message, why it was refused, and how often the same came."""

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
