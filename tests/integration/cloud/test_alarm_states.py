"""The life of an alarm: set aside by people, by design and with the equipment; what happens meanwhile is not lost."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from plantroom_cloud.alarms.models import (
    SET_ASIDE,
    Alarm,
    AlarmRule,
    AlarmState,
    AlarmTransition,
    Level,
    Severity,
    Suppression,
    Within,
)
from plantroom_cloud.alarms.reported import ReportedRule
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.alarms.suppressing import LONGEST_SHELF, shelf
from plantroom_cloud.alarms.transitions import TRANSITIONS
from plantroom_cloud.assets.models import Asset, AssetDevice, AssetKind
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import Device
from plantroom_cloud.errors import ConflictError, InvalidError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.models import metadata
from plantroom_cloud.sites.models import Site
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PUMP = "gw.pump"
HOT = ReportedRule("hot", "Bearing hot", "high", "Bearing worn.", "It seizes.", "Grease it.")
TRIP = ReportedRule("trip", "Motor tripped", "critical", "Overload.", "No cooling.", "Look at the motor.")


class _Plant:
    """One pump with two rules."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.at = NOW
        self.orders = WorkOrderService()
        self.alarms = AlarmService(self.orders)
        self.orders.listen(self.alarms.follow_work_order)
        for rule in (HOT, TRIP):
            self.alarms.declare(rule)
        with database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.flush()
            session.add(Gateway(id="gw", site_id="main", enrolled_at=NOW, state="online", state_since=NOW))
            session.flush()
            session.add(
                Device(
                    id=PUMP,
                    gateway_id="gw",
                    name="pump",
                    label="Feed pump",
                    profile="p",
                    kind="pump",
                    registered_at=NOW,
                )
            )
            self.alarms.ensure_system_rules(session, NOW)

    def set(self, key: str, active: bool) -> None:
        with self.database.write() as session:
            self.alarms.report(
                session, key, PUMP, active, self.at, self.at, site_id="main", gateway_id="gw", device_id=PUMP
            )

    def rule(self, key: str, **fields: object) -> None:
        with self.database.write() as session:
            rule = session.exec(select(AlarmRule).where(AlarmRule.key == key)).one()
            for name, value in fields.items():
                setattr(rule, name, value)
            session.add(rule)

    def rule_id(self, key: str) -> int:
        with self.database.read() as session:
            return session.exec(select(AlarmRule).where(AlarmRule.key == key)).one().id or 0

    def tick(self, **later: float) -> None:
        self.at += timedelta(**later)
        with self.database.write() as session:
            gateway = session.get(Gateway, "gw")
            assert gateway is not None
            gateway.last_batch_at = gateway.complete_until = self.at
            session.add(gateway)
            self.alarms.tick(session, self.at)

    def newest(self, session: Session, key: str = "hot") -> Alarm:
        query = select(Alarm).join(AlarmRule, AlarmRule.id == Alarm.rule_id).where(AlarmRule.key == key)  # type: ignore[arg-type]
        return session.exec(query.order_by(Alarm.id.desc())).first() or pytest.fail("no alarm")  # type: ignore[union-attr]

    def state(self, key: str = "hot") -> AlarmState:
        with self.database.read() as session:
            return self.newest(session, key).state

    def order_count(self) -> int:
        with self.database.read() as session:
            return len(session.exec(select(WorkOrder)).all())

    def do(self, step: str, *args: object, key: str = "hot", **more: object) -> None:
        with self.database.write() as session:
            alarm = self.newest(session, key)
            getattr(self.alarms, step)(session, alarm.id, *args, at=self.at, **more)


@pytest.fixture
def plant(database: Database) -> _Plant:
    return _Plant(database)


