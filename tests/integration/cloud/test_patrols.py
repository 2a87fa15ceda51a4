"""Patrols on both databases: keys, schedules, rounds, late proof, implausible visits, findings."""

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlmodel import Session, select

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import Device
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.patrols.models import CodeKind, PatrolRound, PatrolVisit, RoundState
from plantroom_cloud.patrols.routes import RoutePlan, StopPlan
from plantroom_cloud.patrols.service import PatrolService
from plantroom_cloud.patrols.visits import Scan
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.batch import Event
from plantroom_shared.patrol_code import PatrolPoints, new_key, rotating_code, static_code, verify, window_at
from plantroom_shared.patrol_code import by_point as keys_of

NOW = datetime(2026, 3, 1, 21, 30, tzinfo=UTC)
DUE = datetime(2026, 3, 1, 22, tzinfo=UTC)
JPEG = b"\xff\xd8\xff\xe0 a picture"


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def due(minutes: float) -> datetime:
    return DUE + timedelta(minutes=minutes)


class Cloud:
    """The patrol domain with its neighbours; three points, the third with a display, and a route over them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.gateways, self.devices, self.orders = GatewayService(), DeviceService(), WorkOrderService()
        self.alarms, self.photos, self.users = AlarmService(self.orders), PhotoService(), UserService()
        self.absences = AbsenceService(self.users)
        self.patrols = self.another()
        with database.write() as session:
            session.add(Site(id="main", name="Main", timezone="Europe/Berlin"))
            session.add(Site(id="other", name="Other"))
            session.flush()
            self.alarms.ensure_system_rules(session, NOW)
            for gateway, site in (("gw-a", "main"), ("gw-b", "other")):
                self.gateways.enrol(session, gateway, site, "", "", NOW)
            session.flush()
            for gateway in ("gw-a", "gw-b"):
                for name, kind in (("scanner-1", "scanner"), ("scanner-2", "scanner"), ("boiler", "boiler")):
                    session.add(
                        Device(id=f"{gateway}.{name}", gateway_id=gateway, name=name, kind=kind, registered_at=NOW)
                    )
            session.flush()
            for point, code in (("roof", "static"), ("boiler-room", "static"), ("store", "rotating")):
                self.patrols.points.add(
                    session, point, "main", point.title(), CodeKind(code), "ann", NOW,
                    device_id="gw-a.boiler" if point == "boiler-room" else None,
                )  # fmt: skip

    def another(self) -> PatrolService:
        """A second process's service over the same database."""
        return PatrolService(
            self.alarms, self.orders, self.gateways, self.devices, self.users, self.photos, self.absences
        )

    def plan(self, **more: Any) -> RoutePlan:
        stops = [StopPlan("roof"), StopPlan("boiler-room"), StopPlan("store")]
        fields = {
            "site_id": "main", "name": "Night round", "stops": stops, "timezone": "UTC",
            "rule": "FREQ=DAILY;BYHOUR=22;BYMINUTE=0", "starts": "2026-01-01T00:00",
        }  # fmt: skip
        return RoutePlan(**{**fields, **more})

    def route(self, at: datetime = NOW, **more: Any) -> int:
        with self.database.write() as session:
            route = self.patrols.routes.save(session, None, self.plan(**more), "ann", at)
            assert route.id is not None
            return route.id

    def tick(self, at: datetime) -> None:
        with self.database.write() as session:
            self.patrols.tick(session, at)

    def code(self, point: str, at: datetime) -> str:
        with self.database.read() as session:
            found = self.patrols.points.get(session, point)
            key = self.patrols.points.current_key(session, found).key
        return rotating_code(point, key, window_at(ms(at))) if point == "store" else static_code(point, key)

    def scan(
        self, code: str, when: datetime, arrived: datetime | None = None, *, device: str = "scanner-1",
        gateway: str = "gw-a", ref: str = "", **data: Any,
    ) -> None:  # fmt: skip
        event = Event(
            id=ref or uuid.uuid4().hex, kind="scan", time=ms(when), device=device,
            data={"kind": "patrol", "text": code, **data},
        )  # fmt: skip
        with self.database.write() as session:
            self.patrols.apply_event(session, gateway, event, arrived or when)

    def walk(self, *points: tuple[str, float], arrived: datetime | None = None) -> None:
        for point, minutes in points:
            self.scan(self.code(point, due(minutes)), due(minutes), arrived)

    def phone(self, session: Session, code: str, claimed: datetime, at: datetime, **more: Any) -> PatrolVisit:
        fields = {"ref": uuid.uuid4().hex, "site_ids": ("main", "other"), "code": code, "at": min(claimed, at),
                  "source": "phone", "reader": "phone:1", "person": "bob", "claimed_at": claimed}  # fmt: skip
        return self.patrols.visits.take(session, Scan(**{**fields, **more}), at)

    def rounds(self) -> list[PatrolRound]:
        with self.database.read() as session:
            return list(session.exec(select(PatrolRound).order_by("due_at")))

    def visits(self) -> list[PatrolVisit]:
        with self.database.read() as session:
            return list(session.exec(select(PatrolVisit).order_by("id")))

    def alarm_list(self) -> list[Alarm]:
        with self.database.read() as session:
            return list(session.exec(select(Alarm).order_by("id")))

    def order(self, kind: str) -> list[WorkOrder]:
        with self.database.read() as session:
            return list(session.exec(select(WorkOrder).where(WorkOrder.kind == kind).order_by("id")))

    def story(self, round_id: int | None) -> list[str]:
        assert round_id is not None
        with self.database.read() as session:
            return [entry.action for entry in self.patrols.rounds.story(session, round_id)]


