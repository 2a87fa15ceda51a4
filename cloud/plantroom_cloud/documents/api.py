"""/api/v1/assets/…/documents."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession, may_see
from plantroom_cloud.documents.models import AssetDocument
from plantroom_cloud.documents.service import MOST_TITLE, MOST_URL
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.files.answer import sent
from plantroom_cloud.listing import Page
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/assets/{asset_id}/documents", tags=["assets"])

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]


class LinkIn(BaseModel):
    """A document that stands elsewhere."""

    title: str = Field(min_length=1, max_length=MOST_TITLE)
    url: str = Field(pattern="^https?://", max_length=MOST_URL)


class DocumentOut(BaseModel):
    """`url`: where it is to be read; `name`, `media_type` and `size` (bytes) of a file that is kept here."""

    id: int
    title: str
    url: str
    name: str | None = None
    media_type: str | None = None
    size: int | None = None
    added_at: datetime
    added_by: str


@router.get("")
def documents(asset_id: Id, user: Viewer, session: ReadSession, services: ServicesDep) -> Page[DocumentOut]:
    """Manuals, drawings, certificates, as they came."""
    visible(session, services, user, asset_id)
    return Page(items=shown(session, services, services.documents.of_asset(session, asset_id)))


@router.post("", status_code=201)
def add_link(
    asset_id: Id, body: LinkIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> DocumentOut:
    """A link to where one stands."""
    visible(session, services, user, asset_id)
    document = services.documents.add_link(session, asset_id, body.title, body.url, user.name, at)
    services.users.audit(session, user.name, "document.add", f"asset/{asset_id}", described(document), at)
    return shown(session, services, [document])[0]


@router.post("/file", status_code=201)
def add_file(
    asset_id: Id,
    content: Annotated[bytes, Body(media_type="application/octet-stream")],
    user: Manager,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    title: Annotated[str, Query(max_length=MOST_TITLE)] = "",
    name: Annotated[str, Query(max_length=300)] = "",
) -> DocumentOut:
    """The content itself as the body: JPEG, PNG, WebP, PDF, XLSX without macros, or text in UTF-8, at most 10 MB. The
    same one again changes its title."""
    visible(session, services, user, asset_id)
    document = services.documents.add_file(session, asset_id, title, content, name, user.name, at)
    services.users.audit(session, user.name, "document.add", f"asset/{asset_id}", described(document), at)
    return shown(session, services, [document])[0]


@router.get("/{document_id}/file", response_class=Response)
def content(asset_id: Id, document_id: Id, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """A picture to look at, anything else to keep."""
    visible(session, services, user, asset_id)
    document = services.documents.get(session, asset_id, document_id)
    if document.file_id is None:
        raise NotFoundError(said("document %(document_id)s is a link, no file", document_id=document_id))
    return sent(services.files.get(session, document.file_id), document.name)


@router.delete("/{document_id}", status_code=204)
def remove(asset_id: Id, document_id: Id, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> None:
    """It belongs elsewhere."""
    visible(session, services, user, asset_id)
    document = services.documents.remove(session, asset_id, document_id)
    services.users.audit(session, user.name, "document.remove", f"asset/{asset_id}", described(document), at)


def shown(session: Session, services: Services, found: Sequence[AssetDocument]) -> list[DocumentOut]:
    """Without their contents."""
    kept = services.files.described(session, [one.file_id for one in found if one.file_id is not None])
    out = []
    for one in found:
        assert one.id is not None
        document = DocumentOut(id=one.id, title=one.title, url=one.url, added_at=one.added_at, added_by=one.added_by)
        if one.file_id is not None:
            document.url = f"/api/v1/assets/{one.asset_id}/documents/{one.id}/file"
            document.name = one.name
            document.media_type, document.size = kept[one.file_id].media_type, kept[one.file_id].size
        out.append(document)
    return out


def described(document: AssetDocument) -> dict[str, str]:
    """What it was, for the log."""
    return {"title": document.title, "name": document.name, "url": document.url}


def visible(session: Session, services: Services, user: User, asset_id: int) -> None:
    """Raises NotFoundError unless the person may know of the asset."""
    if not may_see(user, services.assets.get(session, asset_id).site_id):
        raise NotFoundError(said("there is no asset %(asset_id)s", asset_id=asset_id))
