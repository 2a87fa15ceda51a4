"""Limits of one metric that are set together: what is wrong with them, what they are as rules, what people are told."""

from typing import Any

import pytest

from plantroom_cloud.alarms.levels import LevelsDefinition, base_name, joined, mistakes, same_set, told
from plantroom_cloud.alarms.models import AlarmRule, Level, Severity
from plantroom_cloud.alarms.replay import Spell
from tests.unit.cloud.test_alarm_kpi import START

HH, H, L, LL = Level


def levels(deadband: float = 0, **limits: float) -> LevelsDefinition:
    said: dict[str, Any] = {name.replace("_", "-"): {"limit": limit} for name, limit in limits.items()}
    return LevelsDefinition.model_validate(
        {"name": "Supply", "profile": "x/ahu", "metric": "t", "deadband": deadband, "levels": said}
    )


@pytest.mark.parametrize(
    ("definition", "fields"),
    [
        (levels(high_high=95, high=80, low=10, low_low=5), set()),
        (levels(high_high=95, low=10), set()),
        (levels(low_low=5), set()),
        (levels(high_high=80, high=80), {"levels.high-high.limit"}),
        (levels(high=10, low=80), {"levels.high.limit"}),
        (levels(high_high=95, low=10, low_low=20), {"levels.low.limit"}),
        (levels(deadband=70, high=80, low=10), {"deadband"}),
        (levels(deadband=69, high=80, low=10), set()),
        (levels(deadband=500, high_high=95, high=80), set()),
    ],
)
def test_limits_rise_from_low_low_to_high_high(definition: LevelsDefinition, fields: set[str]) -> None:
    assert set(mistakes(definition)) == fields


def test_each_level_is_a_rule_and_the_rules_are_the_set() -> None:
    definition = levels(3, high_high=95, high=80, low=10)
    rules = [
        AlarmRule(**definition.rule(level).model_dump() | {"severity": Severity.LOW}, level=level, updated_at=START)
        for level in definition.in_order()
    ]
    found = [(rule.name, rule.operator, rule.limit, rule.deadband) for rule in rules]
    assert found == [("Supply HH", ">", 95, 3), ("Supply H", ">", 80, 3), ("Supply L", "<", 10, 3)]
    again = joined(rules)
    assert (again.name, again.metric, again.profile) == ("Supply", "t", "x/ahu")
    assert {level: one.limit for level, one in again.levels.items()} == {HH: 95, H: 80, L: 10}
    assert {base_name(rule) for rule in rules} == {"Supply"}
    elsewhere = AlarmRule(
        **definition.rule(HH).model_dump() | {"severity": "low", "name": "supply HH"}, level=HH, updated_at=START
    )
    assert same_set(rules[1], elsewhere)
    assert not same_set(rules[1], AlarmRule(**rules[0].model_dump() | {"name": "Other HH"}))


def test_what_the_outer_level_tells_is_told_once() -> None:
    outer = [Spell(10, 20, None), Spell(90, None, None)]
    inner = [Spell(5, 25, None), Spell(10, 15, None), Spell(19, 30, None), Spell(20, 30, None), Spell(95, 96, None)]
    assert told({HH: outer, H: inner}) == 2 + 2
    assert told({H: inner, LL: outer}) == 7
    assert told({}) == 0
