"""The ingest's one commit, on both relational databases."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlmodel import col, select

from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import DeviceLatest
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.gateways import ledger
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.ingest.connection import Received
from plantroom_cloud.ingest.service import IngestService
from plantroom_cloud.quarantine import service as quarantine
from plantroom_cloud.quarantine.models import QuarantinedMessage
from plantroom_cloud.quarantine.service import waiting
from plantroom_cloud.sites.models import Site
from plantroom_cloud.telemetry.service import TelemetryService
from plantroom_cloud.telemetry.sqlite import SqliteTelemetryStore
from plantroom_cloud.telemetry.store import Retention
from plantroom_cloud.telemetry.writer import TelemetryWriter
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.batch import Batch, DeviceRows, Event
from plantroom_shared.encoding import decode, encode
from plantroom_shared.messages import Ack, Birth, BirthDevice, Metric, Status, SuggestedRule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MS = 1_772_366_400_000


class Cloud:
    """The ingest with its services."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.orders = WorkOrderService()
        self.alarms = AlarmService(self.orders)
        self.store = SqliteTelemetryStore(folder / "telemetry.db", Retention(None, {}))
        self.store.open()
        self.telemetry = TelemetryService(database, self.store)
        self.writer = TelemetryWriter(database, self.store, None)
        gateways = GatewayService()
        devices = DeviceService()
        self.ingest = IngestService(database, gateways, devices, self.alarms, self.telemetry, [gateways, devices])
        with database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.flush()
            gateways.enrol(session, "gw-a", "main", "", "", NOW)
            self.alarms.ensure_system_rules(session, NOW)
        self.send("birth", birth())
        self.send("status", Status(v=1, gateway="gw-a", state="online", boot="b", at=MS))

    def send(self, kind: str, *messages: msgspec.Struct, at: datetime = NOW, gateway: str = "gw-a") -> list[Ack]:
        return self.send_raw(kind, *(encode(message) for message in messages), at=at, gateway=gateway)

    def send_raw(self, kind: str, *payloads: bytes, at: datetime = NOW, gateway: str = "gw-a") -> list[Ack]:
        received = [Received(f"plantroom/v1/{gateway}/{kind}", payload, 1) for payload in payloads]
        return [decode(payload, Ack) for _, payload in self.ingest.process(received, at)]


def birth() -> Birth:
    rule = SuggestedRule(
        key="hot",
        name="Hot",
        kind="limit",
        severity="high",
        metric="t",
        operator=">",
        limit=80,
        deadband=2,
        on_delay_s=5,
        proving_s=60,
        cause="c",
        consequence="q",
        response="r",
    )
    device = BirthDevice(
        device="pump", label="Pump", profile="x/pump", metrics=[Metric(name="t", label="T", unit="°C")], rules=[rule]
    )
    return Birth(v=1, gateway="gw-a", boot="b", at=MS, config_version="local", devices=[device])


def batch(seq: int, *readings: tuple[float, float], until: float | None = None, historical: bool = False) -> Batch:
    """Readings as (seconds after NOW, value)."""
    telemetry = [
        DeviceRows(
            device="pump", times=[MS + round(s * 1000) for s, _ in readings], values={"t": [v for _, v in readings]}
        )
    ]
    return Batch(
        v=1,
        gateway="gw-a",
        outbox="o",
        stream="telemetry",
        seq=seq,
        boot="b",
        sent_at=MS,
        historical=historical,
        complete_until=None if until is None else MS + round(until * 1000),
        telemetry=telemetry if readings else [],
    )


@pytest.fixture
def cloud(database: Database, tmp_path: Path) -> Cloud:
    return Cloud(database, tmp_path)


