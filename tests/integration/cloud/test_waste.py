"""The chain of custody on both databases: events of scales and scanners in, a bag's life and alarms out."""

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.database import Database
from plantroom_cloud.departments.service import DepartmentService
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import (
    ConflictError,
    InvalidError,
    TooManyRequestsError,
    UnauthenticatedError,
)
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.users.models import Role, User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.waste.balance import days
from plantroom_cloud.waste.label import label_text, read_scan
from plantroom_cloud.waste.service import Life, WasteService
from plantroom_cloud.weighings.models import LabelScan, Order, ScanState, Weighing, WeighingState
from plantroom_cloud.weighings.service import WeighingService
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.batch import Batch, DeviceRows, Event
from plantroom_shared.messages import Birth, BirthDevice, Metric

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
_numbers = itertools.count(1)


class House:
    """A hospital with a ward, a store, and people."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.users = UserService()
        self.alarms = AlarmService(WorkOrderService())
        self.weighings = WeighingService(read_scan)
        self.devices = DeviceService()
        self.departments = departments = DepartmentService(SiteService(), UserService())
        self.waste = WasteService(SiteService(), self.users, self.alarms, self.weighings, departments, self.devices)
        with database.write() as session:
            session.add(Site(id="main", name="Main", timezone="Europe/Berlin"))
            session.flush()
            for name in ("gw-a", "gw-b"):
                session.add(Gateway(id=name, site_id="main", enrolled_at=NOON))
            self.alarms.ensure_system_rules(session, NOON)
            self.people = {
                name: User(name=name, password_hash="none", role=Role.TECHNICIAN, created_at=NOON)
                for name in ("nora", "carl", "otto")
            }
            session.add_all(self.people.values())
            departments.add(session, "ward-3", "main", "Ward 3", ["nora"])

    def label(self, count: int = 1) -> list[str]:
        with self.database.write() as session:
            return [bag.code for bag in self.waste.print_labels(session, "ward-3", "sharps", count, "nora", NOON)]

    def event(self, seconds: float, kind: str, data: dict[str, Any], gateway: str = "gw-a") -> Event:
        """It happens now, and comes now."""
        moment = NOON + timedelta(seconds=seconds)
        event = Event(id=f"e{next(_numbers)}", kind=kind, time=ms_from_utc(moment), device="x", data=data)
        self.arrive(event, gateway, moment)
        return event

    def arrive(self, event: Event, gateway: str, at: datetime) -> None:
        with self.database.write() as session:
            self.weighings.apply_event(session, gateway, event, at)

    def scan(self, seconds: float, code: str, station: str = "ward-3", gateway: str = "gw-a") -> Event:
        data = {"kind": "label", "text": label_text(code), "station": station}
        return self.event(seconds, "scan", data, gateway)

    def weigh(self, seconds: float, kg: float, station: str = "ward-3", gateway: str = "gw-a") -> Event:
        data = {"kg": kg, "value": kg, "unit": "kg", "stable": True, "raw": "02c409", "station": station}
        return self.event(seconds, "weighing", data, gateway)

    def sign(self, code: str, role: str, name: str, seconds: float = 60, method: str = "login") -> None:
        with self.database.write() as session:
            person = self.people[name]
            self.waste.custody.sign(session, code, "collected", role, person, method, NOON + timedelta(seconds=seconds))

    def collect(self, code: str, kg: float = 5.0, seconds: float = 0) -> None:
        """Weighed in the ward, signed by both."""
        self.scan(seconds, code)
        self.weigh(seconds + 5, kg)
        self.sign(code, "ward", "nora", seconds + 20, "pin")
        self.sign(code, "collector", "carl", seconds + 30)

    def store(self, code: str, kg: float = 5.0, seconds: float = 1800) -> None:
        self.scan(seconds, code, "waste-store")
        self.weigh(seconds + 5, kg, "waste-store")

    def tick(self, hours: float) -> None:
        at = NOON + timedelta(hours=hours)
        with self.database.write() as session:
            self.weighings.tick(session, at)
            self.waste.tick(session, at)

    def life(self, code: str) -> Life:
        with self.database.read() as session:
            return self.waste.life(session, code)

    def active(self) -> set[tuple[str, str]]:
        with self.database.read() as session:
            return {(alarm.name, alarm.source) for alarm in session.exec(select(Alarm)) if alarm.active}

    def rows_of_alarms(self) -> list[Alarm]:
        with self.database.read() as session:
            return list(session.exec(select(Alarm).order_by(col(Alarm.id))))

    def rows(self, table: type[Any]) -> list[Any]:
        with self.database.read() as session:
            return list(session.exec(select(table).order_by(table.at)))


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


def test_a_bags_whole_life(house: House) -> None:
    [code] = house.label()
    with house.database.write() as session:
        house.waste.custody.register(session, code, "produced", "nora", NOON - timedelta(hours=1))
    house.collect(code, 5.0)
    assert house.life(code).bag.stage == "collected"
    house.store(code, 5.05)
    later = NOON + timedelta(hours=2)
    with house.database.write() as session:
        manifests = house.waste.manifests
        manifest = manifests.make(session, "main", "EcoMed", "B-EM 123", "Plant North", [code], "otto", later)
        assert manifest.id is not None
        manifests.ship(session, manifest.id, "D. River", "otto", later)
        assert (manifest.bags, manifest.kg, manifest.kg_by_type) == (1, 5.05, {"sharps": 5.05})
        manifests.destroy(session, manifest.id, "CERT-1", "otto", later + timedelta(hours=5))
    life = house.life(code)
    assert (life.bag.stage, life.bag.closed, life.bag.kg) == ("destroyed", True, 5.05)
    assert list(life.stages) == ["produced", "collected", "stored", "shipped", "destroyed"]
    assert [(item.role, item.user, item.method) for item in life.stages["collected"].signatures] == [
        ("ward", "nora", "pin"),
        ("collector", "carl", "login"),
    ]
    assert life.stages["collected"].record.completed_at == NOON + timedelta(seconds=30)
    assert [entry.action for entry in life.entries] == [
        "produced", "label printed", "weighed", "signed", "signed", "weighed", "on manifest", "shipped", "destroyed",
    ]  # fmt: skip
    assert house.active() == set()
    with house.database.read() as session:
        since, until = days(date(2026, 11, 25), date(2026, 11, 25), "Europe/Berlin")
        total = house.waste.balance(session, ["main"], since, until, ["day", "type", "department"])[-1]
    assert {key: (item.bags, item.kg) for key, item in total.stages.items()} == {
        "produced": (1, 5.05), "collected": (1, 5.0), "stored": (1, 5.05), "shipped": (1, 5.05), "destroyed": (1, 5.05),
    }  # fmt: skip


def test_an_event_that_comes_twice_counts_once(house: House) -> None:
    [code] = house.label()
    house.scan(0, code)
    event = house.weigh(5, 5.0)
    house.arrive(event, "gw-a", NOON + timedelta(hours=1))
    assert len(house.rows(Weighing)) == 1


def test_no_label_no_weight_second_label_and_wrong_order_are_shown(house: House) -> None:
    first, second, third = house.label(3)
    house.weigh(0, 1.0)
    house.scan(1000, first)
    house.scan(1010, second)
    house.weigh(1020, 2.0)
    house.weigh(2000, 3.0)
    house.scan(2010, third)
    house.scan(3000, first)
    house.tick(2)
    weighings = {row.kg: row for row in house.rows(Weighing)}
    assert (weighings[1.0].state, weighings[1.0].note) == (WeighingState.NO_LABEL, "no label was scanned in time")
    assert weighings[2.0].code == second
    assert (weighings[3.0].code, weighings[3.0].note) == (third, "the label was scanned after the weighing")
    scans = {(row.code, row.at): row for row in house.rows(LabelScan)}
    aside = scans[first, NOON + timedelta(seconds=1000)]
    assert (aside.state, aside.note) == (ScanState.SUPERSEDED, f"{second} was scanned before anything was weighed")
    assert scans[first, NOON + timedelta(seconds=3000)].state is ScanState.NO_WEIGHING
    with house.database.write() as session:
        house.weighings.pair_by_hand(session, weighings[1.0].id, first, "nora", NOON + timedelta(hours=3))
    assert house.life(first).stages["collected"].record.kg == 1.0
    with house.database.write() as session, pytest.raises(ConflictError, match="already"):
        house.weighings.pair_by_hand(session, weighings[1.0].id, second, "nora", NOON)


def test_events_of_an_offline_gateway_are_paired_by_their_own_time(house: House) -> None:
    """The scanner's gateway was offline: its scan comes hours after the weighing, and after that of the next bag."""
    early, late = house.label(2)
    house.weigh(10, 5.0)
    house.tick(1)
    [weighing] = house.rows(Weighing)
    assert weighing.state is WeighingState.NO_LABEL
    scan = Event(
        id="late", kind="scan", time=ms_from_utc(NOON + timedelta(seconds=4)), device="scanner",
        data={"kind": "label", "text": label_text(early), "station": "ward-3"},
    )  # fmt: skip
    house.arrive(scan, "gw-b", NOON + timedelta(hours=5))
    assert house.life(early).stages["collected"].record.kg == 5.0
    # a pair that was made too early is corrected: the label after the weighing was the next bag's
    house.weigh(5000, 6.0)
    house.scan(5020, late)
    assert house.life(late).stages == {}, "the label may be the next bag's"
    house.tick(5042 / 3600)
    assert house.life(late).stages["collected"].record.kg == 6.0
    again = Event(
        id="later", kind="scan", time=ms_from_utc(NOON + timedelta(seconds=4990)), device="scanner",
        data={"kind": "label", "text": label_text(early), "station": "ward-3"},
    )  # fmt: skip
    house.arrive(again, "gw-b", NOON + timedelta(hours=6))
    assert house.life(late).stages["collected"].record.kg is None
    assert "weight taken back" in [entry.action for entry in house.life(late).entries]


