"""/api/v1/work-orders/{id}/labour, parts, costs, downtime; /api/v1/parts; /api/v1/labour-rates."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from plantroom_cloud.costs.models import Activity, DowntimeReason, MovementKind, Part
from plantroom_cloud.costs.sheet import labour_amount, part_amount
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
)
from plantroom_cloud.errors import ForbiddenError, InvalidError, NotFoundError
from plantroom_cloud.listing import Page
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import RANK, Role, User
from plantroom_cloud.workorders.models import WorkOrder

router = APIRouter(prefix="/api/v1", tags=["costs"])

Amount = Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=4)]


class LabourOut(BaseModel):
    """Time of one person; `amount` in the currency of the installation, of a running timer until now."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    work_order_id: int
    person: str
    activity: Activity
    started_at: datetime
    ended_at: datetime | None
    rate: Decimal
    amount: Decimal = Decimal(0)
    note: str
    recorded_by: str
    struck_at: datetime | None
    struck_by: str


class NewLabour(BaseModel):
    """`from` and `to`, or `minutes` that end at `to` or now; `person`: a dispatcher may write it down for others."""

    model_config = ConfigDict(populate_by_name=True)
    activity: Activity
    start: AwareDatetime | None = Field(default=None, alias="from")
    end: AwareDatetime | None = Field(default=None, alias="to")
    minutes: int | None = Field(default=None, ge=1, le=1440)
    person: str | None = None
    note: str = Field(default="", max_length=2000)


class TimerStart(BaseModel):
    """What for."""

    activity: Activity = Activity.REPAIR


class MovementOut(BaseModel):
    """A change of stock: what comes in; negative: goes out."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    part_id: int
    at: datetime
    kind: MovementKind
    quantity: Decimal
    stock_after: Decimal
    unit_cost: Decimal
    work_order_id: int | None
    reverses: int | None
    actor: str
    note: str


class UsedOut(MovementOut):
    """A part of a work order."""

    code: str
    name: str
    unit: str
    amount: Decimal


class PartUse(BaseModel):
    """Taken from the store; `note` is needed for more than is counted there."""

    code: str
    quantity: Amount
    note: str = Field(default="", max_length=2000)


class Note(BaseModel):
    """Why."""

    note: str = Field(default="", max_length=2000)


class ExtraOut(BaseModel):
    """What else it cost."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    text: str
    amount: Decimal
    at: datetime
    recorded_by: str
    struck_at: datetime | None
    struck_by: str


class NewExtra(BaseModel):
    """A contractor, a journey."""

    text: str = Field(max_length=500)
    amount: Amount


class CostsOut(BaseModel):
    """Added up; amounts in `currency`, each line rounded to hundredths."""

    currency: str
    labour: Decimal
    labour_s: int
    parts: Decimal
    extra: Decimal
    total: Decimal
    timer_runs: bool
    estimate_min: int | None
    items: list[ExtraOut]


class EstimateIn(BaseModel):
    """How long the work will take."""

    minutes: int = Field(ge=1, le=60_000)


class DowntimeOut(BaseModel):
    """The equipment was down; without an end while it is."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    asset_id: int | None
    device_id: str | None
    started_at: datetime
    ended_at: datetime | None
    reason: DowntimeReason
    planned: bool
    note: str
    recorded_by: str
    struck_at: datetime | None
    struck_by: str


class ProposalOut(BaseModel):
    """From the times of an alarm."""

    model_config = ConfigDict(from_attributes=True)
    alarm_id: int
    started_at: datetime
    ended_at: datetime | None
    reason: DowntimeReason
    planned: bool


class DowntimesOut(BaseModel):
    """What is written down, and what the alarms propose."""

    items: list[DowntimeOut]
    proposed: list[ProposalOut]


class NewDowntime(BaseModel):
    """From then to then; without `to` while it is down."""

    model_config = ConfigDict(populate_by_name=True)
    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime | None = Field(default=None, alias="to")
    reason: DowntimeReason = DowntimeReason.FAILURE
    planned: bool = False
    note: str = Field(default="", max_length=2000)


class DowntimeEnd(BaseModel):
    """It works again; without a time: now."""

    model_config = ConfigDict(populate_by_name=True)
    end: AwareDatetime | None = Field(default=None, alias="to")


class PartIn(BaseModel):
    """What can be changed of a part; its stock changes by movements alone."""

    name: str = Field(max_length=200)
    unit: str = Field(default="pcs", max_length=20)
    unit_cost: Amount = Decimal(0)
    minimum: Amount = Decimal(0)
    place: str = Field(default="", max_length=200)
    active: bool = True


class NewPart(PartIn):
    """A new one; its stock begins at nothing."""

    code: str = Field(max_length=63)


class PartOut(NewPart):
    """A spare part."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    stock: Decimal
    unit_cost: Decimal
    minimum: Decimal


