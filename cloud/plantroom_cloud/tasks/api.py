"""/api/v1/my: what a technician's phone needs, and takes back what was done, once and in order."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from plantroom_cloud.checklists.api import ChecklistOut, checklist_out
from plantroom_cloud.costs.models import Activity
from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Technician, WriteSession, may_see
from plantroom_cloud.devices.tile import key_values
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.language import worded
from plantroom_cloud.moment import Moment
from plantroom_cloud.services import Services
from plantroom_cloud.tasks.service import Reported, possible
from plantroom_cloud.users.models import User
from plantroom_cloud.web.render import written_for_phone
from plantroom_cloud.workorders.models import FINISHED, WorkOrder, WorkOrderState
from plantroom_cloud.workorders.service import HOLD_REASONS
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/my", tags=["my tasks"])

Ref = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
OrderId = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Time(BaseModel):
    """One's own time on a task; while the timer runs, without an end."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    activity: Activity
    started_at: datetime
    ended_at: datetime | None


class Timer(BaseModel):
    """The timer that runs, on whatever work order."""

    model_config = ConfigDict(from_attributes=True)
    work_order_id: int
    activity: Activity
    started_at: datetime


class Task(BaseModel):
    """A work order as the phone shows it; `possible`: what its person may do now."""

    id: int
    title: str
    kind: str
    state: WorkOrderState
    priority: str
    due_at: datetime | None
    opened_at: datetime
    assignee: str | None
    offered_to: str | None
    where: str
    device_id: str | None
    description: str
    cause: str
    consequence: str
    response: str
    evidence: list[Any]
    reopened: int
    checklist: bool  #: it has steps to answer: /api/v1/work-orders/{id}/checklists
    zone: str  #: of its site: times are shown in it
    possible: list[str]
    labour: list[Time]  #: of the person who asks


#: What the program may have written, so that it is said in the language of the person.
_WORDED = ("title", "description", "cause", "consequence", "response")


class Desk(BaseModel):
    """Everything the phone keeps for when the network is gone."""

    user: str
    csrf_token: str
    now: datetime
    hold_reasons: list[str]
    timer: Timer | None
    mine: list[Task]
    pool: list[Task]


class MyChecklists(BaseModel):
    """By work order."""

    orders: dict[int, list[ChecklistOut]]


class StepReport(BaseModel):
    """What was done; `ref` is made by the phone, `at` is its clock, `photos` are ids of /api/v1/photos. Time on a task:
    a timer that starts or stops (`started_at`, should its start not have been taken), `minutes` that end at `at`, other
    `minutes` for one's own record `labour_id` (0 strikes it out)."""

    ref: Ref
    order_id: OrderId
    step: Literal[
        "claim", "accept", "decline", "take-over", "start", "hold", "resume", "complete", "note",
        "timer-start", "timer-stop", "time", "time-correct",
    ]  # fmt: skip
    note: str = Field(default="", max_length=5000)
    reason: str = Field(default="", max_length=500)
    out_of_service: bool = False
    photos: list[str] = Field(default=[], max_length=6)
    activity: Activity = Activity.REPAIR
    started_at: Moment | None = None
    minutes: int = Field(default=0, ge=0, le=1440)
    labour_id: int = Field(default=0, ge=0, le=2**31 - 1)
    at: Moment


class Taken(BaseModel):
    """What became of it; `applied` False: not any more, `text` says why; note and pictures are kept."""

    model_config = ConfigDict(from_attributes=True)
    work_order_id: int
    step: str
    applied: bool
    state: str
    text: str


class AssetNote(BaseModel):
    """Something seen at an asset."""

    ref: Ref
    text: str = Field(min_length=1, max_length=2000)
    priority: Literal["critical", "high", "medium", "low"] = "medium"
    photos: list[str] = Field(default=[], max_length=6)
    at: Moment


class Reading(BaseModel):
    """The newest value of a device that measures the asset."""

    label: str
    value: Any
    unit: str


class Found(BaseModel):
    """What a scanned label stands for."""

    asset_id: int
    name: str
    code: str
    where: str
    readings: list[Reading]
    orders: list[Task]