def test_a_different_weight_raises_one_alarm_until_somebody_explains_it(house: House) -> None:
    [code] = house.label()
    house.collect(code, 5.0)
    house.store(code, 4.5)
    assert house.active() == {("Weight of a bag differs", f"bag:{code}")}
    with house.database.read() as session:
        [order] = session.exec(select(WorkOrder)).all()
        [alarm] = session.exec(select(Alarm)).all()
    assert (order.title, alarm.called) == (f"Weight of a bag differs: {code} · Ward 3", f"{code} · Ward 3")
    with house.database.write() as session:
        with pytest.raises(InvalidError, match="say why"):
            house.waste.custody.explain(session, code, " ", "nora", NOON)
        house.waste.custody.explain(session, code, "a second bag was taken off", "nora", NOON)
    assert house.active() == set()
    assert house.life(code).stages["stored"].record.explained == "a second bag was taken off"


def test_a_label_that_is_used_twice(house: House) -> None:
    [code] = house.label()
    house.collect(code, 5.0)
    house.scan(120, code)
    house.weigh(125, 5.01)  # looked at again: the first weight counts
    assert house.active() == set()
    house.scan(4000, code)
    house.weigh(4005, 7.0)
    assert house.active() == {("Label used twice", f"bag:{code}")}
    assert house.life(code).stages["collected"].record.kg == 5.0
    with house.database.write() as session:
        house.waste.custody.explain(session, code, "the spare label was removed", "nora", NOON)
    house.tick(1)
    assert house.active() == set()
    house.store(code, 5.0, seconds=5000)
    house.scan(9000, code)
    house.weigh(9005, 5.0)  # back in the ward after the store
    assert house.active() == {("Label used twice", f"bag:{code}")}


