"""The alarms of gates and readers, by the rules that their profiles bring, each with its work order."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.database import Database
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_edge.profile.loader import ProfileLibrary
from plantroom_shared.batch import Batch, DeviceRows
from plantroom_shared.messages import VERSION, Birth, BirthDevice

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
GATE = "waveshare/relay-8ch-barrier"
READER = "generic/osdp-reader"


class GateSite:
    """A gate and a reader as their drivers describe them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.alarms = AlarmService(WorkOrderService())
        gateways, devices = GatewayService(), DeviceService()
        with database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.flush()
            self.alarms.ensure_system_rules(session, NOW)
            gateways.enrol(session, "gw-a", "main", "", "", NOW)
            session.flush()
            born = []
            for device, name in (("gate", GATE), ("reader", READER)):
                profile = ProfileLibrary().get(name)
                born.append(
                    BirthDevice(
                        device=device,
                        label=device,
                        profile=name,
                        kind=profile.kind,
                        metrics=profile.metrics(),
                        rules=profile.suggested_rules(),
                    )
                )
            birth = Birth(v=VERSION, gateway="gw-a", boot="b", at=0, config_version="local", devices=born)
            devices.register(session, birth, NOW)
            session.flush()
            self.alarms.ensure_suggested(session, birth, NOW)
        self.seq = 0

    def at(self, seconds: float, device: str = "gate", **values: Any) -> None:
        """What the gateway sends at a moment: a row, or the watermark alone."""
        self.seq += 1
        moment = NOW + timedelta(seconds=seconds)
        ms = round(moment.timestamp() * 1000)
        columns: dict[str, list[Any]] = {name: [value] for name, value in values.items()}
        rows = [DeviceRows(device=device, times=[ms], values=columns)] if values else []
        batch = Batch(
            v=VERSION, gateway="gw-a", outbox="o", stream="telemetry", seq=self.seq, boot="b", sent_at=ms,
            complete_until=ms, telemetry=rows,
        )  # fmt: skip
        with self.database.write() as session:
            self.alarms.process(session, "gw-a", [batch], moment)

    def lives(self, seconds: float) -> None:
        """Nothing new of the gate, only signs of life."""
        self.at(seconds, openings=1)
        self.at(seconds, "reader", cards=0)

    def raised(self) -> Sequence[tuple[str, str]]:
        """Names and severities of active alarms, each with its work order."""
        with self.database.read() as session:
            found = [alarm for alarm in session.exec(select(Alarm).order_by(col(Alarm.id))) if alarm.active]
            orders = {order.alarm_id for order in session.exec(select(WorkOrder))}
            assert all(alarm.id in orders for alarm in found)
            return [(alarm.name, alarm.severity) for alarm in found]


@pytest.fixture
def site(database: Database) -> GateSite:
    return GateSite(database)


QUIET: dict[str, Any] = {
    "position": "closed",
    "standing_open": False,
    "forced": False,
    "not_closing": False,
    "obstacle": False,
}


@pytest.mark.parametrize(
    ("value", "name", "severity"),
    [
        ({"forced": True}, "Gate opened unasked", "critical"),
        ({"not_closing": True}, "Gate does not close", "high"),
        ({"obstacle": True}, "Gate met an obstacle", "medium"),
        ({"fault": True}, "Gate drive reports a fault", "high"),
    ],
)
def test_what_a_gate_shows_is_an_alarm_with_its_task(site: GateSite, value: Any, name: str, severity: str) -> None:
    site.at(0, **QUIET)
    assert site.raised() == []
    site.at(1, **(QUIET | value))
    assert site.raised() == [(name, severity)]
    site.at(2, **(dict.fromkeys(value, False) | QUIET))
    assert site.raised() == []


def test_a_gate_that_stays_open_needs_no_further_message(site: GateSite) -> None:
    site.at(0, **(QUIET | {"position": "open", "standing_open": True}))
    for seconds in range(5, 120, 5):
        site.lives(seconds)
    assert site.raised() == []
    site.at(121)
    assert site.raised() == [("Gate stands open", "high")]
    site.at(125, **QUIET)
    assert site.raised() == []


def test_a_gate_that_is_closed_in_time_is_none(site: GateSite) -> None:
    site.at(0, **(QUIET | {"position": "open", "standing_open": True}))
    for seconds in range(5, 115, 5):
        site.lives(seconds)
    site.at(116, **QUIET)
    for seconds in range(120, 150, 5):
        site.lives(seconds)
    assert site.raised() == []


def test_a_reader_that_is_opened_or_silent(site: GateSite) -> None:
    site.at(0, "reader", cards=0, tampered=False)
    site.at(1, "reader", cards=0, tampered=True)
    assert site.raised() == [("Reader is tampered with", "critical")]
    site.at(2, "reader", cards=0, tampered=False)
    for seconds in range(5, 40, 5):
        site.at(seconds, **QUIET)
    assert ("Reader is offline", "high") in site.raised()
