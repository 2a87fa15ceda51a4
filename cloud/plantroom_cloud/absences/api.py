"""/api/v1/absences: who is away, from when to when, and who stands in."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from plantroom_cloud.absences.models import Absence, AbsenceReason
from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.listing import Page
from plantroom_cloud.moment import Moment
from plantroom_cloud.users.models import RANK, Role, User

router = APIRouter(prefix="/api/v1/absences", tags=["absences"])


class AbsenceIn(BaseModel):
    """`substitute` is told, called and asked in the person's place."""

    reason: AbsenceReason
    starts_at: Moment
    ends_at: Moment
    substitute: str | None = Field(default=None, max_length=63)
    note: str = Field(default="", max_length=300)


class NewAbsence(AbsenceIn):
    """`user`: oneself; a manager may say another."""

    user: str = Field(max_length=63)


class AbsenceOut(BaseModel):
    """Why is told to the person and to managers alone, to others null."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    user: str
    starts_at: datetime
    ends_at: datetime
    substitute: str | None
    reason: AbsenceReason | None
    note: str | None
    entered_by: str
    entered_at: datetime


@router.get("")
def list_absences(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    of: Annotated[str | None, Query(max_length=63)] = None,
    start: Moment | None = None,
    end: Moment | None = None,
    cursor: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[AbsenceOut]:
    """Those that touch [start, end), from now on where nothing is said, as they were entered; perhaps `of` somebody."""
    found = services.absences.between(session, start or at, end, of, cursor, limit + 1)
    items = [_out(absence, user) for absence in found[:limit]]
    return Page(items=items, next=str(items[-1].id) if len(found) > limit else None)


@router.post("", status_code=201)
def enter(body: NewAbsence, user: Viewer, session: WriteSession, services: ServicesDep, at: At) -> AbsenceOut:
    """Somebody is away."""
    absence = Absence(**body.model_dump(), entered_by="", entered_at=at)
    return _out(services.absences.enter(session, absence, user, at), user)


@router.put("/{absence_id}")
def change(
    absence_id: int, body: AbsenceIn, user: Viewer, session: WriteSession, services: ServicesDep, at: At
) -> AbsenceOut:
    """It is otherwise."""
    changed = services.absences.change(
        session, absence_id, body.reason, body.starts_at, body.ends_at, body.substitute, body.note, user, at
    )
    return _out(changed, user)


@router.post("/{absence_id}/end", status_code=204)
def end(absence_id: int, user: Viewer, session: WriteSession, services: ServicesDep, at: At) -> None:
    """Back already; one that has not begun is taken back."""
    services.absences.end(session, absence_id, user, at)


@router.delete("/{absence_id}", status_code=204)
def remove(absence_id: int, user: Viewer, session: WriteSession, services: ServicesDep, at: At) -> None:
    """It was a mistake."""
    services.absences.remove(session, absence_id, user, at)


def _out(absence: Absence, reader: User) -> AbsenceOut:
    shown = AbsenceOut.model_validate(absence)
    if may_know_why(reader, absence):
        return shown
    return shown.model_copy(update={"reason": None, "note": None})


def may_know_why(reader: User, absence: Absence) -> bool:
    """Why somebody is away is nobody else's business."""
    return reader.name == absence.user or RANK[reader.role] >= RANK[Role.MANAGER]
