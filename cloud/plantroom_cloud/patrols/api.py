"""/api/v1/patrols: points, routes, rounds and visits."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
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
    sites_asked,
)
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.labels import SHEETS, sheet_pdf
from plantroom_cloud.listing import Page, PartDep
from plantroom_cloud.moment import Moment
from plantroom_cloud.patrols.answer import (
    EntryOut,
    FindingOut,
    KeyOut,
    NewPoint,
    NewRoute,
    Note,
    PointChange,
    PointMade,
    PointOut,
    Reason,
    Rotation,
    RoundOut,
    RoundStopOut,
    RoundStory,
    RouteOut,
    RouteStory,
    StopBody,
    VisitOut,
)
from plantroom_cloud.patrols.label import point_labels
from plantroom_cloud.patrols.models import CodeKind, PatrolRoute, RoundState
from plantroom_cloud.patrols.routes import RoutePlan, StopPlan
from plantroom_cloud.patrols.visible import check_site, visible_point, visible_round, visible_route
from plantroom_cloud.recurrence import occurrences
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/patrols", tags=["patrols"])


@router.get("/points")
def list_points(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    part: PartDep,
    retired: bool = False,
    site: str | None = None,
) -> Page[PointOut]:
    """By site and id."""
    items, more = part.of(
        services.patrols.points.all(session, sites_asked(user, site), retired), lambda point: point.id
    )
    return Page(items=[PointOut.model_validate(point) for point in items], next=more)


@router.post("/points", status_code=201)
def add_point(body: NewPoint, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PointMade:
    """With its first key."""
    fields = body.model_dump(exclude={"id", "site_id", "name", "code_kind"})
    site_id = check_site(user, body.site_id)
    point = services.patrols.points.add(session, body.id, site_id, body.name, body.code_kind, user.name, at, **fields)
    services.users.audit(session, user.name, "patrol-point.add", f"patrol-point/{point.id}", {}, at)
    points = services.patrols.points
    return PointMade(
        **PointOut.model_validate(point).model_dump(),
        key=points.current_key(session, point).key,
        label_code=points.label_code(session, point) if point.code_kind is CodeKind.STATIC else None,
    )


@router.get("/points/{point_id}")
def get_point(point_id: str, user: Viewer, session: ReadSession, services: ServicesDep) -> PointOut:
    """One."""
    return PointOut.model_validate(visible_point(session, services, user, point_id))


@router.patch("/points/{point_id}")
def change_point(
    point_id: str, body: PointChange, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> PointOut:
    """A change of the code's kind makes a new key."""
    visible_point(session, services, user, point_id)
    said = body.model_dump(exclude_unset=True)
    fields = {name: value for name, value in said.items() if value is not None or name == "device_id"}
    point = services.patrols.points.change(session, point_id, fields, user.name, at)
    services.users.audit(session, user.name, "patrol-point.change", f"patrol-point/{point_id}", {}, at)
    return PointOut.model_validate(point)


@router.get("/points/{point_id}/keys")
def list_keys(point_id: str, user: Manager, session: ReadSession, services: ServicesDep) -> Page[KeyOut]:
    """Newest first, without their secrets."""
    visible_point(session, services, user, point_id)
    return Page(items=[KeyOut.model_validate(key) for key in services.patrols.points.keys(session, point_id)])


