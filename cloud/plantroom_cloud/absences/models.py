"""When people are away."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import UtcDateTime, word


class AbsenceReason(StrEnum):
    """Why somebody is away."""

    HOLIDAY = "holiday"
    SICK = "sick"
    TRAINING = "training"
    OTHER = "other"


class Absence(SQLModel, table=True):
    """Somebody is away from a moment until another; times of one person do not overlap."""

    id: int | None = Field(default=None, primary_key=True)
    user: str = Field(index=True)  #: login name
    reason: AbsenceReason = Field(sa_type=word(AbsenceReason))
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime, index=True)
    substitute: str | None = None  #: login name of who is told and on call instead
    note: str = ""
    entered_by: str
    entered_at: datetime = Field(sa_type=UtcDateTime)
