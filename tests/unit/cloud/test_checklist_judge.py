"""What an answer to a step of a checklist means, and what a template may say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from plantroom_cloud.checklists.definition import StepDefinition, StepKind, mistakes
from plantroom_cloud.checklists.judge import ConfirmError, Given, Reading, judge, unanswered
from plantroom_cloud.checklists.models import Verdict
from plantroom_cloud.errors import InvalidError

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _step(kind: str, **said: Any) -> StepDefinition:
    return StepDefinition.model_validate({"kind": kind, "label": "Look at it"} | said)


LIMITS = {"low": 2, "high": 4, "unit": "bar"}
WAYS = {"choices": ["dry", "damp", "wet"], "failing": ["wet"]}
METER = {"metric": "energy", "counter": True, "tolerance": 5, "unit": "kWh"}


@pytest.mark.parametrize(
    ("step", "value", "kept", "reason"),
    [
        (_step("check"), True, True, ""),
        (_step("check"), False, False, "not all right"),
        (_step("number", **LIMITS), 2, 2.0, ""),
        (_step("number", **LIMITS), 4.0, 4.0, ""),
        (_step("number", **LIMITS), 1.99, 1.99, "1.99 bar is below 2 bar"),
        (_step("number", **LIMITS), 4.2, 4.2, "4.2 bar is above 4 bar"),
        (_step("number"), -1e6, -1e6, ""),
        (_step("choice", **WAYS), "damp", "damp", ""),
        (_step("choice", **WAYS), "wet", "wet", "the answer was 'wet'"),
        (_step("text"), "  fine ", "fine", ""),
        (_step("photo"), "a", ["a"], ""),
        (_step("photo"), ["a", "b", "a"], ["a", "b"], ""),
        (_step("meter", **METER), 103, 103.0, ""),
        (_step("meter", **METER), 106, 106.0, "106 kWh is more than 5 kWh from the telemetry's 100 kWh"),
        (_step("signature"), "a", "a", ""),
    ],
)
def test_a_value_passes_or_fails_with_its_reason(step: StepDefinition, value: Any, kept: Any, reason: str) -> None:
    judged = judge(step, Given(value), live=Reading(100, NOW))
    assert (judged.value, judged.reason) == (kept, reason)
    assert judged.verdict is (Verdict.FAILED if reason else Verdict.PASSED)


@pytest.mark.parametrize(
    ("step", "value"),
    [
        (_step("check"), "yes"),
        (_step("check"), None),
        (_step("check"), 1),
        (_step("number"), "3"),
        (_step("number"), True),
        (_step("number"), float("nan")),
        (_step("number"), 1e300),
        (_step("choice", **WAYS), "soaked"),
        (_step("choice", **WAYS), ["dry"]),
        (_step("text"), "  "),
        (_step("text"), "x" * 5001),
        (_step("photo"), []),
        (_step("photo"), [1]),
        (_step("photo"), list("abcdefg")),
        (_step("signature"), ["a"]),
        (_step("meter"), None),
    ],
)
def test_what_is_no_answer_is_refused(step: StepDefinition, value: Any) -> None:
    with pytest.raises(InvalidError, match="value"):
        judge(step, Given(value))


@pytest.mark.parametrize("kind", list(StepKind))
def test_any_step_may_be_called_failed_or_not_applicable_and_says_why(kind: StepKind) -> None:
    step = _step(kind, **(WAYS if kind is StepKind.CHOICE else {}))
    for verdict in (Verdict.FAILED, Verdict.NOT_APPLICABLE):
        with pytest.raises(InvalidError, match="note"):
            judge(step, Given(verdict=verdict, note=" "))
        assert judge(step, Given(verdict=verdict, note="no access")).verdict is verdict


def test_a_value_within_its_limits_may_be_called_failed() -> None:
    judged = judge(_step("number", **LIMITS), Given(3, Verdict.FAILED, "it swings"))
    assert (judged.value, judged.verdict, judged.reason) == (3.0, Verdict.FAILED, "it swings")


def test_a_counter_goes_backwards_only_when_somebody_confirms_it() -> None:
    before = Reading(1_234_567, NOW)
    with pytest.raises(ConfirmError, match="3 after 1234567 at 2026-03-02 09:00 UTC"):
        judge(_step("meter", counter=True), Given(3), before)
    said = judge(_step("meter", counter=True), Given(3, confirmed=True), before)
    assert (said.verdict, said.confirmed) == (Verdict.PASSED, True)
    forward = judge(_step("meter", counter=True), Given(1_234_567, confirmed=True), before)
    assert (forward.verdict, forward.confirmed) == (Verdict.PASSED, False)  # nothing was to confirm
    assert judge(_step("meter"), Given(3), before).verdict is Verdict.PASSED  # a gauge goes where it likes


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({"kind": "check", "label": " "}, "label"),
        ({"kind": "check", "low": 1}, "low"),
        ({"kind": "number", "low": 5, "high": 4}, "low"),
        ({"kind": "choice", "choices": ["one"]}, "choices"),
        ({"kind": "choice", "choices": ["one", "one"]}, "choices"),
        ({"kind": "choice", "choices": ["one", " "]}, "choices"),
        ({"kind": "choice", "choices": ["one", "two"], "failing": ["three"]}, "failing"),
        ({"kind": "choice", "choices": ["one", "two"], "failing": ["two", "one"]}, "failing"),
        ({"kind": "text", "choices": ["one", "two"]}, "choices"),
        ({"kind": "number", "metric": "energy"}, "metric"),
        ({"kind": "meter", "tolerance": 3}, "tolerance"),
        ({"kind": "meter", "metric": "energy", "tolerance": -1}, "tolerance"),
    ],
)
def test_a_template_says_what_is_wrong_with_each_step(step: dict[str, Any], field: str) -> None:
    good = _step("check")
    wrong = StepDefinition.model_validate({"label": "x"} | step)
    assert list(mistakes([good, wrong])) == [f"steps-1-{field}"]


def test_a_template_has_steps_and_not_too_many() -> None:
    assert "steps" in mistakes([])
    assert "steps" in mistakes([_step("check")] * 101)
    assert mistakes([_step("check"), _step("choice", **WAYS), _step("meter", **METER)]) == {}


def test_only_required_steps_keep_an_order_open() -> None:
    steps = [
        (_step("check", label="A"), None),
        (_step("check", label="B", required=False), None),
        (_step("check", label="C"), Verdict.FAILED),
        (_step("check", label="D"), Verdict.NOT_APPLICABLE),
    ]
    assert unanswered(steps) == ["A"]
