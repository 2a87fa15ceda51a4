"""Access on both databases: rights reach the gateway as a versioned list, its decisions make the log."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlmodel import Session, select

from plantroom_cloud.access.models import (
    AccessChange,
    AccessEntry,
    AccessGroup,
    AccessHours,
    AccessPerson,
    AccessZone,
    EntryKind,
    Standing,
)
from plantroom_cloud.access.repository import Wanted
from plantroom_cloud.access.service import AccessService
from plantroom_cloud.database import Database
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import ConflictError, ForbiddenError, InvalidError
from plantroom_cloud.gateways.models import GatewayCommand
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role, User
from plantroom_edge.access.decision import Around, Reason, Rules, Shown, decide
from plantroom_shared.allow_list import AUTHORITY, AllowList
from plantroom_shared.batch import Event
from plantroom_shared.messages import VERSION, Action, Birth, BirthDevice

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
GATE = "gw-a.gate-yard"


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


class Cloud:
    """The domain with a gate and two people."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.gateways, self.devices = GatewayService(), DeviceService()
        self.access = AccessService(self.gateways, self.devices)
        self.rights = self.access.rights
        with database.write() as session:
            session.add(Site(id="main", name="Main", timezone="Europe/Berlin"))
            session.add(Site(id="other", name="Other"))
            session.flush()
            for gateway, site in (("gw-a", "main"), ("gw-b", "other")):
                self.gateways.enrol(session, gateway, site, "", "", NOW)
        with database.write() as session:
            actions = [
                Action(name=name, label=name) for name in ("open", "close", "hold", "release", "lock-down", "lift")
            ]
            gate = BirthDevice(device="gate-yard", label="Yard", profile="w/r", kind="gate", actions=actions)
            reader = BirthDevice(
                device="reader-in", label="In", profile="g/o", kind="reader", identity={"gate": "gate-yard"}
            )
            birth = Birth(v=VERSION, gateway="gw-a", boot="b", at=0, config_version="local", devices=[gate, reader])
            self.devices.register(session, birth, NOW)
        self.tick()
        with database.write() as session:
            self.put(session, AccessZone(id="yard", site_id="main", name="Yard"))
            spans = [{"days": [1, 2, 3, 4, 5], "start": "07:00", "end": "19:00"}]
            self.put(session, AccessHours(id="office", site_id="main", name="Office", spans=spans))
            grants = [{"zone": "yard", "profile": "office"}]
            self.put(session, AccessGroup(id="staff", site_id="main", name="Staff", grants=grants))
            anna = AccessPerson(id="anna", site_id="main", name="Anna Huber", groups=["staff"], made_at=NOW)
            self.rights.add_credential(session, self.put(session, anna), "w26:12:1", "admin", NOW)
            bert = AccessPerson(id="bert", site_id="main", name="Bert", company="Acme", groups=["staff"], made_at=NOW)
            self.rights.add_credential(session, self.put(session, bert), "w26:12:2", "admin", NOW)
            gate_row = self.access.gates.get(session, GATE)
            self.access.gates.configure(session, gate_row, {"inside": "yard"}, "admin", NOW)
        self.tick()

    def put(self, session: Session, row: Any) -> Any:
        return self.rights.put(session, row, "admin", NOW)

    def tick(self) -> None:
        with self.database.write() as session:
            self.access.tick(session, NOW)

    def told(self) -> tuple[int, AllowList]:
        """What the gateway is to decide by: version and list."""
        with self.database.read() as session:
            row = self.gateways.authority(session, "gw-a", AUTHORITY)
            assert row is not None
            return row.version, msgspec.convert(row.document, AllowList)

    def event(self, kind: str, data: dict[str, Any], number: str = "", device: str | None = "gate-yard") -> str:
        found = Event(id=number or uuid.uuid4().hex, kind=kind, time=ms(NOW), device=device, data=data)
        with self.database.write() as session:
            self.gateways.apply_event(session, "gw-a", found, NOW)
            self.access.apply_event(session, "gw-a", found, NOW)
        return found.id

    def decision(self, person: str = "anna", outcome: str = "granted", reason: str = "granted", **more: Any) -> str:
        data = {
            "reader": "reader-in", "direction": "in", "credential": "w26:12:1", "person": person, "zone": "yard",
            "outcome": outcome, "reason": reason, "list_version": 3,
        }  # fmt: skip
        return self.event("access.decision", data | more)

    def log(self, **wanted: Any) -> list[AccessEntry]:
        with self.database.read() as session:
            return self.access.entries.search(session, Wanted(**wanted))


