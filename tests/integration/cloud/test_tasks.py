"""Steps that phones send: taken once, in the phone's own time; who was too late loses neither words nor pictures."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from threading import Barrier

import pytest
from PIL import Image

from plantroom_cloud.assets.models import Asset, AssetKind
from plantroom_cloud.costs.labour import LabourBook
from plantroom_cloud.costs.models import Activity
from plantroom_cloud.database import Database
from plantroom_cloud.files.service import FileService
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.tasks.models import TaskStep
from plantroom_cloud.tasks.service import Reported, TaskService, possible
from plantroom_cloud.users.models import Role, Team, User
from plantroom_cloud.workorders.models import WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


class _House:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.orders = WorkOrderService()
        self.photos = PhotoService(FileService())
        self.labour = LabourBook(self.orders)
        self.orders.listen(self.labour.follow)
        self.tasks = TaskService(self.orders, self.photos, self.labour)
        with database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.add(Team(id="hvac", name="HVAC"))
            session.flush()
            for name in ("anna", "tom"):
                session.add(User(name=name, password_hash="", role=Role.TECHNICIAN, created_at=NOW))

    def open(self, title: str = "Pump hot", priority: str = "high", team: str | None = None) -> int:
        with self.database.write() as session:
            order = self.orders.create(session, title, "", "main", None, priority, team, "system", NOW)
            assert order.id is not None
            return order.id

    def send(
        self,
        user: str,
        ref: str,
        order: int,
        step: str,
        at: datetime = NOW,
        claimed: datetime | None = None,
        *,
        note: str = "",
        reason: str = "",
        photo: str = "",
    ) -> tuple[bool, str, str]:
        report = Reported(ref, order, step, note, reason, photos=[photo] if photo else [])
        with self.database.write() as session:
            found = self.tasks.take(session, user, report, claimed or at, at)
            return found.applied, found.state, found.text

    def time(
        self, ref: str, order: int, step: str, claimed: datetime, at: datetime, user: str = "anna",
        *, started: datetime | None = None, minutes: int = 0, labour: int = 0, activity: Activity = Activity.REPAIR,
    ) -> tuple[bool, str]:  # fmt: skip
        report = Reported(ref, order, step, started_at=started, minutes=minutes, labour_id=labour, activity=activity)
        with self.database.write() as session:
            found = self.tasks.take(session, user, report, claimed, at)
            return found.applied, found.text

    def times(self, *orders: int) -> list[tuple[int, datetime, datetime | None]]:
        """What counts of anna's."""
        with self.database.read() as session:
            found = self.labour.own(session, "anna", orders)
            return [(number, one.started_at, one.ended_at) for number in orders for one in found.get(number, [])]

    def story(self, order: int) -> list[tuple[str, str, str]]:
        with self.database.read() as session:
            return [(e.actor, e.action, e.note) for e in self.orders.trail(session, order)]

    def picture(self) -> str:
        content = BytesIO()
        Image.new("RGB", (4, 4), "red").save(content, "PNG")
        with self.database.write() as session:
            return self.photos.store(session, content.getvalue(), "anna", NOW).id


@pytest.fixture
def house(database: Database) -> _House:
    return _House(database)


def test_a_task_from_the_pool_to_done_each_step_once(house: _House) -> None:
    order, photo = house.open(), house.picture()
    for _ in range(2):
        assert house.send("anna", "aaaaaaaa-1", order, "claim") == (True, "assigned", "")
        assert house.send("anna", "aaaaaaaa-2", order, "start") == (True, "in-progress", "")
        assert house.send("anna", "aaaaaaaa-3", order, "hold", reason="parts", note="a seal") == (True, "on-hold", "")
        assert house.send("anna", "aaaaaaaa-4", order, "resume") == (True, "in-progress", "")
        done = house.send("anna", "aaaaaaaa-5", order, "complete", note="new seal", photo=photo)
        assert done == (True, "closed", "")  # no alarm to verify it by
    assert [action for _, action, _ in house.story(order)] == [
        "open", "claim", "start", "hold", "resume", "complete", "verify", "file",
    ]  # fmt: skip
    with house.database.read() as session:
        assert [file.file_id for file in house.orders.files(session, order)] == [photo]


def test_who_is_late_loses_neither_words_nor_pictures(house: _House) -> None:
    order, photo = house.open(), house.picture()
    house.send("anna", "aaaaaaaa-1", order, "claim")
    applied, state, text = house.send("tom", "tttttttt-1", order, "complete", note="greased it", photo=photo)
    assert (applied, state) == (False, "assigned")
    assert text == f"work order {order} is anna's now"
    assert house.send("tom", "tttttttt-1", order, "complete") == (applied, state, text)
    with house.database.read() as session:
        assert len(house.orders.files(session, order)) == 1
    [note] = [note for actor, action, note in house.story(order) if (actor, action) == ("tom", "note")]
    assert "wanted to complete" in note
    assert "greased it" in note


