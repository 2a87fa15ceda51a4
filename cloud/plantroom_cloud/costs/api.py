"""/api/v1/work-orders/{id}/labour, costs, estimate, downtime; /api/v1/labour-rates."""

from datetime import datetime, timedelta

from fastapi import APIRouter
from sqlmodel import Session

from plantroom_cloud.costs.answer import (
    CostsOut,
    DowntimeEnd,
    DowntimeOut,
    DowntimesOut,
    EstimateIn,
    ExtraOut,
    LabourOut,
    NewDowntime,
    NewExtra,
    NewLabour,
    ProposalOut,
    RateIn,
    RateOut,
    TimerStart,
)
from plantroom_cloud.costs.models import Activity
from plantroom_cloud.costs.sheet import labour_amount
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
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1", tags=["costs"])


def visible(session: Session, services: Services, user: User, order_id: int) -> WorkOrder:
    """The work order, if the person may know of it; raises NotFoundError."""
    order = services.work_orders.get(session, order_id)
    if not may_see(user, order.site_id):
        raise NotFoundError(said("there is no work order %(order_id)s", order_id=order_id))
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