@pytest.fixture
def cloud(database: Database) -> Cloud:
    return Cloud(database)


def test_a_round_is_released_ahead_walked_and_complete(cloud: Cloud) -> None:
    cloud.route()
    cloud.tick(NOW - timedelta(minutes=1))
    assert cloud.rounds() == []
    cloud.tick(NOW)
    [released] = cloud.rounds()
    assert (released.state, released.due_at, released.closes_at) == (RoundState.RELEASED, DUE, due(60))
    [order] = cloud.order("patrol")
    assert (order.title, order.state, order.assignee) == ("Patrol: Night round", WorkOrderState.OPEN, None)
    cloud.walk(("roof", 1))
    assert cloud.rounds()[0].state is RoundState.IN_PROGRESS
    assert cloud.order("patrol")[0].state is WorkOrderState.IN_PROGRESS
    cloud.walk(("boiler-room", 5), ("store", 9))
    [done] = cloud.rounds()
    assert (done.state, done.started_at, done.finished_at, done.judge_at) == (
        RoundState.COMPLETE, due(1), due(9), None,
    )  # fmt: skip
    [order] = cloud.order("patrol")
    assert (order.state, order.resolution) == (WorkOrderState.CLOSED, "complete: 3 of 3 points visited")
    assert cloud.story(done.id) == ["released", "begun", "ended"]
    cloud.tick(due(120))
    assert cloud.alarm_list() == []


def test_two_schedulers_and_a_restart_make_no_round_twice(cloud: Cloud) -> None:
    route_id = cloud.route()
    with cloud.database.write() as session:
        route = cloud.patrols.routes.get(session, route_id)
        first = cloud.patrols.routes.release(session, route, DUE, "one", NOW)
    with cloud.database.write() as session:
        route = cloud.patrols.routes.get(session, route_id)
        assert cloud.patrols.routes.release(session, route, DUE, "another", NOW).id == first.id
    other = cloud.another()
    for patrols in (cloud.patrols, other):
        with cloud.database.write() as session:
            patrols.tick(session, NOW)
    assert len(cloud.rounds()) == len(cloud.order("patrol")) == 1


def test_a_second_click_starts_no_second_round_but_a_walked_one_may_be_followed_at_once(cloud: Cloud) -> None:
    route_id = cloud.route(rule="", stops=[StopPlan("roof")], ordered=False)
    started = []
    for milliseconds in (100, 300, 600):
        at = NOW + timedelta(milliseconds=milliseconds)
        with cloud.database.write() as session:
            route = cloud.patrols.routes.get(session, route_id)
            started.append(cloud.patrols.routes.start(session, route, "bob", at).id)
        if milliseconds == 300:
            cloud.scan(cloud.code("roof", at), at)
    assert started[0] == started[1] != started[2]


def test_rounds_of_an_outage_are_made_up_for_a_day_and_no_longer(cloud: Cloud) -> None:
    cloud.route()
    cloud.tick(NOW + timedelta(days=3))
    assert [found.due_at for found in cloud.rounds()] == [DUE + timedelta(days=n) for n in (2, 3)]


