"""/api/v1/sites."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from plantroom_cloud.dependencies import ReadSession, ServicesDep, Viewer
from plantroom_cloud.listing import Page

router = APIRouter(prefix="/api/v1/sites", tags=["sites"])


class SiteOut(BaseModel):
    """A site."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    name: str
    timezone: str
    address: str


@router.get("")
def list_sites(user: Viewer, session: ReadSession, services: ServicesDep) -> Page[SiteOut]:
    """All that the person may see."""
    return Page(items=[SiteOut.model_validate(site) for site in services.sites.list(session, user.sites)])
