"""/api/v1/work-orders."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from plantroom_cloud.dependencies import (
    At,
    Dispatcher,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
    may_see,
    sites_asked,
)
from plantroom_cloud.devices.api import visible as visible_device
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.listing import Page
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_cloud.workorders.transitions import steps
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/work-orders", tags=["work orders"])


class WorkOrderOut(BaseModel):
    """A work order."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    kind: str
    title: str
    state: WorkOrderState
    priority: str
    site_id: str
    device_id: str | None
    alarm_id: int | None
    team_id: str | None
    assignee: str | None
    description: str
    cause: str
    consequence: str
    response: str
    evidence: list[Any]
    resolution: str
    proving_s: float
    opened_at: datetime
    due_at: datetime | None
    sla_due_at: datetime | None
    sla_state: str
    assigned_at: datetime | None
    started_at: datetime | None
    done_at: datetime | None
    closed_at: datetime | None
    verified_by: str
    reopened: int
    out_of_service: bool
    asset_id: int | None
    skills: list[str]
    offered_to: str | None
    requester: str
    rating: int | None


class EntryOut(BaseModel):
    """One line of the trail."""

    model_config = ConfigDict(from_attributes=True)
    at: datetime
    actor: str
    action: str
    from_state: str
    to_state: str
    note: str


class WorkOrderStory(WorkOrderOut):
    """A work order with its trail and what is possible now."""

    plan_id: int | None  #: the maintenance plan that opened it
    helpers: list[str]
    trail: list[EntryOut]
    possible: list[str]


class NewWorkOrder(BaseModel):
    """By a person."""

    title: str = Field(max_length=200)
    description: str = Field(default="", max_length=5000)
    site_id: str
    device_id: str | None = None
    priority: str = "medium"
    team_id: str | None = None


class Assignment(BaseModel):
    """Who is to do it: a login name."""

    user: str


class Start(BaseModel):
    """`out_of_service`: alarms of the equipment are set aside until the work is done."""

    out_of_service: bool = False


class Hold(BaseModel):
    """Why it waits."""

    reason: str
    note: str = ""


class Completion(BaseModel):
    """What was done."""

    note: str = Field(default="", max_length=5000)


class Reason(BaseModel):
    """Why."""

    reason: str = Field(max_length=2000)


