"""/api/v1/quarantine."""

from base64 import b64encode
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from sqlmodel import Session

from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.listing import Page
from plantroom_cloud.quarantine.models import QuarantinedMessage
from plantroom_cloud.quarantine.payload import readable
from plantroom_cloud.quarantine.service import dismiss, get, waiting
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_shared.said import said

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


class QuarantinedWhole(QuarantinedOut):
    """With what came: decoded where it can be, and in Base64."""

    kind: str
    text: str
    payload: bytes


@router.get("")
def list_messages(
    user: Viewer,
    session: ReadSession,
    gateway: str = "",
    q: str = "",
    dismissed: bool = False,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[QuarantinedOut]:
    """Newest first; `q` is looked for in reason and topic."""
    found = waiting(session, cursor, limit + 1, sites=user.sites, gateway_id=gateway, text=q, dismissed=dismissed)
    more = str(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[QuarantinedOut.model_validate(message) for message in found[:limit]], next=more)


@router.get("/{message_id}")
def get_message(message_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> QuarantinedWhole:
    """One, with its payload."""
    message = visible(session, services, user, message_id)
    shown = readable(message.payload)
    known = QuarantinedOut.model_validate(message).model_dump()
    return QuarantinedWhole(**known, kind=shown.kind, text=shown.text, payload=b64encode(message.payload))


@router.post("/{message_id}/dismiss")
def post_dismiss(
    message_id: int, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> QuarantinedOut:
    """Somebody has looked at it."""
    visible(session, services, user, message_id)
    return QuarantinedOut.model_validate(dismiss(session, message_id, user.name, at))


def visible(session: Session, services: Services, user: User, message_id: int) -> QuarantinedMessage:
    """The message if the person may know of its gateway; raises NotFoundError."""
    message = get(session, message_id)
    if user.sites and message.gateway_id not in {g.id for g in services.gateways.list(session, user.sites)}:
        raise NotFoundError(said("there is no message %(message_id)s in quarantine", message_id=message_id))
    return message
