"""Two real processes of the control plane on one PostgreSQL and one broker: one alarm, one order, one order of a plan,
one notification for each event and person; and when one is killed the other forgets and repeats nothing."""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.models import Alarm, AlarmState, AlarmTransition
from plantroom_cloud.ingest.connection import Received
from plantroom_cloud.ingest.partition import Partition
from plantroom_cloud.jobs.service import LEASE
from plantroom_cloud.notifications.models import ChannelKind, Delivery, DeliveryState, Notice, Notification, Preference
from plantroom_cloud.plans.form import PlanIn
from plantroom_cloud.plans.models import PlanOccurrence
from plantroom_cloud.sla.models import SlaMark
from plantroom_cloud.sla.policy import PolicyIn
from plantroom_cloud.sla.terms import ALWAYS
from plantroom_cloud.users.models import Role, Team, User
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderEntry, WorkOrderState
from plantroom_shared.batch import Batch, DeviceRows
from plantroom_shared.encoding import encode
from plantroom_shared.messages import Birth, BirthDevice, Metric
from tests.fakes.installation import Gateway, Installation, until
from tests.fakes.receiver import Receiver
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres
from tests.servers.process import Server

#: Of the first of two parts: a process with all and one with the first half both take them.
GATEWAYS = [name for number in range(20) if Partition(1, 2).has(name := f"gw-{number}")][:3]
METRICS = [Metric(name="t", label="T")]
CARELESS = (sys.executable, "-m", "tests.fakes.careless_cloud")
ON_DELAY_S, PROVING_S = 3, 4
CLIMBS_S, RESPONSE_S = 4, 5
#: A message whose sender died is sent again after a minute.
PATIENCE_S = 200.0


def born(name: str) -> Birth:
    device = BirthDevice(device="pump", label="Pump", profile="x/pump", metrics=METRICS)
    return Birth(v=1, gateway=name, boot="b", at=1, config_version="1", devices=[device])


