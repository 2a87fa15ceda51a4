"""Report on change beyond the dead-band, and at least every heartbeat."""

from plantroom_edge.driver import MetricFilter, Sample
from plantroom_edge.pipeline.deadband import DeviceFilter
from plantroom_shared.quality import Quality


def take(device: DeviceFilter, at: int, *values: float | None, **marks: Quality) -> tuple[object, object]:
    return device.take(Sample("d", at, list(values), {int(k[1:]): v for k, v in marks.items()}))


def test_only_changes_beyond_the_deadband_are_reported() -> None:
    device = DeviceFilter([MetricFilter("t", 0.5), MetricFilter("n")], 60)
    assert take(device, 0, 20.0, 1) == ({0: 20.0, 1: 1}, {})
    assert take(device, 1_000, 20.4, 1) == ({}, {})
    assert take(device, 2_000, 20.5, 2) == ({0: 20.5, 1: 2}, {})


def test_slow_drift_is_not_lost() -> None:
    device = DeviceFilter([MetricFilter("t", 1.0)], 3600)
    reported = [take(device, at * 1000, 20 + at * 0.3)[0] for at in range(11)]
    assert sum(bool(values) for values in reported) == 3


def test_the_heartbeat_repeats_what_did_not_change() -> None:
    device = DeviceFilter([MetricFilter("t", 0.5)], 10)
    assert take(device, 0, 20.0) == ({0: 20.0}, {})
    assert take(device, 9_999, 20.0) == ({}, {})
    assert take(device, 10_000, 20.0) == ({0: 20.0}, {})


def test_a_value_outside_the_physical_limits_is_kept_and_marked() -> None:
    device = DeviceFilter([MetricFilter("t", 0, 0, 100)], 60)
    assert take(device, 0, 120.0) == ({0: 120.0}, {0: Quality.OUT_OF_RANGE})


def test_the_end_of_a_value_and_its_return_are_reported() -> None:
    device = DeviceFilter([MetricFilter("t", 0.5)], 3600)
    take(device, 0, 20.0)
    assert take(device, 1_000, None, _0=Quality.SENSOR_FAULT) == ({}, {0: Quality.SENSOR_FAULT})
    assert take(device, 2_000, 20.0) == ({0: 20.0}, {})