def test_a_missed_point_raises_one_alarm_a_round_and_a_task_and_late_proof_corrects_it(cloud: Cloud) -> None:
    cloud.route(stops=[StopPlan("roof", 0, 600), StopPlan("boiler-room", 0, 1200), StopPlan("store")])
    cloud.tick(NOW)
    cloud.walk(("roof", 2))
    cloud.tick(due(20))
    [alarm] = cloud.alarm_list()
    assert (alarm.active, alarm.raised_at, alarm.source) == (True, due(20), f"round:{cloud.rounds()[0].id}")
    assert (alarm.device_id, "Boiler-Room" in alarm.detail) == ("gw-a.boiler", True)
    assert len(cloud.order("corrective")) == 1
    cloud.tick(due(60))
    [missed] = cloud.rounds()
    assert (missed.state, len(cloud.alarm_list())) == (RoundState.MISSED, 1)
    assert "missed: Boiler-Room, Store" in cloud.order("patrol")[0].resolution
    # the gateway was offline: its scans come hours later, and are judged by their own time
    cloud.walk(("boiler-room", 6), ("store", 9), arrived=due(400))
    [corrected] = cloud.rounds()
    assert (corrected.state, corrected.corrected, corrected.finished_at) == (RoundState.COMPLETE, 1, due(9))
    assert cloud.story(corrected.id) == ["released", "begun", "ended", "corrected"]
    assert cloud.order("patrol")[0].resolution == "complete: 3 of 3 points visited"
    [alarm] = cloud.alarm_list()
    assert not alarm.active
    assert [visit.marks for visit in cloud.visits()] == [[], ["late"], ["late"]]


def test_a_missed_point_is_no_trouble_any_more_once_somebody_was_there_or_reviewed_it(cloud: Cloud) -> None:
    cloud.route()
    cloud.tick(NOW)
    cloud.walk(("roof", 1), ("store", 9))
    cloud.tick(due(61))
    assert [alarm.active for alarm in cloud.alarm_list()] == [True]
    cloud.walk(("boiler-room", 100))
    assert [alarm.active for alarm in cloud.alarm_list()] == [False]
    assert cloud.rounds()[0].state is RoundState.MISSED
    assert cloud.visits()[-1].marks == ["no-round"]
    tomorrow = timedelta(days=1)
    cloud.tick(NOW + tomorrow)
    cloud.tick(due(61) + tomorrow)
    assert [alarm.active for alarm in cloud.alarm_list()] == [False, True]
    with cloud.database.write() as session:
        found = cloud.patrols.rounds.get(session, cloud.rounds()[1].id or 0)
        with pytest.raises(InvalidError, match="note"):
            cloud.patrols.rounds.review(session, found, " ", "ann", due(90) + tomorrow)
        cloud.patrols.rounds.review(session, found, "guard was ill", "ann", due(90) + tomorrow)
    assert [alarm.active for alarm in cloud.alarm_list()] == [False, False]
    cloud.tick(due(200) + tomorrow)
    assert len(cloud.alarm_list()) == 2


def test_deviations_and_an_excuse(cloud: Cloud) -> None:
    cloud.route()
    cloud.tick(NOW)
    cloud.walk(("boiler-room", 1), ("roof", 3))
    with cloud.database.write() as session:
        found = cloud.patrols.rounds.get(session, cloud.rounds()[0].id or 0)
        with pytest.raises(InvalidError, match="reason"):
            cloud.patrols.rounds.skip(session, found, 3, "", "bob", due(4))
        cloud.patrols.rounds.skip(session, found, 3, "locked", "bob", due(4))
        cloud.patrols.rounds.skip(session, found, 3, "again", "bob", due(5))
    [done] = cloud.rounds()
    assert done.state is RoundState.DEVIATIONS
    assert cloud.order("patrol")[0].resolution == (
        "complete with deviations: 2 of 3 points visited; skipped: Store; out-of-order: Boiler-Room"
    )
    cloud.tick(due(61))
    assert cloud.alarm_list() == []