def test_a_shelf_ends_by_itself_and_the_process_decides(plant: _Plant) -> None:
    plant.set("hot", True)
    plant.do("shelve", "greasing on Thursday", 60, "ann")
    assert plant.state() is AlarmState.SHELVED
    plant.tick(minutes=59)
    assert plant.state() is AlarmState.SHELVED
    plant.tick(minutes=1)
    assert plant.state() is AlarmState.UNACKNOWLEDGED
    plant.do("shelve", "still greasing", 60, "ann")
    plant.set("hot", False)
    assert plant.state() is AlarmState.SHELVED
    plant.tick(minutes=60)
    assert plant.state() is AlarmState.NORMAL
    with plant.database.read() as session:
        steps = session.exec(select(AlarmTransition).order_by(AlarmTransition.id)).all()  # type: ignore[arg-type]
        assert all(step.actor and (step.note or step.actor == "system") for step in steps)
        assert "greasing on Thursday (until 2026-03-10 13:00 UTC)" in [step.note for step in steps]


def test_what_is_raised_on_a_shelf_is_kept_and_told_afterwards(plant: _Plant) -> None:
    plant.set("hot", True)
    plant.do("shelve", "chatters", 60, "ann")
    for _ in range(3):
        plant.set("hot", False)
        plant.set("hot", True)
    assert plant.order_count() == 1
    with plant.database.read() as session:
        assert [alarm.state for alarm in session.exec(select(Alarm))] == [AlarmState.SHELVED] * 4
    plant.tick(minutes=60)
    with plant.database.read() as session:
        assert [alarm.state for alarm in session.exec(select(Alarm).order_by(Alarm.id))] == [  # type: ignore[arg-type]
            AlarmState.NORMAL,
            AlarmState.NORMAL,
            AlarmState.NORMAL,
            AlarmState.UNACKNOWLEDGED,
        ]


def test_what_is_set_aside_asks_nobody_for_attention(plant: _Plant) -> None:
    plant.set("hot", True)
    with plant.database.read() as session:
        assert plant.alarms.active_by_device(session) == {PUMP: 1}
        assert [alarm.name for alarm in plant.alarms.attention(session, [], 8)] == ["Bearing hot"]
    with plant.database.read() as session:
        assert [len(plant.alarms.search(session, text=text)) for text in ("feed PUMP", "bearing", "Pum%")] == [1, 1, 0]
    plant.do("shelve", "greasing on Thursday", 60, "ann")
    with plant.database.read() as session:
        assert plant.alarms.active_by_device(session) == {}
        assert plant.alarms.attention(session, [], 8) == []


def test_shelved_once_ends_with_the_alarm(plant: _Plant) -> None:
    plant.set("hot", True)
    plant.do("shelve", "known", None, "ann", once=True)
    plant.set("hot", False)
    plant.tick(seconds=1)
    assert plant.state() is AlarmState.NORMAL
    plant.set("hot", True)
    assert plant.state() is AlarmState.UNACKNOWLEDGED


@pytest.mark.parametrize(("reason", "minutes"), [("", 60), ("why", None), ("why", 8 * 60 + 1), ("why", 0)])
def test_a_shelf_wants_a_reason_and_an_end_within_what_the_severity_allows(
    plant: _Plant, reason: str, minutes: float | None
) -> None:
    plant.set("hot", True)
    with pytest.raises(InvalidError):
        plant.do("shelve", reason, minutes, "ann")
    assert plant.state() is AlarmState.UNACKNOWLEDGED


def test_what_is_not_shelved_cannot_be_taken_back(plant: _Plant) -> None:
    plant.set("hot", True)
    with pytest.raises(ConflictError, match="unacknowledged, not shelved"):
        plant.do("unshelve", "", "ann")
    plant.do("shelve", "why", 60, "ann")
    with pytest.raises(ConflictError, match="shelved cannot acknowledge; possible: "):
        plant.do("acknowledge", "ann", "")
    plant.do("unshelve", "", "bob")
    assert plant.state() is AlarmState.UNACKNOWLEDGED


