"""What changed, for pages and API clients that follow live."""

from datetime import datetime

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import BigId, UtcDateTime


class Change(SQLModel, table=True):
    """One line per change, written in the same commit as the change itself; kept for an hour.

    `kind`: "alarm", "work-order", "device", "gateway", "quarantine", "command", "config"; `ref` is the object's id.
    """

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    kind: str
    ref: str