def test_missing_long_and_too_long_in_store(house: House) -> None:
    bag, lost = house.label(2)
    house.collect(bag)
    house.collect(lost, seconds=200)
    house.store(bag)
    for hours, expected in (
        (2, set()),
        (2.1, {("Bag is missing", lost)}),
        (36.6, {("Bag is missing", lost), ("Bag is long in store", bag)}),
        (48.6, {("Bag is missing", lost), ("Bag is long in store", bag), ("Bag is too long in store", bag)}),
    ):
        house.tick(hours)
        assert house.active() - {("Ward without pickup", "department:ward-3")} == {
            (name, f"bag:{code}") for name, code in expected
        }, hours
    with house.database.write() as session:
        at = NOON + timedelta(hours=49)
        manifest = house.waste.manifests.make(session, "main", "EcoMed", "", "", [bag], "otto", at)
        assert manifest.id is not None
        house.waste.manifests.ship(session, manifest.id, "D. River", "otto", at)
        house.waste.custody.write_off(session, lost, "burst and repacked", "nora", at)
    house.tick(50)
    assert house.active() == {("Ward without pickup", "department:ward-3")}


def test_a_ward_without_pickup_raises_one_alarm_until_its_bags_are_collected(house: House) -> None:
    first, second = house.label(2)
    unserved = {("Ward without pickup", "department:ward-3")}
    house.tick(47.9)
    assert house.active() == set(), "its first label is not that old"
    house.tick(48)
    house.tick(49)
    assert house.active() == unserved
    [alarm] = house.rows_of_alarms()
    assert alarm.raised_at == NOON + timedelta(hours=48)
    assert alarm.detail == "Ward 3: no pickup for more than 48 h; none since its first label"
    house.collect(first, seconds=49.5 * 3600)
    house.tick(50)
    assert house.active() == set()
    house.scan(51 * 3600, second)
    house.weigh(51 * 3600 + 5, 4.0)  # weighed and not signed: nobody has taken it
    house.tick(97.6)
    assert unserved <= house.active()
    with house.database.read() as session:
        [ward] = house.waste.pickups.wards(session)
    assert ward.served_at == NOON + timedelta(hours=49.5, seconds=30)