def test_what_cannot_be_is_told_and_the_next_step_goes_on(house: _House) -> None:
    order = house.open()
    assert house.send("anna", "aaaaaaaa-1", order, "resume")[0] is False
    assert house.send("anna", "aaaaaaaa-2", order, "hold", reason="bored")[0] is False
    assert house.send("anna", "aaaaaaaa-3", order, "claim")[0] is True


def test_it_counts_at_the_time_the_phone_says_within_what_can_be(house: _House) -> None:
    order = house.open()
    house.send("anna", "aaaaaaaa-1", order, "claim", NOW + 5 * HOUR, NOW + HOUR)
    house.send("anna", "aaaaaaaa-2", order, "start", NOW + 5 * HOUR, NOW - 9 * HOUR)  # its clock was wrong
    house.send("anna", "aaaaaaaa-3", order, "complete", NOW + 5 * HOUR, NOW + 99 * HOUR)
    with house.database.read() as session:
        found = house.orders.get(session, order)
        assert (found.assigned_at, found.started_at, found.done_at) == (NOW + HOUR, NOW + HOUR, NOW + 5 * HOUR)


def test_of_two_who_take_it_at_once_one_has_it(house: _House) -> None:
    order, together = house.open(), Barrier(2)

    def take(name: str) -> bool:
        together.wait()
        return house.send(name, f"{name}-{name}-1", order, "claim")[0]

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, ("anna", "tommy"))) == [False, True]


def test_the_same_step_twice_at_once_is_one(house: _House) -> None:
    order, together = house.open(), Barrier(2)

    def take(_number: int) -> bool:
        together.wait()
        return house.send("anna", "aaaaaaaa-1", order, "claim")[0]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(take, range(2))) == [True, True]
    with house.database.read() as session:
        assert session.get(TaskStep, "anna:aaaaaaaa-1") is not None
    assert [action for _, action, _ in house.story(order)] == ["open", "claim"]


def test_my_tasks_and_the_pool_in_the_order_to_do_them(house: _House) -> None:
    low, other, mine = house.open("a", "low", "hvac"), house.open("b", "critical"), house.open("c", "medium")
    house.send("anna", "aaaaaaaa-1", mine, "claim")
    offered = house.open("d", "high")
    house.send("tom", "tttttttt-1", offered, "claim")
    with house.database.write() as session:
        house.orders.offer(session, offered, "anna", "tom", NOW)
        session.flush()
        assert [order.id for order in house.tasks.mine(session, "anna", ())] == [offered, mine]
        assert [order.id for order in house.tasks.pool(session, (), "hvac")] == [low, other]
        assert [order.id for order in house.tasks.pool(session, (), None)] == [other, low]
        found = {order.id: order for order in house.orders.search(session)}
        assert possible(found[other], "anna") == ["claim"]
        assert possible(found[offered], "anna") == ["take-over"]
        assert possible(found[mine], "anna") == ["start", "accept", "complete", "decline"]
        assert possible(found[mine], "tom") == []
        assert found[mine].state is WorkOrderState.ASSIGNED


def test_the_same_report_twice_at_once_opens_one_work_order(house: _House) -> None:
    with house.database.write() as session:
        asset = Asset(code="P1", name="Pump", kind=AssetKind.EQUIPMENT, site_id="main", created_at=NOW)
        session.add(asset)
        session.flush()
        number = asset.id
    photo, together = house.picture(), Barrier(2)

    def report(_number: int) -> int:
        with house.database.write() as session:
            found = session.get(Asset, number)
            assert found is not None
            together.wait()
            return house.tasks.open(
                session, "tom", "tttttttt-9", found, "It rattles", "high", [photo], NOW, NOW
            ).work_order_id

    if house.database.engine.dialect.name == "sqlite":  # there writers follow one another anyway
        together = Barrier(1)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(report, range(2))
    assert first == second
    with house.database.read() as session:
        assert [order.id for order in house.orders.search(session)] == [first]
        assert len(house.orders.files(session, first)) == 1


def test_a_timer_that_a_phone_kept_is_the_labour_of_its_order_once(house: _House) -> None:
    first, second = house.open(), house.open()
    late = NOW + 5 * HOUR
    with house.database.write() as session:
        house.orders.note(session, first, "the spare part is here", "dan", NOW + 4 * HOUR)  # it shifts nobody's time
    for _ in range(2):
        assert house.time("aaaaaaaa-1", first, "timer-start", NOW + HOUR, late) == (True, "")
        assert house.time("aaaaaaaa-2", second, "timer-start", NOW + 2 * HOUR, late) == (True, "")  # ends the first
        stop = house.time("aaaaaaaa-3", second, "timer-stop", NOW + 3 * HOUR, late, started=NOW + 2 * HOUR)
        assert stop == (True, "")
    assert house.times(first, second) == [
        (first, NOW + HOUR, NOW + 2 * HOUR),
        (second, NOW + 2 * HOUR, NOW + 3 * HOUR),
    ]