@pytest.fixture
def cloud(database: Database) -> Cloud:
    return Cloud(database)


def test_rights_become_a_list_that_the_gateway_decides_by(cloud: Cloud) -> None:
    """The edge's own decision, on the document that the cloud makes."""
    version, document = cloud.told()
    rules = Rules.check(document, version)
    at = ms(NOW)  # Wednesday, 13:00 in Berlin
    assert decide(rules, Shown("w26:12:1", "gate-yard", "in"), Around(), at).outcome == "granted"
    evening = ms(NOW + timedelta(hours=7))
    assert decide(rules, Shown("w26:12:1", "gate-yard", "in"), Around(), evening).reason is Reason.OUTSIDE_HOURS
    assert decide(rules, Shown("w26:12:9", "gate-yard", "in"), Around(), at).reason is Reason.UNKNOWN
    with cloud.database.read() as session:
        assert cloud.gateways.authority(session, "gw-b", AUTHORITY) is None  # no gate there


def test_each_change_makes_a_version_and_none_makes_none(cloud: Cloud) -> None:
    version, _ = cloud.told()
    cloud.tick()
    assert cloud.told()[0] == version
    with cloud.database.write() as session:
        cloud.rights.set_standing(session, "main", "w26:12:1", Standing.LOST, "admin", NOW)
    cloud.tick()
    later, document = cloud.told()
    assert later == version + 1
    shown = Shown("w26:12:1", "gate-yard", "in")
    assert decide(Rules.check(document, later), shown, Around(), ms(NOW)).reason is Reason.LOST
    with cloud.database.write() as session:
        bert = cloud.rights.get(session, AccessPerson, "bert")
        bert.active = False
        cloud.put(session, bert)
        cloud.rights.set_pin(session, bert, "4711", "admin", NOW)
        cloud.rights.set_holiday(session, "main", "2026-11-25", "Today", "admin", NOW)
    cloud.tick()
    rules = Rules.check(cloud.told()[1], 1)
    assert decide(rules, Shown("w26:12:2", "gate-yard", "in"), Around(), ms(NOW)).reason is Reason.BLOCKED
    assert "4711" not in msgspec.json.encode(cloud.told()[1]).decode()
    assert rules.document.holidays == ["2026-11-25"]