@router.get("")
def desk(request: Request, user: Technician, session: ReadSession, services: ServicesDep, at: At) -> Desk:
    """My tasks and the pool."""
    mine = services.tasks.mine(session, user.name, user.sites)
    pool = services.tasks.pool(session, user.sites, user.team_id)
    timer = services.costs.labour.running(session, user.name)
    with written_for_phone(request, user):
        return Desk(
            user=user.name,
            csrf_token=getattr(request.state, "csrf_token", ""),
            now=at,
            hold_reasons=list(HOLD_REASONS),
            timer=Timer.model_validate(timer) if timer is not None else None,
            mine=_tasks(session, services, user, mine),
            pool=_tasks(session, services, user, pool),
        )


@router.get("/checklists")
def checklists(user: Technician, session: ReadSession, services: ServicesDep, at: At) -> MyChecklists:
    """Of my tasks, so that they can be answered without a network."""
    mine = services.tasks.mine(session, user.name, user.sites)
    found = services.checklists.of_orders(session, [order.id for order in mine if order.id is not None], at)
    return MyChecklists(
        orders={number: [checklist_out(session, services, one) for one in lists] for number, lists in found.items()}
    )


@router.post("/steps")
def step(
    request: Request, body: StepReport, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Taken:
    """One at a time, oldest first. What is sent again changes nothing."""
    order = services.work_orders.get(session, body.order_id)
    if not may_see(user, order.site_id):
        raise NotFoundError(said("there is no work order %(order_id)s", order_id=body.order_id))
    told = body.model_dump(exclude={"at"})
    taken = Taken.model_validate(services.tasks.take(session, user.name, Reported(**told), body.at, at))
    with written_for_phone(request, user):
        return taken.model_copy(update={"text": worded(taken.text)})


@router.get("/assets/{label}")
def scanned(request: Request, label: str, user: Technician, session: WriteSession, services: ServicesDep) -> Found:
    """What the label on a machine or a door stands for."""
    asset = services.assets.by_label(session, label)
    if not may_see(user, asset.site_id) or asset.id is None:
        raise NotFoundError("this label belongs to another site")
    below = services.assets.below(session, asset)
    devices = [item.device_id for item in services.assets.bindings(session, below) if item.until is None]
    orders = [o for o in services.work_orders.of_asset(session, below, devices) if o.state not in FINISHED]
    values = key_values(session, services, devices)
    path = [above.name for above in services.assets.path(session, asset)][:-1]
    with written_for_phone(request, user):
        return Found(
            asset_id=asset.id,
            name=asset.name,
            code=asset.code,
            where=" · ".join(path),
            readings=[
                Reading(label=worded(text), value=worded(value) if isinstance(value, str) else value, unit=unit)
                for each in values.values()
                for text, value, unit in each
            ],
            orders=_tasks(session, services, user, orders),
        )


@router.post("/assets/{label}/reports")
def report(
    label: str, body: AssetNote, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Taken:
    """Opens a work order on the asset; sent again it opens none."""
    asset = services.assets.by_label(session, label)
    if not may_see(user, asset.site_id):
        raise NotFoundError("this label belongs to another site")
    return Taken.model_validate(
        services.tasks.open(session, user.name, body.ref, asset, body.text, body.priority, body.photos, body.at, at)
    )


def _tasks(session: Session, services: Services, user: User, orders: list[WorkOrder]) -> list[Task]:
    devices = {
        device.id: device for device in services.devices.of_ids(session, [o.device_id for o in orders if o.device_id])
    }
    assets = services.assets.of_ids(session, {o.asset_id for o in orders if o.asset_id is not None})
    asking = services.checklists.with_steps(session, [o.id for o in orders if o.id is not None])
    zones = {site.id: site.timezone for site in services.sites.list(session, user.sites)}
    labour = services.costs.labour.own(session, user.name, [o.id for o in orders if o.id is not None])
    found = []
    for order in orders:
        device = devices.get(order.device_id or "")
        asset = assets.get(order.asset_id or 0)
        where = [device.location if device else "", asset.name if asset else "", device.label if device else ""]
        found.append(
            Task(
                **{
                    name: getattr(order, name)
                    for name in Task.model_fields
                    if hasattr(order, name) and name not in ("due_at", *_WORDED)
                },
                **{name: worded(getattr(order, name)) for name in _WORDED},
                due_at=order.next_due_at,
                where=" · ".join(dict.fromkeys(filter(None, where))),
                checklist=order.id in asking,
                zone=zones.get(order.site_id, "UTC"),
                possible=possible(order, user.name),
                labour=[Time.model_validate(record) for record in labour.get(order.id or 0, ())],
            )
        )
    return found