def test_a_latched_alarm_waits_for_a_reset(plant: _Plant) -> None:
    plant.rule("hot", latching=True)
    plant.set("hot", True)
    plant.do("acknowledge", "ann", "")
    plant.set("hot", False)
    assert plant.state() is AlarmState.LATCHED
    plant.do("reset", "ann", "looked at it")
    assert plant.state() is AlarmState.NORMAL
    plant.set("hot", True)
    plant.set("hot", False)
    plant.do("acknowledge", "ann", "")
    assert plant.state() is AlarmState.LATCHED


@pytest.mark.parametrize("aside", ["shelf", "once", "cause"])
def test_a_latch_outlasts_what_sets_the_alarm_aside(plant: _Plant, aside: str) -> None:
    plant.rule("hot", latching=True, suppressed_by=plant.rule_id("trip"))
    plant.set("hot", True)
    if aside == "cause":
        plant.set("trip", True)
    else:
        plant.do("shelve", "known", None if aside == "once" else 30, "ann", once=aside == "once")
    plant.set("hot", False)
    plant.set("trip", False)
    plant.tick(minutes=31)
    assert plant.state() is AlarmState.LATCHED
    plant.do("reset", "ann", "looked at it")
    assert plant.state() is AlarmState.NORMAL


def test_an_acknowledged_alarm_that_stays_is_told_again(plant: _Plant) -> None:
    plant.rule("hot", realarm_s=1800)
    plant.set("hot", True)
    plant.do("acknowledge", "ann", "")
    plant.tick(seconds=1799)
    assert plant.state() is AlarmState.ACKNOWLEDGED
    plant.tick(seconds=1)
    assert plant.state() is AlarmState.UNACKNOWLEDGED


def test_the_first_of_a_group_silences_the_others_until_it_is_over(plant: _Plant) -> None:
    plant.rule("hot", first_out="motor")
    plant.rule("trip", first_out="motor")
    plant.set("trip", True)
    plant.set("hot", True)
    assert (plant.state("trip"), plant.state("hot")) == (AlarmState.UNACKNOWLEDGED, AlarmState.SUPPRESSED)
    assert plant.order_count() == 1
    plant.set("trip", False)
    plant.tick(seconds=1)
    assert plant.state("hot") is AlarmState.UNACKNOWLEDGED
    assert plant.order_count() == 2


@pytest.mark.parametrize("first", ["trip", "hot"])
def test_an_alarm_is_suppressed_while_the_one_that_it_follows_from_is_told(plant: _Plant, first: str) -> None:
    """Be it that the cause comes first, or what follows from it."""
    plant.rule("hot", suppressed_by=plant.rule_id("trip"))
    plant.set(first, True)
    plant.set("trip", True)
    plant.set("hot", True)
    assert (plant.state("trip"), plant.state()) == (AlarmState.UNACKNOWLEDGED, AlarmState.SUPPRESSED)
    assert plant.order_count() == (1 if first == "trip" else 2)
    with plant.database.read() as session:
        [why] = plant.alarms.suppressions(session, plant.newest(session))
        assert why.first_alarm_id == plant.newest(session, "trip").id
        assert why.reason == f"alarm {why.first_alarm_id}, Motor tripped, suppresses it by its rule"
    with pytest.raises(ConflictError):
        plant.do("acknowledge", "ann", "")
    plant.do("acknowledge", "ann", "", key="trip")
    plant.tick(minutes=1)
    assert plant.state() is AlarmState.SUPPRESSED
    plant.set("trip", False)
    plant.tick(minutes=1)
    assert plant.state() is AlarmState.UNACKNOWLEDGED
    assert plant.order_count() == 2
    plant.set("trip", True)
    plant.set("hot", False)
    plant.set("trip", False)
    plant.tick(minutes=1)
    assert plant.state() is AlarmState.NORMAL, "it went by unnoticed with what it followed from"


