"""Service levels on both databases: warned, breached, escalated once each, over restarts, pauses and two schedulers."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from sqlmodel import Session, col, select

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState, RuleKind, Severity
from plantroom_cloud.calendars.definition import CalendarIn
from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.database import Database
from plantroom_cloud.errors import ConflictError, InvalidFieldsError
from plantroom_cloud.notifications.models import Notice
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.sla.models import ClockKind
from plantroom_cloud.sla.policy import PolicyIn
from plantroom_cloud.sla.service import SlaService
from plantroom_cloud.sla.terms import EscalationStep
from plantroom_cloud.sla.told import Escalation
from plantroom_cloud.users.models import Role, Team, User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_cloud.workorders.transitions import Step

T0 = datetime(2026, 3, 27, 14, tzinfo=UTC)  # a Friday, 15:00 in Berlin; the clocks change on Sunday
USERS = UserService()  # slow to make
CHAIN = [EscalationStep(percent=50, to="user:eva"), EscalationStep(minutes=50, to="managers")]


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


class _Process:
    """Its own services over the database: a second one is a second process, a new one a restart."""

    def __init__(self, database: Database) -> None:
        users, sites = USERS, SiteService()
        notifications = NotificationService(users, AbsenceService(users), "http://x", lambda _session, _alarm: False)
        self.database = database
        self.orders = WorkOrderService(notifications)
        self.calendars = CalendarService(sites)
        self.sla = SlaService(
            self.orders, self.calendars, sites, Escalation(users, notifications, AbsenceService(users))
        )
        self.orders.follow(self.sla.follow)

    def tick(self, minutes: float) -> None:
        with self.database.write() as session:
            self.sla.tick(session, at(minutes))

    def open(self, minutes: float = 0, priority: str = "high") -> int:
        with self.database.write() as session:
            order = self.orders.create(session, "Leak", "", "main", None, priority, "hvac", "dan", at(minutes))
            assert order.id is not None
            return order.id

    def marks(self, order_id: int) -> list[tuple[str, str, float]]:
        with self.database.read() as session:
            return [
                (mark.kind.value, mark.name, (mark.reached_at - T0) / timedelta(minutes=1))
                for mark in self.sla.marks(session, order_id)
            ]

    def notices(self) -> list[tuple[str, str | None]]:
        with self.database.read() as session:
            query = select(Notice).where(col(Notice.key).startswith("sla/")).order_by(col(Notice.id))
            return [(notice.key.removeprefix("sla/"), notice.addressee) for notice in session.exec(query)]

    def state(self, order_id: int) -> tuple[str, float | None]:
        with self.database.read() as session:
            order = self.orders.get(session, order_id)
            due = order.sla_due_at
            return order.sla_state, None if due is None else (due - T0) / timedelta(minutes=1)


@pytest.fixture
def process(database: Database) -> _Process:
    process = _Process(database)
    with database.write() as session:
        session.add(Site(id="main", name="Main", timezone="Europe/Berlin"))
        session.add(Team(id="hvac", name="HVAC"))
        session.flush()
        for name, role in (("ann", Role.TECHNICIAN), ("eva", Role.TECHNICIAN), ("max", Role.MANAGER)):
            session.add(User(name=name, password_hash="", role=role, team_id="hvac", created_at=T0))
        session.flush()
        policy = PolicyIn(name="High", priority="high", response_min=15, restoration_min=60, steps=CHAIN)
        process.sla.add(session, policy, T0)
    return process


def test_it_is_warned_escalated_and_breached_once_each_with_a_restart_before_every_tick(process: _Process) -> None:
    order = process.open()
    assert process.state(order) == ("running", 15)
    for minute in range(80):
        _Process(process.database).tick(minute + 0.5)  # each tick by a process that has just begun
        if minute == 13:
            assert process.state(order) == ("warned", 15)
    assert process.marks(order) == [
        ("response", "warning", 12),
        ("response", "breach", 15),
        ("restoration", "step-1", 30),
        ("restoration", "warning", 48),
        ("restoration", "step-2", 50),
        ("restoration", "breach", 60),
    ]
    told = [(key.partition("/")[2], addressee) for key, addressee in process.notices()]
    assert told == [
        ("response/1/warning/team", None),
        ("response/1/breach/team", None),
        ("restoration/1/step-1/eva", "eva"),
        ("restoration/1/warning/team", None),
        ("restoration/1/step-2/max", "max"),
        ("restoration/1/breach/team", None),
    ]
    assert process.state(order)[0] == "breached"


def test_what_was_missed_while_everything_was_down_is_made_up_for_once(process: _Process) -> None:
    order = process.open()
    for _ in range(2):
        _Process(process.database).tick(300)
    assert [mark[2] for mark in process.marks(order)] == [12, 15, 30, 48, 50, 60]  # when they were, not when noted
    assert len(process.notices()) == 6


def test_it_stands_still_while_it_waits_for_a_named_reason(process: _Process) -> None:
    order = process.open()
    with process.database.write() as session:
        process.orders.start(session, order, "ann", at(5))
        process.orders.hold(session, order, "parts", "seal", "ann", at(20))
    assert process.state(order) == ("paused", None)
    _Process(process.database).tick(500)
    assert process.marks(order) == []
    with process.database.write() as session:
        process.orders.resume(session, order, "ann", at(520))
    assert process.state(order) == ("running", 560)
    with process.database.write() as session:
        process.orders.hold(session, order, "other", "", "ann", at(525))
    for minute in (529, 531, 549, 552):
        _Process(process.database).tick(minute)
    assert process.marks(order) == [
        ("restoration", "step-1", 530),
        ("restoration", "warning", 548),
        ("restoration", "step-2", 550),
    ]
    with process.database.write() as session:
        process.orders.resume(session, order, "ann", at(553))
        process.orders.complete(session, order, "sealed", "ann", at(555))
    process.tick(600)
    assert process.state(order) == ("met", None)
    assert len(process.marks(order)) == 3


def test_a_breach_that_nobody_noted_in_time_counts_and_a_late_warning_bothers_nobody(process: _Process) -> None:
    order = process.open()
    with process.database.write() as session:
        process.orders.start(session, order, "ann", at(5))
        process.orders.complete(session, order, "", "ann", at(70))
    assert [mark[1] for mark in process.marks(order)] == ["step-1", "warning", "step-2", "breach"]
    assert process.notices() == [(f"{order}/restoration/1/breach/ann", "ann")]
    with process.database.read() as session:
        month = process.sla.figures(session, (), at(-1), at(1), "month")
    assert [(row.group, row.kind, row.met, row.breached) for row in month] == [
        ("2026-03", ClockKind.RESPONSE, 1, 0),
        ("2026-03", ClockKind.RESTORATION, 0, 1),
    ]


def test_what_a_phone_tells_late_was_in_time(process: _Process) -> None:
    order = process.open()
    process.tick(16)
    assert process.state(order) == ("breached", 15)
    with process.database.write() as session:
        process.orders.note(session, order, "who is there?", "max", at(17))
        process.orders.start(session, order, "ann", at(10))
    assert process.marks(order)[:2] == [("response", "warning", 12), ("response", "breach", 15)]  # it was told
    assert process.state(order) == ("running", 60)
    with process.database.read() as session:
        figures = process.sla.figures(session, (), at(-1), at(1), "site")
    assert [(row.kind, row.met, row.breached) for row in figures] == [(ClockKind.RESPONSE, 1, 0)]


def test_two_schedulers_and_a_step_at_once_tell_it_once(process: _Process) -> None:
    orders = [process.open() for _ in range(4)]
    together = Barrier(3)

    def tick(_number: int) -> None:
        mine = _Process(process.database)
        together.wait()
        for minute in (14, 16, 31, 61):
            mine.tick(minute)

    def step() -> None:
        together.wait()
        for order in orders:
            with process.database.write() as session:
                process.orders.note(session, order, "looking", "ann", at(61))

    with ThreadPoolExecutor(3) as threads:
        futures = [*(threads.submit(tick, number) for number in range(2)), threads.submit(step)]
        for future in futures:
            future.result()
    process.tick(62)
    assert all(len(process.marks(order)) == 6 for order in orders)
    assert len(process.notices()) == len({key for key, _ in process.notices()}) == 24


def test_an_order_that_is_held_by_a_step_is_left_to_it(process: _Process) -> None:
    """A tick waits for nobody, so that neither can wait for the other."""
    order = process.open()
    if process.database.is_sqlite:  # one writer at a time: nothing can meet
        process.tick(13)
        assert [mark[1] for mark in process.marks(order)] == ["warning"]
        return
    with process.database.write() as session:
        process.orders.claim(session, order, "ann", at(11))
        process.tick(13)
        assert process.marks(order) == []
    process.tick(14)
    assert process.marks(order) == []


def test_the_policy_that_held_when_it_was_opened_stays(process: _Process) -> None:
    order = process.open()
    with process.database.write() as session:
        (policy,) = process.sla.policies(session)
        assert policy.id is not None
        process.sla.change(session, policy.id, PolicyIn(name="High", priority="high", restoration_min=600), at(1))
    later = process.open(2)
    assert (process.state(order), process.state(later)) == (("running", 15), ("running", 602))
    assert process.state(process.open(2, "low")) == ("", None)
    with process.database.write() as session:
        process.sla.remove(session, policy.id)
    _Process(process.database).tick(13)
    assert process.state(order) == ("warned", 15)


def test_working_time_over_a_weekend_and_a_change_of_the_calendar(process: _Process) -> None:
    with process.database.write() as session:
        process.calendars.add(session, "office", CalendarIn(name="Office"))
        process.calendars.set_site(session, "main", "office")
        process.sla.add(session, PolicyIn(name="Low", priority="low", restoration_min=180), T0)
    order = process.open(0, "low")
    monday = (datetime(2026, 3, 30, 7, tzinfo=UTC) - T0) / timedelta(minutes=1)  # 09:00 there, by summer time
    assert process.state(order) == ("running", monday)
    with process.database.write() as session:
        free = CalendarIn(name="Office", holidays={date(2026, 3, 30): "Fair"})
        process.calendars.change(session, "office", free)
    process.tick(61)  # within the hour
    assert process.state(order) == ("running", monday + 24 * 60)


def _alarm(session: Session, rule_id: int, minutes: float) -> Alarm:
    alarm = Alarm(
        rule_id=rule_id, source="x", site_id="main", name="Hot", severity=Severity.HIGH,
        state=AlarmState.UNACKNOWLEDGED, active=True, raised_at=at(minutes), detected_at=at(minutes),
    )  # fmt: skip
    session.add(alarm)
    session.flush()
    return alarm


def test_the_alarms_return_restores_and_its_coming_again_goes_on(process: _Process) -> None:
    with process.database.write() as session:
        rule = AlarmRule(name="Hot", kind=RuleKind.LIMIT, severity=Severity.HIGH, profile="p", updated_at=T0)
        session.add(rule)
        session.flush()
        assert rule.id is not None
        alarm = _alarm(session, rule.id, 0)
        order = process.orders.open_for_alarm(session, alarm, 60, at(0))
        assert order is not None
        process.orders.claim(session, order.id or 0, "ann", at(5))
        alarm.active, alarm.returned_at = False, at(20)
    number = order.id or 0
    process.tick(21)
    assert process.state(number) == ("met", None)
    with process.database.write() as session:
        _alarm(session, rule.id, 40)
    process.tick(41)
    assert process.state(number) == ("running", 60)
    assert process.marks(number) == [("restoration", "step-1", 30)]
    process.tick(61)
    assert process.state(number)[0] == "breached"


def test_a_reopened_order_has_a_new_clock(process: _Process) -> None:
    order = process.open()
    with process.database.write() as session:
        process.orders.claim(session, order, "ann", at(5))
        process.orders.complete(session, order, "", "ann", at(30))
        process.orders._step(session, process.orders.get(session, order), Step.REOPEN, "max", "", at(100))
        clocks = [(clock.kind, clock.round, clock.state) for clock in process.sla.clocks(session, order)]
    assert clocks == [("response", 1, "met"), ("restoration", 1, "met"), ("restoration", 2, "running")]
    assert process.state(order) == ("running", 160)


def test_mistakes_are_told_by_field(process: _Process) -> None:
    wrong: Sequence[tuple[PolicyIn, str]] = [
        (PolicyIn(name="x"), "restoration_min"),
        (PolicyIn(name="x", response_min=1, site_id="moon"), "site_id"),
        (PolicyIn(name="x", response_min=1, calendar="gone"), "calendar"),
        (PolicyIn(name="x", response_min=1, steps=[EscalationStep(percent=1, to="team")]), "steps"),
        (PolicyIn(name="x", restoration_min=1, steps=[EscalationStep(percent=1, to="user:nobody")]), "steps"),
    ]
    with process.database.write() as session:
        for plan, field in wrong:
            with pytest.raises(InvalidFieldsError) as raised:
                process.sla.add(session, plan, T0)
            assert set(raised.value.fields) == {field}
        with pytest.raises(ConflictError, match="'High' says already"):
            process.sla.add(session, PolicyIn(name="Again", priority="high", response_min=1), T0)
        assert session.exec(select(WorkOrder)).all() == []