def test_what_comes_twice_is_stored_once_and_acknowledged_twice(cloud: Cloud) -> None:
    for _ in range(2):
        [ack] = cloud.send("data", batch(1, (0, 20.0)), batch(2, (1, 21.0)))
        assert (ack.outbox, ack.acked, ack.rejected) == ("o", [(1, 2)], [])
    cloud.writer.drain(NOW)
    points = cloud.store.raw("gw-a.pump", "t", MS, MS + 10_000, 100)
    assert [(p.time, p.last) for p in points] == [(MS, 20.0), (MS + 1000, 21.0)]
    with cloud.database.read() as session:
        [stream] = ledger.streams(session, "gw-a")
        assert (stream.received, stream.missing) == (2, 0)
        [hour] = ledger.hours(session, "gw-a", NOW - timedelta(hours=1), NOW + timedelta(hours=1))
        assert (hour.received, hour.duplicate, hour.values_received) == (2, 2, 2)


def test_reordered_batches_all_arrive(cloud: Cloud) -> None:
    cloud.send("data", batch(3, (3, 1.0)), batch(1, (1, 1.0)))
    with cloud.database.read() as session:
        assert [s.missing for s in ledger.streams(session, "gw-a")] == [1]
    cloud.send("data", batch(2, (2, 1.0)))
    with cloud.database.read() as session:
        assert [s.missing for s in ledger.streams(session, "gw-a")] == [0]


def test_an_alarm_opens_one_work_order_and_the_telemetry_closes_it(cloud: Cloud) -> None:
    cloud.send("data", batch(1, (0, 90.0), (6, 91.0), until=6))
    with cloud.database.read() as session:
        [alarm] = session.exec(select(Alarm))
        [order] = session.exec(select(WorkOrder))
    assert (alarm.state, alarm.active, alarm.raised_at) == (
        AlarmState.UNACKNOWLEDGED,
        True,
        NOW + timedelta(seconds=5),
    )
    assert (order.alarm_id, order.cause, order.evidence[-1]) == (alarm.id, "c", [MS + 6000, 91.0])
    assert order.id is not None
    done = NOW + timedelta(seconds=30)
    with cloud.database.write() as session:
        cloud.orders.claim(session, order.id, "anna", done)
        cloud.orders.complete(session, order.id, "greased", "anna", done)
    cloud.send("data", batch(2, (10, 70.0), (20, 50.0), (31, 40.0), until=31), at=done)
    for seconds, state in ((89, WorkOrderState.DONE), (120, WorkOrderState.CLOSED)):
        cloud.send("data", batch(seconds, until=seconds), at=NOW + timedelta(seconds=seconds))
        with cloud.database.write() as session:
            cloud.alarms.tick(session, NOW + timedelta(seconds=seconds))
        with cloud.database.read() as session:
            found = session.get(WorkOrder, order.id)
            assert found is not None
            assert found.state is state
            assert found.verified_by == ("telemetry" if state is WorkOrderState.CLOSED else "")


def test_the_alarm_coming_back_reopens_the_work_order(cloud: Cloud) -> None:
    cloud.send("data", batch(1, (0, 90.0), (6, 91.0), (8, 40.0), until=9))
    with cloud.database.write() as session:
        cloud.orders.complete(session, 1, "", "anna", NOW + timedelta(seconds=10))
    cloud.send("data", batch(2, (15, 60.0), (20, 95.0), (30, 95.0), until=30), at=NOW + timedelta(seconds=30))
    with cloud.database.read() as session:
        [order] = session.exec(select(WorkOrder))
        assert (order.state, order.reopened) == (WorkOrderState.OPEN, 1)


def test_an_alarm_that_comes_while_its_order_is_closed_opens_a_new_one(cloud: Cloud) -> None:
    """The one who closes it and the one who hears of the alarm saw it done, both."""
    cloud.send("data", batch(1, (0, 90.0), (6, 91.0), (8, 40.0), until=9))
    later = NOW + timedelta(seconds=30)
    with cloud.database.write() as session:
        cloud.orders.complete(session, 1, "", "anna", NOW + timedelta(seconds=10))
    hot = batch(2, (15, 60.0), (20, 95.0), (30, 95.0), until=30)
    hearing = threading.Thread(target=lambda: cloud.send("data", hot, at=later), name="hearing")
    with cloud.database.write() as session:
        cloud.orders.verify(session, 1, "I have seen it", "mia", NOW + timedelta(seconds=20))
        session.flush()
        hearing.start()
        hearing.join(0.5)
    hearing.join()
    with cloud.database.read() as session:
        closed, opened = session.exec(select(WorkOrder).order_by(col(WorkOrder.id)))
        assert (closed.state, closed.verified_by, closed.reopened) == (WorkOrderState.CLOSED, "mia", 0)
        assert (opened.state, opened.alarm_id) == (WorkOrderState.OPEN, 2)
        assert [entry.action for entry in cloud.orders.trail(session, 1)][-1] == "verify"