class NewMovement(BaseModel):
    """`receipt` adds the quantity; `count` says how many are there."""

    kind: MovementKind
    quantity: Amount
    note: str = Field(default="", max_length=2000)


class RateOut(BaseModel):
    """Of "user:…", "team:…", or of everybody else when `whose` is empty."""

    model_config = ConfigDict(from_attributes=True)
    whose: str
    amount: Decimal
    weekly_hours: Decimal | None


class RateIn(BaseModel):
    """From now on; what is written down keeps the rate it had."""

    whose: str = Field(default="", max_length=80)
    amount: Amount
    weekly_hours: Annotated[Decimal, Field(ge=0, le=168, decimal_places=4)] | None = None


def visible(session: Session, services: Services, user: User, order_id: int) -> WorkOrder:
    """The work order, if the person may know of it; raises NotFoundError."""
    order = services.work_orders.get(session, order_id)
    if not may_see(user, order.site_id):
        raise NotFoundError(f"there is no work order {order_id}")
    return order


def whose_time(user: User, person: str | None) -> str:
    """Oneself, or another where one is a dispatcher; raises ForbiddenError."""
    if person in (None, "", user.name):
        return user.name
    if RANK[user.role] < RANK[Role.DISPATCHER]:
        raise ForbiddenError("only a dispatcher writes down the time of others")
    assert person is not None
    return person


def span(start: datetime | None, end: datetime | None, minutes: int | None, at: datetime) -> tuple[datetime, datetime]:
    """From and to; raises InvalidError."""
    if (start is None) == (minutes is None):
        raise InvalidError("from, minutes: say from when to when, or how many minutes")
    if minutes is None:
        assert start is not None
        return start, end or at
    end = end or at
    return end - timedelta(minutes=minutes), end