def test_forged_foreign_expired_replayed_and_revoked_codes_are_kept_and_do_not_count(cloud: Cloud) -> None:
    cloud.route()
    cloud.tick(NOW)
    old = cloud.code("roof", NOW)
    with cloud.database.write() as session:
        cloud.patrols.points.rotate(session, "roof", "label copied", True, "ann", NOW)
    fresh, at = cloud.code("store", due(2)), due(2)
    cloud.scan(fresh, at)
    for code, when in (
        (fresh, at + timedelta(seconds=20)),  # shown to another scanner
        (cloud.code("store", due(-30)), at),
        (static_code("roof", new_key()), at),
        (static_code("cellar", new_key()), at),
        (old, at),
        ("P1:ROOF", at),
    ):
        cloud.scan(code, when, device="scanner-2")
    cloud.scan(cloud.code("roof", NOW), due(3), gateway="gw-b")  # a point of another site
    found = cloud.visits()
    assert [(v.proof, v.reason) for v in found] == [
        ("rotating", ""), ("refused", "replayed"), ("refused", "expired"), ("refused", "forged"),
        ("unknown", "foreign"), ("refused", "revoked"), ("refused", "malformed"), ("unknown", "foreign"),
    ]  # fmt: skip
    assert [v.suspect for v in found] == [False, *[True] * 7]
    assert [v.site_id for v in found][-1] == "other"
    with cloud.database.read() as session:
        [stops] = cloud.patrols.rounds.stops(session, [cloud.rounds()[0].id or 0]).values()
        assert [stop.state.value for stop in stops] == ["pending", "pending", "visited"]
        assert len(cloud.patrols.visits.search(session, sites=["main"], suspect=True)) == 6


def test_what_the_gateway_saw_as_replayed_stays_so_and_other_verdicts_are_ours(cloud: Cloud) -> None:
    code = cloud.code("store", DUE)
    cloud.scan(code, DUE, proof="refused", reason="replayed")
    cloud.scan(cloud.code("roof", DUE), DUE, proof="unknown", reason="foreign")  # its list was older
    [replayed, static] = cloud.visits()
    assert (replayed.reason, replayed.gateway_said) == ("replayed", "")
    assert (static.proof, static.reason, static.gateway_said) == ("static", "", "unknown foreign")


def test_a_scan_before_the_key_was_revoked_stays_proof_however_late_it_comes(cloud: Cloud) -> None:
    code = cloud.code("roof", NOW)
    with cloud.database.write() as session:
        cloud.patrols.points.revoke(session, "roof", 1, "copied", "ann", due(10))
    cloud.scan(code, due(9), due(500))
    cloud.scan(code, due(11), due(500))
    assert [visit.reason for visit in cloud.visits()] == ["", "revoked"]


def test_too_fast_and_two_places_count_but_are_marked(cloud: Cloud) -> None:
    cloud.route(travel_s=30)
    cloud.tick(NOW)
    cloud.walk(("roof", 1))
    cloud.scan(cloud.code("boiler-room", DUE), due(1) + timedelta(seconds=5))
    cloud.scan(cloud.code("store", due(1.2)), due(1.2), device="scanner-2")
    assert [(visit.marks, visit.suspect) for visit in cloud.visits()] == [
        ([], False), (["too-fast"], True), (["two-places"], True),
    ]  # fmt: skip
    assert cloud.rounds()[0].state is RoundState.DEVIATIONS
    assert "implausible: Boiler-Room, Store" in cloud.order("patrol")[0].resolution


def test_the_same_event_again_changes_nothing(cloud: Cloud) -> None:
    for _ in range(2):
        cloud.scan(cloud.code("store", DUE), DUE, ref="one")
    assert [visit.reason for visit in cloud.visits()] == [""]


def test_an_event_without_text_is_refused_and_labels_of_others_are_passed_over(cloud: Cloud) -> None:
    event = Event(id="x", kind="scan", time=0, device="scanner-1", data={"kind": "patrol"})
    with cloud.database.write() as session, pytest.raises(ValueError, match="text"):
        cloud.patrols.apply_event(session, "gw-a", event, NOW)
    cloud.scan("PW1:BAG:7F3K", NOW, kind="label")
    assert cloud.visits() == []


def test_a_phones_time_is_a_claim_and_a_rotating_code_proves_it(cloud: Cloud) -> None:
    cloud.route()
    cloud.tick(NOW)
    with cloud.database.write() as session:
        cloud.phone(session, cloud.code("roof", NOW), due(2), due(50))
        cloud.phone(session, cloud.code("store", due(3)), due(3), due(50))
        cloud.phone(session, cloud.code("boiler-room", NOW), due(300), due(51))
        stranger = cloud.phone(session, "https://example.com", due(51), due(51))
        assert (stranger.proof, stranger.reason) == ("refused", "malformed")
    roof, store, ahead, _ = cloud.visits()
    assert (roof.at, roof.marks, roof.person) == (due(2), ["late", "phone-time"], "bob")
    assert (store.at, store.marks) == (due(3), ["late"])
    assert (ahead.at, ahead.marks) == (due(51), ["clock-ahead", "phone-time"])
    assert cloud.order("patrol")[0].state is WorkOrderState.CLOSED