def test_a_cause_that_is_set_aside_silences_nothing_until_it_is_told(plant: _Plant) -> None:
    plant.rule("hot", suppressed_by=plant.rule_id("trip"))
    plant.set("trip", True)
    plant.do("shelve", "known", 30, "ann", key="trip")
    plant.set("hot", True)
    assert plant.state() is AlarmState.UNACKNOWLEDGED
    plant.tick(minutes=31)
    assert (plant.state("trip"), plant.state()) == (AlarmState.UNACKNOWLEDGED, AlarmState.SUPPRESSED)


@pytest.mark.parametrize(
    ("within", "source", "gateway", "site", "silenced"),
    [
        (Within.DEVICE, PUMP, "gw", "main", True),
        (Within.DEVICE, "gw.fan", "gw", "main", False),
        (Within.GATEWAY, "gw.fan", "gw", "main", True),
        (Within.GATEWAY, "other.fan", "other", "main", False),
        (Within.GATEWAY, "ward-3", None, "main", False),
        (Within.SITE, "ward-3", None, "main", True),
        (Within.SITE, "far", None, "far", False),
    ],
)
def test_it_reaches_as_far_as_its_rule_says(
    plant: _Plant, within: Within, source: str, gateway: str | None, site: str, silenced: bool
) -> None:
    plant.rule("hot", suppressed_by=plant.rule_id("trip"), suppressed_within=within)
    with plant.database.write() as session:
        session.add(Site(id="far", name="Far"))
        session.add(Gateway(id="other", site_id="main", enrolled_at=NOW, state="online", state_since=NOW))
        session.flush()
        plant.alarms.report(session, "trip", source, True, NOW, NOW, site_id=site, gateway_id=gateway)
    plant.set("hot", True)
    assert plant.state() is (AlarmState.SUPPRESSED if silenced else AlarmState.UNACKNOWLEDGED)
    plant.set("hot", False)
    plant.tick(minutes=1)
    with plant.database.write() as session:
        plant.alarms.report(session, "trip", source, False, NOW, NOW, site_id=site, gateway_id=gateway)
    plant.tick(minutes=1)
    plant.set("hot", True)
    assert plant.state() is AlarmState.UNACKNOWLEDGED
    with plant.database.write() as session:
        plant.alarms.report(session, "trip", source, True, NOW, NOW, site_id=site, gateway_id=gateway)
    assert plant.state() is (AlarmState.SUPPRESSED if silenced else AlarmState.UNACKNOWLEDGED)


def test_equipment_is_out_of_service_while_it_is_worked_on(plant: _Plant) -> None:
    plant.set("hot", True)
    with plant.database.write() as session:
        order = session.exec(select(WorkOrder)).one()
        assert order.id is not None
        plant.orders.start(session, order.id, "ann", plant.at, out_of_service=True)
    assert plant.state() is AlarmState.OUT_OF_SERVICE
    plant.set("trip", True)  # expected: somebody has it in pieces
    assert plant.state("trip") is AlarmState.OUT_OF_SERVICE
    assert plant.order_count() == 1
    plant.set("hot", False)
    with plant.database.write() as session:
        plant.orders.complete(session, order.id, "new bearing", "ann", plant.at)
    assert (plant.state("hot"), plant.state("trip")) == (AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED)
    assert plant.order_count() == 2
    plant.tick(minutes=15)
    with plant.database.read() as session:
        found = session.get(WorkOrder, order.id)
        assert found is not None
        assert (found.state, found.verified_by) == (WorkOrderState.CLOSED, "telemetry")


