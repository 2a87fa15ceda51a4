"""Maintenance plans on both databases: each due time opens one order, whoever looks, however often."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest

from plantroom_cloud.calendars.definition import CalendarIn
from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import Device, DeviceLatest
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.plans.form import PlanIn
from plantroom_cloud.plans.models import Outcome, Trigger
from plantroom_cloud.plans.service import PlanService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.workorders.service import WorkOrderService

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


class _House:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.orders = WorkOrderService()
        self.calendars = CalendarService(SiteService())
        self.plans = PlanService(self.orders, DeviceService(), self.calendars)
        self.orders.listen(self.plans.follow_work_order)
        with database.write() as session:
            session.add(Site(id="main", name="Main", timezone="Europe/Berlin"))
            session.flush()
            session.add(Gateway(id="gw", site_id="main", enrolled_at=NOW))
            session.flush()
            metrics = [{"name": "running_hours"}, {"name": "pressure"}]
            session.add(
                Device(id="gw.pump", gateway_id="gw", name="pump", profile="p", registered_at=NOW, metrics=metrics)
            )

    def make(self, at: datetime = NOW, **said: object) -> int:
        wanted = PlanIn.model_validate({"title": "Grease it", "site_id": "main", "starts": "2026-03-01T08:00"} | said)
        with self.database.write() as session:
            plan = self.plans.save(session, wanted.new(at), at)
            assert plan.id is not None
            return plan.id

    def tick(self, at: datetime) -> None:
        with self.database.write() as session:
            self.plans.tick(session, at)

    def reads(self, at: datetime, quality: str = "good", **values: float) -> None:
        with self.database.write() as session:
            row = session.get(DeviceLatest, "gw.pump") or DeviceLatest(device_id="gw.pump")
            row.values = {name: {"t": 0, "v": value, "q": quality} for name, value in values.items()}
            session.add(row)
        self.tick(at)

    def came(self, plan_id: int) -> list[tuple[str, Outcome]]:
        """Oldest first."""
        with self.database.read() as session:
            found = self.plans.occurrences_of(session, [plan_id]).get(plan_id, [])
            return [(f"{o.due_at:%m-%d %H:%M}", o.outcome) for o in reversed(found)]

    def finish(self, plan_id: int, at: datetime) -> None:
        with self.database.write() as session:
            [open_one] = [
                o for o in self.plans.occurrences_of(session, [plan_id])[plan_id] if o.outcome is Outcome.OPEN
            ]
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


def test_a_condition_that_holds_makes_it_due_once(house: _House) -> None:
    plan = house.make(trigger="condition", device_id="gw.pump", metric="pressure", limit=200, held_s=3600)
    house.reads(NOW, pressure=250)
    house.reads(NOW + timedelta(minutes=50), pressure=150)
    house.reads(NOW + timedelta(minutes=70), pressure=250)
    house.reads(NOW + timedelta(minutes=120), pressure=250)
    assert house.came(plan) == []
    house.reads(NOW + timedelta(minutes=130), pressure=250)
    house.finish(plan, NOW + DAY)
    house.tick(NOW + 2 * DAY)  # still above: the same condition
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.DONE]
    house.reads(NOW + 3 * DAY, pressure=100)
    house.reads(NOW + 4 * DAY, pressure=300)
    house.reads(NOW + 5 * DAY, pressure=300)
    assert [outcome for _, outcome in house.came(plan)] == [Outcome.DONE, Outcome.OPEN]


def test_an_order_that_is_cancelled_or_reopened_says_so(house: _House) -> None:
    plan = house.make(rule="FREQ=DAILY", starts="2026-03-02T08:00")
    with house.database.write() as session:
        [order] = house.orders.search(session)
        assert order.id is not None
        house.orders.cancel(session, order.id, "the pump is gone", "anna", NOW)
    assert house.came(plan) == [("03-02 07:00", Outcome.CANCELLED)]


def test_off_nothing_is_due_and_on_again_nothing_is_made_up_for(house: _House) -> None:
    plan_id = house.make(rule="FREQ=WEEKLY;BYDAY=FR")
    for enabled, at in ((False, NOW), (True, NOW + 30 * DAY)):
        with house.database.write() as session:
            house.plans.switch(session, house.plans.get(session, plan_id), enabled, at)
        house.tick(at)
    assert house.came(plan_id) == []
    house.tick(NOW + 33 * DAY)
    assert len(house.came(plan_id)) == 1


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


def test_a_plan_that_was_due_cannot_be_removed(house: _House) -> None:
    due, never = house.make(rule="FREQ=DAILY", starts="2026-03-02T08:00"), house.make(rule="FREQ=YEARLY")
    with house.database.write() as session:
        house.plans.remove(session, house.plans.get(session, never))
        with pytest.raises(InvalidError, match="switch it off"):
            house.plans.remove(session, house.plans.get(session, due))
        assert [plan.trigger for plan in house.plans.all(session)] == [Trigger.CALENDAR]
