"""/api/v1/work-orders/…/files: photos and documents of a work order."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel import Session

from plantroom_cloud.dependencies import (
    At,
    Dispatcher,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
    may_see,
)
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.files.answer import sent
from plantroom_cloud.files.content import plain_name
from plantroom_cloud.listing import Page
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/work-orders/{order_id}/files", tags=["work orders"])

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
FileId = Annotated[str, Path(max_length=64)]


class FileOut(BaseModel):
    """`id` is the SHA-256 of the content; the content is at the list's address and `id`."""

    id: str
    name: str
    media_type: str
    size: int
    added_at: datetime
    added_by: str


@router.get("")
def files(order_id: Id, user: Viewer, session: ReadSession, services: ServicesDep) -> Page[FileOut]:
    """As they came."""
    return Page(items=files_of(session, services, visible(session, services, user, order_id)))


@router.post("", status_code=201)
def add(
    order_id: Id,
    content: Annotated[bytes, Body(media_type="application/octet-stream")],
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    name: Annotated[str, Query(max_length=300)] = "",
) -> FileOut:
    """The content itself as the body: JPEG, PNG, WebP, PDF, XLSX without macros, or text in UTF-8, at most 10 MB. The
    same one again changes nothing."""
    visible(session, services, user, order_id)
    file_id = add_file(session, services, user, order_id, content, name, at)
    return next(file for file in files_of(session, services, order_id) if file.id == file_id)


@router.get("/{file_id}", response_class=Response)
def content(order_id: Id, file_id: FileId, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """A picture to look at, anything else to keep."""
    file = services.work_orders.file(session, visible(session, services, user, order_id), file_id)
    return sent(services.files.get(session, file_id), file.name)


@router.delete("/{file_id}", status_code=204)
def remove(
    order_id: Id, file_id: FileId, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> None:
    """It belongs elsewhere; the order's story says so."""
    visible(session, services, user, order_id)
    services.work_orders.remove_file(session, order_id, file_id, user.name, at)


def add_file(
    session: Session, services: Services, user: User, order_id: int, content: bytes, name: str, at: datetime
) -> str:
    """Store it and add it to the order; its id."""
    stored = services.files.store(session, content, user.name, at)
    services.work_orders.add_file(session, order_id, stored.id, plain_name(name, stored.media_type), user.name, at)
    return stored.id


def files_of(session: Session, services: Services, order_id: int) -> list[FileOut]:
    """Without their contents."""
    found = services.work_orders.files(session, order_id)
    kept = services.files.described(session, [file.file_id for file in found])
    return [
        FileOut(
            id=file.file_id,
            name=file.name,
            media_type=kept[file.file_id].media_type,
            size=kept[file.file_id].size,
            added_at=file.added_at,
            added_by=file.added_by,
        )
        for file in found
    ]


def visible(session: Session, services: Services, user: User, order_id: int) -> int:
    """The id, if the person may know of the work order; raises NotFoundError."""
    if not may_see(user, services.work_orders.get(session, order_id).site_id):
        raise NotFoundError(said("there is no work order %(order_id)s", order_id=order_id))
    return order_id
