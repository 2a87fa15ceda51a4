"""What a work order says of its alarm: in the words and digits of people."""

from datetime import UTC, datetime
from typing import Any

import pytest

from plantroom_cloud.alarms.models import Alarm, AlarmState, Severity
from plantroom_cloud.devices.models import Device
from plantroom_cloud.devices.tile import first_metric
from plantroom_cloud.workorders.alarm_order import order_for

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PUMP = Device(
    id="gw.pump-1",
    gateway_id="gw",
    name="pump-1",
    label="Chilled-water pump 1",
    profile="p",
    kind="pump",
    registered_at=NOW,
    metrics=[
        {"name": "fault", "label": "Fault code", "kind": "gauge"},
        {"name": "run_state", "label": "Run state", "kind": "state"},
        {"name": "bearing_temperature", "label": "Bearing temperature", "unit": "°C", "kind": "gauge"},
    ],
)


def alarm(metric: str, value: Any, limit: float | None = None, unit: str = "") -> Alarm:
    return Alarm(
        id=1,
        rule_id=1,
        source="gw.pump-1",
        gateway_id="gw",
        site_id="main",
        device_id="gw.pump-1",
        name="Bearing hot",
        severity=Severity.HIGH,
        state=AlarmState.UNACKNOWLEDGED,
        active=True,
        raised_at=NOW,
        detected_at=NOW,
        metric=metric,
        value=value,
        limit=limit,
        unit=unit,
    )


@pytest.mark.parametrize(
    ("of", "says"),
    [
        (
            alarm("bearing_temperature", 95.80343627929688, 80.0, "°C"),
            "Bearing temperature was at 95.8 °C, limit 80 °C",
        ),
        (alarm("bearing_temperature", 12345678.5, 80.0), "Bearing temperature was at 12345678, limit 80"),
        (alarm("bearing_temperature", 80.004, 80.0), "Bearing temperature was at 80.004, limit 80"),
        (alarm("run_state", "fault"), "Run state: fault"),
        (alarm("unknown", True), "unknown: yes"),
    ],
)
def test_it_names_the_machine_and_the_metric_as_people_do(of: Alarm, says: str) -> None:
    order = order_for(of, PUMP, 60, NOW)
    assert order.title == "Bearing hot: Chilled-water pump 1"
    assert str(order.description) == says


@pytest.mark.parametrize(("source", "says"), [("bag:0PH442Y3", "0PH442Y3"), ("round:3", "round 3"), ("gw", "gw")])
def test_without_a_device_it_names_what_the_alarm_stands_on(source: str, says: str) -> None:
    of = alarm("unknown", 1)
    of.device_id, of.gateway_id, of.source = None, None, source
    assert order_for(of, None, 60, NOW).title == f"Bearing hot: {says}"


def test_without_a_device_it_names_the_gateway() -> None:
    of = alarm("unknown", 1)
    assert order_for(of, None, 60, NOW).title == "Bearing hot: gw"


def test_a_chart_shows_first_what_the_alarm_is_about() -> None:
    assert first_metric(PUMP, ["fault"]) == "fault"
    assert first_metric(PUMP, ["run_state"]) == "bearing_temperature"  # a state is no line; then by its kind
    assert first_metric(PUMP, []) == "bearing_temperature"
    other = PUMP.model_copy(update={"kind": "other"})
    assert first_metric(other, []) == "fault"
