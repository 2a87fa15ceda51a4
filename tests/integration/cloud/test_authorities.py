"""What gateways decide by: versions, and what the gateway said to them."""

from datetime import UTC, datetime

from plantroom_cloud.database import Database
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.sites.models import Site
from plantroom_shared.batch import Event
from plantroom_shared.messages import VERSION, Birth

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_changed_document_gets_a_version_and_keeps_what_the_gateway_said(database: Database) -> None:
    gateways = GatewayService()
    with database.write() as session:
        session.add(Site(id="main", name="Main"))
        session.flush()
        session.add(Gateway(id="gw-a", site_id="main", enrolled_at=NOW))
    with database.write() as session:
        assert gateways.set_authority(session, "gw-a", "allow-list", {"cards": ["a"]}, "admin", NOW) == 1
        assert gateways.set_authority(session, "gw-a", "allow-list", {"cards": ["a"]}, "admin", NOW) == 1
        assert gateways.set_authority(session, "gw-a", "allow-list", {"cards": ["b"]}, "admin", NOW) == 2
        for kind, version in (("applied", 1), ("refused", 2)):
            data = {"name": "allow-list", "version": version, "reason": "too long"}
            event = Event(id=f"{kind}", kind=f"authority.{kind}", time=0, data=data)
            gateways.apply_event(session, "gw-a", event, NOW)
    with database.read() as session:
        row = gateways.authority(session, "gw-a", "allow-list")
        assert row is not None
        assert (row.state, row.detail, row.applied_version) == ("refused", "too long", 1)
    with database.write() as session:
        birth = Birth(v=VERSION, gateway="gw-a", boot="b", at=0, config_version="local")
        gateways.apply_birth(session, birth, NOW)
    with database.read() as session:
        row = gateways.authority(session, "gw-a", "allow-list")
        assert row is not None
        assert row.state == "queued"
