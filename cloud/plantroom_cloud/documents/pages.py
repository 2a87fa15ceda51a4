"""Documents on the page of an asset."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.dependencies import At, Manager, ServicesDep, WriteSession
from plantroom_cloud.documents.api import Id, described, visible
from plantroom_cloud.errors import InvalidFieldsError
from plantroom_cloud.web.nav import NavEntry

NAV: tuple[NavEntry, ...] = ()
router = APIRouter(include_in_schema=False)


@router.post("/assets/{asset_id}/documents")
def add(
    asset_id: Id,
    user: Manager,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    title: Annotated[str, Form()] = "",
    url: Annotated[str, Form()] = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """A file to keep, or a link to where it stands."""
    visible(session, services, user, asset_id)
    if file is not None and file.filename:
        if url.strip():
            raise InvalidFieldsError({"url": "a file or a link, not both"})
        content = file.file.read()
        document = services.documents.add_file(session, asset_id, title, content, file.filename, user.name, at)
    elif url.strip():
        document = services.documents.add_link(session, asset_id, title, url.strip(), user.name, at)
    else:
        raise InvalidFieldsError({"file": "choose a file, or say a link"})
    services.users.audit(session, user.name, "document.add", f"asset/{asset_id}", described(document), at)
    return RedirectResponse(f"/assets/{asset_id}#documents", 303)


@router.post("/assets/{asset_id}/documents/{document_id}/remove")
def remove(
    asset_id: Id, document_id: Id, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """It belongs elsewhere."""
    visible(session, services, user, asset_id)
    document = services.documents.remove(session, asset_id, document_id)
    services.users.audit(session, user.name, "document.remove", f"asset/{asset_id}", described(document), at)
    return RedirectResponse(f"/assets/{asset_id}#documents", 303)