class _Site:
    """Two people, a rule, an escalation, a service level and a plan; what arrives at the people is kept."""

    def __init__(self, folder: Path, broker: Mosquitto, url: str) -> None:
        self.receiver = Receiver()
        mail = {"smtp_host": "127.0.0.1", "smtp_port": self.receiver.smtp_port, "smtp_tls": False}
        self.cloud = Installation(folder, broker, GATEWAYS, url, mail)
        self.database = self.cloud.services.database
        self._furnish()
        self.gateways = [Gateway(broker.port, name) for name in GATEWAYS]
        self._seq = dict.fromkeys(GATEWAYS, 0)
        self._threads = ThreadPoolExecutor(2)  # a process dies with the thread that started it

    def _furnish(self) -> None:
        services, at = self.cloud.services, self.cloud.services.now()
        with self.database.write() as session:
            session.add(Team(id="hvac", name="HVAC"))
            session.flush()
            people = [User(name="ann", password_hash="x", role=Role.TECHNICIAN, team_id="hvac", created_at=at)]
            people.append(User(name="mia", password_hash="x", role=Role.MANAGER, created_at=at))
            for user in people:
                session.add(user)
                session.flush()
                told = services.notifications
                told.add_channel(session, user, ChannelKind.WEBHOOK, self.receiver.url(user.name), "", {}, at)
                told.choose(session, user, Preference(user_id=0, group_s=0, repeat_s=0))
            told.add_channel(session, people[1], ChannelKind.EMAIL, "mia@plant.example", "", {}, at)
            told.on_call.set_steps(session, "hvac", [(CLIMBS_S, "managers")])
            promise = PolicyIn(name="All", response_min=RESPONSE_S / 60, calendar=ALWAYS, warn_percent=None)
            services.sla.add(session, promise, at)
        for name in GATEWAYS:
            services.ingest.process([Received(f"plantroom/v1/{name}/birth", encode(born(name)), 1)], at)
        said = {
            "name": "Hot", "kind": "limit", "site_id": "main", "metric": "t", "operator": ">", "limit": 80,
            "on_delay_s": ON_DELAY_S, "proving_s": PROVING_S, "team_id": "hvac", "cause": "c", "consequence": "q",
            "response": "r", "impact": "serious", "respond_within_s": 3600, "work_order": True,
        }  # fmt: skip
        with self.database.write() as session:
            services.alarms.create_rule(session, RuleDefinition.model_validate(said), "mia", at)

    def plan(self, title: str, due_in_s: float) -> None:
        """Made yesterday, and due for the first time at that moment."""
        services = self.cloud.services
        starts = (services.now() + timedelta(seconds=due_in_s)).replace(tzinfo=None).isoformat()
        wanted = PlanIn(title=title, site_id="main", rule="FREQ=DAILY", starts=starts, team_id="hvac")
        with self.database.write() as session:
            made = services.now() - timedelta(days=1)
            services.plans.save(session, wanted.new(made), made, wanted.used)

    def leader(self) -> Server:
        """Who has the clocks."""
        self.until(lambda: self.cloud.leader("scheduler"), "one of them leads")
        found = self.cloud.leader("scheduler")
        assert found is not None
        return found

    def start_two(self, *careless: Sequence[str], count: int = 2) -> list[Server]:
        """At once; whole ones, or careless ones with these arguments."""

        def one(arguments: Sequence[str]) -> Server:
            return self.cloud.start(*arguments, program=CARELESS, connected=True)

        if careless:
            return list(self._threads.map(one, careless))
        return list(self._threads.map(lambda _: self.cloud.start(), range(count)))

    def send(self, gateway: Gateway, at: float, value: float | None, up_to: float) -> None:
        """A reading of `at`; nothing later than `up_to` is to come (seconds since the epoch)."""
        self._seq[gateway.name] = seq = self._seq[gateway.name] + 1
        rows = [] if value is None else [DeviceRows(device="pump", times=[round(at * 1000)], values={"t": [value]})]
        told = round(up_to * 1000)
        batch = Batch(
            v=1, gateway=gateway.name, outbox="o", stream="telemetry", seq=seq, boot="b", sent_at=told,
            complete_until=told, telemetry=rows,
        )  # fmt: skip
        gateway.publish(seq, batch)

    def events_of(self, person: str, kind: str = "") -> list[str]:
        return [told.event for told in self.receiver.told if told.person == person and told.event.startswith(kind)]

    def alarms(self) -> list[Alarm]:
        with self.database.read() as session:
            query = select(Alarm).where(col(Alarm.device_id).is_not(None)).order_by(col(Alarm.id))
            return list(session.exec(query))

    def alarm_of(self, gateway: Gateway) -> int:
        """The newest of its pump; 0 while there is none."""
        return max((alarm.id or 0 for alarm in self.alarms() if alarm.gateway_id == gateway.name), default=0)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """The gateways meanwhile send again what nobody acknowledged."""

        def holds() -> bool:
            for gateway in self.gateways:
                gateway.again()
            return bool(condition())

        until(holds, PATIENCE_S, what)

    def all_sent(self) -> bool:
        with self.database.read() as session:
            return session.exec(select(Delivery).where(Delivery.state == DeliveryState.QUEUED)).first() is None

    def settled(self) -> bool:
        """Nothing waits to be told, and all that was published is acknowledged."""
        with self.database.read() as session:
            notice = session.exec(select(Notice).where(col(Notice.next_step_at).is_not(None))).first()
        return notice is None and self.all_sent() and not any(gateway.again() for gateway in self.gateways)

    def check(self, rounds: int) -> None:
        """Each thing once; where a sender died before it had its answer, its message may have come again as it was."""
        with self.database.read() as session:
            self._check_records(session, rounds)
            sent = Counter(
                (user.name, str(delivery.channel_id), notice.key)
                for delivery, notice, user in session.exec(
                    select(Delivery, Notice, User)
                    .join(Notification, col(Notification.id) == Delivery.notification_id)
                    .join(Notice, col(Notice.id) == Notification.notice_id)
                    .join(User, col(User.id) == Notification.user_id)
                )
            )
            states = set(session.exec(select(Delivery.state)))
        assert states == {DeliveryState.SENT}
        assert set(sent.values()) == {1}
        came: dict[tuple[str, str], set[str]] = {}
        for told in self.receiver.told:
            came.setdefault((told.person, told.event), set()).add(told.message)
        assert set(came) == {(person, event) for person, _, event in sent}
        assert {len(messages) for messages in came.values()} == {1}
        assert {to for to, _, _ in self.receiver.mails} == {"mia@plant.example"}

    def _check_records(self, session: Session, rounds: int) -> None:
        alarms = self.alarms()
        assert Counter(alarm.gateway_id for alarm in alarms) == dict.fromkeys(GATEWAYS, rounds)
        orders = list(session.exec(select(WorkOrder).where(col(WorkOrder.alarm_id).is_not(None))))
        assert Counter(order.source for order in orders) == {f"{name}.pump": rounds for name in GATEWAYS}
        assert {order.alarm_id for order in orders} == {alarm.id for alarm in alarms}
        for alarm in alarms:
            steps = session.exec(select(AlarmTransition).where(AlarmTransition.alarm_id == alarm.id)).all()
            assert len({(step.from_state, step.to_state) for step in steps}) == len(steps)
            told = {(one.person, one.event) for one in self.receiver.told if one.event.startswith(f"alarm/{alarm.id}/")}
            assert told == {("ann", f"alarm/{alarm.id}/raised"), ("mia", f"alarm/{alarm.id}/raised")}
        for order in orders:
            trail = session.exec(select(WorkOrderEntry).where(WorkOrderEntry.work_order_id == order.id)).all()
            actions = Counter(entry.action for entry in trail)
            assert set(actions.values()) == {1}, actions
            marks = session.exec(select(SlaMark).where(SlaMark.work_order_id == order.id)).all()
            assert [mark.name for mark in marks] == ["breach"]
            key = f"sla/{order.id}/response/1/breach/ann"
            assert self.events_of("ann", f"sla/{order.id}/") in ([key], [f"sla/{order.id}/response/1/breach/team"])
        planned = session.exec(select(WorkOrder).where(WorkOrder.kind == "preventive")).all()
        due = session.exec(select(PlanOccurrence)).all()
        assert len({one.plan_id for one in due}) == len(due) == len(planned)

    def prove(self, begun: float) -> None:
        """The work is done; the telemetry has gone on, and closes each order."""
        services = self.cloud.services
        with self.database.read() as session:
            query = select(WorkOrder).where(WorkOrder.state == WorkOrderState.OPEN, WorkOrder.kind == "corrective")
            orders = [order.id or 0 for order in session.exec(query)]
        for order in orders:
            with self.database.write() as session:
                services.work_orders.complete(session, order, "", "ann", services.now())
        for gateway in self.gateways:
            self.send(gateway, begun, 20.0, time.time() + PROVING_S + 1)

        def closed() -> bool:
            with self.database.read() as session:
                return all(services.work_orders.get(session, order).verified_by == "telemetry" for order in orders)

        self.until(closed, "the telemetry closes what was done")

    def close(self) -> None:
        for gateway in self.gateways:
            gateway.close()
        self.cloud.stop()
        self.receiver.close()
        self._threads.shutdown()