@router.get("/work-orders/{order_id}/labour")
def list_labour(order_id: int, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Page[LabourOut]:
    """Oldest first."""
    visible(session, services, user, order_id)
    records = services.costs.labour.of_order(session, order_id)
    return Page(
        items=[
            LabourOut.model_validate(record).model_copy(update={"amount": labour_amount(record, at)})
            for record in records
        ]
    )


@router.post("/work-orders/{order_id}/labour", status_code=201)
def record_labour(
    order_id: int, body: NewLabour, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> LabourOut:
    """Written down afterwards."""
    order = visible(session, services, user, order_id)
    start, end = span(body.start, body.end, body.minutes, at)
    record = services.costs.labour.record(
        session, order, whose_time(user, body.person), body.activity, start, end, body.note, user.name, at
    )
    return LabourOut.model_validate(record).model_copy(update={"amount": labour_amount(record, at)})


@router.post("/work-orders/{order_id}/labour/start")
def start_timer(
    order_id: int,
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    body: TimerStart | None = None,
) -> LabourOut:
    """The timer runs from now; one that runs elsewhere ends."""
    order = visible(session, services, user, order_id)
    activity = body.activity if body is not None else Activity.REPAIR
    return LabourOut.model_validate(services.costs.labour.start(session, order, user.name, activity, at))


@router.post("/work-orders/{order_id}/labour/stop")
def stop_timer(order_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> LabourOut:
    """It ends now."""
    visible(session, services, user, order_id)
    record = services.costs.labour.stop(session, user.name, at, order_id)
    return LabourOut.model_validate(record).model_copy(update={"amount": labour_amount(record, at)})


@router.post("/work-orders/{order_id}/labour/{record_id}/strike")
def strike_labour(
    order_id: int, record_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> LabourOut:
    """It does not count any more; one's own, or as a dispatcher anybody's."""
    visible(session, services, user, order_id)
    for record in services.costs.labour.of_order(session, order_id):
        if record.id == record_id:
            whose_time(user, record.person)
    return LabourOut.model_validate(services.costs.labour.strike(session, order_id, record_id, user.name, at))


@router.get("/work-orders/{order_id}/parts")
def list_used(order_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> Page[UsedOut]:
    """Oldest first, with what was taken back."""
    visible(session, services, user, order_id)
    return Page(
        items=[
            UsedOut(
                **MovementOut.model_validate(movement).model_dump(),
                code=part.code,
                name=part.name,
                unit=part.unit,
                amount=part_amount(movement),
            )
            for movement, part in services.costs.store.of_order(session, order_id)
        ]
    )


@router.post("/work-orders/{order_id}/parts", status_code=201)
def use_part(
    order_id: int, body: PartUse, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> MovementOut:
    """Taken from the store."""
    order = visible(session, services, user, order_id)
    part = services.costs.store.by_code(session, body.code)
    assert part.id is not None
    movement = services.costs.store.use(session, order, part.id, body.quantity, body.note, user.name, at)
    return MovementOut.model_validate(movement)


@router.post("/work-orders/{order_id}/parts/{movement_id}/reverse", status_code=201)
def reverse_use(
    order_id: int,
    movement_id: int,
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    body: Note | None = None,
) -> MovementOut:
    """Back into the store, by a counter-movement."""
    visible(session, services, user, order_id)
    note = body.note if body is not None else ""
    movement = services.costs.store.reverse(session, movement_id, note, user.name, at, order_id)
    return MovementOut.model_validate(movement)


@router.get("/work-orders/{order_id}/costs")
def get_costs(order_id: int, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> CostsOut:
    """Added up until now."""
    sheet = services.costs.sheet(session, visible(session, services, user, order_id), at)
    return CostsOut(
        currency=sheet.currency,
        labour=sheet.totals.labour,
        labour_s=sheet.totals.seconds,
        parts=sheet.totals.parts,
        extra=sheet.totals.extra,
        total=sheet.totals.total,
        timer_runs=sheet.totals.running,
        estimate_min=sheet.estimate_min,
        items=[ExtraOut.model_validate(cost) for cost in sheet.extra],
    )


@router.post("/work-orders/{order_id}/costs", status_code=201)
def add_cost(
    order_id: int, body: NewExtra, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> ExtraOut:
    """A contractor, a journey."""
    order = visible(session, services, user, order_id)
    return ExtraOut.model_validate(services.costs.add_extra(session, order, body.text, body.amount, user.name, at))


@router.post("/work-orders/{order_id}/costs/{cost_id}/strike")
def strike_cost(
    order_id: int, cost_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> ExtraOut:
    """It does not count any more."""
    visible(session, services, user, order_id)
    return ExtraOut.model_validate(services.costs.strike_extra(session, order_id, cost_id, user.name, at))


@router.put("/work-orders/{order_id}/estimate")
def set_estimate(
    order_id: int, body: EstimateIn, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> EstimateIn:
    """How long the work will take: the backlog is counted by it."""
    order = visible(session, services, user, order_id)
    return EstimateIn(minutes=services.costs.set_estimate(session, order, body.minutes, user.name, at).minutes)


@router.get("/work-orders/{order_id}/downtime")
def list_downtime(order_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> DowntimesOut:
    """What is written down, and what the alarms propose."""
    order = visible(session, services, user, order_id)
    return DowntimesOut(
        items=[DowntimeOut.model_validate(row) for row in services.costs.downtimes.of_order(session, order_id)],
        proposed=[ProposalOut.model_validate(row) for row in services.costs.downtimes.proposed(session, order)],
    )


@router.post("/work-orders/{order_id}/downtime", status_code=201)
def record_downtime(
    order_id: int, body: NewDowntime, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> DowntimeOut:
    """The equipment of the work order was down, or is."""
    order = visible(session, services, user, order_id)
    downtime = services.costs.downtimes.record(
        session, order, body.start, body.end, body.reason, body.planned, body.note, user.name, at
    )
    return DowntimeOut.model_validate(downtime)


@router.post("/work-orders/{order_id}/downtime/{downtime_id}/end")
def end_downtime(
    order_id: int,
    downtime_id: int,
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    body: DowntimeEnd | None = None,
) -> DowntimeOut:
    """It works again."""
    visible(session, services, user, order_id)
    end = body.end if body is not None and body.end is not None else at
    return DowntimeOut.model_validate(services.costs.downtimes.end(session, order_id, downtime_id, end, user.name, at))


@router.post("/work-orders/{order_id}/downtime/{downtime_id}/strike")
def strike_downtime(
    order_id: int, downtime_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> DowntimeOut:
    """It does not count any more."""
    visible(session, services, user, order_id)
    return DowntimeOut.model_validate(services.costs.downtimes.strike(session, order_id, downtime_id, user.name, at))


@router.get("/parts")
def list_parts(
    _user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    q: str = "",
    below_minimum: bool = False,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Page[PartOut]:
    """By code."""
    found = services.costs.store.list(session, q, below_minimum=below_minimum, after=cursor, limit=limit + 1)
    more = found[limit - 1].code if len(found) > limit else None
    return Page(items=[PartOut.model_validate(part) for part in found[:limit]], next=more)


@router.post("/parts", status_code=201)
def add_part(body: NewPart, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PartOut:
    """A new one."""
    part = services.costs.store.save(session, Part(stock=Decimal(0), **body.model_dump()), at)
    services.users.audit(session, user.name, "part.add", f"part/{part.id}", {"code": part.code}, at)
    return PartOut.model_validate(part)


@router.get("/parts/{part_id}")
def get_part(part_id: int, _user: Viewer, session: ReadSession, services: ServicesDep) -> PartOut:
    """One."""
    return PartOut.model_validate(services.costs.store.get(session, part_id))


@router.put("/parts/{part_id}")
def change_part(
    part_id: int, body: PartIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> PartOut:
    """What is known of it; not its stock."""
    part = services.costs.store.get(session, part_id)
    for name, value in body.model_dump().items():
        setattr(part, name, value)
    services.users.audit(session, user.name, "part.change", f"part/{part.id}", {"code": part.code}, at)
    return PartOut.model_validate(services.costs.store.save(session, part, at))


@router.get("/parts/{part_id}/movements")
def list_movements(
    part_id: int,
    _user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[MovementOut]:
    """Newest first."""
    services.costs.store.get(session, part_id)
    found = services.costs.store.movements(session, part_id, cursor, limit + 1)
    more = str(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[MovementOut.model_validate(row) for row in found[:limit]], next=more)


@router.post("/parts/{part_id}/movements", status_code=201)
def move_part(
    part_id: int, body: NewMovement, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> MovementOut:
    """A delivery came, or somebody counted."""
    store = services.costs.store
    match body.kind:
        case MovementKind.RECEIPT:
            movement = store.receive(session, part_id, body.quantity, body.note, user.name, at)
        case MovementKind.COUNT:
            movement = store.count(session, part_id, body.quantity, body.note, user.name, at)
        case _:
            raise InvalidError("kind: receipt or count; parts are used on a work order, and reversed by a movement")
    return MovementOut.model_validate(movement)


@router.post("/parts/{part_id}/movements/{movement_id}/reverse", status_code=201)
def reverse_movement(
    part_id: int, movement_id: int, body: Note, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> MovementOut:
    """It was wrong: a counter-movement."""
    services.costs.store.get(session, part_id)
    movement = services.costs.store.reverse(session, movement_id, body.note, user.name, at)
    return MovementOut.model_validate(movement)


@router.get("/labour-rates")
def list_rates(_user: Dispatcher, session: ReadSession, services: ServicesDep) -> Page[RateOut]:
    """Everybody's first."""
    return Page(items=[RateOut.model_validate(rate) for rate in services.costs.labour.rates(session)])


@router.put("/labour-rates")
def set_rate(body: RateIn, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> RateOut:
    """Of a person, a team, or everybody else."""
    rate = services.costs.labour.set_rate(session, body.whose, body.amount, body.weekly_hours)
    services.users.audit(session, user.name, "rate.set", f"rate/{body.whose}", body.model_dump(mode="json"), at)
    return RateOut.model_validate(rate)