def test_a_timer_ends_with_the_work_and_never_before_the_order_was_there(house: _House) -> None:
    order = house.open()
    house.send("anna", "aaaaaaaa-0", order, "claim")
    house.time("aaaaaaaa-1", order, "timer-start", NOW - 9 * HOUR, NOW + HOUR)  # the phone's clock was wrong
    house.send("anna", "aaaaaaaa-2", order, "complete", NOW + HOUR)
    assert house.times(order) == [(order, NOW, NOW + HOUR)]


def test_a_late_start_ends_where_the_next_time_began(house: _House) -> None:
    first, second = house.open(), house.open()
    with house.database.write() as session:  # at a desk, while the phone had no network
        order = house.orders.get(session, second)
        house.labour.start(session, order, "anna", Activity.REPAIR, NOW + 2 * HOUR)
    late = NOW + 4 * HOUR
    assert house.time("aaaaaaaa-1", first, "timer-start", NOW + HOUR, late) == (True, "")
    assert house.times(first, second) == [(first, NOW + HOUR, NOW + 2 * HOUR), (second, NOW + 2 * HOUR, None)]
    applied, text = house.time("aaaaaaaa-2", first, "timer-stop", NOW + 3 * HOUR, late, started=NOW + HOUR)
    assert not applied
    assert "a person does one thing at a time" in text
    assert len(house.times(first, second)) == 2
    third = house.open()
    for _ in range(2):  # what the phone began in between, twice on its way
        assert house.time("aaaaaaaa-3", third, "timer-start", NOW + 1.5 * HOUR, late) == (True, "")
    assert house.times(first, third, second) == [
        (first, NOW + HOUR, NOW + 1.5 * HOUR),
        (third, NOW + 1.5 * HOUR, NOW + 2 * HOUR),
        (second, NOW + 2 * HOUR, None),
    ]


def test_time_on_a_task_that_was_cancelled_meanwhile_is_not_lost(house: _House) -> None:
    order = house.open()
    with house.database.write() as session:
        house.orders.cancel(session, order, "not needed", "dan", NOW + HOUR)
    assert house.time("aaaaaaaa-1", order, "timer-start", NOW + HOUR / 2, NOW + 3 * HOUR)[0] is False
    stop = house.time("aaaaaaaa-2", order, "timer-stop", NOW + HOUR, NOW + 3 * HOUR, started=NOW + HOUR / 2)
    assert stop == (True, "")
    assert house.times(order) == [(order, NOW + HOUR / 2, NOW + HOUR)]


def test_ones_own_time_is_written_down_and_corrected(house: _House) -> None:
    order = house.open()
    assert house.time("aaaaaaaa-1", order, "time", NOW + HOUR, NOW + HOUR, minutes=30) == (True, "")
    with house.database.read() as session:
        [record] = house.labour.own(session, "anna", [order])[order]
        assert record.id is not None
        number = record.id
    applied, text = house.time("tttttttt-1", order, "time-correct", NOW + HOUR, NOW + HOUR, "tom", labour=number)
    assert (applied, text) == (False, "this is the time of anna; a dispatcher corrects it")
    for _ in range(2):
        corrected = house.time(
            "aaaaaaaa-2", order, "time-correct", NOW + 2 * HOUR, NOW + 2 * HOUR, minutes=45, labour=number,
            activity=Activity.TRAVEL,
        )  # fmt: skip
        assert corrected == (True, "")
    assert house.times(order) == [(order, NOW + HOUR / 2, NOW + HOUR / 2 + HOUR * 3 / 4)]
    with house.database.read() as session:
        old, new = house.labour.of_order(session, order)
        assert (old.struck_by, new.activity, new.recorded_by) == ("anna", Activity.TRAVEL, "anna")
        number = new.id or 0
    longer = house.time(
        "aaaaaaaa-3", order, "time-correct", NOW + 2 * HOUR, NOW + 2 * HOUR, minutes=1440, labour=number
    )
    assert longer == (False, "to: lies in the future; write down what was done")
    assert len(house.times(order)) == 1  # the one that was to be corrected counts as before
    assert house.time("aaaaaaaa-4", order, "time-correct", NOW + 2 * HOUR, NOW + 2 * HOUR, labour=number)[0]
    assert house.times(order) == []
