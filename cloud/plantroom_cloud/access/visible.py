"""What a person may see of access: sites bound it."""

from typing import TypeVar

from sqlmodel import Session

from plantroom_cloud.access.models import AccessGate, AccessGroup, AccessHours, AccessPerson, AccessZone
from plantroom_cloud.dependencies import may_see
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_shared.said import said

Named = TypeVar("Named", AccessZone, AccessHours, AccessGroup, AccessPerson)


def visible_gate(session: Session, services: Services, user: User, device_id: str) -> AccessGate:
    """Raises NotFoundError also where the person may not know of it."""
    gate = services.access.gates.get(session, device_id)
    if not may_see(user, gate.site_id):
        raise NotFoundError(said("there is no gate %(device_id)r", device_id=device_id))
    return gate


def visible(session: Session, services: Services, user: User, kind: type[Named], number: str) -> Named:
    """The same for what rights are made of."""
    found = services.access.rights.get(session, kind, number)
    if not may_see(user, found.site_id):
        raise NotFoundError(said("there is no %(number)r", number=number))
    return found


def check_site(user: User, site_id: str) -> str:
    """A site that the person may see; raises InvalidError."""
    if not may_see(user, site_id):
        raise InvalidError(said("site_id: there is no site %(site_id)r", site_id=site_id))
    return site_id