def test_visits_that_come_at_once_by_several_ways_all_count(cloud: Cloud) -> None:
    points = ["roof", "boiler-room", *[f"room-{n}" for n in range(6)]]
    with cloud.database.write() as session:
        for point in points[2:]:
            cloud.patrols.points.add(session, point, "main", point, CodeKind.STATIC, "ann", NOW)
    cloud.route(stops=[StopPlan(point) for point in points], ordered=False, travel_s=0)
    cloud.tick(NOW)
    codes = [cloud.code(point, NOW) for point in points]
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(lambda n: cloud.scan(codes[n], due(n), due(20), device=f"scanner-{n % 2 + 1}"), range(len(codes)))
        )
    [done] = cloud.rounds()
    assert done.state is RoundState.COMPLETE
    assert cloud.order("patrol")[0].resolution == "complete: 8 of 8 points visited"


def test_schedulers_that_run_at_once_make_no_round_twice(cloud: Cloud) -> None:
    cloud.route()
    others = [cloud.another() for _ in range(4)]

    def tick(patrols: PatrolService) -> None:
        with cloud.database.write() as session:
            patrols.tick(session, NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tick, others))
    assert len(cloud.rounds()) == len(cloud.order("patrol")) == 1


def test_a_changed_route_withdraws_what_no_longer_fits_and_begun_rounds_stay(cloud: Cloud) -> None:
    route_id = cloud.route(release_ahead_s=86_400)
    cloud.tick(NOW)
    with cloud.database.write() as session:
        plan = cloud.plan(rule="FREQ=DAILY;BYHOUR=23;BYMINUTE=0", release_ahead_s=86_400)
        cloud.patrols.routes.save(session, route_id, plan, "ann", NOW)
    cloud.tick(NOW)
    assert [(r.due_at.hour, r.state) for r in cloud.rounds()] == [
        (22, RoundState.CANCELLED), (23, RoundState.RELEASED),
    ]  # fmt: skip
    with cloud.database.write() as session:  # and back: the round that was withdrawn is to be walked after all
        cloud.patrols.routes.save(session, route_id, cloud.plan(release_ahead_s=86_400), "ann", NOW)
    cloud.tick(NOW)
    assert [(r.due_at.hour, r.state) for r in cloud.rounds()] == [
        (22, RoundState.RELEASED), (23, RoundState.CANCELLED),
    ]  # fmt: skip
    assert [order.state.value for order in cloud.order("patrol")] == ["cancelled", "cancelled", "open"]


