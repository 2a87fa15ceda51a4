"""Maintenance plans on both databases: each due time opens one order, whoever looks, however often."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState, RuleEvent, RuleKind, Severity, Suppression
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.assets.service import AssetService
from plantroom_cloud.calendars.definition import CalendarIn
from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.checklists.definition import StepDefinition, StepKind
from plantroom_cloud.checklists.service import ChecklistService
from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import Device, DeviceLatest
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.plans.form import PlanIn
from plantroom_cloud.plans.models import Outcome, Trigger
from plantroom_cloud.plans.service import PlanService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.users.models import Team
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.service import WorkOrderService

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


#: The kind of database decides nothing: one is enough.
ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class _House:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.calendars = CalendarService(SiteService())
        self.start()
        with database.write() as session:
            session.add(Site(id="main", name="Main", timezone="Europe/Berlin"))
            session.flush()
            session.add(Gateway(id="gw", site_id="main", enrolled_at=NOW))
            session.flush()
            metrics = [{"name": "running_hours"}, {"name": "pressure"}]
            session.add(
                Device(id="gw.pump", gateway_id="gw", name="pump", profile="p", registered_at=NOW, metrics=metrics)
            )

    def start(self) -> None:
        """As a process that has just begun: it knows what the database knows."""
        sites, devices, photos = SiteService(), DeviceService(), PhotoService()
        self.orders = WorkOrderService()
        assets = AssetService(sites, UserService(), self.orders, photos)
        self.checklists = ChecklistService(self.orders, devices, assets, photos, lambda *_: ())
        alarms = AlarmService(self.orders)
        self.plans = PlanService(self.orders, devices, sites, self.calendars, alarms, self.checklists.attach)
        self.orders.listen(self.plans.follow_work_order)

    def make(self, at: datetime = NOW, **said: object) -> int:
        wanted = PlanIn.model_validate({"title": "Grease it", "site_id": "main", "starts": "2026-03-01T08:00"} | said)
        with self.database.write() as session:
            plan = self.plans.save(session, wanted.new(at), at, wanted.used)
            assert plan.id is not None
            return plan.id

    def change(self, plan_id: int, at: datetime, **said: object) -> None:
        with self.database.write() as session:
            plan = self.plans.held(session, plan_id)
            wanted = PlanIn.model_validate(plan.model_dump() | said)
            self.plans.save(session, wanted.fill(plan), at, wanted.used)

    def raised(self, at: datetime, state: AlarmState = AlarmState.UNACKNOWLEDGED) -> None:
        """An alarm of the only rule, over at once."""
        with self.database.write() as session:
            rule = session.exec(select(AlarmRule)).first()
            assert rule is not None
            assert rule.id is not None
            session.add(
                Alarm(
                    rule_id=rule.id, source="gw.pump", gateway_id="gw", site_id="main", device_id="gw.pump",
                    name=rule.name, severity=Severity.LOW, state=state, active=False, raised_at=at, detected_at=at,
                )
            )  # fmt: skip

    def tick(self, at: datetime) -> None:
        with self.database.write() as session:
            self.plans.tick(session, at)

    def reads(self, at: datetime, quality: str = "good", **values: float) -> None:
        with self.database.write() as session:
            row = session.get(DeviceLatest, "gw.pump") or DeviceLatest(device_id="gw.pump")
            row.values = {name: {"t": ms_from_utc(at), "v": value, "q": quality} for name, value in values.items()}
            session.add(row)
        self.tick(at)

    def came(self, plan_id: int) -> list[tuple[str, Outcome]]:
        """Oldest first."""
        with self.database.read() as session:
            found = self.plans.occurrences_of(session, plan_id)
            return [(f"{o.due_at:%m-%d %H:%M}", o.outcome) for o in reversed(found)]

    def finish(self, plan_id: int, at: datetime) -> None:
        with self.database.write() as session:
            [open_one] = [o for o in self.plans.occurrences_of(session, plan_id) if o.outcome is Outcome.OPEN]
            assert open_one.order_id is not None
            self.orders.complete(session, open_one.order_id, "greased", "anna", at)


@pytest.fixture
def house(database: Database) -> _House:
    return _House(database)


def test_an_order_opens_ahead_of_its_due_time_with_what_the_plan_says(house: _House) -> None:
    plan = house.make(rule="FREQ=WEEKLY;BYDAY=FR", lead_days=3, instructions="Two strokes.", priority="high")
    assert house.came(plan) == []
    house.tick(NOW + DAY)
    house.tick(NOW + DAY)
    assert house.came(plan) == [("03-06 07:00", Outcome.OPEN)]
    with house.database.read() as session:
        [order] = house.orders.search(session)
        assert (order.kind, order.title, order.description, order.priority) == (
            "preventive", "Grease it", "Two strokes.", "high",
        )  # fmt: skip
        assert order.due_at == datetime(2026, 3, 6, 7, tzinfo=UTC)
    house.finish(plan, NOW + 2 * DAY)
    assert house.came(plan) == [("03-06 07:00", Outcome.DONE)]


def test_what_nobody_could_follow_is_skipped_and_the_latest_is_open(house: _House) -> None:
    plan = house.make(rule="FREQ=WEEKLY;BYDAY=FR")
    house.tick(NOW + 28 * DAY)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.SKIPPED] * 3 + [Outcome.OPEN]
    with house.database.read() as session:
        assert len(house.orders.search(session)) == 1


@ONE
def test_a_floating_plan_waits_for_its_order_and_begins_anew(house: _House) -> None:
    plan = house.make(rule="FREQ=DAILY;INTERVAL=10", starts="2026-03-02T08:00", floating=True)
    assert house.came(plan) == [("03-02 07:00", Outcome.OPEN)]  # the day on which it was made counts
    house.tick(NOW + 30 * DAY)
    assert len(house.came(plan)) == 1
    house.finish(plan, NOW + 31 * DAY)  # 2 April
    house.tick(NOW + 40 * DAY)
    assert len(house.came(plan)) == 1
    house.tick(NOW + 41 * DAY)
    assert house.came(plan)[1] == ("04-12 06:00", Outcome.OPEN)


@ONE
def test_a_holiday_moves_it(house: _House) -> None:
    with house.database.write() as session:
        week = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "07:00-16:00")
        holidays = {date(2026, 3, 9): "works outing"}
        said = {"name": "Office", "country": "DE", "holidays": holidays} | week
        house.calendars.add(session, "office", CalendarIn.model_validate(said))
        house.calendars.set_site(session, "main", "office")
    plan = house.make(rule="FREQ=WEEKLY", starts="2026-03-07T08:00", avoid_holidays=True)  # a Saturday
    house.tick(NOW + 7 * DAY)
    assert house.came(plan) == []  # Monday 9 March is a holiday, too
    house.tick(NOW + 8 * DAY)
    assert house.came(plan) == [("03-10 07:00", Outcome.OPEN)]


@ONE
def test_a_counter_makes_it_due_once_an_interval_and_not_while_the_last_is_open(house: _House) -> None:
    plan = house.make(trigger="counter", device_id="gw.pump", metric="running_hours", every=500)
    house.reads(NOW, running_hours=1200)
    house.reads(NOW + 10 * DAY, running_hours=1690)
    house.reads(NOW + 10 * DAY, quality="bad", running_hours=9999)
    assert house.came(plan) == []
    house.reads(NOW + 11 * DAY, running_hours=1701)
    house.reads(NOW + 30 * DAY, running_hours=2800)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.OPEN]
    house.finish(plan, NOW + 31 * DAY)
    house.tick(NOW + 31 * DAY)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.DONE, Outcome.OPEN]  # the third interval is full


@ONE
def test_a_floating_counter_counts_from_when_it_was_done(house: _House) -> None:
    plan = house.make(trigger="counter", device_id="gw.pump", metric="running_hours", every=500, floating=True)
    for day, hours in ((0, 0), (10, 240), (21, 504), (31, 744)):
        house.reads(NOW + day * DAY, running_hours=hours)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.OPEN]
    house.finish(plan, NOW + 31 * DAY)
    house.reads(NOW + 51 * DAY, running_hours=1224)  # 480 since
    assert len(house.came(plan)) == 1
    with house.database.read() as session:
        [first, second] = [f.due_at for f in house.plans.forecast(session, NOW + 51 * DAY, NOW + 80 * DAY)]
        assert first - NOW == pytest.approx(51 * DAY + timedelta(hours=20), abs=timedelta(hours=2))
        assert second - first == pytest.approx(timedelta(hours=500), abs=timedelta(hours=10))
    house.reads(NOW + 52 * DAY, running_hours=1248)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.DONE, Outcome.OPEN]


@ONE
def test_a_counter_that_was_read_up_to_its_interval_goes_on_after_a_change_of_the_interval(house: _House) -> None:
    plan = house.make(trigger="counter", device_id="gw.pump", metric="running_hours", every=100)
    for day in range(21):
        house.reads(NOW + day * DAY, running_hours=24 * day)
        if len(house.came(plan)) and house.came(plan)[-1][1] is Outcome.OPEN:
            house.finish(plan, NOW + day * DAY)
    assert len(house.came(plan)) == 4  # 480 hours
    house.change(plan, NOW + 21 * DAY, every=1000)
    house.reads(NOW + 70 * DAY, running_hours=1390)
    assert len(house.came(plan)) == 4
    house.reads(NOW + 71 * DAY, running_hours=1401)
    assert len(house.came(plan)) == 5


@ONE
def test_what_was_used_before_the_plan_was_made_counts_when_it_is_told(house: _House) -> None:
    plan = house.make(trigger="counter", device_id="gw.pump", metric="running_hours", every=500, used=300)
    house.reads(NOW, running_hours=9000)
    house.reads(NOW + 9 * DAY, running_hours=9199)
    assert house.came(plan) == []
    house.reads(NOW + 10 * DAY, running_hours=9201)
    house.finish(plan, NOW + 10 * DAY)
    house.change(plan, NOW + 10 * DAY, title="Oil it")
    house.change(plan, NOW + 10 * DAY, used=490)
    house.reads(NOW + 11 * DAY, running_hours=9212)
    assert len(house.came(plan)) == 2


@ONE
def test_another_counter_or_another_value_of_it_makes_nothing_due_at_once(house: _House) -> None:
    plan = house.make(trigger="counter", device_id="gw.pump", metric="running_hours", every=100)
    house.reads(NOW, running_hours=50)
    house.reads(NOW + DAY, running_hours=70)
    house.reads(NOW + DAY + timedelta(minutes=1), running_hours=90_000)  # another meter
    house.change(plan, NOW + DAY + timedelta(minutes=2), metric="pressure")
    house.reads(NOW + 2 * DAY, pressure=5000, running_hours=90_000)
    assert house.came(plan) == []
    house.reads(NOW + 4 * DAY, pressure=5101)
    assert len(house.came(plan)) == 1


@ONE
def test_a_plan_whose_trigger_is_changed_is_not_due_for_the_time_before(house: _House) -> None:
    plan = house.make(trigger="counter", device_id="gw.pump", metric="running_hours", every=100)
    house.reads(NOW, running_hours=0)
    house.reads(NOW + 5 * DAY, running_hours=110)
    house.finish(plan, NOW + 5 * DAY)
    house.change(plan, NOW + 200 * DAY, trigger="calendar", rule="FREQ=WEEKLY;BYDAY=FR")
    assert len(house.came(plan)) == 1
    house.tick(NOW + 207 * DAY)
    house.finish(plan, NOW + 207 * DAY)
    house.change(plan, NOW + 208 * DAY, trigger="counter")
    house.reads(NOW + 300 * DAY, running_hours=1000)
    house.reads(NOW + 305 * DAY, running_hours=1110)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.DONE, Outcome.DONE, Outcome.OPEN]


@ONE
def test_a_floating_plan_that_is_done_ahead_is_due_again_after_its_day(house: _House) -> None:
    plan = house.make(rule="FREQ=WEEKLY;BYDAY=FR", lead_days=3, floating=True)
    house.tick(NOW + DAY)
    house.finish(plan, NOW + DAY)
    for day in range(2, 14):
        house.tick(NOW + day * DAY)
    assert house.came(plan) == [("03-06 07:00", Outcome.DONE), ("03-13 07:00", Outcome.OPEN)]


@ONE
def test_the_time_zone_is_that_of_the_site_whatever_its_calendar_says(house: _House) -> None:
    with house.database.write() as session:
        said = {"name": "Head office", "timezone": "Asia/Shanghai", "monday": "00:00-24:00"}
        house.calendars.add(session, "head", CalendarIn.model_validate(said))
        house.calendars.set_site(session, "main", "head")
    plan = house.make(rule="FREQ=WEEKLY;BYDAY=SA", avoid_holidays=True)
    house.tick(NOW + 7 * DAY)
    assert house.came(plan) == [("03-09 07:00", Outcome.OPEN)]


@ONE
def test_a_condition_that_holds_makes_it_due_once(house: _House) -> None:
    plan = house.make(trigger="condition", device_id="gw.pump", metric="pressure", limit=200, held_s=3600)
    house.reads(NOW, pressure=250)
    house.reads(NOW + timedelta(minutes=50), pressure=150)
    house.reads(NOW + timedelta(minutes=70), pressure=250)
    house.reads(NOW + timedelta(minutes=120), pressure=250)
    assert house.came(plan) == []
    house.start()  # a restart forgets nothing
    house.reads(NOW + timedelta(minutes=130), pressure=250)
    house.finish(plan, NOW + DAY)
    house.tick(NOW + 2 * DAY)  # still above: the same condition
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.DONE]
    house.reads(NOW + 3 * DAY, pressure=100)
    house.reads(NOW + 4 * DAY, pressure=300)
    house.reads(NOW + 5 * DAY, pressure=300)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.DONE, Outcome.OPEN]


@ONE
def test_silence_is_no_time_above_the_limit(house: _House) -> None:
    plan = house.make(trigger="condition", device_id="gw.pump", metric="pressure", limit=200, held_s=3600)
    house.reads(NOW, pressure=250)
    house.tick(NOW + 5 * DAY)  # the value is old, and nobody vouches for it
    house.reads(NOW + 5 * DAY, quality="stale", pressure=250)
    house.reads(NOW + 6 * DAY, pressure=250)
    assert house.came(plan) == []
    with house.database.write() as session:
        gateway = session.get(Gateway, "gw")
        assert gateway is not None
        gateway.complete_until = NOW + 6 * DAY + timedelta(minutes=61)  # reported on change: it still is
        session.add(gateway)
    house.tick(NOW + 6 * DAY + timedelta(minutes=62))
    assert len(house.came(plan)) == 1


def test_an_alarm_of_a_rule_makes_it_due_and_at_most_one_order_is_open(house: _House) -> None:
    with house.database.write() as session:
        rule = AlarmRule(name="Filter dirty", kind=RuleKind.LIMIT, severity=Severity.LOW, updated_at=NOW)
        session.add(rule)
        session.flush()
        rule_id = rule.id
    house.raised(NOW - DAY)
    plan = house.make(trigger="alarm", device_id="gw.pump", alarm_rule_id=rule_id)
    house.tick(NOW)
    house.raised(NOW, AlarmState.SHELVED)
    house.tick(NOW)
    assert house.came(plan) == []  # what was before it, and what people are not told of
    house.raised(NOW + DAY)
    house.tick(NOW + DAY)
    house.raised(NOW + 2 * DAY)
    house.tick(NOW + 2 * DAY)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.OPEN]
    house.finish(plan, NOW + 3 * DAY)
    house.tick(NOW + 3 * DAY)
    house.raised(NOW + 4 * DAY)
    house.tick(NOW + 4 * DAY)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.DONE, Outcome.OPEN]
    with pytest.raises(InvalidError, match="no alarm rule 99"):
        house.make(trigger="alarm", alarm_rule_id=99)


def test_an_event_of_a_rule_that_makes_no_alarms_makes_it_due_too(house: _House) -> None:
    with house.database.write() as session:
        rule = AlarmRule(name="Filter dirty", kind=RuleKind.LIMIT, severity=Severity.LOW, updated_at=NOW)
        session.add(rule)
        session.flush()
        rule_id = rule.id
        assert rule_id is not None

    def seen(at: datetime, active: bool = False) -> None:
        with house.database.write() as session:
            event = RuleEvent(
                rule_id=rule_id, source="gw.pump", gateway_id="gw", site_id="main", device_id="gw.pump",
                name="Filter dirty", active=active, began_at=at, detected_at=at,
            )  # fmt: skip
            session.add(event)

    seen(NOW - DAY)
    plan = house.make(trigger="alarm", device_id="gw.pump", alarm_rule_id=rule_id)
    house.tick(NOW)
    assert house.came(plan) == []  # what was before it
    seen(NOW + DAY)
    house.tick(NOW + DAY)
    house.tick(NOW + DAY)
    seen(NOW + 2 * DAY)
    house.tick(NOW + 2 * DAY)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.OPEN]  # at most one is open
    house.finish(plan, NOW + 3 * DAY)
    with house.database.write() as session:
        aside = Suppression(
            kind=AlarmState.OUT_OF_SERVICE, source="gw.pump", since=NOW + 3 * DAY, reason="being greased", by="anna",
            ended_at=NOW + 4 * DAY,
        )  # fmt: skip
        session.add(aside)
    seen(NOW + 3 * DAY + timedelta(hours=1))
    house.tick(NOW + 5 * DAY)
    assert len(house.came(plan)) == 1  # expected: it was being worked on
    house.raised(NOW + 6 * DAY)  # it makes alarms from now on
    house.tick(NOW + 6 * DAY)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.DONE, Outcome.OPEN]


def test_each_order_gets_the_checklist_and_opens_without_one_that_was_retired(house: _House) -> None:
    with house.database.write() as session:
        steps = [StepDefinition(kind=StepKind.CHECK, label="The guard is on")]
        template = house.checklists.templates.make(session, "Pump", "", steps, "anna", NOW)
        template_id = template.id
        assert template_id is not None
    plan = house.make(rule="FREQ=WEEKLY;BYDAY=FR", checklist_id=template_id)
    house.tick(NOW + 5 * DAY)
    with house.database.write() as session:
        [order] = house.orders.search(session)
        assert order.id is not None
        [attached] = house.checklists.of_order(session, order.id, NOW)
        assert [step.asks.label for step in attached.steps] == ["The guard is on"]
        house.checklists.templates.retire(session, template_id, "anna", NOW)
    house.tick(NOW + 12 * DAY)
    with house.database.read() as session:
        newest = house.orders.search(session)[0]
        assert newest.id is not None
        assert house.checklists.of_order(session, newest.id, NOW) == []
        assert "without its checklist" in house.orders.trail(session, newest.id)[-1].note
    assert len(house.came(plan)) == 2


def test_what_is_due_is_read_for_the_figures(house: _House) -> None:
    plan = house.make(rule="FREQ=WEEKLY;BYDAY=FR")
    house.tick(NOW + 5 * DAY)
    house.finish(plan, NOW + 6 * DAY)
    house.tick(NOW + 12 * DAY)
    with house.database.read() as session:
        [done] = house.plans.occurrences(session, NOW, NOW + 10 * DAY, ["main"])
        assert (done.due_at, done.done_at) == (datetime(2026, 3, 6, 7, tzinfo=UTC), NOW + 6 * DAY)
        assert len(house.plans.occurrences(session, NOW, NOW + 20 * DAY)) == 2
        assert house.plans.occurrences(session, NOW, NOW + 20 * DAY, ["west"]) == []
        assert done.order_id is not None
        found = house.plans.of_order(session, done.order_id)
        assert found is not None
        assert found.id == plan


@ONE
def test_the_year_by_week_adds_up_by_team(house: _House) -> None:
    with house.database.write() as session:
        session.add(Team(id="hvac", name="HVAC"))
    house.make(rule="FREQ=WEEKLY;BYDAY=FR", estimated_h=2, team_id="hvac")
    house.make(rule="FREQ=WEEKLY;BYDAY=SU", starts="2026-03-01T23:30", estimated_h=1)
    with house.database.read() as session:
        weeks = house.plans.weeks(session, NOW, 53)
    assert len(weeks) == 53
    assert weeks[0].monday == date(2026, 3, 2)
    for week in weeks[:52]:
        assert (week.all.count, week.all.hours) == (2, 3)
        assert {team: (load.count, load.hours) for team, load in week.teams.items()} == {"hvac": (1, 2), None: (1, 1)}


@ONE
def test_an_order_that_is_cancelled_or_reopened_says_so(house: _House) -> None:
    plan = house.make(rule="FREQ=DAILY", starts="2026-03-02T08:00")
    with house.database.write() as session:
        [order] = house.orders.search(session)
        assert order.id is not None
        house.orders.cancel(session, order.id, "the pump is gone", "anna", NOW)
    assert house.came(plan) == [("03-02 07:00", Outcome.CANCELLED)]


@ONE
def test_off_nothing_is_due_and_on_again_nothing_is_made_up_for(house: _House) -> None:
    plan_id = house.make(rule="FREQ=WEEKLY;BYDAY=FR")
    for enabled, at in ((False, NOW), (True, NOW + 30 * DAY)):
        with house.database.write() as session:
            house.plans.switch(session, house.plans.get(session, plan_id), enabled, at)
        house.tick(at)
    assert house.came(plan_id) == []
    house.tick(NOW + 33 * DAY)
    assert len(house.came(plan_id)) == 1


@ONE
def test_every_mistake_is_told_by_field(house: _House) -> None:
    with pytest.raises(InvalidError) as told:
        house.make(title=" ", kind="magic", rule="often")
    assert all(field in str(told.value) for field in ("title:", "kind:", "rule:"))
    with pytest.raises(InvalidError, match=r"no 'hours'; it has: running_hours, pressure"):
        house.make(trigger="counter", device_id="gw.pump", metric="hours", every=5)


def test_the_forecast_shows_what_is_open_and_what_comes(house: _House) -> None:
    weekly = house.make(rule="FREQ=WEEKLY;BYDAY=FR", lead_days=7)
    counted = house.make(trigger="counter", device_id="gw.pump", metric="running_hours", every=100)
    house.reads(NOW, running_hours=0)
    house.reads(NOW + 10 * DAY, running_hours=80)  # 8 a day
    with house.database.read() as session:
        found = house.plans.forecast(session, NOW + 10 * DAY, NOW + 40 * DAY)
    by_plan = {key: [f.due_at for f in found if f.plan.id == key] for key in (weekly, counted)}
    assert [f"{at:%m-%d}" for at in by_plan[weekly]] == [
        "03-12",
        "03-13",
        "03-20",
        "03-27",
        "04-03",
        "04-10",
    ]  # the first is overdue: now
    assert [at - NOW for at in by_plan[counted]] == [12.5 * DAY, 25 * DAY, 37.5 * DAY]


def test_two_schedulers_at_once_open_one_order(house: _House) -> None:
    plan = house.make(rule="FREQ=WEEKLY;BYDAY=FR")
    together = Barrier(2)

    def look(_number: int) -> None:
        together.wait()
        house.tick(NOW + 5 * DAY)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(look, range(2)))
    assert len(house.came(plan)) == 1
    with house.database.read() as session:
        assert len(house.orders.search(session)) == 1


@pytest.mark.parametrize("trigger", ["counter", "condition", "floating"])
def test_two_schedulers_at_once_open_one_order_by_any_trigger(house: _House, trigger: str) -> None:
    match trigger:
        case "counter":
            plan = house.make(trigger=trigger, device_id="gw.pump", metric="running_hours", every=20)
        case "condition":
            plan = house.make(trigger=trigger, device_id="gw.pump", metric="pressure", limit=5)
        case _:
            plan = house.make(rule="FREQ=WEEKLY;BYDAY=FR", floating=True)
    house.reads(NOW, running_hours=0, pressure=0)
    with house.database.write() as session:
        row = session.get(DeviceLatest, "gw.pump")
        assert row is not None
        row.values = {
            name: {"t": ms_from_utc(NOW + 5 * DAY), "v": 30, "q": "good"} for name in ("running_hours", "pressure")
        }
        session.add(row)
    together = Barrier(4)

    def look(_number: int) -> None:
        together.wait()
        house.tick(NOW + 5 * DAY)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, range(4)))
    house.start()
    house.tick(NOW + 5 * DAY)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.OPEN]
    with house.database.read() as session:
        assert len(house.orders.search(session)) == 1


def test_a_scheduler_that_looks_while_a_plan_is_changed_goes_by_what_was_saved(house: _House) -> None:
    plan_id = house.make(trigger="counter", device_id="gw.pump", metric="running_hours", every=100)
    house.reads(NOW, running_hours=5000, pressure=3)
    with ThreadPoolExecutor(1) as pool:
        with house.database.write() as session:
            plan = house.plans.held(session, plan_id)
            looking = pool.submit(house.tick, NOW + DAY)  # it waits for the row
            wanted = PlanIn.model_validate(plan.model_dump() | {"metric": "pressure", "title": "Another"})
            house.plans.save(session, wanted.fill(plan), NOW + DAY)
        looking.result()
    with house.database.read() as session:
        plan = house.plans.get(session, plan_id)
        assert (plan.title, plan.counter_last, plan.counter_total) == ("Another", 3, 0)
    assert house.came(plan_id) == []


@ONE
def test_plans_of_an_asset_are_those_of_what_measures_it_too(house: _House) -> None:
    house.make(title="By its device", trigger="condition", device_id="gw.pump", metric="pressure", limit=5)
    house.make(title="Of the house", rule="FREQ=YEARLY")
    with house.database.read() as session:
        assert [plan.title for plan in house.plans.of_asset(session, [7], ["gw.pump"])] == ["By its device"]
        assert house.plans.of_asset(session, [], []) == []


@ONE
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 40 * 24), st.booleans()), min_size=1, max_size=12),
    st.integers(0, 20),
    st.booleans(),
)
def test_whenever_somebody_looks_each_due_time_is_kept_once_and_none_is_forgotten(
    house: _House, looks: list[tuple[int, bool]], lead_days: int, restart: bool
) -> None:
    wanted = PlanIn(title="Grease", site_id="main", starts="2026-03-01T08:00", rule="FREQ=WEEKLY;BYDAY=FR")
    at = NOW
    with Session(house.database.engine) as session:  # never committed: quick, and nothing is left for the next
        plan = house.plans.save(session, wanted.model_copy(update={"lead_days": lead_days}).new(at), at)
        assert plan.id is not None
        for hours, done in looks:
            at += timedelta(hours=hours)
            if restart:
                house.start()
            house.plans.tick(session, at)
            for found in house.plans.occurrences_of(session, plan.id, 1 if done else 0):
                if found.outcome is Outcome.OPEN and found.order_id is not None:
                    house.orders.complete(session, found.order_id, "", "anna", at)
        kept = house.plans.occurrences_of(session, plan.id, 1000)
    days = (date(2026, 3, 2) + timedelta(days=number) for number in range(600))
    fridays = [datetime.combine(day, time(8), ZoneInfo("Europe/Berlin")) for day in days if day.weekday() == 4]
    assert [o.due_at for o in reversed(kept)] == [due for due in fridays if due <= at + lead_days * DAY]
    assert all((o.order_id is None) is (o.outcome is Outcome.SKIPPED) for o in kept)


def test_what_died_in_the_middle_is_done_once_by_the_next(house: _House) -> None:
    plans = [house.make(title=f"Plan {number}", rule="FREQ=WEEKLY;BYDAY=FR") for number in range(3)]
    at = NOW + 5 * DAY

    def die(session: Session) -> None:
        house.plans.tick(session, at)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), house.database.write() as session:
        die(session)
    assert [house.came(plan) for plan in plans] == [[], [], []]
    house.start()
    house.tick(at)
    house.tick(at)
    assert [len(house.came(plan)) for plan in plans] == [1, 1, 1]


def test_a_plan_that_cannot_be_followed_stops_no_other(house: _House, caplog: pytest.LogCaptureFixture) -> None:
    broken, sound = (house.make(rule="FREQ=WEEKLY;BYDAY=FR") for _ in range(2))
    with house.database.write() as session:
        plan = house.plans.get(session, broken)
        plan.rule = "often"
        session.add(plan)
    house.tick(NOW + 5 * DAY)
    assert (len(house.came(broken)), len(house.came(sound))) == (0, 1)
    assert f"maintenance plan {broken}" in caplog.text


def test_a_plan_that_was_due_cannot_be_removed(house: _House) -> None:
    due, never = house.make(rule="FREQ=DAILY", starts="2026-03-02T08:00"), house.make(rule="FREQ=YEARLY")
    with house.database.write() as session:
        house.plans.remove(session, house.plans.get(session, never))
        with pytest.raises(InvalidError, match="switch it off"):
            house.plans.remove(session, house.plans.get(session, due))
        assert [plan.trigger for plan in house.plans.all(session)] == [Trigger.CALENDAR]
