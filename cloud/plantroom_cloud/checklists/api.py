"""/api/v1/checklist-templates, and the checklists of a work order."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from sqlmodel import Session

from plantroom_cloud.checklists.definition import StepDefinition
from plantroom_cloud.checklists.judge import MOST_TEXT, Given
from plantroom_cloud.checklists.models import ChecklistTemplate, Verdict
from plantroom_cloud.checklists.service import Checklist, Step
from plantroom_cloud.checklists.templates import MOST_DESCRIPTION
from plantroom_cloud.dependencies import (
    At,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
    may_see,
)
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.listing import Page
from plantroom_cloud.moment import Moment
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1", tags=["checklists"])

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]


class TemplateIn(BaseModel):
    """What one writes down."""

    name: str
    description: str = Field(default="", max_length=MOST_DESCRIPTION)
    steps: list[StepDefinition]


class TemplateChange(TemplateIn):
    """`version`: the one that was read; somebody else's change in between is not lost."""

    version: int


class TemplateOut(TemplateIn):
    """As it is kept."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    version: int
    updated_at: datetime
    updated_by: str
    retired_at: datetime | None


class Attaching(BaseModel):
    """Which template."""

    template_id: int = Field(ge=1, le=2**31 - 1)


class AnswerIn(BaseModel):
    """`ref` is made by the client: what is sent twice under one ref is taken once. `value` by the kind of the step:
    true or false, a number, a text, one of the choices, ids of /api/v1/photos (a list), id of the signature (a PNG).
    `verdict`: failed calls any step failed, not-applicable leaves it out; both say why in `note`. `at`: the client's
    time. `confirmed`: the counter did go backwards."""

    ref: str = Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")
    value: StrictBool | float | str | list[str] | None = None
    verdict: Verdict = Verdict.PASSED
    note: str = Field(default="", max_length=MOST_TEXT)
    at: Moment | None = None
    confirmed: bool = False


class AnswerOut(BaseModel):
    """An answer; `reason` says why it failed, `live` what the telemetry said then."""

    model_config = ConfigDict(from_attributes=True)
    value: Any
    verdict: Verdict
    reason: str
    note: str
    person: str
    at: datetime
    claimed_at: datetime | None
    received_at: datetime
    confirmed: bool
    live: dict[str, Any]


class LiveOut(BaseModel):
    """What the telemetry says of a meter now."""

    model_config = ConfigDict(from_attributes=True)
    device_id: str
    value: float
    unit: str
    at: datetime


class FollowUpOut(BaseModel):
    """The order that the fail opened."""

    work_order_id: int
    state: WorkOrderState
    corrected_at: datetime | None


class StepOut(StepDefinition):
    """A step of an order; `answers` oldest first, the last one counts."""

    id: int
    verdict: Verdict | None
    answers: list[AnswerOut]
    follow_up_order: FollowUpOut | None
    live: LiveOut | None


class ChecklistOut(BaseModel):
    """A checklist of an order."""

    id: int
    template_id: int
    name: str
    version: int
    answered: int
    failed: int
    steps: list[StepOut]


class FollowsOut(BaseModel):
    """The step of another order whose fail opened this one."""

    work_order_id: int
    step: str
    corrected_at: datetime | None


class OrderChecklists(BaseModel):
    """All of an order, and what the order itself follows."""

    items: list[ChecklistOut]
    follows: FollowsOut | None


@router.get("/checklist-templates")
def templates(_user: Viewer, session: ReadSession, services: ServicesDep, retired: bool = False) -> Page[TemplateOut]:
    """By name."""
    found = services.checklists.templates.all(session, retired=retired)
    return Page(items=[TemplateOut.model_validate(template) for template in found])


@router.post("/checklist-templates", status_code=201)
def make_template(body: TemplateIn, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> TemplateOut:
    """A new one."""
    book = services.checklists.templates
    return keep(services, session, user, book.make(session, body.name, body.description, body.steps, user.name, at))


@router.get("/checklist-templates/{template_id}")
def template(template_id: Id, _user: Viewer, session: ReadSession, services: ServicesDep) -> TemplateOut:
    """One."""
    return TemplateOut.model_validate(services.checklists.templates.get(session, template_id))


@router.put("/checklist-templates/{template_id}")
def change_template(
    template_id: Id, body: TemplateChange, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> TemplateOut:
    """Its next version; orders that have it keep what they have."""
    changed = services.checklists.templates.change(
        session, template_id, body.version, body.name, body.description, body.steps, user.name, at
    )
    return keep(services, session, user, changed)


@router.delete("/checklist-templates/{template_id}")
def retire_template(
    template_id: Id, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> TemplateOut:
    """Attached to nothing new any more."""
    return keep(services, session, user, services.checklists.templates.retire(session, template_id, user.name, at))


@router.get("/work-orders/{order_id}/checklists")
def of_order(order_id: Id, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> OrderChecklists:
    """The steps with what was answered; beside a meter what the telemetry says now."""
    visible_order(session, services, user, order_id)
    follows = services.checklists.follows(session, order_id)
    return OrderChecklists(
        items=[checklist_out(session, services, one) for one in services.checklists.of_order(session, order_id, at)],
        follows=None
        if follows is None
        else FollowsOut(
            work_order_id=follows[1].work_order_id,
            step=follows[1].definition["label"],
            corrected_at=follows[0].corrected_at,
        ),
    )


@router.post("/work-orders/{order_id}/checklists", status_code=201)
def attach(
    order_id: Id, body: Attaching, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> OrderChecklists:
    """Copy a template's steps to the order; a second time changes nothing."""
    visible_order(session, services, user, order_id)
    services.checklists.attach(session, order_id, body.template_id, user.name, at)
    return of_order(order_id, user, session, services, at)


