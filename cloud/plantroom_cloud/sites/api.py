"""/api/v1/sites."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from plantroom_cloud.dependencies import ReadSession, ServicesDep, Viewer
from plantroom_cloud.listing import Page, PartDep

router = APIRouter(prefix="/api/v1/sites", tags=["sites"])


class SiteOut(BaseModel):
    """A site."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    name: str
    timezone: str
    address: str


@router.get("")
def list_sites(user: Viewer, session: ReadSession, services: ServicesDep, part: PartDep) -> Page[SiteOut]:
    """All that the person may see."""
    items, more = part.of(services.sites.list(session, user.sites), lambda site: site.id)
    return Page(items=[SiteOut.model_validate(site) for site in items], next=more)
