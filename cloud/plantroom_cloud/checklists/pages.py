"""Templates of checklists and their editor; the checklists of a work order."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.checklists.api import Id, keep, visible_order
from plantroom_cloud.checklists.definition import StepKind
from plantroom_cloud.checklists.form import EMPTY, read_rows, rows, shown_rows
from plantroom_cloud.checklists.models import ChecklistTemplate
from plantroom_cloud.checklists.shown import shown
from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Technician, Viewer, WriteSession
from plantroom_cloud.errors import ConflictError, InvalidError, InvalidFieldsError
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_cloud.web.forms import Form
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (NavEntry("checklists", "/checklists", "Checklists", order=49, group="Work"),)
router = APIRouter(include_in_schema=False)

KINDS = {
    StepKind.CHECK: "Check: all right or not",
    StepKind.NUMBER: "Number with limits",
    StepKind.CHOICE: "Choice",
    StepKind.TEXT: "Text",
    StepKind.PHOTO: "Photo",
    StepKind.METER: "Meter reading",
    StepKind.SIGNATURE: "Signature",
}


@router.get("/checklists")
def templates_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """All that may be attached."""
    found = services.checklists.templates.all(session)
    return render(request, "checklists.html", user=user, page="checklists", templates=found)


@router.get("/checklists/new")
def new_page(request: Request, user: Manager, session: ReadSession, services: ServicesDep) -> Response:
    """An empty one."""
    return _form(request, session, services, user, None, {}, [EMPTY], {})


@router.get("/checklists/{template_id}")
def template_page(
    request: Request, template_id: Id, user: Viewer, session: ReadSession, services: ServicesDep
) -> Response:
    """One, to read or to change."""
    template = services.checklists.templates.get(session, template_id)
    values = {"name": template.name, "description": template.description, "version": str(template.version)}
    return _form(request, session, services, user, template, values, shown_rows(template.steps), {})


@router.post("/checklists/{key}")
def save(
    request: Request, key: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Make or change it, or say what is wrong beside each field."""
    book = services.checklists.templates
    template = None if key == "new" else book.get(session, int(key) if key.isdecimal() and len(key) < 10 else 0)
    values = {name: form.text(name) for name in ("name", "description", "version")}
    typed = rows(form)
    steps, errors = read_rows(typed)
    if not errors:
        try:
            if template is None:
                saved = book.make(session, values["name"], values["description"], steps, user.name, at)
            else:
                version = int(values["version"]) if values["version"].isdecimal() else 0
                saved = book.change(
                    session, int(key), version, values["name"], values["description"], steps, user.name, at
                )
            keep(services, session, user, saved)
            return RedirectResponse("/checklists", 303)
        except InvalidFieldsError as error:
            errors = error.fields
        except ConflictError as error:
            errors = {"form": str(error)}
    return _form(request, session, services, user, template, values, typed, errors)


@router.post("/checklists/{template_id}/retire")
def retire(template_id: Id, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Attached to nothing new any more."""
    keep(services, session, user, services.checklists.templates.retire(session, template_id, user.name, at))
    return RedirectResponse("/checklists", 303)


@router.get("/work-orders/{order_id}/checklists")
def order_part(
    request: Request, order_id: Id, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """The checklists of an order as its page has them."""
    order = visible_order(session, services, user, order_id)
    found = shown(session, services, user, order, at)
    return render(request, "order_checklists.html", user=user, about=order, order=order, checklists=found)


@router.post("/work-orders/{order_id}/checklists")
def attach(
    order_id: Id, form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """A template to an order."""
    visible_order(session, services, user, order_id)
    chosen = form.text("template")
    if not chosen.isdecimal() or len(chosen) > 9:
        raise InvalidError("choose a checklist")
    services.checklists.attach(session, order_id, int(chosen), user.name, at)
    return RedirectResponse(f"/work-orders/{order_id}#checklists", 303)


def _form(
    request: Request, session: Session, services: Services, user: User, template: ChecklistTemplate | None,
    values: Mapping[str, str], typed: Sequence[Mapping[str, str]], errors: Mapping[str, str],
) -> Response:  # fmt: skip
    metrics = {metric["name"] for device in services.devices.list(session, user.sites) for metric in device.metrics}
    return render(
        request, "checklist.html", status_code=422 if errors else 200, user=user, page="checklists", template=template,
        values=values, rows=typed, errors=errors, kinds=[(kind.value, text) for kind, text in KINDS.items()],
        metrics=sorted(metrics), empty=EMPTY,
    )  # fmt: skip