def test_work_on_an_asset_takes_all_that_measures_it_and_its_parts_out_of_service(plant: _Plant) -> None:
    plant.set("hot", True)
    with plant.database.write() as session:
        room = Asset(code="R", name="R", kind=AssetKind.ROOM, site_id="main", created_at=NOW)
        session.add(room)
        session.flush()
        skid = Asset(code="S", name="S", kind=AssetKind.SYSTEM, site_id="main", parent_id=room.id, created_at=NOW)
        session.add(skid)
        session.flush()
        pump = Asset(code="P", name="P", kind=AssetKind.EQUIPMENT, site_id="main", parent_id=skid.id, created_at=NOW)
        session.add(pump)
        session.flush()
        session.add(AssetDevice(asset_id=pump.id or 0, device_id=PUMP, since=NOW, by="ann"))
        orders = [
            plant.orders.create(session, "Service", "", "main", None, "low", None, "ann", NOW, asset_id=asset.id)
            for asset in (room, skid)
        ]
        plant.orders.start(session, orders[0].id or 0, "ann", plant.at, out_of_service=True)
        assert plant.newest(session).state is AlarmState.UNACKNOWLEDGED, "a room is no equipment"
        plant.orders.start(session, orders[1].id or 0, "ann", plant.at, out_of_service=True)
    assert plant.state() is AlarmState.OUT_OF_SERVICE
    with plant.database.write() as session:
        plant.orders.complete(session, orders[1].id or 0, "done", "ann", plant.at)
    assert plant.state() is AlarmState.UNACKNOWLEDGED


@pytest.mark.parametrize("severity", Severity)
def test_each_severity_has_its_longest_shelf(plant: _Plant, severity: Severity) -> None:
    plant.rule("hot", severity=severity)
    plant.set("hot", True)
    longest = LONGEST_SHELF[severity] / timedelta(minutes=1)
    with pytest.raises(InvalidError, match=f"{longest:.0f}"):
        plant.do("shelve", "why", longest + 1, "ann")
    plant.do("shelve", "why", longest, "ann")
    plant.tick(minutes=longest - 1)
    assert plant.state() is AlarmState.SHELVED
    plant.tick(minutes=1)
    assert plant.state() is AlarmState.UNACKNOWLEDGED
    assert shelf(severity)[-1][0] == longest


_STEPS = st.sampled_from(
    [
        "hot on",
        "hot off",
        "trip on",
        "trip off",
        "acknowledge",
        "shelve",
        "unshelve",
        "reset",
        "tick",
        "start",
        "complete",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(_STEPS, max_size=25),
    latching=st.booleans(),
    grouped=st.booleans(),
    realarm=st.sampled_from([0, 600]),
    levels=st.booleans(),
    silenced=st.booleans(),
)
def test_whatever_happens_the_records_add_up(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[str],
    latching: bool,
    grouped: bool,
    realarm: float,
    levels: bool,
    silenced: bool,
) -> None:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('db') / 'x.db'}")
    metadata.create_all(database.engine)
    plant = _Plant(database)
    plant.rule("hot", latching=latching, first_out="m" if grouped else "", realarm_s=realarm)
    plant.rule("trip", first_out="m" if grouped else "")
    if silenced:
        plant.rule("hot", suppressed_by=plant.rule_id("trip"))
    if levels:
        plant.rule("hot", name="Motor H", level=Level.HIGH)
        plant.rule("trip", name="Motor HH", level=Level.HIGH_HIGH)
    raised: set[str] = set()
    for step in steps:
        name, _, what = step.partition(" ")
        try:
            if what:
                plant.set(name, what == "on")
                raised.add(name)
            elif name == "tick":
                plant.tick(minutes=20)
            elif name in ("start", "complete"):
                with database.write() as session:
                    order = session.exec(select(WorkOrder)).first()
                    if order is not None and order.id is not None and name == "start":
                        plant.orders.start(session, order.id, "ann", plant.at, out_of_service=True)
                    elif order is not None and order.id is not None:
                        plant.orders.complete(session, order.id, "done", "ann", plant.at)
            elif "hot" in raised:
                args: dict[str, tuple[object, ...]] = {"shelve": ("why", 30, "ann"), "unshelve": ("", "ann")}
                plant.do(name, *args.get(name, ("ann", "")))
        except (ConflictError, pytest.fail.Exception):
            continue
    with database.read() as session:
        alarms = session.exec(select(Alarm)).all()
        assert len({(a.rule_id, a.source) for a in alarms if a.active}) == sum(a.active for a in alarms)
        told = {a.name for a in alarms if a.active and a.state in (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED)}
        assert not (levels or silenced) or len(told) <= 1, "the outer or silencing one is told, and the other is not"
        for alarm in alarms:
            story = session.exec(
                select(AlarmTransition).where(AlarmTransition.alarm_id == alarm.id).order_by(AlarmTransition.id)  # type: ignore[arg-type]
            ).all()
            assert story[0].from_state is AlarmState.NORMAL
            assert story[-1].to_state is alarm.state
            for before, after in itertools.pairwise(story):
                assert before.to_state is after.from_state
            assert all((s.from_state, s.to_state) in {(k[0], v) for k, v in TRANSITIONS.items()} for s in story)
            if alarm.active:
                assert alarm.state not in (AlarmState.NORMAL, AlarmState.RETURNED, AlarmState.LATCHED)
            if alarm.state in SET_ASIDE:
                why = select(Suppression).where(
                    Suppression.source == alarm.source,
                    Suppression.kind == alarm.state,
                    Suppression.ended_at == None,  # noqa: E711
                )
                assert session.exec(why).first() is not None
    database.close()


