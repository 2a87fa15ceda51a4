"""Readings that come out of order or late, through the real ingest on both databases: what comes together is judged as
in order, and what comes after newer readings were judged is history."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlmodel import select

from plantroom_cloud.alarms.models import Alarm, AlarmRule, Impact, RuleKind, Severity
from plantroom_cloud.database import Database
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_shared.batch import Batch, DeviceRows
from plantroom_shared.messages import Birth
from tests.integration.cloud.test_ingest import MS, NOW, Cloud, batch, birth

#: Above 80 for 5 s twice; in between below it for a moment, so that nothing raises when one of them is left out.
STORY = [
    batch(1, (0, 90.0), (2, 91.0), until=2),
    batch(2, (3, 50.0), (4, 92.0), until=4),
    batch(3, (6, 93.0), (8, 94.0), until=8),
    batch(4, (9, 95.0), (10, 60.0), until=11),
    batch(5, (12, 96.0), until=13),
    batch(6, (18, 97.0), until=19),
    batch(7, (20, 40.0), until=21),
]
#: (raised, returned) in seconds after NOW.
TOLD = [(9, 10), (17, 20)]


@pytest.fixture
def cloud(database: Database, tmp_path: Path) -> Cloud:
    return Cloud(database, tmp_path)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def told(cloud: Cloud, device: str = "gw-a.pump") -> list[tuple[float, float | None]]:
    with cloud.database.read() as session:
        query = select(Alarm).join(AlarmRule).where(AlarmRule.key == "hot", Alarm.source == device)
        found = session.exec(query.order_by(Alarm.id))  # type: ignore[arg-type]
        return [
            (
                (a.raised_at - NOW).total_seconds(),
                None if a.returned_at is None else (a.returned_at - NOW).total_seconds(),
            )
            for a in found
        ]


def _after(moment: datetime) -> float:
    return (moment - NOW).total_seconds()


def two_pumps() -> Birth:
    [pump] = birth().devices
    return msgspec.structs.replace(birth(), devices=[pump, msgspec.structs.replace(pump, device="fan", label="Fan")])


def of_fan(of: Batch) -> Batch:
    rows = [msgspec.structs.replace(block, device="fan") for block in of.telemetry]
    return msgspec.structs.replace(of, telemetry=rows)


def test_in_order_one_by_one(cloud: Cloud) -> None:
    for number, each in enumerate(STORY):
        cloud.send("data", each, at=later(2 * number))
    assert told(cloud) == TOLD


@pytest.mark.parametrize(
    "order",
    [(0, 1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1, 0), (3, 0, 6, 1, 4, 2, 5), (1, 0, 3, 2, 5, 4, 6), (6, 0, 1, 2, 3, 4, 5)],
)
def test_what_comes_together_out_of_order_raises_the_same_at_the_same_times(
    cloud: Cloud, order: tuple[int, ...]
) -> None:
    cloud.send("data", *(STORY[place] for place in order), at=later(22))
    assert told(cloud) == TOLD


def test_rows_of_one_batch_are_judged_by_their_times(cloud: Cloud) -> None:
    rows = [
        (t, v)
        for each in STORY
        for block in each.telemetry
        for t, v in zip(block.times, block.values["t"], strict=True)
    ]
    shuffled = rows[::-2] + rows[-2::-2]
    block = DeviceRows(device="pump", times=[t for t, _ in shuffled], values={"t": [v for _, v in shuffled]})
    cloud.send("data", msgspec.structs.replace(batch(1, until=21), telemetry=[block]), at=later(22))
    assert told(cloud) == TOLD


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5, 6), (1, 0, 3, 2, 4, 6, 5)])
def test_a_batch_of_one_device_that_was_overtaken_by_another_device_is_judged_as_in_order(
    cloud: Cloud, order: tuple[int, ...]
) -> None:
    """Each in its own commit: a batch is late only where newer readings of the same were judged."""
    cloud.send("birth", two_pumps())
    mixed = [each if number % 2 else of_fan(each) for number, each in enumerate(STORY)]
    for number, place in enumerate(order):
        cloud.send("data", mixed[place], at=later(2 * number))
    cloud.send("data", batch(8, (30, 20.0), until=30), at=later(30))
    assert told(cloud) == [(9, 10), (23, 30)]  # hot from 4 and from 18 on, as far as the pump's own readings tell
    assert told(cloud, "gw-a.fan") == [(5, 20)]


def test_what_is_late_raises_nothing_ends_nothing_and_opens_nothing(cloud: Cloud) -> None:
    cloud.send("data", batch(1, (0, 20.0), until=1), at=later(1))
    cloud.send("data", batch(4, (40, 90.0), (46, 91.0), until=46), at=later(46))
    assert told(cloud) == [(45, None)]
    cloud.send("data", batch(3, (20, 30.0), (30, 31.0), until=31), at=later(47))  # normal, but long ago
    assert told(cloud) == [(45, None)]
    cloud.send("data", batch(5, (50, 20.0), until=51), at=later(51))
    cloud.send("data", batch(2, (2, 99.0), (12, 99.0), until=13), at=later(60))  # hot, but long ago
    cloud.send("data", batch(6, (2, 99.0), (12, 99.0), until=13, historical=True), at=later(61))
    assert told(cloud) == [(45, 50)]
    with cloud.database.write() as session:
        cloud.alarms.tick(session, later(62))
    with cloud.database.read() as session:
        assert len(session.exec(select(WorkOrder)).all()) == 1
        assert [a.source for a in session.exec(select(Alarm))] == ["gw-a.pump"]
    points = (cloud.writer.drain(later(62)), cloud.store.raw("gw-a.pump", "t", MS, MS + 60_000, 100))[1]
    assert len(points) == 8, "all of it is stored"


def test_a_process_that_began_anew_takes_nothing_late_for_new(cloud: Cloud) -> None:
    cloud.send("data", batch(1, (0, 20.0), until=1), at=later(1))
    cloud.send("data", batch(3, (40, 90.0), (46, 91.0), (50, 20.0), until=50), at=later(50))
    cloud.ingest.forget()
    cloud.send("data", batch(2, (20, 95.0), (30, 95.0), until=31), at=later(51))
    cloud.send("data", batch(4, (60, 20.0), until=60), at=later(60))
    assert told(cloud) == [(45, 50)]


def test_a_metric_that_stopped_coming_is_told_and_a_restart_forgets_nothing(cloud: Cloud) -> None:
    """And while its gateway was away, nothing was missing."""
    with cloud.database.write() as session:
        rule = AlarmRule(
            name="T missing", kind=RuleKind.NO_DATA, severity=Severity.LOW, device_id="gw-a.pump", metric="t",
            on_delay_s=30, cause="c", consequence="q", response="r", impact=Impact.MINOR,
            respond_within_s=86_400, updated_at=NOW,
        )  # fmt: skip
        session.add(rule)
    other = DeviceRows(device="pump", times=[MS], values={"u": [1.0]})

    def alive(seq: int, seconds: float) -> Batch:
        rows = msgspec.structs.replace(other, times=[MS + round(seconds * 1000)])
        return msgspec.structs.replace(batch(seq, until=seconds), telemetry=[rows])

    cloud.send("data", batch(1, (5, 20.0), until=5), at=later(5))
    for seq, seconds in enumerate((10, 20, 30), 2):
        cloud.send("data", alive(seq, seconds), at=later(seconds))
        cloud.ingest.forget()
    cloud.send("data", alive(5, 40), at=later(40))
    with cloud.database.read() as session:
        [alarm] = session.exec(select(Alarm))
        assert (alarm.name, alarm.active, alarm.raised_at, alarm.metric) == ("T missing", True, later(35), "t")
    cloud.ingest.forget()
    cloud.send("data", batch(6, (42, 20.0), until=42), at=later(42))
    cloud.send("data", alive(7, 600), at=later(600))  # the gateway was away
    cloud.send("data", alive(8, 610), at=later(610))
    with cloud.database.read() as session:
        [alarm] = session.exec(select(Alarm))
        assert (alarm.active, alarm.returned_at) == (False, later(42))
