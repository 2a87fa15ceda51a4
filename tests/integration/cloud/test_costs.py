"""What work costs: labour without overlap, the store's count, amounts to the hundredth, downtime."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, select

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState, RuleKind, Severity
from plantroom_cloud.assets.models import Asset, AssetDevice, AssetKind
from plantroom_cloud.costs.models import Activity, DowntimeReason, ExtraCost, Labour
from plantroom_cloud.costs.service import CostService
from plantroom_cloud.costs.sheet import labour_amount, part_amount, totals
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import Device
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.parts.models import Movement, MovementKind, Part
from plantroom_cloud.parts.service import PartService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role, Team, User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class _Shop:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.orders = WorkOrderService()
        users = UserService()
        self.notifications = NotificationService(users, AbsenceService(users), "", lambda _session, _alarm: False)
        self.parts = PartService(self.orders, self.notifications)
        self.costs = CostService(self.orders, self.parts, "EUR")
        self.orders.listen(self.costs.labour.follow)
        with database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.add(Team(id="hvac", name="HVAC"))
            session.flush()
            session.add(Gateway(id="gw", site_id="main", enrolled_at=NOW))
            session.flush()
            session.add(Device(id="gw.p", gateway_id="gw", name="p", label="p", profile="p", registered_at=NOW))
            for name in ("tom", "eve"):
                session.add(User(name=name, password_hash="", role=Role.TECHNICIAN, team_id="hvac", created_at=NOW))
        self.first, self.second = self.order(), self.order()

    def order(self) -> int:
        with self.database.write() as session:
            made = self.orders.create(session, "Seal", "", "main", "gw.p", "high", None, "dan", NOW)
            assert made.id is not None
            return made.id

    def get(self, session: Session, order_id: int) -> WorkOrder:
        return self.orders.get(session, order_id)

    def user(self, session: Session, name: str) -> User:
        return session.exec(select(User).where(User.name == name)).one()

    def part(self, stock: str = "0") -> int:
        with self.database.write() as session:
            part = Part(code="BRG", name="Bearing", unit_cost=Decimal("4.15"), minimum=Decimal(2), stock=Decimal(0))
            self.parts.save(session, part, NOW)
            assert part.id is not None
            if stock != "0":
                self.parts.receive(session, part.id, Decimal(stock), "", "dan", NOW)
            return part.id


@pytest.fixture
def shop(database: Database) -> _Shop:
    return _Shop(database)


def test_a_timer_survives_restarts_and_one_person_does_one_thing(shop: _Shop) -> None:
    with shop.database.write() as session:
        shop.costs.labour.start(session, shop.get(session, shop.first), "tom", Activity.TRAVEL, NOW)
    again = CostService(shop.orders, shop.parts, "EUR")  # another process
    with shop.database.write() as session:
        running = again.labour.running(session, "tom")
        assert running is not None
        assert running.work_order_id == shop.first
        same = again.labour.start(session, shop.get(session, shop.first), "tom", Activity.TRAVEL, NOW + 5 * MINUTE)
        assert same.id == running.id
        again.labour.start(session, shop.get(session, shop.second), "tom", Activity.REPAIR, NOW + 10 * MINUTE)
    with shop.database.write() as session:
        with pytest.raises(ConflictError, match="no timer of yours"):
            again.labour.stop(session, "tom", NOW + 20 * MINUTE, shop.first)
        again.labour.stop(session, "tom", NOW + 30 * MINUTE)
        found = [*again.labour.of_order(session, shop.first), *again.labour.of_order(session, shop.second)]
        assert [(row.activity, row.started_at, row.ended_at) for row in found] == [
            (Activity.TRAVEL, NOW, NOW + 10 * MINUTE),
            (Activity.REPAIR, NOW + 10 * MINUTE, NOW + 30 * MINUTE),
        ]


def test_two_clicks_at_once_start_one_timer(shop: _Shop) -> None:
    barrier, done = threading.Barrier(2), []

    def click(order: int) -> None:
        barrier.wait()
        with shop.database.write() as session:
            shop.costs.labour.start(session, shop.get(session, order), "tom", Activity.REPAIR, NOW)
        done.append(order)

    threads = [threading.Thread(target=click, args=(order,)) for order in (shop.first, shop.second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with shop.database.read() as session:
        found = [*shop.costs.labour.of_order(session, shop.first), *shop.costs.labour.of_order(session, shop.second)]
    assert sorted(done) == [shop.first, shop.second]
    assert sum(row.ended_at is None for row in found) == 1


def test_time_written_down_never_overlaps(shop: _Shop) -> None:
    def write(session: Session, start: int, end: int, person: str = "tom") -> Labour:
        order = shop.get(session, shop.first)
        return shop.costs.labour.record(
            session, order, person, Activity.REPAIR, NOW + start * MINUTE, NOW + end * MINUTE, "", "tom", NOW
        )

    with shop.database.write() as session:
        first = write(session, -60, -30)
        assert first.id is not None
        for start, end in ((-70, -59), (-50, -40), (-31, -10), (-90, -5)):
            with pytest.raises(ConflictError, match="one thing at a time"):
                write(session, start, end)
        write(session, -30, -10)  # they touch
        write(session, -60, -30, "eve")
        for start, end, why in ((-5, 5, "future"), (-5, -5, "later than from"), (-2000, -300, "24 hours")):
            with pytest.raises(InvalidError, match=why):
                write(session, start, end)
        shop.costs.labour.strike(session, shop.first, first.id, "tom", NOW)
        write(session, -60, -30)  # what was struck out is free again
        with pytest.raises(ConflictError):
            shop.costs.labour.strike(session, shop.first, first.id, "tom", NOW)


def test_the_timer_ends_with_the_work(shop: _Shop) -> None:
    with shop.database.write() as session:
        shop.orders.start(session, shop.first, "tom", NOW)
        shop.costs.labour.start(session, shop.get(session, shop.first), "tom", Activity.REPAIR, NOW)
        shop.orders.complete(session, shop.first, "", "tom", NOW + 7 * MINUTE)
        assert shop.costs.labour.running(session, "tom") is None
        with pytest.raises(ConflictError, match="only while"):
            shop.costs.labour.start(session, shop.get(session, shop.first), "tom", Activity.REPAIR, NOW + 8 * MINUTE)
        (record,) = shop.costs.labour.of_order(session, shop.first)
        assert record.ended_at == NOW + 7 * MINUTE


def test_the_rate_of_the_person_then_the_team_then_everybody(shop: _Shop) -> None:
    book = shop.costs.labour

    def rate(session: Session) -> Decimal:
        return book.rate_of(session, session.get_one(User, 1))

    with shop.database.write() as session:
        assert rate(session) == 0
        for whose, amount in (("", "30"), ("team:hvac", "45.50"), ("user:tom", "52.75")):
            book.set_rate(session, whose, Decimal(amount), Decimal(40))
            assert rate(session) == Decimal(amount)
        record = book.record(
            session, shop.get(session, shop.first), "tom", Activity.REPAIR, NOW - 7 * MINUTE, NOW, "", "tom", NOW
        )
        book.remove_rate(session, "user:tom")
        assert rate(session) == Decimal("45.50")
        assert labour_amount(record, NOW) == Decimal("6.15")  # 52.75 × 7 / 60 = 6.1541…: the rate it had
        for whose, amount, hours in (("tom", "1", "1"), ("", "-1", "1"), ("", "1", "169")):
            with pytest.raises(InvalidError):
                book.set_rate(session, whose, Decimal(amount), Decimal(hours))


def test_parts_come_from_the_stock_and_go_back_by_a_counter_movement(shop: _Shop) -> None:
    part, store = shop.part("3"), shop.parts
    with shop.database.write() as session:
        order = shop.get(session, shop.first)
        used = store.use(session, order, part, Decimal(2), "", "tom", NOW)
        with pytest.raises(ConflictError, match="only 1 pcs of BRG are counted"):
            store.use(session, order, part, Decimal("1.5"), " ", "tom", NOW)
        store.use(session, order, part, Decimal("1.5"), "one was in the van", "tom", NOW)
        assert store.get(session, part).stock == Decimal("-0.5")
        assert used.id is not None
        back = store.reverse(session, used.id, "", "tom", NOW, order_id=shop.first)
        assert (back.quantity, back.kind, back.reverses) == (Decimal(2), MovementKind.REVERSAL, used.id)
        with pytest.raises(ConflictError, match="taken back already"):
            store.reverse(session, used.id, "", "tom", NOW)
        with pytest.raises(NotFoundError):
            store.reverse(session, used.id, "", "tom", NOW, order_id=shop.second)
        with pytest.raises(NotFoundError):
            store.reverse(session, used.id, "", "tom", NOW, part_id=part + 1)
        store.count(session, part, Decimal(10), "stock-taking", "dan", NOW)
        found = store.movements(session, part)
        assert [row.quantity for row in reversed(found)] == [Decimal(n) for n in ("3", "-2", "-1.5", "2", "8.5")]
        assert sum(row.quantity for row in found) == store.get(session, part).stock == 10
        assert shop.costs.sheet(session, order, NOW).totals.parts == Decimal("6.23")  # 1.5 × 4.15 = 6.225
        assert store.list(session, below_minimum=True) == []


def test_ten_take_the_same_part_at_once_and_the_count_is_right(shop: _Shop) -> None:
    part, refused = shop.part("6"), []
    barrier = threading.Barrier(10)

    def take() -> None:
        barrier.wait()
        try:
            with shop.database.write() as session:
                shop.parts.use(session, shop.get(session, shop.first), part, Decimal(1), "", "tom", NOW)
        except ConflictError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=take) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with shop.database.read() as session:
        assert shop.parts.get(session, part).stock == 0
        assert len(shop.parts.movements(session, part)) == 7
    assert len(refused) == 4


def test_extra_costs_add_up_and_are_struck_out(shop: _Shop) -> None:
    with shop.database.write() as session:
        order = shop.get(session, shop.first)
        costs = [
            shop.costs.add_extra(session, order, "Journey", Decimal(amount), "tom", NOW)
            for amount in ("0.10", "0.20", "99.99")
        ]
        assert shop.costs.sheet(session, order, NOW).totals.total == Decimal("100.29")
        assert costs[2].id is not None
        shop.costs.strike_extra(session, shop.first, costs[2].id, "dan", NOW)
        assert str(shop.costs.sheet(session, order, NOW).totals.total) == "0.30"
        for text, amount in (("", "1"), ("x", "0"), ("x", "-3")):
            with pytest.raises(InvalidError):
                shop.costs.add_extra(session, order, text, Decimal(amount), "tom", NOW)


def test_downtime_is_proposed_by_the_alarms_and_written_down_once(shop: _Shop) -> None:
    with shop.database.write() as session:
        asset = Asset(code="P", name="P", kind=AssetKind.EQUIPMENT, site_id="main", created_at=NOW)
        rule = AlarmRule(name="Hot", kind=RuleKind.LIMIT, severity=Severity.HIGH, updated_at=NOW)
        session.add_all([asset, rule])
        session.flush()
        assert asset.id is not None
        assert rule.id is not None
        session.add(AssetDevice(asset_id=asset.id, device_id="gw.p", since=NOW - 99 * MINUTE, by="dan"))
        alarm = Alarm(
            rule_id=rule.id,
            source="gw.p",
            gateway_id="gw",
            site_id="main",
            device_id="gw.p",
            name="Hot",
            severity=Severity.HIGH,
            state=AlarmState.NORMAL,
            active=False,
            raised_at=NOW - 30 * MINUTE,
            detected_at=NOW - 30 * MINUTE,
            returned_at=NOW - 10 * MINUTE,
        )
        session.add(alarm)
        session.flush()
        order = shop.orders.open_for_alarm(session, alarm, 600, NOW - 30 * MINUTE)
        assert order is not None
        assert order.id is not None
        book = shop.costs.downtimes
        (proposal,) = book.proposed(session, order)
        assert (proposal.started_at, proposal.ended_at) == (alarm.raised_at, alarm.returned_at)
        down = book.record(
            session,
            order,
            proposal.started_at,
            None,
            DowntimeReason.FAILURE,
            False,
            "",
            "tom",
            NOW,
        )
        assert down.asset_id == asset.id
        assert book.proposed(session, order) == []
        assert down.id is not None
        with pytest.raises(InvalidError, match="future"):
            book.end(session, order.id, down.id, NOW + MINUTE, "tom", NOW)
        book.end(session, order.id, down.id, NOW, "tom", NOW)
        with pytest.raises(ConflictError, match="an end already"):
            book.end(session, order.id, down.id, NOW, "tom", NOW)
        book.strike(session, order.id, down.id, "tom", NOW)
        assert len(book.proposed(session, order)) == 1


_CENTS = st.decimals(min_value=0, max_value=200, places=4)


@given(
    st.lists(st.tuples(_CENTS, st.integers(0, 86_400), st.booleans())),
    st.lists(st.tuples(_CENTS, st.decimals(min_value=-9, max_value=9, places=4))),
    st.lists(st.tuples(_CENTS, st.booleans())),
)
def test_the_lines_add_up_to_the_total(
    labour: list[tuple[Decimal, int, bool]],
    parts: list[tuple[Decimal, Decimal]],
    extra: list[tuple[Decimal, bool]],
) -> None:
    struck: Callable[[bool], datetime | None] = lambda gone: NOW if gone else None  # noqa: E731
    times = [
        Labour(
            work_order_id=1,
            person="tom",
            activity=Activity.REPAIR,
            started_at=NOW,
            ended_at=NOW + timedelta(seconds=seconds),
            rate=rate,
            recorded_by="tom",
            struck_at=struck(gone),
        )
        for rate, seconds, gone in labour
    ]
    moves = [
        Movement(part_id=1, at=NOW, kind=MovementKind.USE, quantity=n, stock_after=n, unit_cost=cost, actor="tom")
        for cost, n in parts
    ]
    costs = [
        ExtraCost(work_order_id=1, text="x", amount=amount, at=NOW, recorded_by="tom", struck_at=struck(gone))
        for amount, gone in extra
    ]
    found = totals(times, moves, costs, NOW)
    cents = sum(int(labour_amount(row, NOW) * 100) for row in times if row.struck_at is None)
    cents += sum(int(part_amount(move) * 100) for move in moves)
    assert found.total * 100 - cents == sum(
        int(cost.amount * 100 + Decimal("0.5")) for cost in costs if cost.struck_at is None
    )
    assert found.total == found.total.quantize(Decimal("0.01"))
    for (rate, seconds, _), row in zip(labour, times, strict=True):
        assert abs(labour_amount(row, NOW) - rate * seconds / 3600) <= Decimal("0.005")


def test_managers_are_told_once_each_time_a_part_runs_low(shop: _Shop) -> None:
    with shop.database.write() as session:
        session.add(User(name="mia", password_hash="", role=Role.MANAGER, sites=["other"], created_at=NOW))
    part = shop.part("3")

    def told() -> list[tuple[str, str]]:
        with shop.database.write() as session:
            shop.notifications.tick(session, NOW)
            mia = shop.user(session, "mia")
            found = shop.notifications.inbox(session, mia)
            return [(notice.subject, notice.severity) for _one, notice in reversed(found) if notice.kind == "stock"]

    def use(quantity: str) -> None:
        with shop.database.write() as session:
            shop.parts.use(session, shop.get(session, shop.first), part, Decimal(quantity), "", "tom", NOW)

    use("1")
    assert told() == []  # as many as there should be
    use("0.5")
    low = ("Low in the store: Bearing", "medium")
    assert told() == [low]
    use("0.5")
    assert told() == [low]  # no news
    use("1")
    none = ("None left in the store: Bearing", "high")
    assert told() == [low, none]
    with shop.database.write() as session:
        shop.parts.receive(session, part, Decimal(5), "", "dan", NOW)
        shop.parts.count(session, part, Decimal(1), "", "dan", NOW)
    assert told() == [low, none, low]  # it fell again
    with shop.database.write() as session:
        found = shop.parts.get(session, part)
        found.place = "shelf 4"
        shop.parts.save(session, found, NOW)
    assert told() == [low, none, low]
    with shop.database.write() as session:
        shop.parts.receive(session, part, Decimal(5), "", "dan", NOW)
        found = shop.parts.get(session, part)
        found.minimum = Decimal(10)
        shop.parts.save(session, found, NOW)
        shop.parts.save(session, found, NOW)
    assert told() == [low, none, low, low]  # the minimum was raised above what is there
    with shop.database.read() as session:
        [(_one, notice)] = shop.notifications.inbox(session, shop.user(session, "mia"), limit=1)
        assert notice.body == "BRG: 6 pcs left; the minimum is 10 pcs.\nKept at shelf 4."
        assert (notice.site_id, notice.link) == (None, f"/parts/{part}")