def test_what_cannot_be_is_refused_and_says_what_would_be_right(cloud: Cloud) -> None:
    def refused(kind: type[Exception], text: str, row: Any) -> None:
        with pytest.raises(kind, match=text), cloud.database.write() as session:
            cloud.put(session, row)

    grants = [{"zone": "yard", "profile": "nights"}]
    refused(InvalidError, "nights", AccessGroup(id="g", site_id="main", name="G", grants=grants))
    refused(InvalidError, "cellar", AccessGroup(id="g", site_id="main", name="G", grants=[{"zone": "cellar"}]))
    refused(InvalidError, "07:30", AccessHours(id="h", site_id="main", name="H", spans=[{"days": [1], "start": "7"}]))
    refused(InvalidError, "holidays", AccessHours(id="h", site_id="main", name="H", spans=[{"days": [9]}]))
    refused(
        InvalidError, "directors", AccessPerson(id="x", site_id="main", name="X", groups=["directors"], made_at=NOW)
    )
    refused(InvalidError, "name", AccessZone(id="z", site_id="main", name=" "))
    refused(InvalidError, "no site", AccessZone(id="z", site_id="nowhere", name="Z"))
    refused(InvalidError, "choose another", AccessPerson(id="new", site_id="main", name="New", made_at=NOW))
    refused(ConflictError, "another site", AccessZone(id="yard", site_id="other", name="Z"))
    with cloud.database.write() as session:
        bert = cloud.rights.get(session, AccessPerson, "bert")
        with pytest.raises(ConflictError, match="Anna Huber"):
            cloud.rights.add_credential(session, bert, "w26:12:1", "admin", NOW)
        with pytest.raises(InvalidError, match="w26:12:3456"):
            cloud.rights.add_credential(session, bert, "1234", "admin", NOW)
        with pytest.raises(InvalidError, match="4 to 8 digits"):
            cloud.rights.set_pin(session, bert, "12", "admin", NOW)
        for kind, number, user in (
            (AccessZone, "yard", "gate gw-a.gate-yard"),
            (AccessHours, "office", "Staff"),
            (AccessGroup, "staff", "Anna Huber"),
        ):
            row: Any = session.get(kind, number)
            with pytest.raises(ConflictError, match=user):
                cloud.rights.remove(session, row, "admin", NOW)
        gate = cloud.access.gates.get(session, GATE)
        with pytest.raises(InvalidError, match="cellar"):
            cloud.access.gates.configure(session, gate, {"inside": "cellar"}, "admin", NOW)


def test_a_decision_and_its_result_are_one_line_with_the_version_of_the_list(cloud: Cloud) -> None:
    number = cloud.decision()
    cloud.event("access.result", {"decision": number, "state": "opened", "detail": "limit switch 'open' reached"})
    cloud.decision("", "denied", "unknown-credential", credential="w26:9:9")
    cloud.event("access.forced", {"position": "between"})
    forced, denied, granted = cloud.log()
    assert (granted.person, granted.outcome, granted.result, granted.list_version) == (
        "Anna Huber", "granted", "opened", 3,
    )  # fmt: skip
    assert (denied.person, denied.credential, denied.outcome, denied.result) == ("", "w26:9:9", "denied", "")
    assert forced.kind is EntryKind.FORCED
    with pytest.raises(ValueError, match="neither"):
        cloud.decision(outcome="perhaps")


def test_a_result_without_its_decision_is_not_lost(cloud: Cloud) -> None:
    cloud.event("access.result", {"decision": "d1", "state": "unconfirmed", "detail": "restarted"})
    assert [(entry.event_id, entry.result) for entry in cloud.log()] == [("d1", "unconfirmed")]


def test_the_log_is_filtered_and_exported(cloud: Cloud) -> None:
    cloud.decision()
    cloud.decision("bert", "denied", "outside-hours", credential="=cmd|'/c calc'!A1")
    cloud.event("access.forced", {})
    assert len(cloud.log(person="huber")) == 1
    assert len(cloud.log(person="bert")) == 1
    assert len(cloud.log(result="denied")) == 1
    assert len(cloud.log(result="forced")) == 1
    assert len(cloud.log(gate=GATE)) == 3
    assert len(cloud.log(gate="gw-a.other")) == 0
    assert len(cloud.log(sites=["other"])) == 0
    assert len(cloud.log(start=NOW + timedelta(seconds=1))) == 0
    assert len(cloud.log(end=NOW + timedelta(seconds=1))) == 3
    with cloud.database.read() as session:
        newest = cloud.access.entries.search(session, Wanted(), limit=1)[0]
        assert len(cloud.access.entries.search(session, Wanted(), newest.id)) == 2
        lines = "".join(cloud.access.entries.export(session, Wanted(result="denied"))).splitlines()
    assert lines[0].startswith("at,gate,reader")
    assert "outside-hours" in lines[1]
    assert ",'=cmd" in lines[1]  # no spreadsheet computes it


def _user(role: Role) -> User:
    return User(name=role.value, password_hash="", role=role, created_at=NOW)


