"""/api/v1/maintenance-plans."""

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict
from sqlmodel import Session

from plantroom_cloud.dependencies import (
    At,
    Manager,
    ReadSession,
    ServicesDep,
    Viewer,
    WriteSession,
    may_see,
    sites_asked,
)
from plantroom_cloud.errors import InvalidFieldsError, NotFoundError
from plantroom_cloud.listing import Page, PartDep
from plantroom_cloud.moment import Moment
from plantroom_cloud.plans.form import PlanIn
from plantroom_cloud.plans.models import MaintenancePlan, Outcome
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/maintenance-plans", tags=["plans"])

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
MOST_TIME = timedelta(days=3660)


class PlanOut(PlanIn):
    """A plan as it stands."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    title: str
    enabled: bool
    enabled_since: datetime
    used: float | None = None
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


class PlanOccurrenceOut(OccurrenceOut):
    """The same with its plan; `done_at` without what was cancelled or skipped."""

    plan_id: int
    title: str
    site_id: str
    asset_id: int | None
    done_at: datetime | None


class LoadOut(BaseModel):
    """Orders and the hours that they take, estimated."""

    team_id: str | None
    count: int
    hours: float


class WeekOut(BaseModel):
    """A week from Monday, and its share of each team that has any."""

    monday: date
    count: int
    hours: float
    teams: list[LoadOut]


class ForecastOut(BaseModel):
    """Work to come; `away`: who could do it, when all of them are away on that day."""

    plan_id: int
    title: str
    due_at: datetime
    estimated_h: float
    team_id: str | None
    away: list[str]


class Switch(BaseModel):
    """On or off."""

    enabled: bool


class Preview(BaseModel):
    """The next due times, at most ten; none for what only telemetry can tell."""

    due_at: list[datetime]


@router.get("")
def list_plans(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    part: PartDep,
    site: str | None = None,
    asset: int | None = None,
    device: str | None = None,
    enabled: bool | None = None,
) -> Page[PlanOut]:
    """By title."""
    wanted = {"asset_id": asset, "device_id": device, "enabled": enabled}
    found = [
        plan
        for plan in services.plans.all(session, sites_asked(user, site))
        if all(value is None or getattr(plan, name) == value for name, value in wanted.items())
    ]
    items, more = part.of(found, lambda plan: plan.id)
    return Page(items=[PlanOut.model_validate(plan) for plan in items], next=more)


@router.post("", status_code=201)
def make(body: PlanIn, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PlanOut:
    """A new one; what is due at once is opened at once."""
    _check(session, services, user, body)
    plan = services.plans.save(session, body.new(at), at, body.used)
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
                away=list(item.away),
            )
            for item in found
        ]
    )


@router.get("/forecast/weeks")
def forecast_weeks(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    weeks: Annotated[int, Query(ge=1, le=106)] = 53,
) -> Page[WeekOut]:
    """The forecast by week and team, from this week on."""
    return Page(
        items=[
            WeekOut(
                monday=week.monday,
                count=week.all.count,
                hours=week.all.hours,
                teams=[LoadOut(team_id=team, count=load.count, hours=load.hours) for team, load in week.teams.items()],
            )
            for week in services.plans.weeks(session, at, weeks, user.sites)
        ]
    )


@router.get("/occurrences")
def occurrences(
    user: Viewer, session: ReadSession, services: ServicesDep, start: Moment, end: Moment
) -> Page[PlanOccurrenceOut]:
    """What was due in start <= due < end, at most ten years, and what came of it."""
    if not timedelta(0) < end - start <= MOST_TIME:
        raise InvalidFieldsError({"end": said("later than start, by at most %(days)s days", days=MOST_TIME.days)})
    return Page(
        items=[
            PlanOccurrenceOut(
                plan_id=found.plan.id or 0,
                title=found.plan.title,
                site_id=found.plan.site_id,
                asset_id=found.plan.asset_id,
                due_at=found.due_at,
                order_id=found.order_id,
                outcome=found.outcome,
                finished_at=found.finished_at,
                done_at=found.done_at,
            )
            for found in services.plans.occurrences(session, start, end, user.sites)
        ]
    )


@router.get("/{plan_id}")
def get(plan_id: Id, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> PlanStory:
    """One, with what comes and what was."""
    plan = visible_plan(session, services, user, plan_id)
    found = services.plans.occurrences_of(session, plan_id)
    return PlanStory(
        **PlanOut.model_validate(plan).model_dump(),
        next_due_at=services.plans.upcoming(session, [plan], at).get(plan_id) if plan.enabled else None,
        occurrences=[OccurrenceOut.model_validate(occurrence) for occurrence in found],
    )


@router.put("/{plan_id}")
def change(plan_id: Id, body: PlanIn, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PlanOut:
    """Change it; what is open stays as it is."""
    plan = held_plan(session, services, user, plan_id)
    _check(session, services, user, body)
    plan = services.plans.save(session, body.fill(plan), at, body.used)
    services.users.audit(session, user.name, "plan.change", f"plan/{plan_id}", body.model_dump(mode="json"), at)
    return PlanOut.model_validate(plan)


@router.post("/{plan_id}/switch")
def switch(plan_id: Id, body: Switch, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PlanOut:
    """On or off."""
    plan = held_plan(session, services, user, plan_id)
    services.plans.switch(session, plan, body.enabled, at)
    services.users.audit(session, user.name, "plan.switch", f"plan/{plan_id}", body.model_dump(), at)
    return PlanOut.model_validate(plan)


@router.delete("/{plan_id}", status_code=204)
def remove(plan_id: Id, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> None:
    """One that never was due."""
    services.plans.remove(session, held_plan(session, services, user, plan_id))
    services.users.audit(session, user.name, "plan.remove", f"plan/{plan_id}", {}, at)


def visible_plan(session: Session, services: Services, user: User, plan_id: int) -> MaintenancePlan:
    """Raises NotFoundError for those of other sites, too."""
    plan = services.plans.get(session, plan_id)
    if not may_see(user, plan.site_id):
        raise NotFoundError(said("there is no maintenance plan %(plan_id)s", plan_id=plan_id))
    return plan


def held_plan(session: Session, services: Services, user: User, plan_id: int) -> MaintenancePlan:
    """To change it; raises NotFoundError for those of other sites, too."""
    visible_plan(session, services, user, plan_id)
    return services.plans.held(session, plan_id)


def check_place(session: Session, services: Services, user: User, body: PlanIn) -> dict[str, str]:
    """Whether site, asset, device, team and checklist are there and may be seen: what is wrong by field."""
    found = {}
    if body.site_id not in {site.id for site in services.sites.list(session, user.sites)}:
        found["site_id"] = said("there is no site %(site_id)r", site_id=body.site_id)
    assets = {asset.id: asset.site_id for asset in services.assets.list(session, user.sites)}
    if body.asset_id is not None and assets.get(body.asset_id) != body.site_id:
        found["asset_id"] = "choose an asset of the site"
    devices = {device.id for device in services.devices.list(session, [body.site_id])}
    if body.device_id is not None and body.device_id not in devices:
        found["device_id"] = "choose a device of the site"
    if body.team_id is not None and body.team_id not in {team.id for team in services.users.teams(session)}:
        found["team_id"] = said("there is no team %(team_id)r", team_id=body.team_id)
    templates = {template.id for template in services.checklists.templates.all(session)}
    if body.checklist_id is not None and body.checklist_id not in templates:
        found["checklist_id"] = "choose a checklist that is in use"
    return found


def _check(session: Session, services: Services, user: User, body: PlanIn) -> None:
    if wrong := check_place(session, services, user, body):
        raise InvalidFieldsError(wrong)
