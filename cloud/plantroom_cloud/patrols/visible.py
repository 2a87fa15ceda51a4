"""What a person may see of patrols: sites bound it."""

from sqlmodel import Session

from plantroom_cloud.dependencies import may_see
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.patrols.models import PatrolPoint, PatrolRound, PatrolRoute
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_shared.said import said


def visible_point(session: Session, services: Services, user: User, point_id: str) -> PatrolPoint:
    """Raises NotFoundError also where the person may not know of it."""
    point = services.patrols.points.get(session, point_id)
    if not may_see(user, point.site_id):
        raise NotFoundError(said("there is no patrol point %(point_id)r", point_id=point_id))
    return point


def visible_route(session: Session, services: Services, user: User, route_id: int) -> PatrolRoute:
    """The same for a route."""
    route = services.patrols.routes.get(session, route_id)
    if not may_see(user, route.site_id):
        raise NotFoundError(said("there is no patrol route %(route_id)s", route_id=route_id))
    return route


def visible_round(session: Session, services: Services, user: User, round_id: int) -> PatrolRound:
    """The same for a round."""
    found = services.patrols.rounds.get(session, round_id)
    if not may_see(user, found.site_id):
        raise NotFoundError(said("there is no patrol round %(round_id)s", round_id=round_id))
    return found


def check_site(user: User, site_id: str) -> str:
    """A site that the person may see; raises InvalidError."""
    if not may_see(user, site_id):
        raise InvalidError(said("site_id: there is no site %(site_id)r", site_id=site_id))
    return site_id