def test_how_often_a_ward_is_served_is_data(house: House) -> None:
    house.label()

    def rule(pickup: dict[str, Any] | None) -> None:
        with house.database.write() as session:
            _version, document = house.waste.rules.document(session)
            house.waste.rules.replace(session, {**document, "pickup": pickup}, "admin", NOON)

    unserved = {("Ward without pickup", "department:ward-3")}
    rule({"stage": "collected", "within_h": 48, "departments": {"ward-3": 12}})
    house.tick(12)
    assert house.active() == unserved
    rule({"stage": "collected", "within_h": 48, "departments": {"ward-3": None}})
    house.tick(60)
    assert house.active() == set(), "this ward expects none"
    rule({"stage": "collected", "within_h": 48})
    house.tick(61)
    assert house.active() == unserved
    rule(None)
    house.tick(62)
    assert house.active() == set()
    rule({"stage": "collected", "within_h": 48})
    with house.database.write() as session:
        house.departments.change(session, "ward-3", "Ward 3", ["nora"], False)
    house.tick(63)
    assert house.active() == set(), "the department is closed"


def test_a_forgotten_signature_is_an_incomplete_handover_until_it_comes(house: House) -> None:
    [code] = house.label()
    house.scan(0, code)
    house.weigh(5, 5.0)
    house.sign(code, "ward", "nora")
    house.store(code)
    assert house.life(code).bag.stage == "stored"
    assert house.active() == {("Handover of a bag is incomplete", f"bag:{code}")}
    house.sign(code, "collector", "carl", seconds=7200)
    assert house.active() == set()


def test_a_handover_has_two_people_and_the_ward_signs_for_itself(house: House) -> None:
    [code] = house.label()
    with pytest.raises(InvalidError, match="otto is not of Ward 3"):
        house.sign(code, "ward", "otto")
    house.sign(code, "ward", "nora")
    with pytest.raises(ConflictError, match="two people"):
        house.sign(code, "collector", "nora")
    with pytest.raises(ConflictError, match="nora signed as ward already"):
        house.sign(code, "ward", "nora")
    with pytest.raises(InvalidError, match="roles are: ward, collector"):
        house.sign(code, "driver", "otto")


def test_a_pin_is_one_persons_and_cannot_be_tried_out(house: House) -> None:
    nora: User = house.people["nora"]
    with house.database.write() as session:
        for pin in ("123", "1234", "7777", "12a4", "987654"):
            with pytest.raises(InvalidError):
                house.waste.signing.set_pin(session, nora, pin, NOON)
        house.waste.signing.set_pin(session, nora, "4711", NOON)
        assert house.waste.signing.signer(session, "nora", "4711", NOON).name == "nora"
        for _ in range(5):
            with pytest.raises(UnauthenticatedError):
                house.waste.signing.signer(session, "nora", "0815", NOON)
        with pytest.raises(TooManyRequestsError):
            house.waste.signing.signer(session, "nora", "4711", NOON)
        later = NOON + timedelta(minutes=6)
        assert house.waste.signing.signer(session, "nora", "4711", later).name == "nora"
        for number in range(50):
            with pytest.raises(UnauthenticatedError):
                house.waste.signing.signer(session, f"nobody-{number}", "4711", NOON)
        assert not house.waste.signing._failures  # names that are nobody's are not kept


def test_bags_stand_on_one_manifest_and_only_from_the_store(house: House) -> None:
    stored, collected = house.label(2)
    house.collect(stored)
    house.store(stored)
    house.collect(collected, seconds=3000)
    manifests = house.waste.manifests
    with house.database.write() as session:
        with pytest.raises(ConflictError, match=collected):
            manifests.make(session, "main", "EcoMed", "", "", [stored, collected], "otto", NOON)
        draft = manifests.make(session, "main", "EcoMed", "", "", [stored], "otto", NOON)
        with pytest.raises(ConflictError, match="another manifest"):
            manifests.make(session, "main", "EcoMed", "", "", [stored], "otto", NOON)
        assert draft.id is not None
        manifests.discard(session, draft.id, "otto", NOON)
        again = manifests.make(session, "main", "EcoMed", "", "", [stored], "otto", NOON)
        assert (draft.number, again.number) == ("main-20261125-1", "main-20261125-2")
        with pytest.raises(InvalidError, match="who took over"):
            manifests.ship(session, again.id or 0, " ", "otto", NOON)


