"""Who should do it: the order of candidates and the reasons, for any people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.dispatch.candidates import Need, Person, candidates
from plantroom_cloud.dispatch.skills import named
from plantroom_cloud.errors import InvalidFieldsError

NEED = Need("hvac", frozenset({"electrical", "refrigeration"}))
ABLE = NEED.skills | {"lifts"}


def test_best_first_with_the_reason() -> None:
    people = [
        Person("busy", team="hvac", skills=ABLE, load=4),
        Person("free", team="hvac", skills=ABLE),
        Person("home", team="hvac", skills=ABLE, on_shift=False),
        Person("call", team="hvac", skills=ABLE, on_shift=False, on_call=True, load=1),
        Person("half", team="hvac", skills=frozenset({"electrical"})),
        Person("else", team="lifts", skills=ABLE),
        Person("back", team="hvac", skills=ABLE, declined=True),
        Person("none", team="hvac"),
    ]
    found = candidates(people, NEED)
    assert [(each.person.name, each.fits) for each in found] == [
        ("free", True),
        ("call", True),
        ("busy", True),
        ("home", False),
        ("else", False),
        ("back", False),
        ("half", False),
        ("none", False),
    ]
    reasons = {each.person.name: ", ".join(each.reasons) for each in found}
    assert reasons["free"] == "has electrical, refrigeration, on shift, no open orders"
    assert reasons["call"] == "has electrical, refrigeration, on call, 1 open order"
    assert reasons["half"] == "has electrical, lacks refrigeration, on shift, no open orders"
    assert reasons["else"] == "has electrical, refrigeration, of another team, on shift, no open orders"
    assert reasons["back"].endswith("gave it back")
    assert found[-1].missing == NEED.skills


_PEOPLE = st.lists(
    st.builds(
        Person,
        st.uuids().map(str),
        st.just(""),
        st.sampled_from(["hvac", "lifts", None]),
        st.frozensets(st.sampled_from(["electrical", "refrigeration", "lifts"])),
        st.booleans(),
        st.booleans(),
        st.integers(0, 5),
        st.booleans(),
    ),
    max_size=8,
)


@given(_PEOPLE, st.sampled_from(["hvac", None]), st.frozensets(st.sampled_from(["electrical", "refrigeration"])))
def test_the_first_fits_if_anybody_does_and_has_least_to_do(
    people: list[Person], team: str | None, skills: frozenset[str]
) -> None:
    found = candidates(people, Need(team, skills))
    assert sorted(each.person.name for each in found) == sorted(person.name for person in people)
    fitting = [
        person
        for person in people
        if skills <= person.skills
        and team in (None, person.team)
        and (person.on_shift or person.on_call)
        and not person.declined
    ]
    assert {each.person.name for each in found if each.fits} == {person.name for person in fitting}
    if fitting:
        assert found[0].fits
        assert found[0].person.load == min(person.load for person in fitting)
    assert found == candidates(reversed(people), Need(team, skills))


def test_names_of_skills_are_one_word_for_one_thing() -> None:
    assert named([" Electrical ", "electrical", "High  voltage", ""]) == ["electrical", "high voltage"]
    for wrong in (["x" * 41], [str(number) for number in range(31)]):
        with pytest.raises(InvalidFieldsError):
            named(wrong)
