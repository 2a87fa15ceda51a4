"""/api/v1/dispatch: candidates for an order, skills, what teams do with new work."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from plantroom_cloud.dependencies import (
    At,
    Dispatcher,
    Manager,
    ReadSession,
    ServicesDep,
    Viewer,
    WriteSession,
    may_see,
)
from plantroom_cloud.dispatch.models import NeedOf
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.listing import Page
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/dispatch", tags=["dispatch"])


class CandidateOut(BaseModel):
    """Somebody who may do it; best first."""

    user: str
    fits: bool
    missing: list[str]
    reasons: list[str]


class Skills(BaseModel):
    """All of them are needed, or are what a person can do."""

    skills: list[str] = Field(max_length=100)


class PersonIn(Skills):
    """`shift`: the calendar by which somebody works; empty: the site's."""

    shift: str = Field(default="", max_length=63)


class PersonOut(PersonIn):
    """A person who may be given work; `load`: open orders that wait for nothing."""

    user: str
    load: int
    away_until: datetime | None  #: null: there


class NeedOut(Skills):
    """What work of some origin needs."""

    of: NeedOf
    ref: str


class TeamSetting(BaseModel):
    """`automatic`: new work is given to who fits and has least to do; else it waits in the pool."""

    automatic: bool


@router.get("/orders/{order_id}/candidates")
def candidates(
    order_id: int, user: Dispatcher, session: ReadSession, services: ServicesDep, at: At
) -> Page[CandidateOut]:
    """Who should do it, and why."""
    order = _visible(session, services, user, order_id)
    return Page(
        items=[
            CandidateOut(user=c.person.name, fits=c.fits, missing=sorted(c.missing), reasons=list(c.reasons))
            for c in services.dispatch.candidates(session, order, at)
        ]
    )


@router.get("/orders/{order_id}/skills")
def needed(order_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> Skills:
    """What it needs: of its own, and by its rule, asset class and plan."""
    order = _visible(session, services, user, order_id)
    return Skills(skills=list(services.dispatch.needed(session, order)))


@router.put("/orders/{order_id}/skills")
def set_needed(
    order_id: int, body: Skills, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> Skills:
    """What it needs of its own."""
    _visible(session, services, user, order_id)
    order = services.dispatch.set_order_skills(session, order_id, body.skills, user.name, at)
    return Skills(skills=list(services.dispatch.needed(session, order)))


@router.get("/people")
def people(_user: Dispatcher, session: ReadSession, services: ServicesDep, at: At) -> Page[PersonOut]:
    """Those who may be given work."""
    loads, away = services.dispatch.loads(session), services.absences.now(session, at)
    return Page(
        items=[
            PersonOut(
                user=each.name,
                skills=each.skills,
                shift=each.shift,
                load=loads.get(each.name, 0),
                away_until=away[each.name].ends_at if each.name in away else None,
            )
            for each in services.dispatch.workers(session)
        ]
    )


@router.put("/people/{name}")
def set_person(
    name: str, body: PersonIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> PersonIn:
    """Skills and shift."""
    row = services.dispatch.set_person(session, name, body.skills, body.shift)
    services.users.audit(session, user.name, "dispatch.person", f"user/{name}", body.model_dump(), at)
    return PersonIn(skills=row.skills, shift=row.shift)


@router.get("/needs")
def needs(user: Viewer, session: ReadSession, services: ServicesDep) -> Page[NeedOut]:
    """Skills by rule, asset class and plan."""
    rows = services.dispatch.needs(session, user.sites)
    return Page(items=[NeedOut(of=row.of, ref=row.ref, skills=row.skills) for row in rows])


@router.put("/needs/{of}/{ref}")
def set_need(
    of: NeedOf, ref: str, body: Skills, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Page[NeedOut]:
    """All needs, after this one was set; no skill takes it away."""
    services.dispatch.set_need(session, of, ref, body.skills, user.sites)
    services.users.audit(session, user.name, "dispatch.need", f"{of}/{ref}", body.model_dump(), at)
    return needs(user, session, services)


@router.get("/teams/{team_id}")
def team(team_id: str, _user: Viewer, session: ReadSession, services: ServicesDep) -> TeamSetting:
    """What a team does with new work."""
    services.accounts.team(session, team_id)
    return TeamSetting(automatic=services.dispatch.is_automatic(session, team_id))


@router.put("/teams/{team_id}")
def set_team(
    team_id: str, body: TeamSetting, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> TeamSetting:
    """What a team does with new work."""
    services.dispatch.set_automatic(session, team_id, body.automatic)
    services.users.audit(session, user.name, "dispatch.team", f"team/{team_id}", body.model_dump(), at)
    return body


def _visible(session: ReadSession, services: Services, user: User, order_id: int) -> WorkOrder:
    order = services.work_orders.get(session, order_id)
    if not may_see(user, order.site_id):
        raise NotFoundError(said("there is no work order %(order_id)s", order_id=order_id))
    return order
