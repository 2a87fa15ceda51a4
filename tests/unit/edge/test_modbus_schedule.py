"""What is read next."""

from plantroom_edge.drivers.modbus.schedule import HEAD_START_S, Schedule


def test_an_alarm_point_goes_before_telemetry_that_is_due_longer() -> None:
    schedule = Schedule([("meter", 1.0, False), ("fan", 1.0, False), ("pump", 1.0, True)], 0.0)
    assert [schedule.take(0.9) for _ in range(4)] == ["pump", "meter", "fan", None]


def test_alarm_points_starve_nobody() -> None:
    """A line that has no time left: each read takes half a second, and three alarm points are due every second."""
    schedule = Schedule([("meter", 1.0, False), *((f"pump{n}", 1.0, True) for n in range(3))], 0.0)
    now, last, longest = 0.0, 0.0, 0.0
    for _ in range(400):
        now += 0.5
        item = schedule.take(now)
        assert item is not None
        if item == "meter":
            longest, last = max(longest, now - last), now
        schedule.done(item, now)
    assert longest <= HEAD_START_S + 3


def test_each_keeps_its_period_and_its_place_in_it() -> None:
    schedule = Schedule([("a", 1.0, False), ("b", 2.0, False)], 100.0)
    seen: list[tuple[str, float]] = []
    now = 100.0
    while now < 110:
        item = schedule.take(now)
        if item is None:
            now += schedule.wait(now) or 0.0
            continue
        seen.append((item, now))
        schedule.done(item, now + 0.01)
    assert [at for item, at in seen if item == "a"] == [100.0 + n for n in range(10)]
    assert [at for item, at in seen if item == "b"] == [100.5 + 2 * n for n in range(5)]


def test_a_late_one_skips_periods_instead_of_bunching() -> None:
    schedule = Schedule([("a", 1.0, False)], 0.0)
    assert schedule.take(0.0) == "a"
    schedule.done("a", 3.4)  # three periods were over meanwhile
    assert schedule.take(3.9) is None
    assert schedule.wait(3.5) == 0.5
    assert schedule.take(4.0) == "a"


def test_nothing_to_read() -> None:
    schedule: Schedule[str] = Schedule([], 0.0)
    assert schedule.take(1.0) is None
    assert schedule.wait(1.0) is None
