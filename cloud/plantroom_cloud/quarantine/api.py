"""/api/v1/quarantine."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from plantroom_cloud.dependencies import At, Manager, ReadSession, Viewer, WriteSession
from plantroom_cloud.listing import Page
from plantroom_cloud.quarantine.service import dismiss, waiting

router = APIRouter(prefix="/api/v1/quarantine", tags=["quarantine"])


class QuarantinedOut(BaseModel):
    """A message that could not be taken."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    received_at: datetime
    last_at: datetime
    topic: str
    gateway_id: str
    reason: str
    size: int
    times: int


@router.get("")
def list_messages(
    _user: Viewer, session: ReadSession, cursor: Annotated[int | None, Query(ge=1)] = None
) -> Page[QuarantinedOut]:
    """Newest first."""
    found = waiting(session, cursor, 101)
    more = str(found[99].id) if len(found) > 100 else None
    return Page(items=[QuarantinedOut.model_validate(message) for message in found[:100]], next=more)


@router.post("/{message_id}/dismiss")
def post_dismiss(message_id: int, user: Manager, session: WriteSession, at: At) -> QuarantinedOut:
    """Somebody has looked at it."""
    return QuarantinedOut.model_validate(dismiss(session, message_id, user.name, at))
