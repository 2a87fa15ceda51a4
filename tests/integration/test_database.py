"""The relational store on both databases."""

from datetime import UTC, datetime

import pytest

from plantroom_cloud.database import Database
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.sites.models import Site


def test_a_failed_write_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            session.add(Site(id="a", name="A"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as session:
        assert session.get(Site, "a") is None


def test_times_come_back_in_utc(database: Database) -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
    with database.write() as session:
        session.add(Site(id="a", name="A"))
        session.flush()
        session.add(Gateway(id="g", site_id="a", enrolled_at=moment))
    with database.read() as session:
        gateway = session.get(Gateway, "g")
        assert gateway is not None
        assert gateway.enrolled_at == moment