@router.get("")
def list_orders(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    state: WorkOrderState | None = None,
    assignee: str | None = None,
    device: str | None = None,
    site: str | None = None,
    kind: str | None = None,
    priority: Literal["critical", "high", "medium", "low"] | None = None,
    team: str | None = None,
    alarm: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    asset: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    sla_state: Literal["running", "warned", "paused", "breached", "met"] | None = None,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[WorkOrderOut]:
    """Newest first."""
    found = services.work_orders.search(
        session,
        sites=sites_asked(user, site),
        state=state,
        assignee=assignee,
        device_id=device,
        alike={"kind": kind, "priority": priority, "team_id": team, "alarm_id": alarm, "asset_id": asset},
        level=sla_state or "",
        before_id=cursor,
        limit=limit + 1,
    )
    more = str(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[WorkOrderOut.model_validate(order) for order in found[:limit]], next=more)


@router.post("", status_code=201)
def create(body: NewWorkOrder, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> WorkOrderOut:
    """Open one by hand."""
    if not may_see(user, body.site_id):
        raise NotFoundError(said("there is no site %(site_id)r", site_id=body.site_id))
    services.sites.get(session, body.site_id)
    if body.device_id is not None:
        _, gateway = visible_device(session, services, user, body.device_id)
        if gateway.site_id != body.site_id:
            told = said(
                "device_id: there is no device %(device_id)r at site %(site_id)r",
                device_id=body.device_id,
                site_id=body.site_id,
            )
            raise InvalidError(told)
    order = services.work_orders.create(
        session, body.title, body.description, body.site_id, body.device_id, body.priority, body.team_id, user.name, at
    )
    return WorkOrderOut.model_validate(order)


@router.get("/{order_id}")
def get(order_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> WorkOrderStory:
    """One, with its trail."""
    order = services.work_orders.get(session, _visible(session, services, user, order_id))
    plan = services.plans.of_order(session, order_id)
    trail = [EntryOut.model_validate(entry) for entry in services.work_orders.trail(session, order_id)]
    return WorkOrderStory(
        **WorkOrderOut.model_validate(order).model_dump(),
        plan_id=plan.id if plan is not None else None,
        helpers=services.work_orders.helpers(session, order_id),
        trail=trail,
        possible=[str(step) for step in steps(order.state)],
    )


@router.post("/{order_id}/claim")
def claim(order_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> WorkOrderOut:
    """Take it."""
    return _out(services.work_orders.claim(session, _visible(session, services, user, order_id), user.name, at))


@router.post("/{order_id}/assign")
def assign(
    order_id: int, body: Assignment, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> WorkOrderOut:
    """Give it to somebody."""
    services.users.get(session, body.user)
    return _out(
        services.work_orders.assign(session, _visible(session, services, user, order_id), body.user, user.name, at)
    )


@router.post("/{order_id}/approve")
def approve(order_id: int, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At) -> WorkOrderOut:
    """A request is work of ours."""
    return _out(services.work_orders.approve(session, _visible(session, services, user, order_id), user.name, at))


@router.post("/{order_id}/reject")
def reject(
    order_id: int, body: Reason, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> WorkOrderOut:
    """A request is none of ours; the requester reads the reason."""
    visible = _visible(session, services, user, order_id)
    return _out(services.work_orders.reject(session, visible, body.reason, user.name, at))


@router.post("/{order_id}/accept")
def accept(order_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> WorkOrderOut:
    """The assignee takes it on."""
    return _out(services.work_orders.accept(session, _visible(session, services, user, order_id), user.name, at))


@router.post("/{order_id}/decline")
def decline(
    order_id: int, body: Reason, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> WorkOrderOut:
    """The assignee gives it back to the pool."""
    visible = _visible(session, services, user, order_id)
    return _out(services.work_orders.decline(session, visible, body.reason, user.name, at))


@router.post("/{order_id}/offer")
def offer(
    order_id: int, body: Assignment, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> WorkOrderOut:
    """Ask somebody to take it over."""
    services.users.get(session, body.user)
    visible = _visible(session, services, user, order_id)
    return _out(services.work_orders.offer(session, visible, body.user, user.name, at))


@router.post("/{order_id}/take-over")
def take_over(order_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> WorkOrderOut:
    """The one who was asked agrees."""
    return _out(services.work_orders.take_over(session, _visible(session, services, user, order_id), user.name, at))


@router.post("/{order_id}/join")
def join(
    order_id: int, body: Assignment, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> WorkOrderOut:
    """Somebody works on it too."""
    services.users.get(session, body.user)
    visible = _visible(session, services, user, order_id)
    return _out(services.work_orders.join(session, visible, body.user, user.name, at))


@router.post("/{order_id}/start")
def start(
    order_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At, body: Start | None = None
) -> WorkOrderOut:
    """Work begins."""
    visible = _visible(session, services, user, order_id)
    away = body.out_of_service if body is not None else False
    return _out(services.work_orders.start(session, visible, user.name, at, out_of_service=away))


@router.post("/{order_id}/hold")
def hold(
    order_id: int, body: Hold, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> WorkOrderOut:
    """Wait for parts, access, a contractor …"""
    return _out(
        services.work_orders.hold(
            session, _visible(session, services, user, order_id), body.reason, body.note, user.name, at
        )
    )


@router.post("/{order_id}/resume")
def resume(order_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> WorkOrderOut:
    """Go on."""
    return _out(services.work_orders.resume(session, _visible(session, services, user, order_id), user.name, at))


@router.post("/{order_id}/complete")
def complete(
    order_id: int, body: Completion, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> WorkOrderOut:
    """Done; the telemetry verifies it."""
    return _out(
        services.work_orders.complete(session, _visible(session, services, user, order_id), body.note, user.name, at)
    )


@router.post("/{order_id}/verify")
def verify(
    order_id: int, body: Reason, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> WorkOrderOut:
    """Close it by hand, with a reason."""
    return _out(
        services.work_orders.verify(session, _visible(session, services, user, order_id), body.reason, user.name, at)
    )


@router.post("/{order_id}/cancel")
def cancel(
    order_id: int, body: Reason, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> WorkOrderOut:
    """Nothing is to be done."""
    return _out(
        services.work_orders.cancel(session, _visible(session, services, user, order_id), body.reason, user.name, at)
    )


@router.post("/{order_id}/reopen")
def reopen(
    order_id: int, body: Reason, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> WorkOrderOut:
    """It is not finished after all."""
    return _out(
        services.work_orders.reopen(session, _visible(session, services, user, order_id), body.reason, user.name, at)
    )


def _visible(session: Session, services: Services, user: User, order_id: int) -> int:
    """The id, if the person may know of the work order; raises NotFoundError."""
    if not may_see(user, services.work_orders.get(session, order_id).site_id):
        raise NotFoundError(said("there is no work order %(order_id)s", order_id=order_id))
    return order_id


def _out(order: WorkOrder) -> WorkOrderOut:
    return WorkOrderOut.model_validate(order)