@pytest.fixture
def site(tmp_path: Path, broker: Mosquitto, postgres: Postgres) -> Iterator[_Site]:
    site = _Site(tmp_path, broker, postgres.create_database(f"races_{free_port()}"))
    yield site
    site.close()


PARTS = ("--part", "ingest", "--part", "scheduler", "--partition")
#: By mistake both take the same gateways, and both are schedulers.
CARELESS_PARTS = ((*PARTS, "1/1"), (*PARTS, "1/2"))


def _one_round(site: _Site, number: int, act: Callable[[], object]) -> None:
    """`act` is done to a process in the middle of it: of a delay, of an escalation, of the clock of a response."""
    early, middle, late = site.gateways
    begun = time.time() - 10
    told = 3 * number
    site.send(early, begun, 90.0, begun + ON_DELAY_S + 0.5)  # raised before it happens
    site.send(middle, begun, 90.0, begun + 1)  # in the middle of its delay
    site.until(lambda: len(site.events_of("ann", "alarm/")) > told, "the technician has heard")
    act()
    site.send(middle, begun + 2, 90.0, begun + 2)
    site.send(middle, begun + 4, 90.0, begun + 4)
    site.send(late, begun, 90.0, begun + ON_DELAY_S + 0.5)  # nobody may have heard it yet
    site.until(lambda: len(site.alarms()) == told + 3, "the other goes on with the alarms")
    site.until(lambda: len(set(site.events_of("mia", "alarm/"))) == told + 3, "the other goes on with the escalation")
    site.until(lambda: len(set(site.events_of("ann", "sla/"))) == told + 3 + number + 1, "and with the service levels")
    site.prove(begun + 5)
    site.until(site.settled, "nothing waits")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("careless", [False, True], ids=["one-leads", "both-act"])
def test_one_of_each_and_nothing_forgotten_when_one_is_killed(site: _Site, careless: bool) -> None:
    site.plan("Grease", -60)
    first, _ = site.start_two(*(CARELESS_PARTS if careless else ()))

    def kill() -> None:
        site.until(site.all_sent, "the process knows that, too")
        (first if careless else site.leader()).kill()

    _one_round(site, 0, kill)
    site.check(rounds=1)
    assert all(alarm.state is AlarmState.RETURNED for alarm in site.alarms())


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("careless", [False, True], ids=["one-leads", "both-act"])
def test_round_after_round_one_is_killed_or_stands_still(site: _Site, careless: bool) -> None:
    """One that stands still for longer than its lease goes on afterwards as if nothing had happened."""
    running = dict(enumerate(site.start_two(*(CARELESS_PARTS if careless else ()))))
    acts = ["kill", "freeze", "kill while it sends", "freeze", "kill"]
    for number, what in enumerate(acts):
        place = number % 2
        if not careless:
            leader = site.leader()
            [place] = [at for at, process in running.items() if process is leader]
        victim = running[place]

        def act(victim: Server = victim, place: int = place, what: str = what) -> None:
            if what == "freeze":
                os.kill(victim.pid, signal.SIGSTOP)
                stands = time.monotonic() + LEASE.total_seconds() + 3
                site.until(lambda: time.monotonic() > stands, "its lease ends")
                os.kill(victim.pid, signal.SIGCONT)
                return
            if what == "kill while it sends":
                site.until(site.receiver.begun.is_set, "it waits for the answer of who hears of the escalation")
            victim.kill()
            site.receiver.answering.set()
            running[place] = site.start_two(*(CARELESS_PARTS[place : place + 1] if careless else ()), count=1)[0]

        site.plan(f"Grease {number}", 2)
        if what == "kill while it sends":
            site.receiver.answering.clear()
        _one_round(site, number, act)
    site.check(rounds=len(acts))
