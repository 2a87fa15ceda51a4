"""The form of a checklist's template: what is typed becomes steps, and back."""

from plantroom_cloud.checklists.definition import StepDefinition, StepKind
from plantroom_cloud.checklists.form import EMPTY, FIELDS, read_rows, rows, shown_rows
from plantroom_cloud.web.forms import Submitted


def test_what_is_typed_comes_back() -> None:
    steps = [
        StepDefinition(kind=StepKind.CHECK, label="Seal", follow_up="high", required=False),
        StepDefinition(kind=StepKind.NUMBER, label="Pressure", low=-0.5, high=1e6, unit="bar"),
        StepDefinition(kind=StepKind.CHOICE, label="Noise", choices=["some", "none"], failing=["some"]),
        StepDefinition(kind=StepKind.METER, label="Hours", metric="hours", counter=True, tolerance=0.0),
    ]
    typed = shown_rows([step.model_dump(mode="json") for step in steps])
    submitted = Submitted({f"step-{field}": [row[field] for row in typed] for field in FIELDS})
    assert rows(submitted) == typed
    assert read_rows(typed) == (steps, {})


def test_fields_that_a_kind_has_not_are_left_out() -> None:
    """They are hidden, but a form sends what was typed before the kind was changed."""
    steps, errors = read_rows([{**EMPTY, "label": "Seal", "low": "x", "choices": "a", "metric": "hours"}])
    assert errors == {}
    assert steps == [StepDefinition(kind=StepKind.CHECK, label="Seal")]


def test_what_is_wrong_stands_at_its_row() -> None:
    _, errors = read_rows(
        [
            {**EMPTY, "kind": "number", "label": "A", "low": "1,5", "high": "many"},
            {**EMPTY, "kind": "dance", "label": "x" * 201},
            {**EMPTY, "kind": "number", "label": "A", "low": "nan"},
        ]
    )
    assert sorted(errors) == ["steps-0-high", "steps-1-kind", "steps-1-label", "steps-2-low"]


def test_a_row_that_lacks_fields_is_no_error_of_ours() -> None:
    assert rows(Submitted({"step-kind": ["check", "text"], "step-label": ["A"]}))[1]["label"] == ""
    assert rows(Submitted({})) == []
