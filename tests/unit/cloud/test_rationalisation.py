"""Severity follows from consequence and time to respond; what lacks them is an event."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.models import Impact, Severity
from plantroom_cloud.alarms.rationalisation import Matrix, Urgency, lacking, usual

RANK = list(Severity)


def rule(**said: object) -> RuleDefinition:
    told = {"cause": "c", "consequence": "q", "response": "r", "impact": "serious", "respond_within_s": 3600}
    return RuleDefinition.model_validate({"name": "r", "kind": "no-data", "profile": "p"} | told | said)


@pytest.mark.parametrize(
    ("impact", "seconds", "severity"),
    [
        (Impact.GRAVE, 900, Severity.CRITICAL),
        (Impact.GRAVE, 86_401, Severity.MEDIUM),
        (Impact.SERIOUS, 901, Severity.HIGH),
        (Impact.MODERATE, 86_400, Severity.MEDIUM),
        (Impact.MINOR, 60, Severity.MEDIUM),
        (Impact.MINOR, 604_800, Severity.LOW),
    ],
)
def test_the_matrix_grades(impact: Impact, seconds: float, severity: Severity) -> None:
    assert Matrix().grade(impact, seconds) is severity


@given(
    st.tuples(st.sampled_from(Impact), st.floats(1, 1e7)),
    st.tuples(st.sampled_from(Impact), st.floats(1, 1e7)),
)
def test_what_is_worse_in_both_is_never_less_severe(one: tuple[Impact, float], other: tuple[Impact, float]) -> None:
    order = list(Impact)
    if order.index(one[0]) <= order.index(other[0]) and one[1] <= other[1]:
        assert RANK.index(Matrix().grade(*one)) <= RANK.index(Matrix().grade(*other))


@pytest.mark.parametrize("severity", list(Severity))
def test_a_severity_alone_stands_for_something_that_gives_it(severity: Severity) -> None:
    assert Matrix().grade(*usual(severity)) is severity


@pytest.mark.parametrize(
    ("said", "lacks"),
    [
        ({}, []),
        ({"cause": " "}, ["cause"]),
        ({"consequence": ""}, ["consequence"]),
        ({"response": ""}, ["response"]),
        ({"impact": None}, ["impact"]),
        ({"respond_within_s": 0}, ["respond_within_s"]),
    ],
)
def test_an_alarm_needs_all_five(said: dict[str, object], lacks: list[str]) -> None:
    assert lacking(rule(**said)) == lacks


def test_a_matrix_is_whole_and_in_order() -> None:
    cells = {impact.value: {urgency.value: "low" for urgency in Urgency} for impact in Impact}
    assert Matrix.model_validate({"severity": cells}).grade(Impact.GRAVE, 1) is Severity.LOW
    wrong = [
        ({"severity": {"grave": cells["grave"]}}, "severity.serious: say a severity for immediate"),
        ({"severity": cells | {"minor": cells["minor"] | {"later": "critical"}}}, "may not be more severe"),
        ({"severity": cells | {"minor": dict.fromkeys(cells["minor"], "high")}}, "may not be more severe"),
        ({"prompt_s": 100}, "each must be longer"),
        ({"severity": cells | {"minor": {**cells["minor"], "immediate": "urgent"}}}, "'critical', 'high'"),
    ]
    for said, told in wrong:
        with pytest.raises(ValidationError, match=told):
            Matrix.model_validate(said)


def test_every_cell_has_a_reason() -> None:
    found = {Matrix().severity[impact][urgency] for impact, urgency in itertools.product(Impact, Urgency)}
    assert found == set(Severity)
