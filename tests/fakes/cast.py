"""A small cast: two sites, east and west, and for each person a client whose token says who asks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fastapi.testclient import TestClient
from sqlmodel import Session

from plantroom_cloud.app import create_app
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.models import metadata
from plantroom_cloud.services import Services, build
from plantroom_cloud.users.models import Role
from plantroom_shared.clock import SystemClock

#: Login name, role, and the sites that the person sees; none: all.
Person = tuple[str, Role, Sequence[str]]
NOBODY = "nobody"


@contextmanager
def services_in(folder: Path) -> Iterator[Services]:
    """With all tables and both sites; closed at the end."""
    telemetry = Telemetry(path=folder / "telemetry.db")
    services = build(CloudConfig(database_url=f"sqlite:///{folder / 'p.db'}", telemetry=telemetry), SystemClock())
    metadata.create_all(services.database.engine)
    with services.database.write() as session:
        for site in ("east", "west"):
            services.sites.ensure(session, site, site.capitalize())
    yield services
    services.database.close()


def clients(services: Services, people: Sequence[Person], base: str = "http://test/api/v1/") -> dict[str, TestClient]:
    """By login name, and "nobody" who says not who it is."""
    app = create_app(services)
    found = {NOBODY: TestClient(app, base_url=base)}
    with services.database.write() as session:
        for person in people:
            headers = {"Authorization": f"Bearer {_token(session, services, person)}"}
            found[person[0]] = TestClient(app, base_url=base, headers=headers)
    return found


def _token(session: Session, services: Services, person: Person) -> str:
    name, role, sites = person
    user = services.users.add(session, name, "correct horse battery", role, services.now())
    user.sites = list(sites)
    session.add(user)
    session.flush()
    return services.users.make_token(session, user, "test", services.now())
