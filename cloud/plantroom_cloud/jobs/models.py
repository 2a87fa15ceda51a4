"""Who may do what only one may do, and which due times were taken."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import UtcDateTime


class Lease(SQLModel, table=True):
    """Something that one process does at a time: "scheduler", "writer", "ingest-1of1"."""

    name: str = Field(primary_key=True)
    holder: str  #: host/process id/when that process began
    expires_at: datetime = Field(sa_type=UtcDateTime)


class JobRun(SQLModel, table=True):
    """A due time of a plan, taken by whoever wrote this row first."""

    __tablename__ = "job_run"

    plan: str = Field(primary_key=True)
    due_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    claimed_by: str
    claimed_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = ""
