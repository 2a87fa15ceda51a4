"""Sites: what bounds what a person sees."""

from collections.abc import Sequence

from sqlmodel import Session

from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.sites import repository
from plantroom_cloud.sites.models import Site
from plantroom_shared.ids import check_id
from plantroom_shared.said import said


class SiteService:
    """Works in the session it is given."""

    def get(self, session: Session, site_id: str) -> Site:
        """Raises NotFoundError."""
        site = session.get(Site, site_id)
        if site is None:
            raise NotFoundError(said("there is no site %(site_id)r", site_id=site_id))
        return site

    def list(self, session: Session, sites: Sequence[str] = ()) -> Sequence[Site]:
        """By id: all, or those of these ids."""
        return [site for site in repository.sites(session) if not sites or site.id in sites]

    def ensure(self, session: Session, site_id: str, name: str) -> Site:
        """Make it when it is new; raises InvalidIdError for an id that could not stand in a topic or a URL."""
        site = session.get(Site, site_id)
        if site is None:
            site = Site(id=check_id(site_id, "site"), name=name or site_id)
            session.add(site)
            session.flush()
        return site