@router.post("/work-orders/{order_id}/checklists/steps/{step_id}/answers")
def answer(
    order_id: Id,
    step_id: Id,
    body: AnswerIn,
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
) -> StepOut:
    """Take an answer. 409 with the type urn:plantroom:confirm for a counter that goes backwards: ask, then send it
    again with `confirmed`, under the same ref."""
    visible_order(session, services, user, order_id)
    given = Given(body.value, body.verdict, body.note, body.confirmed)
    services.checklists.answer(session, order_id, step_id, f"{user.name}:{body.ref}", given, user.name, body.at, at)
    return _step(session, services, services.checklists.step(session, order_id, step_id, at))


def visible_order(session: Session, services: Services, user: User, order_id: int) -> WorkOrder:
    """If the person may know of it; raises NotFoundError."""
    order = services.work_orders.get(session, order_id)
    if not may_see(user, order.site_id):
        raise NotFoundError(said("there is no work order %(order_id)s", order_id=order_id))
    return order


def keep(services: Services, session: Session, user: User, template: ChecklistTemplate) -> TemplateOut:
    """As it stands now, and into the audit log."""
    found = TemplateOut.model_validate(template)
    what = {"name": found.name, "version": found.version, "retired": found.retired_at is not None}
    services.users.audit(session, user.name, "checklist.save", f"checklist/{found.id}", what, found.updated_at)
    return found


def checklist_out(session: Session, services: Services, one: Checklist) -> ChecklistOut:
    """As the API says it."""
    attached = one.attached
    assert attached.id is not None
    return ChecklistOut(
        id=attached.id,
        template_id=attached.template_id,
        name=attached.name,
        version=attached.version,
        answered=one.answered,
        failed=one.failed,
        steps=[_step(session, services, step) for step in one.steps],
    )


def _step(session: Session, services: Services, step: Step) -> StepOut:
    followed = step.follow_up
    return StepOut(
        **step.asks.model_dump(),
        id=step.id,
        verdict=step.verdict,
        answers=[AnswerOut.model_validate(answer) for answer in step.answers],
        follow_up_order=None
        if followed is None
        else FollowUpOut(
            work_order_id=followed.work_order_id,
            state=services.work_orders.get(session, followed.work_order_id).state,
            corrected_at=followed.corrected_at,
        ),
        live=LiveOut.model_validate(step.live) if step.live is not None else None,
    )
