"""What a step of a checklist asks; every mistake of a list of steps at once, by field; pure."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from plantroom_shared.said import said

MOST_STEPS = 100
MOST_CHOICES = 20


class StepKind(StrEnum):
    """What somebody does at a step."""

    CHECK = "check"  #: all right, or not
    NUMBER = "number"
    CHOICE = "choice"
    TEXT = "text"
    PHOTO = "photo"
    METER = "meter"  #: a number that stands on an instrument, beside what the telemetry says
    SIGNATURE = "signature"


class StepDefinition(BaseModel):
    """One step of a template, copied to each order that it is attached to."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    kind: StepKind
    label: str = Field(max_length=200)
    hint: str = Field(default="", max_length=1000)
    required: bool = True
    low: float | None = None  #: number, meter: below it fails
    high: float | None = None  #: number, meter: above it fails
    unit: str = Field(default="", max_length=20)
    choices: list[str] = Field(default=[], max_length=MOST_CHOICES)
    failing: list[str] = Field(default=[], max_length=MOST_CHOICES)  #: those of the choices that fail
    metric: str = Field(default="", max_length=63)  #: meter: of the order's device
    counter: bool = False  #: meter: it only counts up
    tolerance: float | None = None  #: meter: further from the telemetry fails
    follow_up: Literal["", "critical", "high", "medium", "low"] = ""  #: priority of the order that a fail opens


def mistakes(steps: Sequence[StepDefinition]) -> dict[str, str]:
    """By "steps-<number from 0>-<field>"; empty when all is right."""
    found: dict[str, str] = {}
    if not steps:
        found["steps"] = "a checklist has at least one step"
    if len(steps) > MOST_STEPS:
        found["steps"] = said(
            "%(count)s steps; a checklist has at most %(most_steps)s", count=len(steps), most_steps=MOST_STEPS
        )
    for number, step in enumerate(steps):
        found |= {f"steps-{number}-{name}": text for name, text in _of_step(step).items()}
    return found


def _of_step(step: StepDefinition) -> dict[str, str]:
    found: dict[str, str] = {}
    if not step.label.strip():
        found["label"] = "say what is to be done"
    if step.kind not in (StepKind.NUMBER, StepKind.METER) and (step.low is not None or step.high is not None):
        found["low"] = said("a step of kind %(kind)s has no limits", kind=step.kind)
    if step.low is not None and step.high is not None and step.low > step.high:
        found["low"] = said("the lower limit %(low)g is above the upper one %(high)g", low=step.low, high=step.high)
    if step.kind is StepKind.CHOICE:
        if len(set(step.choices)) < 2 or len(set(step.choices)) < len(step.choices):
            found["choices"] = "at least two answers, each once"
        elif not all(choice.strip() for choice in step.choices):
            found["choices"] = "an answer says something"
        if unknown := [choice for choice in step.failing if choice not in step.choices]:
            found["failing"] = said("%(unknown)r is none of the answers", unknown=unknown[0])
        elif step.choices and set(step.failing) == set(step.choices):
            found["failing"] = "one answer at least passes"
    elif step.choices or step.failing:
        found["choices"] = said("a step of kind %(kind)s has no answers to choose from", kind=step.kind)
    if step.kind is not StepKind.METER and (step.metric or step.counter or step.tolerance is not None):
        found["metric"] = said("a step of kind %(kind)s reads no meter", kind=step.kind)
    if step.tolerance is not None and not (step.tolerance >= 0 and step.metric):
        found["tolerance"] = "0 or more, and only with the metric that it is compared with"
    return found
