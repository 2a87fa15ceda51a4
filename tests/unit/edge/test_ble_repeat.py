"""None lost, none twice: what is a weighing, and what says the same one again."""
# ruff: noqa: DTZ001  (the clock of a scale has no zone)

import json
from datetime import datetime

from plantroom_edge.drivers.ble_scale.decode import decode_line, decode_weight_measurement
from plantroom_edge.drivers.ble_scale.measurement import Measurement
from plantroom_edge.drivers.ble_scale.repeat import MOST_REMEMBERED, LoadWatch, RepeatGuard

NOON = datetime(2026, 11, 25, 12, 0, 0)


def _dated(value: float, moment: datetime) -> Measurement:
    return Measurement(value, "kg", True, b"\x02", scale_time=moment)


def test_a_scale_with_a_clock_repeats_itself_by_time_stamp_and_value() -> None:
    guard = RepeatGuard(10)
    first = _dated(12.5, NOON)
    assert guard.is_new(first, 0)
    assert guard.is_new(first, 0), "what is not recorded yet is not known yet"
    guard.remember(first, 0)
    assert not guard.is_new(first, 0)
    assert not guard.is_new(first, 86_400_000), "the scale hands over its memory again a day later"
    assert guard.is_new(_dated(12.5, NOON.replace(second=1)), 0)
    assert guard.is_new(_dated(12.505, NOON), 0)


def test_what_was_recorded_is_known_after_a_restart_and_memory_is_bounded() -> None:
    guard = RepeatGuard(10)
    for second in range(MOST_REMEMBERED + 10):
        guard.remember(_dated(1.0, datetime(2026, 1, 1, second // 3600, second // 60 % 60, second % 60)), 0)
    again = RepeatGuard(10)
    again.load(json.loads(json.dumps(guard.dump())))
    assert not again.is_new(_dated(1.0, datetime(2026, 1, 1, 0, (MOST_REMEMBERED + 9) // 60, 29)), 0)
    assert len(json.dumps(again.dump())) < 20_000
    assert again.is_new(_dated(1.0, datetime(2026, 1, 1)), 0), "the oldest are forgotten"


def test_a_scale_without_a_clock_repeats_itself_within_seconds() -> None:
    guard = RepeatGuard(10)
    frame = decode_weight_measurement(bytes.fromhex("00c409"))
    guard.remember(frame, 1_000)
    assert not guard.is_new(frame, 10_999)
    assert guard.is_new(frame, 11_000)
    assert guard.is_new(decode_weight_measurement(bytes.fromhex("00c509")), 1_001)
    assert guard.is_new(frame, 0), "the gateway's clock went back: rather shown twice than lost"
    again = RepeatGuard(10)
    again.load(json.loads(json.dumps(guard.dump())))
    assert not again.is_new(frame, 10_999)


def _weighings(lines: list[bytes], watch: LoadWatch | None = None) -> list[float | None]:
    watch = watch or LoadWatch(0.2, 0.05)
    found = []
    for line in lines:
        measurement = decode_line(line)
        if watch.is_new(measurement):
            watch.remember(measurement)
            found.append(measurement.kg)
    return found


def test_a_load_is_weighed_once_when_it_has_come_to_rest() -> None:
    lines = [b"ST,GS,+0000.00kg", b"US,GS,+0004.10kg", b"US,GS,+0012.80kg", *[b"ST,GS,+0012.34kg"] * 30]
    assert _weighings(lines) == [12.34]


def test_the_same_weight_counts_again_once_the_scale_was_empty() -> None:
    load = [b"US,GS,+0005.00kg", b"ST,GS,+0012.34kg"]
    assert _weighings([*load, b"ST,GS,+0000.01kg", *load]) == [12.34, 12.34]
    assert _weighings([*load, b"US,GS,-0000.10kg", *load]) == [12.34, 12.34]


def test_another_load_counts_though_nobody_saw_the_scale_empty() -> None:
    assert _weighings([b"ST,GS,+0012.34kg", b"ST,GS,+0012.36kg", b"ST,GS,+0007.00kg"]) == [12.34, 7.0]


def test_tare_overload_and_an_empty_scale_are_no_weighings() -> None:
    assert _weighings([b"ST,TR,+0001.00kg", b"OL,GS,+999999.kg", b"ST,GS,+0000.15kg", b"ST,NT,-0002.00kg"]) == []


def test_a_load_that_was_weighed_before_a_restart_is_not_weighed_again() -> None:
    before = LoadWatch(0.2, 0.05)
    assert _weighings([b"ST,GS,+0012.34kg"], before) == [12.34]
    after = LoadWatch(0.2, 0.05)
    after.load(before.weighed)
    assert _weighings([b"ST,GS,+0012.35kg", b"ST,GS,+0000.00kg", b"ST,GS,+0012.34kg"], after) == [12.34]