@pytest.mark.parametrize(("more", "said"), [
    ({"stops": []}, "at least one point"),
    ({"stops": [StopPlan("cellar")]}, "no point 'cellar'"),
    ({"stops": [StopPlan("roof", 100, 50)]}, "window"),
    ({"rule": "daily"}, "FREQ=DAILY"),
    ({"timezone": "Mars"}, "Europe/Berlin"),
    ({"site_id": "nowhere"}, "no site"),
    ({"team_id": "nobody"}, "no team"),
    ({"priority": "urgent"}, "critical, high"),
    ({"duration_s": 1}, "ten seconds"),
])  # fmt: skip
def test_a_wrong_route_is_refused_with_a_reason(cloud: Cloud, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        cloud.route(**more)


def test_one_route_that_cannot_be_released_holds_up_no_other(cloud: Cloud) -> None:
    with cloud.database.write() as session:
        cloud.users.add(session, "gus", "correct horse battery", Role.TECHNICIAN, NOW)
    cloud.route(name="With a person", assignee="gus")
    broken = cloud.route(name="Broken")
    with cloud.database.write() as session:
        for stop in cloud.patrols.routes.stops(session, broken):
            session.delete(stop)
        with pytest.raises(NotFoundError):
            cloud.patrols.routes.save(session, None, cloud.plan(assignee="nobody"), "ann", NOW)
    cloud.route(name="Whole")
    cloud.tick(NOW)
    assert sorted(found.name for found in cloud.rounds()) == ["Whole", "With a person"]
    assert [order.assignee for order in cloud.order("patrol") if order.title.endswith("person")] == ["gus"]


def test_gateways_with_a_scanner_know_the_points_of_their_site_and_only_those(cloud: Cloud) -> None:
    def told(gateway: str) -> Sequence[str]:
        with cloud.database.read() as session:
            row = cloud.gateways.authority(session, gateway, "patrol-points")
            return sorted(keys_of(msgspec.convert(row.document, PatrolPoints))) if row else []

    assert told("gw-a") == ["boiler-room", "roof", "store"]
    assert told("gw-b") == []
    with cloud.database.write() as session:
        cloud.gateways.enrol(session, "gw-c", "main", "", "", NOW)
        session.flush()
        session.add(Device(id="gw-c.s", gateway_id="gw-c", name="s", kind="scanner", registered_at=NOW))
    cloud.tick(NOW)
    assert told("gw-c") == ["boiler-room", "roof", "store"]
    with cloud.database.write() as session:
        code = cloud.patrols.points.label_code(session, cloud.patrols.points.get(session, "roof"))
        cloud.patrols.points.rotate(session, "roof", "copied", True, "ann", NOW)
        row = cloud.gateways.authority(session, "gw-a", "patrol-points")
        assert row is not None
        keys = keys_of(msgspec.convert(row.document, PatrolPoints))
        assert str(verify(code, ms(NOW), keys).reason) == "revoked"
    version = row.version
    cloud.tick(NOW + timedelta(minutes=1))
    with cloud.database.read() as session:
        row = cloud.gateways.authority(session, "gw-a", "patrol-points")
        assert row is not None
        assert row.version == version  # nothing new was to say


def test_points_and_their_codes(cloud: Cloud) -> None:
    points = cloud.patrols.points
    with cloud.database.write() as session:
        with pytest.raises(ConflictError, match="display"):
            points.label_code(session, points.get(session, "store"))
        secret = points.new_display(session, "store", "ann", NOW)
        assert points.by_display(session, secret).id == "store"
        assert len(points.display_codes(session, points.get(session, "store"), NOW)) == 10
        again = points.new_display(session, "store", "ann", NOW)
        with pytest.raises(NotFoundError, match="link"):
            points.by_display(session, secret)
        points.change(session, "store", {"code_kind": "static", "name": "Store"}, "ann", NOW)
        assert [key.revoked_at is None for key in points.keys(session, "store")] == [True, False]
        assert points.label_code(session, points.get(session, "store")).startswith("P1:STORE:")
        with pytest.raises(ConflictError, match="already"):
            points.add(session, "roof", "main", "Roof", CodeKind.STATIC, "ann", NOW)
        with pytest.raises(InvalidError, match="no device"):
            points.add(session, "attic", "main", "Attic", CodeKind.STATIC, "ann", NOW, device_id="gw-b.boiler")
        points.retire(session, "store", "ann", NOW)
        with pytest.raises(NotFoundError):
            points.by_display(session, again)
    route = cloud.route(stops=[StopPlan("roof")])
    with cloud.database.write() as session:
        with pytest.raises(ConflictError, match="Night round"):
            points.retire(session, "roof", "ann", NOW)
        cloud.patrols.routes.remove(session, route, "ann", NOW)
        points.retire(session, "roof", "ann", NOW)


def test_a_finding_opens_one_work_order_on_the_equipment(cloud: Cloud) -> None:
    cloud.route()
    cloud.tick(NOW)
    with cloud.database.write() as session:
        photo = cloud.photos.store(session, JPEG, "bob", NOW)
        assert cloud.photos.store(session, JPEG, "eve", NOW).id == photo.id
        for wrong in (b"<svg onload=alert(1)>", b"GIF89a", JPEG + b"x" * 2_000_000):
            with pytest.raises(InvalidError):
                cloud.photos.store(session, wrong, "bob", NOW)
        for _ in range(2):
            cloud.patrols.findings.take(
                session, "f1", "boiler-room", "Leak at the pump", "high", [photo.id], cloud.rounds()[0].id, "bob",
                due(2), due(3),
            )  # fmt: skip
        with pytest.raises(NotFoundError, match="photo"):
            cloud.patrols.findings.take(session, "f2", "roof", "x", "low", ["nothing"], None, "bob", None, NOW)
    [order] = cloud.order("corrective")
    assert (order.device_id, order.priority, order.title) == ("gw-a.boiler", "high", "Boiler-Room: Leak at the pump")
    assert f"/api/v1/photos/{photo.id}" in order.description
    assert cloud.story(cloud.rounds()[0].id) == ["released", "finding"]