def test_trouble_that_is_back_soon_after_its_order_was_closed_opens_it_again(plant: _Plant) -> None:
    plant.orders = WorkOrderService(recurrence=timedelta(hours=1))
    plant.alarms = AlarmService(plant.orders)
    plant.orders.listen(plant.alarms.follow_work_order)
    for rule in (HOT, TRIP):
        plant.alarms.declare(rule)

    def orders() -> list[WorkOrder]:
        with plant.database.read() as session:
            return list(session.exec(select(WorkOrder).order_by(WorkOrder.id)))  # type: ignore[arg-type]

    plant.set("hot", True)
    [order] = orders()
    assert order.id is not None

    def repair() -> None:
        with plant.database.write() as session:
            assert order.id is not None
            plant.orders.complete(session, order.id, "greased", "tom", plant.at)
        plant.set("hot", False)
        with plant.database.write() as session:
            assert order.id is not None
            plant.orders.verify(session, order.id, "heard it run", "mia", plant.at)

    repair()
    plant.at += timedelta(minutes=50)
    plant.set("hot", True)  # the repair did not last
    [again] = orders()
    assert (again.state, again.reopened, again.closed_at, again.verified_by) == (WorkOrderState.OPEN, 1, None, "")
    with plant.database.read() as session:
        assert plant.orders.trail(session, order.id)[-1].note.endswith("was raised again")
    repair()
    plant.at += timedelta(minutes=61)
    plant.set("hot", True)  # another trouble
    assert [row.state for row in orders()] == [WorkOrderState.CLOSED, WorkOrderState.OPEN]


@pytest.mark.parametrize(
    ("recurrence_s", "minutes", "opened_again"),
    [(None, 59, True), (None, 61, False), (600, 9, True), (600, 11, False), (7200, 119, True), (0, 1, False)],
)
def test_each_rule_has_its_recurrence_window(
    plant: _Plant, recurrence_s: float | None, minutes: float, opened_again: bool
) -> None:
    """One that says none has the installation's, an hour."""
    plant.orders = WorkOrderService(recurrence=timedelta(hours=1))
    plant.alarms = AlarmService(plant.orders)
    for rule in (HOT, TRIP):
        plant.alarms.declare(rule)
    plant.rule("hot", recurrence_s=recurrence_s)
    plant.set("hot", True)
    with plant.database.write() as session:
        [order] = session.exec(select(WorkOrder))
        plant.orders.complete(session, order.id or 0, "greased", "tom", plant.at)
    plant.set("hot", False)
    with plant.database.write() as session:
        plant.orders.verify(session, order.id or 0, "heard it run", "mia", plant.at)
    plant.at += timedelta(minutes=minutes)
    plant.set("hot", True)
    with plant.database.read() as session:
        orders = session.exec(select(WorkOrder).order_by(WorkOrder.id)).all()  # type: ignore[arg-type]
    assert [row.reopened for row in orders] == ([1] if opened_again else [0, 0])