@router.post("/points/{point_id}/rotate-key")
def rotate_key(
    point_id: str, body: Rotation, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> KeyOut:
    """A new key: print a new label."""
    visible_point(session, services, user, point_id)
    key = services.patrols.points.rotate(session, point_id, body.reason, body.revoke, user.name, at)
    detail = {"version": key.version, "reason": body.reason, "revoke": body.revoke}
    services.users.audit(session, user.name, "patrol-point.rotate-key", f"patrol-point/{point_id}", detail, at)
    return KeyOut.model_validate(key)


@router.post("/points/{point_id}/keys/{version}/revoke")
def revoke_key(
    point_id: str, version: int, body: Reason, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> KeyOut:
    """Its codes count no more from now on."""
    visible_point(session, services, user, point_id)
    key = services.patrols.points.revoke(session, point_id, version, body.reason, user.name, at)
    detail = {"version": version, "reason": body.reason}
    services.users.audit(session, user.name, "patrol-point.revoke-key", f"patrol-point/{point_id}", detail, at)
    return KeyOut.model_validate(key)


@router.post("/points/{point_id}/retire")
def retire_point(point_id: str, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PointOut:
    """Nobody goes there any more."""
    visible_point(session, services, user, point_id)
    return PointOut.model_validate(services.patrols.points.retire(session, point_id, user.name, at))


@router.get("/labels.pdf", response_class=Response)
def labels_pdf(
    user: Dispatcher,
    session: ReadSession,
    services: ServicesDep,
    point: Annotated[list[str], Query(max_length=500)],
    sheet: str = "8-per-sheet",
) -> Response:
    """Label sheets of these points, to be printed at 100 %."""
    if sheet not in SHEETS:
        raise InvalidError(said("sheet %(sheet)r: there are %(sheets)s", sheet=sheet, sheets=list(SHEETS)))
    points = [visible_point(session, services, user, name) for name in point]
    labels = point_labels(session, services.patrols.points, points)
    return Response(sheet_pdf(labels, SHEETS[sheet], "Patrol points"), media_type="application/pdf")


@router.get("/routes")
def list_routes(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    part: PartDep,
    site: str | None = None,
    enabled: bool | None = None,
) -> Page[RouteOut]:
    """By name."""
    found = services.patrols.routes.all(session, sites_asked(user, site))
    items, more = part.of([route for route in found if enabled in (None, route.enabled)], lambda route: route.id)
    return Page(items=[RouteOut.model_validate(route) for route in items], next=more)


@router.post("/routes", status_code=201)
def add_route(body: NewRoute, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> RouteStory:
    """Its rounds are released by its rule from now on."""
    return _save_route(session, services, user, None, body, at)


@router.get("/routes/preview")
def preview(_user: Viewer, at: At, rule: str, starts: str, timezone: str = "UTC") -> list[datetime]:
    """When a rule is due: the next ten times within a year."""
    found = occurrences(rule, starts, timezone, at, at + timedelta(days=366))
    return [moment for _, moment in zip(range(10), found, strict=False)]


@router.get("/routes/{route_id}")
def get_route(route_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> RouteStory:
    """One with its stops."""
    return _route_story(session, services, visible_route(session, services, user, route_id))


@router.put("/routes/{route_id}")
def change_route(
    route_id: int, body: NewRoute, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> RouteStory:
    """Rounds that have not begun and no longer fit are withdrawn."""
    visible_route(session, services, user, route_id)
    return _save_route(session, services, user, route_id, body, at)


@router.delete("/routes/{route_id}", status_code=204)
def remove_route(route_id: int, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> None:
    """Walked no more; its rounds stay."""
    visible_route(session, services, user, route_id)
    services.patrols.routes.remove(session, route_id, user.name, at)


@router.post("/routes/{route_id}/rounds", status_code=201)
def start_round(route_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> RoundOut:
    """Outside its schedule, now."""
    route = visible_route(session, services, user, route_id)
    return RoundOut.model_validate(services.patrols.routes.start(session, route, user.name, at))


@router.get("/rounds")
def list_rounds(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    state: Annotated[list[RoundState] | None, Query()] = None,
    route: int | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[RoundOut]:
    """Newest first."""
    found = services.patrols.rounds.search(
        session, sites=user.sites, states=state or (), route_id=route, start=start, end=end, before_id=cursor,
        limit=limit + 1,
    )  # fmt: skip
    more = str(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[RoundOut.model_validate(item) for item in found[:limit]], next=more)


@router.get("/rounds/{round_id}")
def get_round(round_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> RoundStory:
    """One with its stops, visits, findings and story."""
    found, patrols = visible_round(session, services, user, round_id), services.patrols
    return RoundStory(
        **RoundOut.model_validate(found).model_dump(),
        stops=[RoundStopOut.model_validate(s) for s in patrols.rounds.stops(session, [round_id])[round_id]],
        visits=[VisitOut.model_validate(v) for v in patrols.visits.of_round(session, round_id)],
        findings=[FindingOut.model_validate(f) for f in patrols.findings.search(session, round_id=round_id)],
        story=[EntryOut.model_validate(e) for e in patrols.rounds.story(session, round_id)],
    )


@router.post("/rounds/{round_id}/review")
def review(
    round_id: int, body: Note, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> RoundOut:
    """A supervisor has looked at what was missed."""
    found = visible_round(session, services, user, round_id)
    return RoundOut.model_validate(services.patrols.rounds.review(session, found, body.note, user.name, at))


@router.post("/rounds/{round_id}/cancel")
def cancel(
    round_id: int, body: Reason, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> RoundOut:
    """It is not to be walked."""
    found = visible_round(session, services, user, round_id)
    return RoundOut.model_validate(services.patrols.rounds.withdraw(session, found, body.reason, user.name, at))


@router.get("/visits")
def list_visits(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    point: str | None = None,
    suspect: bool | None = None,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[VisitOut]:
    """Newest first; `suspect` ones were refused or are implausible."""
    found = services.patrols.visits.search(
        session, sites=user.sites, point_id=point, suspect=suspect, before_id=cursor, limit=limit + 1
    )
    more = str(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[VisitOut.model_validate(item) for item in found[:limit]], next=more)


def _save_route(
    session: Session, services: Services, user: User, route_id: int | None, body: NewRoute, at: datetime
) -> RouteStory:
    check_site(user, body.site_id)
    fields: dict[str, Any] = body.model_dump(exclude={"stops"})
    plan = RoutePlan(**fields, stops=[StopPlan(**stop.model_dump()) for stop in body.stops])
    route = services.patrols.routes.save(session, route_id, plan, user.name, at)
    detail = {"rule": plan.rule, "stops": [asdict(stop) for stop in plan.stops]}
    services.users.audit(session, user.name, "patrol-route.save", f"patrol-route/{route.id}", detail, at)
    return _route_story(session, services, route)


def _route_story(session: Session, services: Services, route: PatrolRoute) -> RouteStory:
    assert route.id is not None
    stops = [StopBody.model_validate(stop) for stop in services.patrols.routes.stops(session, route.id)]
    return RouteStory(**RouteOut.model_validate(route).model_dump(), stops=stops)