def test_a_command_needs_its_role_and_its_reason_and_its_end_stands_in_the_log(cloud: Cloud) -> None:
    def ask(action: str, role: Role, reason: str = "ring at the gate") -> GatewayCommand:
        with cloud.database.write() as session:
            gate = cloud.access.gates.get(session, GATE)
            return cloud.access.gates.command(session, gate, action, reason, _user(role), 15, NOW)

    for action, role in (("open", Role.TECHNICIAN), ("hold", Role.DISPATCHER), ("lift", Role.DISPATCHER)):
        with pytest.raises(ForbiddenError, match="needs the role"):
            ask(action, role)
    with pytest.raises(InvalidError, match="reason"):
        ask("open", Role.DISPATCHER, " ")
    with pytest.raises(InvalidError, match="explode"):
        ask("explode", Role.ADMIN)
    number = ask("open", Role.DISPATCHER).id
    assert ask("open", Role.DISPATCHER).id == number  # a second click
    data = {"id": number, "state": "done", "detail": "limit switch 'open' reached", "readback": "open"}
    cloud.event("command.result", data, device="gate-yard")
    cloud.event("command.result", data, device="gate-yard")  # told twice
    (entry,) = cloud.log()
    assert (entry.kind, entry.person, entry.outcome, entry.result) == (EntryKind.COMMAND, "dispatcher", "open", "done")
    with cloud.database.read() as session:
        found = session.get(GatewayCommand, number)
        assert found is not None
        assert (found.state, found.expires_at - found.issued_at) == ("done", timedelta(seconds=15))
        view = cloud.access.gates.views(session, NOW)[0]
        assert [command.id for command in view.commands] == [number]
        assert [reader.id for reader in view.readers] == ["gw-a.reader-in"]


def test_a_list_that_is_too_long_leaves_the_one_before_in_force(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    version, _ = cloud.told()
    monkeypatch.setattr("plantroom_cloud.access.service.MAX_AUTHORITY_BYTES", 1100)
    with cloud.database.write() as session:
        cloud.rights.set_holiday(session, "main", "2026-12-25", "", "admin", NOW)
    cloud.tick()
    assert cloud.told()[0] == version
    with cloud.database.read() as session:
        change = session.exec(select(AccessChange).where(AccessChange.site_id == "main")).one()
        assert "bytes" in change.problem
        assert cloud.access.problems(session, ["main"]) == [change.problem]
        assert cloud.access.problems(session, ["other"]) == []


def test_all_gates_of_a_site_are_locked_down_at_once(cloud: Cloud) -> None:
    with cloud.database.write() as session:
        gates = cloud.access.gates
        with pytest.raises(InvalidError, match="all gates"):
            gates.command_all(session, "main", "open", "why not", _user(Role.ADMIN), NOW)
        with pytest.raises(ForbiddenError):
            gates.command_all(session, "main", "lift", "over", _user(Role.DISPATCHER), NOW)
        (asked,) = gates.command_all(session, "main", "lock-down", "intruder", _user(Role.DISPATCHER), NOW)
        assert (asked.action, asked.reason, asked.device) == ("lock-down", "intruder", "gate-yard")
        assert gates.command_all(session, "other", "lock-down", "intruder", _user(Role.DISPATCHER), NOW) == []


def test_a_person_and_an_old_line_of_the_log_are_forgotten(cloud: Cloud) -> None:
    cloud.decision()
    with cloud.database.write() as session:
        cloud.rights.remove(session, cloud.rights.get(session, AccessPerson, "anna"), "admin", NOW)
    cloud.tick()
    assert list(cloud.told()[1].credentials) == ["w26:12:2"]
    assert [entry.person for entry in cloud.log()] == ["Anna Huber"]
    with cloud.database.write() as session:
        cloud.access.tick(session, NOW + timedelta(days=399))
    assert len(cloud.log()) == 1
    with cloud.database.write() as session:
        cloud.access.tick(session, NOW + timedelta(days=401))
    assert cloud.log() == []
