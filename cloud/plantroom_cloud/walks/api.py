"""/api/v1/patrols/walk: what a phone needs to walk a round, and takes back what happened, once and in order."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlmodel import Session

from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Technician, WriteSession
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.language import worded
from plantroom_cloud.moment import Moment
from plantroom_cloud.patrols.models import RoundState
from plantroom_cloud.patrols.visible import visible_point, visible_round
from plantroom_cloud.patrols.visits import Scan
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_cloud.web.render import written_for_phone
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/patrols/walk", tags=["patrols"])

#: A round that is over stays on the phone for this long.
SHOWN_AFTER = timedelta(hours=2)

Ref = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]


class WalkStop(BaseModel):
    """A stop as the phone shows it."""

    position: int
    point_id: str
    name: str
    location: str
    instructions: str
    state: str
    opens_at: datetime
    closes_at: datetime
    visited_at: datetime | None
    deviations: list[str]


class WalkRound(BaseModel):
    """A round as the phone shows it."""

    id: int
    name: str
    state: str
    zone: str  #: of its site: times are shown in it
    ordered: bool
    due_at: datetime
    closes_at: datetime
    assignee: str | None
    stops: list[WalkStop]


class WalkPoint(BaseModel):
    """A point that something may be found at."""

    id: str
    name: str


class Walk(BaseModel):
    """Everything the phone keeps for when the network is gone."""

    user: str
    csrf_token: str
    now: datetime
    rounds: list[WalkRound]
    points: list[WalkPoint]


class ScanReport(BaseModel):
    """A code that the camera saw; `at` is the phone's clock."""

    kind: Literal["scan"]
    ref: Ref
    phone: str = Field(max_length=64)
    code: str = Field(min_length=1, max_length=512)
    at: Moment
    round_id: int | None = None


class SkipReport(BaseModel):
    """A stop that is left out."""

    kind: Literal["skip"]
    ref: Ref
    phone: str = Field(max_length=64)
    round_id: int
    position: int
    reason: str = Field(max_length=500)
    at: Moment


class FindingReport(BaseModel):
    """What somebody saw; `photos` are ids of /api/v1/photos."""

    kind: Literal["finding"]
    ref: Ref
    phone: str = Field(max_length=64)
    point_id: str
    text: str = Field(max_length=2000)
    priority: Literal["critical", "high", "medium", "low"] = "medium"
    photos: list[str] = Field(default=[], max_length=6)
    round_id: int | None = None
    at: Moment


Report = Annotated[ScanReport | SkipReport | FindingReport, Field(discriminator="kind")]


class Taken(BaseModel):
    """What became of a report; the same answer when it is sent again."""

    ref: str
    counts: bool
    point_id: str | None = None
    round_id: int | None = None
    text: str  #: with the marks, in the language of the person
    marks: list[str] = []


@router.get("")
def walk(request: Request, user: Technician, session: ReadSession, services: ServicesDep, at: At) -> Walk:
    """Rounds that are to be walked or were just over, with their stops, in the order in which they are due."""
    patrols = services.patrols
    found = patrols.rounds.search(session, sites=user.sites, start=at - SHOWN_AFTER, limit=200)
    found = sorted((r for r in found if r.state is not RoundState.CANCELLED), key=lambda r: r.due_at)
    points = {point.id: point for point in patrols.points.all(session, user.sites, retired=True)}
    zones = {site.id: site.timezone for site in services.sites.list(session, user.sites)}
    stops = patrols.rounds.stops(session, [r.id for r in found if r.id is not None])
    orders = services.work_orders.of_ids(session, {r.work_order_id for r in found if r.work_order_id is not None})
    return Walk(
        user=user.name,
        csrf_token=getattr(request.state, "csrf_token", ""),
        now=at,
        points=[WalkPoint(id=p.id, name=p.name) for p in points.values() if p.retired_at is None],
        rounds=[
            WalkRound(
                id=r.id,
                name=r.name,
                state=r.state.value,
                zone=zones.get(r.site_id, "UTC"),
                ordered=r.ordered,
                due_at=r.due_at,
                closes_at=r.closes_at,
                assignee=orders[r.work_order_id].assignee if r.work_order_id is not None else None,
                stops=[
                    WalkStop(
                        position=s.position,
                        point_id=s.point_id,
                        name=points[s.point_id].name,
                        location=points[s.point_id].location,
                        instructions=points[s.point_id].instructions,
                        state=s.state.value,
                        opens_at=s.opens_at,
                        closes_at=s.closes_at,
                        visited_at=s.visited_at,
                        deviations=s.deviations,
                    )
                    for s in stops[r.id]
                ],
            )
            for r in found
            if r.id is not None
        ],
    )


@router.post("/reports")
def report(
    request: Request, body: Report, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Taken:
    """One at a time, oldest first. What is sent again changes nothing."""
    taken = _take(body, user, session, services, at)
    with written_for_phone(request, user):
        taken.text = ", ".join(worded(part) for part in [taken.text, *taken.marks])
    return taken


def _take(body: Report, user: User, session: Session, services: Services, at: datetime) -> Taken:
    patrols = services.patrols
    round_id = body.round_id
    if round_id is not None:
        visible_round(session, services, user, round_id)
    if isinstance(body, SkipReport):
        found = visible_round(session, services, user, body.round_id)
        patrols.rounds.skip(session, found, body.position, body.reason, user.name, at)
        return Taken(ref=body.ref, counts=True, round_id=round_id, text="left out, with its reason")
    if isinstance(body, FindingReport):
        point = visible_point(session, services, user, body.point_id)
        finding = patrols.findings.take(
            session, f"{user.name}:{body.ref}", point.id, body.text, body.priority, body.photos, round_id,
            user.name, body.at, at,
        )  # fmt: skip
        return Taken(
            ref=body.ref,
            counts=True,
            point_id=point.id,
            text=said("work order %(work_order_id)s opened", work_order_id=finding.work_order_id),
        )
    sites = tuple(user.sites or (site.id for site in services.sites.list(session)))
    if not sites:
        raise InvalidError("there is no site yet")
    visit = patrols.visits.take(
        session,
        Scan(
            ref=f"{user.name}:{body.ref}",
            site_ids=sites,
            code=body.code,
            at=min(body.at, at),
            source="phone",
            reader=f"phone:{body.phone}",
            person=user.name,
            claimed_at=body.at,
            round_id=round_id,
        ),
        at,
    )
    text = visit.reason or ("presence proven" if visit.proof == "rotating" else "place proven")
    marks = [mark for mark in visit.marks if mark in ("too-fast", "two-places", "no-round")]
    return Taken(
        ref=body.ref,
        counts=not visit.reason,
        point_id=visit.point_id,
        round_id=visit.round_id,
        text=text,
        marks=marks,
    )
