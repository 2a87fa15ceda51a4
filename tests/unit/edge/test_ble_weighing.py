"""A weighing's time and identity; what a configuration of scales is told."""
# ruff: noqa: DTZ001  (the clock of a scale has no zone)

from datetime import UTC, datetime
from typing import Any

import pytest

from plantroom_edge.config.loader import load_site
from plantroom_edge.drivers.ble_scale.measurement import Measurement
from plantroom_edge.drivers.ble_scale.weighing import weighing_event
from plantroom_edge.errors import ConfigError
from plantroom_edge.profile.loader import ProfileLibrary
from plantroom_shared.batch import Event

NOW = round(datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC).timestamp() * 1000)


def _event(scale_time: datetime | None, zone: str = "UTC", at_ms: int = NOW, **more: Any) -> Event:
    measurement = Measurement(12.5, "kg", True, b"\x02\xc4\x09", scale_time=scale_time, **more)
    return weighing_event(measurement, device="s", address="C0", station="ward", zone=zone, at_ms=at_ms)


@pytest.mark.parametrize(
    ("scale_time", "zone", "seconds", "source"),
    [
        (datetime(2026, 11, 25, 11, 59, 58), "UTC", 0, "gateway"),  # just now: ours is the finer one
        (datetime(2026, 11, 25, 11, 50, 0), "UTC", -600, "scale"),  # from its memory
        (datetime(2026, 11, 25, 12, 50, 0), "Europe/Berlin", -600, "scale"),
        (datetime(2026, 11, 20, 12, 0, 0), "UTC", -5 * 86_400, "scale"),  # kept while nobody listened
        (datetime(2026, 11, 25, 12, 10, 0), "UTC", 0, "gateway"),  # ahead: its clock is wrong
        (datetime(2000, 1, 1, 0, 0, 5), "UTC", 0, "gateway"),  # never set
        (None, "UTC", 0, "gateway"),
    ],
)
def test_the_scales_clock_is_believed_where_it_can_be_right(
    scale_time: datetime | None, zone: str, seconds: int, source: str
) -> None:
    event = _event(scale_time, zone)
    assert (event.time - NOW, event.data["time_source"]) == (seconds * 1000, source)


def test_the_same_measurement_has_the_same_identity_whenever_it_is_told() -> None:
    stamp = datetime(2026, 11, 25, 11, 59, 58)
    assert _event(stamp).id == _event(stamp, at_ms=NOW + 60_000).id
    assert _event(stamp).id != _event(stamp.replace(second=59)).id
    assert _event(None).id != _event(None, at_ms=NOW + 1).id


def test_a_weighing_carries_what_was_sent_and_a_failed_one_why() -> None:
    event = _event(None, user=3)
    assert event.kind == "weighing"
    assert event.data == {
        "kg": 12.5, "value": 12.5, "unit": "kg", "stable": True, "mode": "", "raw": "02c409",
        "time_source": "gateway", "station": "ward", "user": 3,
    }  # fmt: skip
    failed = weighing_event(
        Measurement(None, "kg", False, b"\x00\xff\xff", fault="failed"),
        device="s", address="C0", station="", zone="UTC", at_ms=NOW,
    )  # fmt: skip
    assert (failed.kind, failed.data["reason"], "kg" in failed.data) == ("weighing.failed", "failed", False)


def test_a_wrong_configuration_of_scales_is_told_in_full() -> None:
    scale = {"profile": "bluetooth/uart-text", "bus": "air"}
    config = {
        "buses": [{"id": "air", "type": "ble"}, {"id": "air-2", "type": "ble"}],
        "devices": [
            {"id": "a", "address": "C0:00:00:00:00:01", "timezone": "Mars/Base", **scale},
            {"id": "b", "address": "c0:00:00:00:00:01", "calibration_due": "soon", **scale},
            {"id": "c", "address": "C0-00", **scale},
            {"id": "d", "address": 3661, **scale},
        ],
    }
    with pytest.raises(ConfigError) as raised:
        load_site(config, "test", ProfileLibrary())
    text = str(raised.value)
    for part in (
        "adapter hci0 is that of bus 'air' already",
        "Mars/Base",
        "is 'a' already",
        "calibration_due",
        "'C0-00' is no Bluetooth",
        "in quotes",
    ):
        assert part in text, text