def test_rules_are_data(house: House) -> None:
    """A house with another store, another tolerance and no signatures."""
    with house.database.write() as session:
        _version, document = house.waste.rules.document(session)
        document["stages"][1]["requires"] = ["weight"]
        document["stages"][2]["stations"] = ["cold-room"]
        document["stages"][2]["tolerance"] = {"kg": 1.0}
        house.waste.rules.replace(session, document, "admin", NOON)
    [code] = house.label()
    house.scan(0, code)
    house.weigh(5, 5.0)
    assert house.life(code).bag.stage == "collected"
    house.scan(60, code, "cold-room")
    house.weigh(65, 4.1, "cold-room")
    assert house.life(code).bag.stage == "stored"
    assert house.active() == set()
    with house.database.write() as session:
        house.weighings.set_station(session, "main", "ward-3", "Ward 3", 30, Order.WEIGHT_FIRST)


def test_a_store_that_is_too_warm_for_long_raises_an_alarm(house: House) -> None:
    climate = {"device": "gw-a.store", "metric": "temperature", "above": 20, "for_min": 1}
    metric = Metric(name="temperature", label="Temperature", unit="°C")
    with house.database.write() as session:
        store = BirthDevice(device="store", label="Waste store", profile="p", metrics=[metric])
        birth = Birth(v=1, gateway="gw-a", boot="b", at=0, config_version="1", devices=[store])
        house.devices.register(session, birth, NOON)
        _version, document = house.waste.rules.document(session)

    def limit(second: float, *climates: dict[str, Any]) -> None:
        document["stages"][2]["climates"] = list(climates)
        with house.database.write() as session:
            house.waste.put_in_force(session, document, "admin", NOON + timedelta(seconds=second))

    def measure(second: float, value: float) -> None:
        at = NOON + timedelta(seconds=second)
        rows = DeviceRows(device="store", times=[ms_from_utc(at)], values={"temperature": [value]})
        batch = Batch(v=1, gateway="gw-a", outbox="o", stream="telemetry", seq=next(_numbers), boot="b",
                      sent_at=ms_from_utc(at), complete_until=ms_from_utc(at), telemetry=[rows])  # fmt: skip
        with house.database.write() as session:
            house.devices.merge_latest(session, {"gw-a.store": [rows]}, at)
            house.alarms.process(session, "gw-a", [batch], at)

    limit(0, climate)
    warm = {("Waste store too warm (in store)", "gw-a.store")}
    for second in range(0, 131, 10):  # a longer gap would be one in which nobody saw it
        measure(second, 21.0 if 10 <= second < 60 or second >= 70 else 18.0)
        assert house.active() == (warm if second == 130 else set()), second
    measure(140, 18.0)
    assert house.active() == set()
    with house.database.read() as session:
        [reading] = house.waste.climates.readings(session, ["main"])["stored"]
        assert (reading.label, reading.value, reading.unit, reading.exceeds) == ("Waste store", 18.0, "°C", False)
        assert house.waste.climates.readings(session, ["elsewhere"]) == {}
    limit(145, {**climate, "above": 15, "for_min": 0})  # the same rule, changed
    measure(150, 18.0)
    assert house.active() == warm
    limit(155)  # none any more: neither the rule nor its alarm
    assert house.active() == set()
    with pytest.raises(InvalidError, match=r"stage stored: climates: gw-a\.attic: there is no device"):
        limit(160, {**climate, "device": "gw-a.attic"})
    with house.database.read() as session:
        assert house.waste.rules.document(session)[1]["stages"][2]["climates"] == []
        assert [rule for rule in house.alarms.rules(session) if rule.created_by == "waste-rules"] == []


def test_a_label_that_nobody_printed_is_shown_and_breaks_nothing(house: House) -> None:
    house.scan(0, "7F3K9QWE")
    house.weigh(5, 5.0)
    [weighing] = house.rows(Weighing)
    assert (weighing.code, weighing.note) == ("7F3K9QWE", "no label 7F3K9QWE was ever printed here")


@pytest.mark.parametrize("data", [{}, {"kg": "heavy"}, {"kg": True}])
def test_a_weighing_without_a_weight_is_refused(house: House, data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs device and kg"):
        house.event(0, "weighing", data)
