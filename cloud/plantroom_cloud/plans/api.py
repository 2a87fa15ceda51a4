"""/api/v1/plans."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict
from sqlmodel import Session

from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession, may_see
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.listing import Page
from plantroom_cloud.plans.form import PlanIn
from plantroom_cloud.plans.models import MaintenancePlan, Outcome
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User

router = APIRouter(prefix="/api/v1/plans", tags=["plans"])

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]


class PlanOut(PlanIn):
    """A plan as it stands."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    title: str
    enabled: bool
    enabled_since: datetime
    counter_total: float


class PlanStory(PlanOut):
    """A plan with what comes and what was."""

    next_due_at: datetime | None
    occurrences: list["OccurrenceOut"]


class OccurrenceOut(BaseModel):
    """A due time and what came of it."""

    model_config = ConfigDict(from_attributes=True)
    due_at: datetime
    order_id: int | None
    outcome: Outcome
    finished_at: datetime | None


class ForecastOut(BaseModel):
    """Work to come."""

    plan_id: int
    title: str
    due_at: datetime
    estimated_h: float
    team_id: str | None


class Switch(BaseModel):
    """On or off."""

    enabled: bool


class Preview(BaseModel):
    """The next due times, at most ten; none for what only telemetry can tell."""

    due_at: list[datetime]


@router.get("")
def list_plans(user: Viewer, session: ReadSession, services: ServicesDep) -> Page[PlanOut]:
    """By title."""
    return Page(items=[PlanOut.model_validate(plan) for plan in services.plans.all(session, user.sites)])


@router.post("", status_code=201)
def make(body: PlanIn, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PlanOut:
    """A new one; what is due at once is opened at once."""
    _check(session, services, user, body)
    plan = services.plans.save(session, body.new(at), at)
    services.users.audit(session, user.name, "plan.make", f"plan/{plan.id}", body.model_dump(mode="json"), at)
    return PlanOut.model_validate(plan)


@router.post("/preview")
def preview(body: PlanIn, user: Manager, session: ReadSession, services: ServicesDep, at: At) -> Preview:
    """When a plan that is not saved would be due."""
    _check(session, services, user, body)
    return Preview(due_at=services.plans.preview(session, body.new(at), at, 10))


@router.get("/forecast")
def forecast(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    weeks: Annotated[int, Query(ge=1, le=106)] = 53,
) -> Page[ForecastOut]:
    """What is due in the coming weeks, in order."""
    found = services.plans.forecast(session, at, at + timedelta(weeks=weeks), user.sites)
    return Page(
        items=[
            ForecastOut(
                plan_id=item.plan.id or 0,
                title=item.plan.title,
                due_at=item.due_at,
                estimated_h=item.plan.estimated_h,
                team_id=item.plan.team_id,
            )
            for item in found
        ]
    )


@router.get("/{plan_id}")
def get(plan_id: Id, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> PlanStory:
    """One, with what comes and what was."""
    plan = visible_plan(session, services, user, plan_id)
    found = services.plans.occurrences_of(session, [plan_id]).get(plan_id, [])
    return PlanStory(
        **PlanOut.model_validate(plan).model_dump(),
        next_due_at=services.plans.upcoming(session, plan, at) if plan.enabled else None,
        occurrences=[OccurrenceOut.model_validate(occurrence) for occurrence in found[:200]],
    )


@router.put("/{plan_id}")
def change(plan_id: Id, body: PlanIn, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PlanOut:
    """Change it; what is open stays as it is."""
    plan = visible_plan(session, services, user, plan_id)
    _check(session, services, user, body)
    plan = services.plans.save(session, body.fill(plan), at)
    services.users.audit(session, user.name, "plan.change", f"plan/{plan_id}", body.model_dump(mode="json"), at)
    return PlanOut.model_validate(plan)


@router.post("/{plan_id}/switch")
def switch(plan_id: Id, body: Switch, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PlanOut:
    """On or off."""
    plan = visible_plan(session, services, user, plan_id)
    services.plans.switch(session, plan, body.enabled, at)
    services.users.audit(session, user.name, "plan.switch", f"plan/{plan_id}", body.model_dump(), at)
    return PlanOut.model_validate(plan)


@router.delete("/{plan_id}", status_code=204)
def remove(plan_id: Id, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> None:
    """One that never was due."""
    services.plans.remove(session, visible_plan(session, services, user, plan_id))
    services.users.audit(session, user.name, "plan.remove", f"plan/{plan_id}", {}, at)


def visible_plan(session: Session, services: Services, user: User, plan_id: int) -> MaintenancePlan:
    """Raises NotFoundError for those of other sites, too."""
    plan = services.plans.get(session, plan_id)
    if not may_see(user, plan.site_id):
        raise NotFoundError(f"there is no maintenance plan {plan_id}")
    return plan


def check_place(session: Session, services: Services, user: User, body: PlanIn) -> dict[str, str]:
    """Whether site, asset, device and team are there and may be seen: what is wrong by field."""
    found = {}
    if body.site_id not in {site.id for site in services.sites.list(session, user.sites)}:
        found["site_id"] = f"there is no site {body.site_id!r}"
    assets = {asset.id: asset.site_id for asset in services.assets.list(session, user.sites)}
    if body.asset_id is not None and assets.get(body.asset_id) != body.site_id:
        found["asset_id"] = "choose an asset of the site"
    if body.device_id is not None and body.device_id not in {
        d.id for d in services.devices.list(session, [body.site_id])
    }:
        found["device_id"] = "choose a device of the site"
    if body.team_id is not None and body.team_id not in {team.id for team in services.users.teams(session)}:
        found["team_id"] = f"there is no team {body.team_id!r}"
    return found


def _check(session: Session, services: Services, user: User, body: PlanIn) -> None:
    if wrong := check_place(session, services, user, body):
        raise NotFoundError("; ".join(f"{field}: {text}" for field, text in wrong.items()))