def jumped(seq: int, at_s: float, by_s: float) -> Batch:
    data = {"by_ms": round(by_s * 1000), "followed": True}
    event = Event(id=f"j{seq}", kind="clock.jumped", time=MS + round(at_s * 1000), data=data)
    return Batch(v=1, gateway="gw-a", outbox="o", stream="events", seq=seq, boot="b", sent_at=MS, events=[event])


def test_after_a_clock_went_back_the_present_is_seen_and_judged(cloud: Cloud) -> None:
    day = 86_400
    cloud.send("data", batch(1, (day, 20.0), until=day))
    cloud.send("data", jumped(1, 2, -day))
    cloud.send("data", batch(2, (3, 90.0), (9, 91.0), until=10))
    with cloud.database.read() as session:
        [alarm] = session.exec(select(Alarm).join(AlarmRule).where(AlarmRule.key == "hot"))
        assert (alarm.active, alarm.raised_at) == (True, NOW + timedelta(seconds=8))
        [told] = session.exec(select(Alarm).join(AlarmRule).where(AlarmRule.key == "clock.jumped"))
        assert told.device_id is None
        latest = session.get(DeviceLatest, "gw-a.pump")
        assert latest is not None
        assert latest.values["t"] == {"t": MS + 9000, "v": 91.0, "q": "good"}
        assert latest.last_reading_at == NOW + timedelta(seconds=9)
        gateway = session.get(Gateway, "gw-a")
        assert gateway is not None
        assert gateway.complete_until == NOW + timedelta(seconds=10)


def test_an_outage_is_no_time_above_the_limit(cloud: Cloud) -> None:
    cloud.send("data", batch(1, (0, 90.0), until=1))
    cloud.send("data", batch(2, (600, 20.0), until=600), at=NOW + timedelta(seconds=600))
    with cloud.database.read() as session:
        assert session.exec(select(Alarm)).all() == []


def test_history_makes_no_alarm(cloud: Cloud) -> None:
    cloud.send("data", batch(1, (0, 90.0), (60, 95.0), until=60, historical=True))
    with cloud.database.read() as session:
        assert session.exec(select(Alarm)).all() == []


def test_a_lost_gateway_raises_one_alarm_and_silences_its_devices(cloud: Cloud) -> None:
    cloud.send("data", batch(1, (0, 20.0), until=1))
    for seconds in (29, 31, 3_600):
        with cloud.database.write() as session:
            cloud.alarms.tick(session, NOW + timedelta(seconds=seconds))
    with cloud.database.read() as session:
        [alarm] = session.exec(select(Alarm))
        assert (alarm.name, alarm.source) == ("Gateway lost", "gw-a")
    later = NOW + timedelta(seconds=3_700)
    cloud.send("data", batch(2, until=3_700), at=later)
    with cloud.database.write() as session:
        cloud.alarms.tick(session, later)
    with cloud.database.read() as session:
        [alarm] = session.exec(select(Alarm))
        assert not alarm.active


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\xc1garbage", "MessagePack|decode|valid"),
        (b'{"v": 9, "gateway": "gw-a", "outbox": "o", "stream": "telemetry", "seq": 1}', "version 9"),
        (encode(msgspec.structs.replace(batch(1), gateway="gw-b")), "topic of 'gw-a'"),
        (b"x" * 1_100_000, "at most"),
        (msgspec.json.encode(msgspec.to_builtins(batch(1)) | {"seq": 2**70}), "are below"),
        (msgspec.json.encode(msgspec.to_builtins(batch(1)) | {"seq": -(2**70)}), "begin at 1"),
        (msgspec.json.encode(msgspec.to_builtins(batch(1)) | {"complete_until": 2**70}), "before the year 2200"),
        (b'{"seq": 99999999999999999999999, "outbox": "o", "stream": "telemetry"}', ""),
    ],
)
def test_a_wrong_message_is_kept_whole_and_blocks_nothing(cloud: Cloud, payload: bytes, reason: str) -> None:
    acks = cloud.send_raw("data", payload, encode(batch(7, (0, 1.0))))
    assert any(ack.acked == [(7, 7)] for ack in acks)
    with cloud.database.read() as session:
        [message] = waiting(session)
        assert message.payload == payload
        assert re.search(reason, message.reason)


