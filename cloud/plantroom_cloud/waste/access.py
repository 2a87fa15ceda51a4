"""What of the waste chain a person may know of."""

from sqlmodel import Session

from plantroom_cloud.dependencies import may_see
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_cloud.waste.models import Manifest, WasteBag
from plantroom_shared.said import said


def zone_of(session: Session, services: Services, user: User) -> str:
    """Of the first site that the person sees: what "today" means."""
    sites = services.sites.list(session, user.sites)
    return sites[0].timezone if sites else "UTC"


def see_site(user: User, site_id: str) -> None:
    """Raises NotFoundError where the person may not know of it."""
    if not may_see(user, site_id):
        raise NotFoundError(said("there is no site %(site_id)r", site_id=site_id))


def see_bag(session: Session, services: Services, user: User, code: str) -> WasteBag:
    """Raises NotFoundError."""
    bag = services.waste.custody.bag(session, code)
    if not may_see(user, bag.site_id):
        raise NotFoundError(said("there is no bag %(code)r; check the label", code=code))
    return bag


def see_manifest(session: Session, services: Services, user: User, manifest_id: int) -> Manifest:
    """Raises NotFoundError."""
    manifest = services.waste.manifests.get(session, manifest_id)
    if not may_see(user, manifest.site_id):
        raise NotFoundError(said("there is no manifest %(manifest_id)s", manifest_id=manifest_id))
    return manifest
