"""/api/v1/sla: policies, clocks, figures."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession, may_see
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.listing import Page
from plantroom_cloud.sla.figures import FORMULA
from plantroom_cloud.sla.models import ClockKind, ClockState, SlaPolicy
from plantroom_cloud.sla.policy import PolicyIn
from plantroom_cloud.users.models import User
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/sla", tags=["service levels"])


class PolicyOut(PolicyIn):
    """A policy."""

    id: int
    changed_at: datetime


class ClockOut(BaseModel):
    """A clock of a work order; times in seconds are working time of its calendar."""

    model_config = ConfigDict(from_attributes=True)
    work_order_id: int
    kind: ClockKind
    round: int = Field(description="of the restoration: one more after each reopening")
    state: ClockState
    started_at: datetime
    target_s: float
    due_at: datetime | None = Field(description="null while it is paused, and when it has ended")
    warned_at: datetime | None
    breached_at: datetime | None
    ended_at: datetime | None
    left_s: float | None = Field(default=None, description="now; negative when it is over; null when it has ended")


class MarkOut(BaseModel):
    """What a clock reached, when, and who was told."""

    model_config = ConfigDict(from_attributes=True)
    kind: ClockKind
    round: int
    name: str
    reached_at: datetime
    noted_at: datetime
    told: list[str]


class OrderLevels(BaseModel):
    """What is promised of one order, and how it stands."""

    policy: str
    clocks: list[ClockOut]
    marks: list[MarkOut]


class Share(BaseModel):
    """How often the promise was kept."""

    group: str
    kind: ClockKind
    met: int
    breached: int
    share: float


class Figures(BaseModel):
    """Shares with their formula."""

    formula: str
    items: list[Share]


@router.get("/policies")
def list_policies(user: Viewer, session: ReadSession, services: ServicesDep) -> Page[PolicyOut]:
    """Those of any site, and of those that the person may see."""
    rows = [row for row in services.sla.policies(session) if not row.site_id or may_see(user, row.site_id)]
    return Page(items=[_out(row) for row in rows])


@router.post("/policies", status_code=201)
def add(body: PolicyIn, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PolicyOut:
    """It holds for orders that are opened from now on."""
    check_site(user, body.site_id)
    row = services.sla.add(session, body, at)
    services.users.audit(session, user.name, "sla.add", f"sla-policy/{row.id}", body.model_dump(mode="json"), at)
    return _out(row)


@router.get("/policies/{policy_id}")
def get(policy_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> PolicyOut:
    """One."""
    row = services.sla.policy(session, policy_id)
    if row.site_id:
        check_site(user, row.site_id)
    return _out(row)


@router.put("/policies/{policy_id}")
def change(
    policy_id: int, body: PolicyIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> PolicyOut:
    """Orders that are open keep what held when they were opened."""
    check_site(user, services.sla.policy(session, policy_id).site_id)
    check_site(user, body.site_id)
    row = services.sla.change(session, policy_id, body, at)
    services.users.audit(session, user.name, "sla.set", f"sla-policy/{row.id}", body.model_dump(mode="json"), at)
    return _out(row)


@router.delete("/policies/{policy_id}", status_code=204)
def remove(policy_id: int, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Orders that are open keep it."""
    check_site(user, services.sla.policy(session, policy_id).site_id)
    services.sla.remove(session, policy_id)
    services.users.audit(session, user.name, "sla.remove", f"sla-policy/{policy_id}", {}, at)
    return Response(status_code=204)


@router.get("/clocks")
def clocks(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    state: ClockState | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> Page[ClockOut]:
    """Those that have not ended; what is due first, then what is paused."""
    rows = [clock for clock, _ in services.sla.ticking(session, user.sites, limit) if state in (None, clock.state)]
    return Page(items=[ClockOut.model_validate(row) for row in rows])


@router.get("/orders/{order_id}")
def of_order(order_id: int, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> OrderLevels:
    """The clocks of one order, with the working time that is left now."""
    order = services.work_orders.get(session, order_id)
    terms = services.sla.terms_of(session, order_id)
    if not may_see(user, order.site_id):
        raise NotFoundError(said("there is no work order %(order_id)s", order_id=order_id))
    if terms is None:
        raise NotFoundError(
            said("nothing is promised of work order %(order_id)s: no policy held when it was opened", order_id=order_id)
        )
    left = services.sla.left(session, order, at)
    return OrderLevels(
        policy=terms.name,
        clocks=[
            ClockOut.model_validate(row).model_copy(
                update={
                    "left_s": span.total_seconds() if (span := left.get((row.kind, row.round))) is not None else None
                }
            )
            for row in services.sla.clocks(session, order_id)
        ],
        marks=[MarkOut.model_validate(mark) for mark in services.sla.marks(session, order_id)],
    )


@router.get("/figures")
def figures(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    start: date | None = None,
    end: date | None = None,
    by: Literal["site", "priority", "team", "month"] = "month",
    site: str = "",
) -> Figures:
    """Clocks that began in [start, end) (UTC days; else the last 365 days); the formula stands beside."""
    if site and not may_see(user, site):
        raise NotFoundError(said("there is no site %(site)r", site=site))
    first, last = period(start, end, at)
    rows = services.sla.figures(session, [site] if site else user.sites, first, last, by)
    return Figures(
        formula=FORMULA,
        items=[Share(group=r.group, kind=r.kind, met=r.met, breached=r.breached, share=r.share) for r in rows],
    )


def period(start: date | None, end: date | None, at: datetime) -> tuple[datetime, datetime]:
    """UTC days as moments; the last 365 days where nothing is said. Raises InvalidError."""
    last = datetime.combine(end, time.min, UTC) if end is not None else at + timedelta(days=1)
    first = datetime.combine(start, time.min, UTC) if start is not None else at - timedelta(days=365)
    if last < first:
        raise InvalidError("end: it lies before the start")
    return first, last


def check_site(user: User, site_id: str) -> None:
    """A policy of any site is set by somebody who sees all of them. Raises NotFoundError, InvalidError."""
    if not site_id and user.sites:
        raise InvalidError(said("site_id: you see %(sites)s; name one of them", sites=list(user.sites)))
    if site_id and not may_see(user, site_id):
        raise NotFoundError(said("there is no site %(site_id)r", site_id=site_id))


def _out(row: SlaPolicy) -> PolicyOut:
    return PolicyOut.model_validate(
        dict(row.terms)
        | {
            "id": row.id,
            "site_id": row.site_id,
            "priority": row.priority,
            "kind": row.kind,
            "enabled": row.enabled,
            "changed_at": row.changed_at,
        }
    )
