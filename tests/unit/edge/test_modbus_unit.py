"""How long a unit is waited for, and when it is tried again."""

import pytest

from plantroom_edge.drivers.modbus.breaker import FIRST_WAIT_S, LONGEST_WAIT_S, Breaker
from plantroom_edge.drivers.modbus.unit import PATIENT_PROBE, PROBE_TIMEOUT_S, SHORTEST_TIMEOUT_S, Unit


def used(seconds: float, failures: int = 0) -> Unit:
    unit = Unit(1, 2.0)
    for _ in range(50):
        unit.answered(seconds)
    for _ in range(failures):
        unit.breaker.failed(0.0)
    return unit


def test_a_unit_that_nobody_knows_gets_all_the_time_there_is() -> None:
    assert Unit(1, 2.0).timeout() == 2.0


def test_the_time_out_follows_what_a_unit_usually_takes() -> None:
    assert used(0.08).timeout() == pytest.approx(0.4)
    assert used(0.001).timeout() == SHORTEST_TIMEOUT_S
    assert used(1.9).timeout() == 2.0


def test_the_first_failure_doubles_it() -> None:
    assert used(0.08, failures=1).timeout() == pytest.approx(0.8)


def test_a_probe_is_short_and_now_and_then_patient() -> None:
    assert used(0.03, failures=2).timeout() == pytest.approx(0.15)
    never = Unit(1, 2.0)
    patience = []
    for _ in range(3 * PATIENT_PROBE):
        never.breaker.failed(0.0)
        if never.breaker.open:
            patience.append(never.timeout())
    assert set(patience) == {PROBE_TIMEOUT_S, 2.0}
    assert patience.count(2.0) == 3


def test_the_waits_between_probes_grow_and_differ() -> None:
    waits: list[list[float]] = []
    for _ in range(20):
        breaker = Breaker()
        assert not breaker.failed(0.0)
        assert breaker.failed(0.0)
        mine = [breaker.probe_at]
        for _ in range(8):
            breaker.failed(0.0)
            mine.append(breaker.probe_at)
        waits.append(mine)
    for step, column in enumerate(zip(*waits, strict=True)):
        middle = min(FIRST_WAIT_S * 2**step, LONGEST_WAIT_S)
        assert all(0.75 * middle <= wait <= 1.25 * middle for wait in column)
        assert len(set(column)) > 10
