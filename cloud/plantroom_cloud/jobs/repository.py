"""Queries over leases and job runs; each is one statement, so that two processes cannot both succeed."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Table, delete, or_, update
from sqlmodel import Session, col, select

from plantroom_cloud.database import insert_unless_there
from plantroom_cloud.jobs.models import JobRun, Lease

_LEASE = cast("Table", Lease.__table__)  # type: ignore[attr-defined]
_RUN = cast("Table", JobRun.__table__)  # type: ignore[attr-defined]


def take(session: Session, name: str, holder: str, at: datetime, until: datetime) -> bool:
    """Have or keep a lease that is free, over, or the holder's own."""
    free = or_(_LEASE.c.holder == holder, _LEASE.c.expires_at <= at)
    statement = update(_LEASE).where(_LEASE.c.name == name, free).values(holder=holder, expires_at=until)
    result: CursorResult[Any] = session.connection().execute(statement)
    if result.rowcount == 1:
        return True
    return insert_unless_there(session, _LEASE, {"name": name, "holder": holder, "expires_at": until})


def holder(session: Session, name: str) -> str | None:
    """Who has it, or had it last."""
    return session.exec(select(Lease.holder).where(col(Lease.name) == name)).first()


def give_back(session: Session, name: str, holder: str) -> None:
    """The next may have it at once."""
    session.connection().execute(delete(_LEASE).where(_LEASE.c.name == name, _LEASE.c.holder == holder))


def claim(session: Session, plan: str, due_at: datetime, holder: str, at: datetime) -> bool:
    """False when somebody has taken it."""
    row = {"plan": plan, "due_at": due_at, "claimed_by": holder, "claimed_at": at, "error": ""}
    return insert_unless_there(session, _RUN, row)


def finish(session: Session, plan: str, due_at: datetime, at: datetime, error: str) -> None:
    """It is done, or has failed."""
    mine = (_RUN.c.plan == plan, _RUN.c.due_at == due_at)
    session.connection().execute(update(_RUN).where(*mine).values(finished_at=at, error=error))


def runs(session: Session, plan: str) -> list[JobRun]:
    """Newest first."""
    return list(session.exec(select(JobRun).where(JobRun.plan == plan).order_by(col(JobRun.due_at).desc())))


def delete_before(session: Session, moment: datetime) -> None:
    """Forget them."""
    session.connection().execute(delete(_RUN).where(_RUN.c.due_at < moment))
