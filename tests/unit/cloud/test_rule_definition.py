"""What is wrong with an alarm rule is said field by field."""

from typing import Any

import pytest

from plantroom_cloud.alarms.definition import RuleDefinition, mistakes

METRICS: dict[str, dict[str, Any]] = {
    "temperature": {"name": "temperature", "kind": "gauge"},
    "state": {"name": "state", "kind": "state", "states": {"0": "stopped", "2": "fault"}},
}


def rule(**said: Any) -> RuleDefinition:
    return RuleDefinition.model_validate({"name": "r", "severity": "low", "profile": "x/pump", **said})


RIGHT = [
    rule(kind="limit", metric="temperature", operator=">", limit=80),
    rule(kind="state", metric="state", states=["fault"]),
    rule(kind="no-data", on_delay_s=60),
    rule(kind="no-data", metric="temperature", on_delay_s=60),
]


@pytest.mark.parametrize("definition", RIGHT, ids=lambda definition: str(definition.kind))
def test_a_right_rule_has_no_mistake(definition: RuleDefinition) -> None:
    assert mistakes(definition, METRICS) == {}


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"kind": "limit"}, {"metric", "limit", "operator"}),
        ({"kind": "limit", "metric": "speed", "operator": ">", "limit": 1}, {"metric"}),
        ({"kind": "limit", "metric": "state", "operator": ">", "limit": 1}, {"metric"}),
        ({"kind": "state", "metric": "state"}, {"states"}),
        ({"kind": "state", "metric": "state", "states": ["melted"]}, {"states"}),
        ({"kind": "no-data"}, {"on_delay_s"}),
        ({"kind": "no-data", "metric": "speed", "on_delay_s": 60}, {"metric"}),
        (
            {"kind": "no-data", "on_delay_s": 60, "more": {"schedule": {"begins": "06:00", "ends": "22:00"}}},
            {"schedule"},
        ),
        (
            {"kind": "no-data", "on_delay_s": 60, "more": {"guard": {"metric": "state", "states": ["fault"]}}},
            {"guard"},
        ),
        ({"kind": "no-data", "on_delay_s": 60, "profile": None}, {"target"}),
        ({"kind": "no-data", "on_delay_s": 60, "device_id": "gw.pump"}, {"target"}),
    ],
)
def test_each_mistake_stands_at_its_field(said: dict[str, Any], fields: set[str]) -> None:
    assert set(mistakes(rule(**said), METRICS)) == fields


def test_a_rule_on_nothing_says_so() -> None:
    definition = rule(kind="no-data", on_delay_s=60)
    assert mistakes(definition, None) == {"target": "there is no device, label, profile or site 'x/pump'"}
