"""Checklists on work orders, on both databases."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from plantroom_cloud.assets.models import Asset, AssetKind
from plantroom_cloud.assets.service import AssetService
from plantroom_cloud.checklists.definition import StepDefinition
from plantroom_cloud.checklists.judge import ConfirmError, Given
from plantroom_cloud.checklists.models import StepAnswer, Verdict
from plantroom_cloud.checklists.service import ChecklistService, Step
from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import Device, DeviceLatest
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import ConflictError, InvalidError, InvalidFieldsError, NotFoundError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.telemetry.rollup import Point
from plantroom_cloud.telemetry.store import StoreUnavailableError
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
JPEG = b"\xff\xd8\xff" + b"0" * 20
METER = {"kind": "meter", "label": "Energy", "metric": "energy", "counter": True, "tolerance": 50.0, "unit": "kWh"}


class _House:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.orders, self.photos = WorkOrderService(), PhotoService()
        self.assets = AssetService(SiteService(), UserService(), self.orders, self.photos)
        self.stored: list[tuple[datetime, float]] = []  # what the telemetry store holds of the meter
        self.store_is_away = False
        self.checklists = ChecklistService(self.orders, DeviceService(), self.assets, self.photos, self.near)
        self.orders.guard(self.checklists.guard)
        with database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.flush()
            session.add(Gateway(id="gw", site_id="main", enrolled_at=NOW))
            session.flush()
            metrics = [{"name": "energy", "unit": "kWh", "minimum": 0.0, "maximum": 1e6}]
            session.add(
                Device(id="gw.pump", gateway_id="gw", name="pump", profile="p", registered_at=NOW, metrics=metrics)
            )
            session.flush()
            pump = self.assets.save(session, Asset(code="P1", name="Pump", kind=AssetKind.EQUIPMENT, site_id="main",
                                                   created_at=NOW), NOW)  # fmt: skip
            assert pump.id is not None
            self.pump = pump.id
            self.assets.bind(session, pump, "gw.pump", "ann", NOW)

    def near(self, device_id: str, metric: str, at: datetime, within: timedelta) -> list[Point]:
        if self.store_is_away:
            raise StoreUnavailableError("away")
        assert (device_id, metric) == ("gw.pump", "energy")
        found = sorted(self.stored, key=lambda reading: abs(reading[0] - at))
        return [Point(ms_from_utc(when), v, v, v, v, 1) for when, v in found if abs(when - at) <= within]

    def template(self, *steps: dict[str, Any], name: str = "Pump round") -> int:
        with self.database.write() as session:
            made = self.checklists.templates.make(session, name, "", _steps(steps), "mia", NOW)
            assert made.id is not None
            return made.id

    def order(self, *steps: dict[str, Any], at: datetime = NOW) -> tuple[int, list[int]]:
        """An order with a checklist of these steps: its id, and the ids of its steps."""
        name = f"{len(self._templates())}"
        template = self.template(*steps, name=name)
        with self.database.write() as session:
            order = self.orders.create(session, "Service", "", "main", None, "medium", None, "dan", at,
                                       asset_id=self.pump)  # fmt: skip
            assert order.id is not None
            self.orders.claim(session, order.id, "ann", at)
            self.checklists.attach(session, order.id, template, "dan", at)
        return order.id, [step.id for step in self.steps(order.id)]

    def _templates(self) -> Sequence[object]:
        with self.database.read() as session:
            return self.checklists.templates.all(session)

    def steps(self, order: int, at: datetime = NOW) -> list[Step]:
        with self.database.read() as session:
            return [step for one in self.checklists.of_order(session, order, at) for step in one.steps]

    def answer(
        self, order: int, step: int, ref: str, value: Any = None, *, claimed: datetime | None = None,
        at: datetime = NOW, **said: Any,
    ) -> StepAnswer:  # fmt: skip
        with self.database.write() as session:
            return self.checklists.answer(session, order, step, ref, Given(value, **said), "ann", claimed, at)

    def complete(self, order: int, at: datetime = NOW) -> WorkOrder:
        with self.database.write() as session:
            return self.orders.complete(session, order, "serviced", "ann", at)

    def reads(self, energy: float, at: datetime, quality: str = "good") -> None:
        with self.database.write() as session:
            row = session.get(DeviceLatest, "gw.pump") or DeviceLatest(device_id="gw.pump")
            row.values = {"energy": {"t": ms_from_utc(at), "v": energy, "q": quality}}
            session.add(row)

    def all_orders(self) -> list[WorkOrder]:
        """Oldest first."""
        with self.database.read() as session:
            return self.orders.search(session)[::-1]

    def story(self, order: int) -> list[str]:
        with self.database.read() as session:
            return [entry.note for entry in self.orders.trail(session, order)]


def _steps(steps: Sequence[dict[str, Any]]) -> list[StepDefinition]:
    return [StepDefinition.model_validate({"kind": "check", "label": "Look"} | step) for step in steps]


@pytest.fixture
def house(database: Database) -> _House:
    return _House(database)


def test_a_running_order_keeps_its_steps_when_the_template_changes(house: _House) -> None:
    template = house.template({"label": "Old"})
    with house.database.write() as session:
        order = house.orders.create(session, "A", "", "main", None, "low", None, "dan", NOW)
        assert order.id is not None
        first = house.checklists.attach(session, order.id, template, "dan", NOW)
        assert house.checklists.attach(session, order.id, template, "dan", NOW).id == first.id
        changed = house.checklists.templates.change(
            session, template, 1, "Pump round", "", _steps([{"label": "New"}, {"label": "More"}]), "mia", NOW
        )
        assert changed.version == 2
        house.checklists.attach(session, order.id, template, "dan", NOW)
    assert [step.asks.label for step in house.steps(order.id)] == ["Old"]
    assert house.story(order.id).count("checklist 'Pump round' attached") == 1
    with house.database.write() as session, pytest.raises(ConflictError, match="mia changed this checklist meanwhile"):
        house.checklists.templates.change(session, template, 1, "X", "", _steps([{}]), "max", NOW)
    with house.database.write() as session:
        house.checklists.templates.retire(session, template, "mia", NOW)
        other = house.orders.create(session, "B", "", "main", None, "low", None, "dan", NOW)
        assert other.id is not None
        with pytest.raises(ConflictError, match="retired"):
            house.checklists.attach(session, other.id, template, "dan", NOW)
        assert house.checklists.templates.all(session) == []


def test_a_template_that_is_wrong_is_refused_with_every_mistake(house: _House) -> None:
    house.template({})
    with house.database.write() as session, pytest.raises(InvalidFieldsError) as refused:
        house.checklists.templates.make(
            session, "Pump round", "", _steps([{"label": ""}, {"kind": "choice"}]), "mia", NOW
        )
    assert sorted(refused.value.fields) == ["name", "steps-0-label", "steps-1-choices"]


def test_an_order_is_not_done_before_its_required_steps_are_answered(house: _House) -> None:
    order, [seal, noise, photo] = house.order({"label": "Seal"}, {"label": "Noise"}, {"kind": "photo", "label": "Rust",
                                                                                    "required": False})  # fmt: skip
    with pytest.raises(ConflictError, match=r"2 required steps of its checklist not answered yet: Seal; Noise$"):
        house.complete(order)
    assert house.all_orders()[0].state is WorkOrderState.ASSIGNED
    house.answer(order, seal, "a-1", True)
    house.answer(order, noise, "a-2", verdict=Verdict.NOT_APPLICABLE, note="it stands still")
    assert house.complete(order, NOW + 2 * MINUTE).state is WorkOrderState.CLOSED
    with pytest.raises(ConflictError, match="takes no answers any more"):
        house.answer(order, seal, "a-3", False, at=NOW + 3 * MINUTE)
    with house.database.write() as session:
        stored = house.photos.store(session, JPEG, "ann", NOW)
    late = house.answer(order, photo, "a-4", [stored.id], claimed=NOW + MINUTE, at=NOW + 60 * MINUTE)
    assert (late.at, late.received_at) == (NOW + MINUTE, NOW + 60 * MINUTE)  # it was in a phone without network


def test_a_fail_opens_one_follow_up_and_says_when_it_was_corrected(house: _House) -> None:
    order, [step] = house.order({"kind": "number", "label": "Pressure", "high": 4, "unit": "bar", "follow_up": "high"})
    first = house.answer(order, step, "a-1", 5)
    assert house.answer(order, step, "a-1", 5).id == first.id  # the queue sent it again
    house.answer(order, step, "a-2", 6, at=NOW + MINUTE)
    [_, opened] = house.all_orders()
    assert (opened.title, opened.priority, opened.kind) == ("Pressure: 5 bar is above 4 bar", "high", "corrective")
    assert (opened.asset_id, opened.site_id, opened.state) == (house.pump, "main", WorkOrderState.OPEN)
    assert opened.id is not None
    assert f"work order {order}" in opened.description
    assert f"Pressure failed: work order {opened.id} opened" in house.story(order)
    with house.database.read() as session:
        found = house.checklists.follows(session, opened.id)
        assert found is not None
        assert found[1].work_order_id == order
    house.answer(order, step, "a-3", 3, at=NOW + 2 * MINUTE)
    house.answer(order, step, "a-4", 3.5, at=NOW + 3 * MINUTE)
    house.answer(order, step, "a-5", 9, at=NOW + 4 * MINUTE)
    told = [note for note in house.story(opened.id) if note.startswith("Pressure")]
    assert told == [
        f"Pressure, work order {order}: it was corrected: the step passed",
        f"Pressure, work order {order}: it fails again: 9 bar is above 4 bar",
    ]
    assert len(house.all_orders()) == 2
    [shown] = house.steps(order)
    assert shown.follow_up is not None
    assert shown.follow_up.work_order_id == opened.id
    assert [answer.value for answer in shown.answers] == [5.0, 6.0, 3.0, 3.5, 9.0]


def test_a_fail_without_a_follow_up_only_fails(house: _House) -> None:
    order, [step] = house.order({"label": "Clean"})
    assert house.answer(order, step, "a-1", False).verdict is Verdict.FAILED
    assert len(house.all_orders()) == 1
    assert house.complete(order).state is WorkOrderState.CLOSED


def test_an_older_answer_that_comes_later_does_not_count(house: _House) -> None:
    order, [step] = house.order({"label": "Seal", "follow_up": "low"})
    house.answer(order, step, "a-2", True, claimed=NOW + MINUTE, at=NOW + 5 * MINUTE)
    house.answer(order, step, "a-1", False, claimed=NOW, at=NOW + 6 * MINUTE)
    [shown] = house.steps(order)
    assert shown.answer is not None
    assert shown.answer.ref == "a-2"
    assert len(house.all_orders()) == 1
    ahead = house.answer(order, step, "a-3", True, claimed=NOW + timedelta(days=400), at=NOW + 7 * MINUTE)
    reset = house.answer(order, step, "a-4", True, claimed=datetime(1970, 1, 1, tzinfo=UTC), at=NOW + 8 * MINUTE)
    assert reset.at == NOW  # no clock is right that is before the checklist
    assert (ahead.at, ahead.claimed_at) == (NOW + 7 * MINUTE, NOW + timedelta(days=400))


def test_two_who_fail_one_step_at_once_open_one_order(house: _House) -> None:
    order, [step] = house.order({"label": "Seal", "follow_up": "medium"})
    together = Barrier(6)

    def fail(number: int) -> None:
        together.wait()
        house.answer(order, step, f"phone-{number % 3}", False)  # three phones, each sends it twice

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(fail, range(6)))
    assert [one.title for one in house.all_orders()] == ["Service", "Seal: not all right"]
    assert len(house.steps(order)[0].answers) == 3


def test_a_meter_is_compared_with_the_telemetry_and_with_what_it_showed_before(house: _House) -> None:
    house.reads(1000, NOW)
    order, [step] = house.order(METER)
    [shown] = house.steps(order, NOW + MINUTE)
    assert shown.live is not None
    assert (shown.live.value, shown.live.unit, shown.live.device_id) == (1000, "kWh", "gw.pump")
    assert house.steps(order, NOW + timedelta(hours=1))[0].live is None  # too old to stand beside it
    right = house.answer(order, step, "a-1", 1040)
    assert (right.verdict, right.live["value"]) == (Verdict.PASSED, 1000)
    assert house.answer(order, step, "a-2", 940).verdict is Verdict.FAILED  # its own answers it may correct
    house.answer(order, step, "a-3", 1010)
    later, [again] = house.order(METER, at=NOW + MINUTE)
    with pytest.raises(ConfirmError, match="1000 after 1010"):
        house.answer(later, again, "b-1", 1000, at=NOW + MINUTE)
    house.answer(later, again, "b-2", 1000, at=NOW + MINUTE, confirmed=True)
    house.reads(2000, NOW + 2 * MINUTE, "out-of-range")
    third, [unseen] = house.order(METER, at=NOW + 2 * MINUTE)
    assert house.answer(third, unseen, "c-1", 1001, at=NOW + 2 * MINUTE).live == {}


def test_an_answer_that_comes_late_is_compared_with_the_telemetry_of_its_own_time(house: _House) -> None:
    order, [step] = house.order(METER)
    house.stored = [(NOW + 2 * MINUTE, 4e9), (NOW + MINUTE, 1000), (NOW + 5 * MINUTE, 1200), (NOW + 180 * MINUTE, 9000)]
    house.reads(9000, NOW + 180 * MINUTE)  # three hours later, as the phone has a network again
    late = house.answer(order, step, "a-1", 1010, claimed=NOW + 2 * MINUTE, at=NOW + 180 * MINUTE)
    assert (late.verdict, late.live["value"]) == (Verdict.PASSED, 1000)
    assert datetime.fromisoformat(late.live["at"]) == NOW + MINUTE
    wrong = house.answer(order, step, "a-2", 1010, claimed=NOW + 5 * MINUTE, at=NOW + 180 * MINUTE)
    assert (wrong.verdict, wrong.live["value"]) == (Verdict.FAILED, 1200)
    unknown = house.answer(order, step, "a-3", 1210, claimed=NOW + 60 * MINUTE, at=NOW + 180 * MINUTE)
    assert (unknown.verdict, unknown.live) == (Verdict.PASSED, {})  # nothing is known of that time
    house.store_is_away = True
    kept = house.answer(order, step, "a-4", 1215, claimed=NOW + 61 * MINUTE, at=NOW + 181 * MINUTE)
    assert (kept.verdict, kept.live) == (Verdict.PASSED, {})  # no answer waits for the store


def test_the_checklists_of_many_orders_are_those_of_each(house: _House) -> None:
    first, [step] = house.order({"label": "Look"})
    second, _ = house.order({"label": "Listen"}, {"label": "Smell"})
    house.answer(first, step, "a-1", True)
    with house.database.write() as session:
        bare = house.orders.create(session, "Bare", "", "main", None, "low", None, "dan", NOW)
        assert bare.id is not None
        numbers = [first, second, bare.id]
        found = house.checklists.of_orders(session, numbers, NOW)
        assert found == {number: house.checklists.of_order(session, number, NOW) for number in (first, second)}
        assert [step.asks.label for one in found[second] for step in one.steps] == ["Listen", "Smell"]
        assert house.checklists.with_steps(session, numbers) == {first, second}


def test_photos_and_signatures_are_pictures_that_were_stored(house: _House) -> None:
    order, [photo, signature] = house.order({"kind": "photo"}, {"kind": "signature"})
    with house.database.write() as session:
        taken, signed = house.photos.store(session, JPEG, "ann", NOW), house.photos.store(session, PNG, "ann", NOW)
    with pytest.raises(InvalidError, match="store it first"):
        house.answer(order, photo, "a-1", ["nothing"])
    with pytest.raises(InvalidError, match="a signature is a PNG"):
        house.answer(order, signature, "a-2", taken.id)
    assert house.answer(order, photo, "a-3", [taken.id]).value == [taken.id]
    assert house.answer(order, signature, "a-4", signed.id).value == signed.id


def test_answers_belong_to_one_step_of_one_order(house: _House) -> None:
    order, [one, two] = house.order({"label": "A"}, {"label": "B"})
    _other, [third] = house.order({"label": "C"})
    house.answer(order, one, "a-1", True)
    with pytest.raises(ConflictError, match="another step"):
        house.answer(order, two, "a-1", True)
    with pytest.raises(NotFoundError, match="has no step"):
        house.answer(order, third, "a-2", True)
    with house.database.write() as session:
        asked = house.orders.create(session, "Please", "", "main", None, "low", None, "x", NOW, requester="Eve, 12")
        assert asked.id is not None
        house.checklists.attach(session, asked.id, house.checklists.templates.all(session)[0].id or 0, "dan", NOW)
    [step] = house.steps(asked.id)[:1]
    with pytest.raises(ConflictError, match="only requested"):
        house.answer(asked.id, step.id, "a-3", True)


def test_the_photo_of_a_request_stays_with_its_order(house: _House) -> None:
    with house.database.write() as session:
        pump = house.assets.get(session, house.pump)
        house.assets.request(session, pump, "It drips", "Eve, 12", JPEG, "10.0.0.1", NOW)
    [order] = house.all_orders()
    assert order.id is not None
    assert order.description == "It drips"
    with house.database.read() as session:
        [file] = house.orders.files(session, order.id)
        assert (file.name, file.added_by) == ("photo.jpg", "requester")
        assert house.photos.get(session, file.file_id).content == JPEG
