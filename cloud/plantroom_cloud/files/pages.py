"""Photos and documents on the page of a work order."""

from typing import Annotated

from fastapi import APIRouter, File, UploadFile
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.dependencies import At, Dispatcher, ServicesDep, Technician, WriteSession
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.files.api import Id, add_file, visible
from plantroom_cloud.web.forms import Form
from plantroom_cloud.web.nav import NavEntry
from plantroom_shared.said import said

NAV: tuple[NavEntry, ...] = ()
router = APIRouter(include_in_schema=False)


@router.post("/work-orders/{order_id}/files")
def add(
    order_id: Id,
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    files: Annotated[list[UploadFile], File()] = [],  # noqa: B006
) -> Response:
    """Some at once; one that is not taken leaves out all, so that one sees it."""
    visible(session, services, user, order_id)
    chosen = [file for file in files if file.filename]
    if not chosen:
        raise InvalidError("choose a file first")
    for file in chosen:
        try:
            add_file(session, services, user, order_id, file.file.read(), file.filename or "", at)
        except InvalidError as error:
            raise InvalidError(said("%(filename)s: %(error)s", filename=file.filename, error=error)) from error
    return RedirectResponse(f"/work-orders/{order_id}#files", 303)


@router.post("/work-orders/{order_id}/files/remove")
def remove(
    order_id: Id, form: Form, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """It belongs elsewhere."""
    visible(session, services, user, order_id)
    services.work_orders.remove_file(session, order_id, form.text("file"), user.name, at)
    return RedirectResponse(f"/work-orders/{order_id}#files", 303)
