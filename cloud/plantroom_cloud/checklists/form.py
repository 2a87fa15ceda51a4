"""The form of a template: its steps are rows whose fields stand side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from plantroom_cloud.checklists.definition import StepDefinition
from plantroom_cloud.validation import reason
from plantroom_cloud.web.forms import Submitted

#: Of each row, in the form's order.
FIELDS = (
    "kind", "label", "hint", "required", "low", "high", "unit", "choices", "failing", "metric", "counter", "tolerance",
    "follow_up",
)  # fmt: skip
EMPTY: Mapping[str, str] = dict.fromkeys(FIELDS, "") | {"kind": "check", "required": "yes"}
_NUMBERS = ("low", "high", "tolerance")
_OF_KIND = {
    "low": ("number", "meter"), "high": ("number", "meter"), "unit": ("number", "meter"), "choices": ("choice",),
    "failing": ("choice",), "metric": ("meter",), "counter": ("meter",), "tolerance": ("meter",),
}  # fmt: skip


def rows(form: Submitted) -> list[dict[str, str]]:
    """As they were typed."""
    columns = {name: form.fields.get(name, []) for name in (f"step-{field}" for field in FIELDS)}
    count = len(columns["step-kind"])
    return [
        {
            field: column[number].strip() if number < len(column) else ""
            for field, column in zip(FIELDS, columns.values(), strict=True)
        }
        for number in range(count)
    ]


def read_rows(typed: Sequence[Mapping[str, str]]) -> tuple[list[StepDefinition], dict[str, str]]:
    """The steps, and what is wrong by "steps-<number>-<field>"; a field that its kind has not counts as empty."""
    steps: list[StepDefinition] = []
    errors: dict[str, str] = {}
    for number, row in enumerate(typed):
        values, wrong = _values(row)
        errors |= {f"steps-{number}-{field}": text for field, text in wrong.items()}
        try:
            steps.append(StepDefinition.model_validate(values))
        except ValidationError as error:
            for item in error.errors():
                errors.setdefault(f"steps-{number}-{item['loc'][0]}", reason(item))
    return steps, errors


def _values(row: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    said = {field: row[field] if row["kind"] in _OF_KIND.get(field, (row["kind"],)) else "" for field in FIELDS}
    values: dict[str, Any] = dict(said)
    wrong = {}
    for field in _NUMBERS:
        try:
            values[field] = float(said[field].replace(",", ".")) if said[field] else None
        except ValueError:
            values[field], wrong[field] = None, "write a number, like 80 or 2.5"
    for field in ("choices", "failing"):
        values[field] = [line.strip() for line in said[field].splitlines() if line.strip()]
    values["required"], values["counter"] = said["required"] == "yes", said["counter"] == "yes"
    return values, wrong


def shown_rows(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Back to what one types."""
    return [{field: _text(StepDefinition.model_validate(step), field) for field in FIELDS} for step in steps]


def _text(step: StepDefinition, field: str) -> str:
    value = getattr(step, field)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(value)
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
