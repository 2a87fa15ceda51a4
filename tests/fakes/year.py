"""A year of a site, by simulated time: equipment that fails, technicians that repair it, plans that fall due.

Everything goes through the real services. What happened is written into a log of its own as well, from which
`Log.counts` integrates the figures: state by state over time, without alarms, orders, spans or the product's code.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from sqlmodel import Session, col, select

from plantroom_cloud.assets.models import Asset, AssetKind
from plantroom_cloud.costs.models import Activity, DowntimeReason
from plantroom_cloud.ingest.connection import Received
from plantroom_cloud.plans.models import MaintenancePlan, PlanOccurrence, Trigger
from plantroom_cloud.services import Services
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sla.models import SlaClock
from plantroom_cloud.sla.policy import PolicyIn
from plantroom_cloud.sla.terms import ALWAYS
from plantroom_cloud.users.models import Role, User
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_shared.batch import Batch, DeviceRows
from plantroom_shared.encoding import encode
from plantroom_shared.messages import Birth, BirthDevice, Metric, SuggestedRule

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
DAY, HOUR, MINUTE, SECOND = 86_400_000, 3_600_000, 60_000, 1_000
#: Mean time between failures of each class, days.
CLASSES = {"pump": 50.0, "fan": 80.0, "chiller": 35.0, "lift": 120.0}
PROVING_S = 600
REPEAT_DAYS = 30
#: Hours that a planned order is estimated at, and a technician works in a week.
PLANNED_H, WEEKLY_H = 1.5, 38
TECHNICIANS = 12
#: Promised for repairs, by the clock round the day; the restoration waits for parts.
RESPONSE_MIN, RESTORATION_MIN = 60, 240
ON_A_GATEWAY = 20


def moment(ms: int) -> datetime:
    return BEGIN + timedelta(milliseconds=ms)


@dataclass
class Repair:
    """A work order, as the technicians remember it."""

    unit: int
    done: int | None = None  #: first said to be done


@dataclass
class Promise:
    """How long somebody waited, in ms: for the response and the restoration of one opening of a work order."""

    heard: int
    first: bool  #: the order was opened, not reopened
    begun: int | None = None
    returned: int | None = None
    held: list[list[int]] = field(default_factory=list)  #: from, to

    def response(self, now: int) -> int:
        return (now if self.begun is None else self.begun) - self.heard

    def restoration(self, now: int) -> int:
        end = now if self.returned is None else self.returned
        return end - self.heard - sum((hold[1] if len(hold) > 1 else end) - hold[0] for hold in self.held)


@dataclass
class Counts:
    """Of one unit in a window; times in ms."""

    observed: int = 0
    down: int = 0
    only_planned: int = 0
    failures: int = 0
    restored: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    judged: int = 0
    held: int = 0
    due: int = 0
    met: int = 0


@dataclass
class Log:
    """What happened, in order, as (ms, unit, failure, part, planned): from then on the unit is in this state."""

    units: int
    changes: list[tuple[int, int, int | None, str, bool]] = field(default_factory=list)
    began: list[tuple[int, int, int]] = field(default_factory=list)  #: (ms, unit, failure)
    ended: dict[int, int] = field(default_factory=dict)  #: failure: when it was restored for good
    repairs: list[Repair] = field(default_factory=list)
    dues: list[tuple[int, int, int, int | None]] = field(default_factory=list)  #: (unit, due, interval, done)
    promises: dict[int, Promise] = field(default_factory=dict)  #: by failure

    def kept(self, now: int) -> dict[str, tuple[int, int]]:
        """Met and breached, by clock; what runs within its time is neither."""
        found = {}
        for name, target, rows in (
            ("response", RESPONSE_MIN, [row for row in self.promises.values() if row.first]),
            ("restoration", RESTORATION_MIN, list(self.promises.values())),
        ):
            breached = met = 0
            for row in rows:
                took = row.response(now) if name == "response" else row.restoration(now)
                over = row.begun if name == "response" else row.returned
                if took >= target * MINUTE:
                    breached += 1
                elif over is not None:
                    met += 1
            found[name] = (met, breached)
        return found

    def counts(self, start: int, end: int, now: int) -> list[Counts]:
        """By unit: the state at each moment, integrated over the window."""
        found = [Counts(observed=end - start) for _ in range(self.units)]
        state: dict[int, tuple[int, int | None, str, bool]] = {}
        over = {failure for failure, ms in self.ended.items() if start < ms <= end}
        final = [(end, unit, None, "", False) for unit in range(self.units)]
        for ms, unit, failure, part, planned in itertools.chain(self.changes, final):
            since, was, doing, maintained = state.get(unit, (0, None, "", False))
            took = min(ms, end) - max(since, start)
            counts = found[unit]
            if took > 0 and (doing or maintained):
                counts.down += took
                counts.only_planned += 0 if doing else took
                if doing and was in over:
                    counts.parts[doing] = counts.parts.get(doing, 0) + took
            state[unit] = (ms, failure, part, planned)
        for ms, unit, _ in self.began:
            found[unit].failures += start <= ms < end
        for _, unit, failure in self.began:
            found[unit].restored += failure in over
        for repair in self.repairs:
            if repair.done is None or not start <= repair.done < end or repair.done + REPEAT_DAYS * DAY > now:
                continue
            after = [ms for ms, unit, _ in self.began if unit == repair.unit and ms > repair.done]
            found[repair.unit].judged += 1
            found[repair.unit].held += not after or min(after) - repair.done >= REPEAT_DAYS * DAY
        for unit, due, interval, done in self.dues:
            if start <= due < end and due + interval // 10 <= now:
                found[unit].due += 1
                found[unit].met += done is not None and done <= due + interval // 10
        return found


class Year:
    """Runs `months` months of `units` pieces of equipment."""

    def __init__(self, services: Services, units: int, months: int, seed: int) -> None:
        self.services = services
        self.units = units
        self.end = round((datetime(2025 + months // 12, months % 12 + 1, 1, tzinfo=UTC) - BEGIN).total_seconds() * 1000)
        self.months = months
        self.log = Log(units)
        self.assets: list[int] = []
        self.transactions = 0
        self._random = random.Random(seed)
        self._queue: list[tuple[int, int, Callable[[int], None]]] = []
        self._numbers = itertools.count()
        self._failures = itertools.count(1)
        self._seq: dict[str, int] = {}
        self._free = [f"tech-{number}" for number in range(TECHNICIANS)]
        self._doing: dict[int, tuple[int | None, str]] = {}  # unit: failure, part
        self._maintained: set[int] = set()
        self._orders: dict[int, Repair] = {}
        self._class = list(CLASSES)

    def class_of(self, unit: int) -> str:
        return self._class[unit % len(self._class)]

    # ---- the building

    def furnish(self) -> None:
        services, at = self.services, moment(0)
        with services.database.write() as session:
            session.add(Site(id="main", name="Main"))
            for name in ("anna", *self._free):
                role = Role.MANAGER if name == "anna" else Role.TECHNICIAN
                session.add(User(name=name, password_hash="", role=role, created_at=at))
            session.flush()
            promise = PolicyIn(
                name="Repairs", kind="corrective", response_min=RESPONSE_MIN, restoration_min=RESTORATION_MIN,
                calendar=ALWAYS, pauses=["parts"],
            )  # fmt: skip
            services.sla.add(session, promise, at)
            services.costs.labour.set_rate(session, "", Decimal(40), Decimal(WEEKLY_H))
            for gateway in range((self.units + ON_A_GATEWAY - 1) // ON_A_GATEWAY):
                services.gateways.enrol(session, f"gw-{gateway}", "main", "", "", at)
        rule = SuggestedRule(
            key="hot", name="Hot", kind="limit", severity="high", metric="t", operator=">", limit=80,
            proving_s=PROVING_S, work_order=True, cause="wear", consequence="standstill", response="repair",
        )  # fmt: skip
        for gateway in range((self.units + ON_A_GATEWAY - 1) // ON_A_GATEWAY):
            units = range(gateway * ON_A_GATEWAY, min(self.units, (gateway + 1) * ON_A_GATEWAY))
            devices = [
                BirthDevice(
                    device=f"unit-{unit}", label=f"Unit {unit}", profile="year/unit",
                    metrics=[Metric(name="t", label="T")], rules=[rule],
                )
                for unit in units
            ]  # fmt: skip
            born = Birth(v=1, gateway=f"gw-{gateway}", boot="b", at=0, config_version="1", devices=devices)
            services.ingest.process([Received(f"plantroom/v1/gw-{gateway}/birth", encode(born), 1)], at)
        with services.database.write() as session:
            for unit in range(self.units):
                asset = services.assets.save(
                    session,
                    Asset(
                        code=f"U{unit:03}", name=f"Unit {unit:03}", kind=AssetKind.EQUIPMENT, site_id="main",
                        equipment_class=self.class_of(unit), created_at=at,
                    ),
                    at,
                )  # fmt: skip
                services.assets.bind(session, asset, self.device(unit), "anna", at)
                assert asset.id is not None
                self.assets.append(asset.id)

    def device(self, unit: int) -> str:
        return f"gw-{unit // ON_A_GATEWAY}.unit-{unit}"

    # ---- time

    def at(self, ms: float, what: Callable[[int], None]) -> None:
        if ms < self.end:
            heapq.heappush(self._queue, (round(ms), next(self._numbers), what))

    def run(self) -> None:
        self.furnish()
        for unit in range(self.units):
            self.at(self.next_failure(unit, 0), partial(self.fail, unit))
            self._plan(unit)
        while self._queue:
            ms, _, what = heapq.heappop(self._queue)
            what(ms)
        self.do(lambda session: self.services.sla.tick(session, moment(self.end)))
        while self._late():
            self.do(lambda session: self.services.sla.tick(session, moment(self.end)))

    def _late(self) -> bool:
        """Whether a clock is to be reckoned."""
        with self.services.database.read() as session:
            query = select(SlaClock).where(col(SlaClock.next_at) <= moment(self.end), ~col(SlaClock.final))
            return session.exec(query).first() is not None

    def next_failure(self, unit: int, since: int) -> int:
        """Exponential: it forgets its age."""
        return since + round(self._random.expovariate(1 / (CLASSES[self.class_of(unit)] * DAY)))

    def change(self, unit: int, failure: int | None, part: str, ms: int) -> None:
        self._doing[unit] = (failure, part)
        self.log.changes.append((ms, unit, failure, part, unit in self._maintained))

    def send(self, unit: int, ms: int, value: float, heard: int) -> None:
        """A reading of `ms`, heard by us later."""
        gateway = f"gw-{unit // ON_A_GATEWAY}"
        self._seq[gateway] = self._seq.get(gateway, 0) + 1
        born = int(BEGIN.timestamp() * 1000)
        batch = Batch(
            v=1, gateway=gateway, outbox="o", stream="telemetry", seq=self._seq[gateway], boot="b",
            sent_at=born + heard, complete_until=born + ms,
            telemetry=[DeviceRows(device=f"unit-{unit}", times=[born + ms], values={"t": [value]})],
        )  # fmt: skip
        self.services.ingest.process([Received(f"plantroom/v1/{gateway}/data", encode(batch), 1)], moment(heard))
        self.transactions += 1

    def do(self, what: Callable[[Session], object]) -> None:
        with self.services.database.write() as session:
            what(session)
        self.transactions += 1

    # ---- a failure, from the hot bearing to the closed order

    def fail(self, unit: int, ms: int, failure: int | None = None) -> None:
        """It gets hot; somebody hears of it some seconds later."""
        number = next(self._failures) if failure is None else failure
        if failure is None:
            self.log.began.append((ms, unit, number))
        self.change(unit, number, "detect", ms)
        heard = ms + self._random.randrange(100, 40 * SECOND)
        self.at(heard, lambda at: self.hear(unit, number, ms, at))

    def hear(self, unit: int, number: int, raised: int, ms: int) -> None:
        self.send(unit, raised, 90.0, ms)
        with self.services.database.read() as session:
            found = session.exec(
                select(WorkOrder)
                .where(WorkOrder.device_id == self.device(unit), WorkOrder.kind == "corrective")
                .order_by(col(WorkOrder.id).desc())
            ).first()
            assert found is not None
            assert found.id is not None
            order = found.id
        self.log.promises[number] = Promise(ms, order not in self._orders)
        if order not in self._orders:
            self._orders[order] = Repair(unit)
            self.log.repairs.append(self._orders[order])
        self.change(unit, number, "respond", ms)
        responded = ms + self._random.lognormvariate(0, 0.7) * 40 * MINUTE
        self.at(responded, lambda at: self.begin(unit, number, order, at))

    def begin(self, unit: int, number: int, order: int, ms: int) -> None:
        """Whoever is free; else it waits."""
        if not self._free:
            self.at(ms + 10 * MINUTE, lambda at: self.begin(unit, number, order, at))
            return
        who, costs, orders = self._free.pop(), self.services.costs, self.services.work_orders

        def work(session: Session) -> None:
            orders.assign(session, order, who, "anna", moment(ms))
            orders.start(session, order, who, moment(ms))
            costs.labour.start(session, orders.get(session, order), who, Activity.DIAGNOSE, moment(ms))

        self.do(work)
        self.change(unit, number, "diagnose", ms)
        self.log.promises[number].begun = ms
        known = ms + self._random.expovariate(1 / (30 * MINUTE)) + SECOND
        self.at(known, lambda at: self.repair(unit, number, order, who, at))

    def repair(self, unit: int, number: int, order: int, who: str, ms: int) -> None:
        """Perhaps a part is missing."""
        costs, orders = self.services.costs, self.services.work_orders
        if self._random.random() < 0.3:
            self.do(lambda session: orders.hold(session, order, "parts", "", who, moment(ms)))
            self.change(unit, number, "wait", ms)
            self.log.promises[number].held.append([ms])
            self._free.append(who)
            came = ms + self._random.expovariate(1 / (2 * DAY)) + MINUTE
            self.at(came, lambda at: self.go_on(unit, number, order, at))
            return
        self.do(
            lambda session: costs.labour.start(session, orders.get(session, order), who, Activity.REPAIR, moment(ms))
        )
        self.change(unit, number, "repair", ms)
        self.finish(unit, number, order, who, ms)

    def go_on(self, unit: int, number: int, order: int, ms: int) -> None:
        if not self._free:
            self.at(ms + 10 * MINUTE, lambda at: self.go_on(unit, number, order, at))
            return
        who, orders = self._free.pop(), self.services.work_orders

        def work(session: Session) -> None:
            orders.resume(session, order, who, moment(ms))
            self.services.costs.labour.start(session, orders.get(session, order), who, Activity.REPAIR, moment(ms))

        self.do(work)
        self.change(unit, number, "repair", ms)
        self.log.promises[number].held[-1].append(ms)
        self.finish(unit, number, order, who, ms)

    def finish(self, unit: int, number: int, order: int, who: str, ms: int) -> None:
        """It cools down before or after somebody says that it is done; sometimes it flickers first."""
        done = ms + self._random.lognormvariate(0, 0.5) * 90 * MINUTE + MINUTE
        share = self._random.random()
        if share < 0.15:  # normal for a while under the technician's hands
            flick = ms + (done - ms) * 0.3
            back = ms + (done - ms) * 0.5
            self.at(flick, lambda at: self.cool(unit, number, at, for_good=False))
            self.at(back, lambda at: self.flicker(unit, number, at))
        later = self._random.uniform(1, 8) * MINUTE
        returned = ms + (done - ms) * 0.9 if share < 0.8 else done + later
        self.at(returned, lambda at: self.cool(unit, number, at, for_good=True))
        self.at(done, lambda at: self.complete(unit, number, order, who, at))
        proven = max(done, returned) + PROVING_S * SECOND + MINUTE
        if self._random.random() < 0.12:  # it was no repair: it comes back while it is being proven
            again = max(done, returned) + self._random.uniform(60, PROVING_S - 60) * SECOND
            self.at(again, lambda at: self.fail(unit, at))
            return
        self.at(proven, lambda at: self.prove(unit, order, at))
        following = self.next_failure(unit, round(proven) + HOUR)
        self.at(following, lambda at: self.fail(unit, at))

    def cool(self, unit: int, number: int, ms: int, *, for_good: bool) -> None:
        self.send(unit, ms, 40.0, ms + 500)
        if for_good:
            self.log.ended[number] = ms
            self.log.promises[number].returned = ms
        self.change(unit, None, "", ms)

    def flicker(self, unit: int, number: int, ms: int) -> None:
        """Hot again, with the technician beside it: heard of at once."""
        self.send(unit, ms, 90.0, ms)
        self.change(unit, number, "repair", ms)

    def complete(self, unit: int, number: int, order: int, who: str, ms: int) -> None:
        self.do(lambda session: self.services.work_orders.complete(session, order, "", who, moment(ms)))
        self._free.append(who)
        repair = self._orders[order]
        repair.done = ms if repair.done is None else repair.done
        if self._doing.get(unit) == (number, "repair"):
            self.change(unit, number, "prove", ms)

    def prove(self, unit: int, order: int, ms: int) -> None:
        """The telemetry has gone on; the order closes."""
        self.send(unit, ms, 40.0, ms)
        self.do(lambda session: self.services.alarms.tick(session, moment(ms)))
        with self.services.database.read() as session:
            found = self.services.work_orders.get(session, order)
            assert found.state.value == "closed", (order, found.state)
            assert found.verified_by == "telemetry"

    # ---- planned maintenance: each quarter, on a day of its own, at eight

    def _plan(self, unit: int) -> None:
        day, first = unit % 28 + 1, datetime(2025, 1 + unit % 3, unit % 28 + 1, 8, tzinfo=UTC)
        plan = MaintenancePlan(
            title=f"Service {unit}", site_id="main", asset_id=self.assets[unit], priority="low",
            estimated_h=PLANNED_H, enabled_since=moment(0), trigger=Trigger.CALENDAR,
            rule=f"FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY={day}", starts=first.replace(tzinfo=None).isoformat(),
        )  # fmt: skip
        self.do(lambda session: self.services.plans.save(session, plan, moment(0)))
        dues = []
        month = first.month
        while month <= self.months:
            due = datetime(2025, month, day, 8, tzinfo=UTC)
            dues.append(round((due - BEGIN).total_seconds() * 1000))
            month += 3
        for index, fallen in enumerate(dues):
            near = dues[index - 1] if index else dues[1] if len(dues) > 1 else fallen
            self.at(fallen + 1, partial(self.fall_due, unit, fallen, abs(fallen - near)))

    def fall_due(self, unit: int, due: int, interval: int, ms: int) -> None:
        self.do(lambda session: self.services.plans.tick(session, moment(ms)))
        with self.services.database.read() as session:
            order = session.exec(
                select(PlanOccurrence.order_id)
                .where(MaintenancePlan.id == PlanOccurrence.plan_id, MaintenancePlan.asset_id == self.assets[unit])
                .order_by(col(PlanOccurrence.due_at).desc())
            ).first()
        assert order is not None
        entry = len(self.log.dues)
        self.log.dues.append((unit, due, interval, None))
        share = self._random.random()
        if share < 0.1:  # nobody finds the time
            cancelled = due + 30 * DAY
            self.at(
                cancelled,
                lambda at: self.do(
                    lambda session: self.services.work_orders.cancel(session, order, "no time", "anna", moment(at))
                ),
            )
            return
        late = self._random.uniform(0.2, 6) if share < 0.8 else self._random.uniform(10, 25)
        self.at(due + late * DAY, lambda at: self.service(unit, order, entry, at))

    def service(self, unit: int, order: int, entry: int, ms: int) -> None:
        """It stands still meanwhile, as planned."""
        orders = self.services.work_orders
        self.do(lambda session: orders.start(session, order, "tech-0", moment(ms)))
        self._maintained.add(unit)
        self.change(unit, *self._doing.get(unit, (None, "")), ms)
        over = ms + self._random.uniform(0.5, 3) * HOUR
        self.at(over, lambda at: self.serviced(unit, order, entry, ms, at))

    def serviced(self, unit: int, order: int, entry: int, since: int, ms: int) -> None:
        orders, downtimes = self.services.work_orders, self.services.costs.downtimes

        def work(session: Session) -> None:
            downtimes.record(
                session, orders.get(session, order), moment(since), moment(ms), DowntimeReason.MAINTENANCE, True,
                "", "tech-0", moment(ms),
            )  # fmt: skip
            orders.complete(session, order, "", "tech-0", moment(ms))

        self.do(work)
        self._maintained.discard(unit)
        self.change(unit, *self._doing.get(unit, (None, "")), ms)
        unit, due, interval, _ = self.log.dues[entry]
        self.log.dues[entry] = (unit, due, interval, ms)


def added(counts: Sequence[Counts]) -> Counts:
    """All together."""
    total = Counts()
    for each in counts:
        for name in ("observed", "down", "only_planned", "failures", "restored", "judged", "held", "due", "met"):
            setattr(total, name, getattr(total, name) + getattr(each, name))
        for part, took in each.parts.items():
            total.parts[part] = total.parts.get(part, 0) + took
    return total
