"""Of several rules of the same name the nearest alone is judged."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.alarms.precedence import Place, choose, reaches, scope

PLACE = Place("gw.pump-1", frozenset({"pump", "critical cooling"}), "x/pump", "main")


@dataclass
class _Rule:
    name: str
    device_id: str | None = None
    label: str | None = None
    profile: str | None = None
    site_id: str | None = None


DEVICE = _Rule("Hot", device_id="gw.pump-1")
LABEL = _Rule("hot ", label="critical cooling")
PROFILE = _Rule("Hot", profile="x/pump")
SITE = _Rule("Hot", site_id="main")


def test_the_nearest_of_a_name_stands_in_for_the_others() -> None:
    found = choose([SITE, PROFILE, LABEL, DEVICE, _Rule("Slow", profile="x/pump")], PLACE)
    assert found.judged == [DEVICE, _Rule("Slow", profile="x/pump")]
    assert found.replaced == [(LABEL, DEVICE), (PROFILE, DEVICE), (SITE, DEVICE)]
    assert choose([SITE, PROFILE, LABEL], PLACE).judged == [LABEL]


def test_two_of_a_name_at_the_same_place_are_both_judged() -> None:
    other = _Rule("Hot", label="pump")
    assert choose([LABEL, other], PLACE).judged == [LABEL, other]


def test_what_applies_elsewhere_does_not_count() -> None:
    elsewhere = [_Rule("Hot", device_id="gw.pump-2"), _Rule("Hot", label="fan"), _Rule("Hot", profile="system")]
    assert choose([*elsewhere, PROFILE], PLACE) == choose([PROFILE], PLACE)
    assert scope(_Rule("Gateway lost", profile="system")) is None


_RULES = st.builds(
    lambda name, where: _Rule(name, **{where[0]: where[1]}),
    st.sampled_from(["a", "b"]),
    st.sampled_from(
        [
            ("device_id", "gw.pump-1"),
            ("device_id", "x"),
            ("label", "pump"),
            ("label", "fan"),
            ("profile", "x/pump"),
            ("profile", "y"),
            ("site_id", "main"),
            ("site_id", "other"),
        ]
    ),
)


@given(st.lists(_RULES, max_size=12))
def test_every_rule_that_reaches_is_judged_or_stood_in_for_by_a_nearer_one(rules: list[_Rule]) -> None:
    found = choose(rules, PLACE)
    mine = [rule for rule in rules if reaches(rule, PLACE)]
    assert sorted(map(str, [*found.judged, *(rule for rule, _ in found.replaced)])) == sorted(map(str, mine))
    for rule, nearer in found.replaced:
        assert nearer in found.judged
        mine_at, nearer_at = scope(rule), scope(nearer)
        assert mine_at is not None
        assert nearer_at is not None
        assert nearer_at < mine_at
    assert {rule.name for rule in found.judged} == {rule.name for rule in mine}