@pytest.mark.parametrize("size", [2**64, -(2**70), 10**400])
def test_a_number_that_nothing_can_keep_goes_to_quarantine_with_its_batch(cloud: Cloud, size: int) -> None:
    text = msgspec.json.encode(batch(1, (0, 4242.0))).replace(b"4242.0", str(size).encode())
    assert str(size).encode() in text
    acks = cloud.send_raw("data", text, encode(batch(7, (1, 1.0))))
    assert any(ack.acked == [(7, 7)] for ack in acks)
    with cloud.database.read() as session:
        [message] = waiting(session)
        assert message.payload == text


@pytest.mark.parametrize("error", [OverflowError("so"), AssertionError("so"), IndexError("so"), RecursionError("so")])
def test_a_message_that_nobody_foresaw_is_kept_and_the_queue_goes_on(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(ledger.GroupLedger, "save", broken)
    assert cloud.send("data", batch(1, (0, 1.0))) == []
    with cloud.database.read() as session:
        assert [message.reason for message in waiting(session)] == [f"could not be processed: {error!r}"]


def test_text_where_a_limit_is_watched_crosses_nothing(cloud: Cloud) -> None:
    text = msgspec.json.encode(batch(1, (0, 4242.0))).replace(b"4242.0", b'"on"')
    assert b'"on"' in text
    [ack] = cloud.send_raw("data", text, encode(batch(2, (1, 1.0))))
    assert ack.acked == [(1, 2)]
    with cloud.database.read() as session:
        assert (waiting(session), session.exec(select(Alarm)).all()) == ([], [])


def test_a_value_that_is_no_number_is_no_value(cloud: Cloud) -> None:
    [ack] = cloud.send("data", batch(1, (0, float("nan"))))
    assert ack.acked == [(1, 1)]
    with cloud.database.read() as session:
        [latest] = session.exec(select(DeviceLatest))
        assert latest.values["t"] == {"t": MS, "v": None, "q": "sensor-fault"}


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", "[1]", str(10**400)])
def test_a_direct_value_that_nothing_can_keep_is_told(cloud: Cloud, value: str) -> None:
    cloud.send_raw("direct/scale-7", f'{{"weight": {value}}}'.encode(), b'{"weight": 1.5}')
    with cloud.database.read() as session:
        assert len(waiting(session)) == 1
        assert session.get(DeviceLatest, "gw-a.scale-7") is not None


def test_a_birth_that_says_no_versions_takes_none_away(cloud: Cloud) -> None:
    cloud.send("status", Status(v=1, gateway="gw-a", state="online", boot="b", at=MS, versions={"firmware": "7"}))
    cloud.send("birth", birth())
    with cloud.database.read() as session:
        gateway = session.get(Gateway, "gw-a")
        assert gateway is not None
        assert gateway.versions == {"firmware": "7"}


def test_a_gateway_that_is_not_enrolled_is_refused_with_the_remedy(cloud: Cloud) -> None:
    [ack] = cloud.send("data", msgspec.structs.replace(batch(1), gateway="gw-x"), gateway="gw-x")
    assert ack.rejected[0].seq == 1
    assert "gateway add gw-x" in ack.rejected[0].reason


def test_a_direct_device_registers_itself(cloud: Cloud) -> None:
    cloud.send_raw("direct/scale-7", b'{"weight": 12.5, "stable": true, "time": "2026-03-01T12:00:00Z"}')
    cloud.writer.drain(NOW)
    assert [p.last for p in cloud.store.raw("gw-a.scale-7", "weight", MS, MS + 1, 100)] == [12.5]


def test_two_ingest_processes_lose_and_reject_nothing(cloud: Cloud) -> None:
    """Both take batches of one gateway at once, the first of a new outbox and hour among them."""
    gateways, devices = GatewayService(), DeviceService()
    alarms = AlarmService(cloud.orders)
    other = IngestService(cloud.database, gateways, devices, alarms, cloud.telemetry, [gateways, devices])

    def take(ingest: IngestService, first: int) -> list[Ack]:
        acks = []
        for seq in range(first, 41, 2):
            received = Received("plantroom/v1/gw-a/data", encode(batch(seq, (seq, 1.0))), 1)
            acks += [decode(payload, Ack) for _, payload in ingest.process([received], NOW)]
        return acks

    with ThreadPoolExecutor(2) as pool:
        odd, even = pool.submit(take, cloud.ingest, 1), pool.submit(take, other, 2)
        assert [ack.rejected for ack in odd.result() + even.result()] == [[]] * 40
    with cloud.database.read() as session:
        [stream] = ledger.streams(session, "gw-a")
        assert (stream.received, stream.missing) == (40, 0)
        [hour] = ledger.hours(session, "gw-a", NOW - timedelta(hours=1), NOW + timedelta(hours=1))
        assert (hour.received, hour.duplicate) == (40, 0)


def test_a_full_journal_leaves_telemetry_with_its_gateway_and_judges_it_all_the_same(cloud: Cloud) -> None:
    small = TelemetryService(cloud.database, cloud.store, journal_bytes=1)
    gateways, devices = GatewayService(), DeviceService()
    ingest = IngestService(cloud.database, gateways, devices, cloud.alarms, small, [gateways, devices])

    def send(message: Batch, at: datetime) -> list[Ack]:
        received = Received("plantroom/v1/gw-a/data", encode(message), 1)
        return [decode(payload, Ack) for _, payload in ingest.process([received], at)]

    assert [ack.acked for ack in send(batch(1, (0, 20.0)), NOW)] == [[(1, 1)]]
    later = NOW + timedelta(seconds=2)  # the size is looked at once a second
    held = batch(2, (1, 90.0), (7, 91.0), until=7)
    assert send(held, later) == []
    assert send(held, later) == []  # it comes again
    event = msgspec.structs.replace(batch(1), stream="events", events=[Event(id="e", kind="test", time=MS)])
    assert [ack.acked for ack in send(event, later)] == [[(1, 1)]]
    with cloud.database.read() as session:
        [alarm] = session.exec(select(Alarm))
        assert (alarm.active, alarm.value) == (True, 90.0)
        assert {s.stream: s.received for s in ledger.streams(session, "gw-a")} == {"telemetry": 1, "events": 1}
    cloud.writer.drain(later)
    assert [ack.acked for ack in send(held, later + timedelta(seconds=2))] == [[(2, 2)]]
    cloud.writer.drain(later)
    points = cloud.store.raw("gw-a.pump", "t", MS, MS + 10_000, 100)
    assert [(p.time - MS, p.last) for p in points] == [(0, 20.0), (1_000, 90.0), (7_000, 91.0)]


def test_the_quarantine_forgets_by_age_and_size_and_counts_what_it_forgot(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        cloud.send_raw("data", b"nonsense %d" % number, at=NOW + timedelta(days=number))
    with cloud.database.write() as session:
        first = waiting(session)[-1].id
        assert first is not None
        quarantine.dismiss(session, first, "anna", NOW)
        newest = waiting(session)[0].id
        monkeypatch.setattr(quarantine, "MOST_KEPT", 4)
        quarantine.trim(session, NOW + timedelta(days=5))
        session.expire_all()
        assert session.get(QuarantinedMessage, first) is None  # somebody had looked at it
        quarantine.trim(session, NOW + quarantine.KEPT + timedelta(days=3, hours=12))
        assert [message.id for message in waiting(session)] == [newest]
        assert quarantine.dropped(session) == 4
        monkeypatch.setattr(quarantine, "MOST_BYTES", 0)
        quarantine.trim(session, NOW + timedelta(days=5))
        assert (waiting(session), quarantine.dropped(session)) == ([], 5)
