"""Lists of quarantined messages, on both relational databases."""

from datetime import UTC, datetime

import pytest

from plantroom_cloud.database import Database
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.quarantine.service import count, dismiss, dismiss_fitting, gateways, get, keep, waiting
from plantroom_cloud.sites.models import Site

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def full(database: Database) -> Database:
    """1 of gw-a (main), 2 of gw-b (annex), 3 of nobody who is known."""
    with database.write() as session:
        for site, gateway in (("main", "gw-a"), ("annex", "gw-b")):
            session.add(Site(id=site, name=site))
            session.flush()
            GatewayService().enrol(session, gateway, site, "", "", NOW)
        keep(session, "plantroom/v1/gw-a/data", "gw-a", "not JSON", b"1", NOW)
        keep(session, "plantroom/v1/gw-b/data", "gw-b", "unknown version 9", b"2", NOW)
        keep(session, "plantroom/v1/gw-x/data", "gw-x", "not enrolled", b"3", NOW)
        session.flush()
    return database


def test_lists_are_bounded_by_site_gateway_and_text(full: Database) -> None:
    with full.read() as session:
        assert [m.id for m in waiting(session)] == [3, 2, 1]
        assert [m.id for m in waiting(session, sites=["annex"])] == [2]
        assert [m.id for m in waiting(session, gateway_id="gw-x")] == [3]
        assert [m.id for m in waiting(session, text="VERSION 9")] == [2]
        assert [m.id for m in waiting(session, before_id=3, limit=1)] == [2]
        assert (count(session), count(session, ["annex"])) == (3, 1)
        assert (gateways(session), gateways(session, ["main"])) == (["gw-a", "gw-b", "gw-x"], ["gw-a"])
        assert get(session, 2).payload == b"2"


def test_what_was_looked_at_leaves_the_list_and_is_kept(full: Database) -> None:
    with full.write() as session:
        dismiss(session, 3, "anna", NOW)
        session.flush()
        assert dismiss_fitting(session, ["annex"], "", "", "anna", NOW) == 1
    with full.read() as session:
        assert [m.id for m in waiting(session)] == [1]
        assert [(m.id, m.dismissed_by) for m in waiting(session, dismissed=True)] == [(3, "anna"), (2, "anna")]


def test_the_same_message_counts_up(full: Database) -> None:
    with full.write() as session:
        keep(session, "plantroom/v1/gw-a/data", "gw-a", "not JSON", b"1", NOW)
    with full.read() as session:
        assert get(session, 1).times == 2
