"""What an answer to a step means: the step, what was said and what else is known in, verdict out; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from plantroom_cloud.checklists.definition import StepDefinition, StepKind
from plantroom_cloud.checklists.models import Verdict
from plantroom_cloud.errors import ConflictError, InvalidError
from plantroom_shared.said import said

MOST_PHOTOS = 6
MOST_TEXT = 5000


class ConfirmError(ConflictError):
    """It may be right, but is so unlikely that a person has to say so: send it again, confirmed."""

    title = "Is this right?"
    type = "urn:plantroom:confirm"


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody answered. `verdict`: passed says what the value says; a person may call any step failed, or not
    applicable with the reason in `note`."""

    value: Any = None
    verdict: Verdict = Verdict.PASSED
    note: str = ""
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter showed, or what the telemetry says of it."""

    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """The value as it is kept, the verdict, and why."""

    value: Any
    verdict: Verdict
    reason: str = ""
    confirmed: bool = False  #: a counter went backwards, and the person says that this is so


def judge(step: StepDefinition, given: Given, before: Reading | None = None, live: Reading | None = None) -> Judged:
    """`before`: what the meter showed the last time; `live`: what the telemetry says at the time of the answer. Raises
    InvalidError for what is no answer to this step, ConfirmError for a counter that goes backwards."""
    if given.verdict is Verdict.NOT_APPLICABLE:
        if not given.note.strip():
            raise InvalidError("note: say why this step does not apply")
        return Judged(None, Verdict.NOT_APPLICABLE)
    if given.verdict is Verdict.FAILED and given.value is None:
        if not given.note.strip():
            raise InvalidError("note: say what is wrong")
        return Judged(None, Verdict.FAILED, given.note.strip())
    value, reason = _read(step, given, before, live)
    if given.verdict is Verdict.FAILED and not reason:
        reason = given.note.strip() or "called failed"
    return Judged(value, Verdict.FAILED if reason else Verdict.PASSED, reason, _goes_back(step, value, before))


def _read(step: StepDefinition, given: Given, before: Reading | None, live: Reading | None) -> tuple[Any, str]:
    """The value, and why it fails; an empty reason passes."""
    match step.kind:
        case StepKind.CHECK:
            if not isinstance(given.value, bool):
                raise InvalidError("value: true or false")
            return given.value, "" if given.value else given.note.strip() or "not all right"
        case StepKind.NUMBER:
            number = _number(given.value)
            return number, _beyond(step, number)
        case StepKind.METER:
            number = _number(given.value)
            if before is not None and _goes_back(step, number, before) and not given.confirmed:
                raise ConfirmError(
                    said(
                        "the counter goes backwards: %(number).10g after %(before).10g at %(at)s; read it again, "
                        "and confirm it if the meter was replaced or reset",
                        number=number,
                        before=before.value,
                        at=before.at,
                    )
                )
            return number, _beyond(step, number) or _apart(step, number, live)
        case StepKind.CHOICE:
            if given.value not in step.choices:
                raise InvalidError(said("value: one of %(choices)s", choices=list(step.choices)))
            return given.value, said(
                "the answer was %(answer)r", answer=given.value
            ) if given.value in step.failing else ""
        case StepKind.TEXT:
            if not isinstance(given.value, str) or not given.value.strip():
                raise InvalidError("value: write something")
            if len(given.value) > MOST_TEXT:
                raise InvalidError(said("value: at most %(most_text)s characters", most_text=MOST_TEXT))
            return given.value.strip(), ""
        case StepKind.PHOTO:
            names = given.value if isinstance(given.value, list) else [given.value]
            if not names or len(names) > MOST_PHOTOS or not all(isinstance(name, str) and name for name in names):
                raise InvalidError(said("value: ids of 1 to %(most_photos)s photos", most_photos=MOST_PHOTOS))
            return list(dict.fromkeys(names)), ""
        case StepKind.SIGNATURE:
            if not isinstance(given.value, str) or not given.value:
                raise InvalidError("value: id of the picture of the signature")
            return given.value, ""


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or abs(value) > 1e15:
        raise InvalidError("value: a number")
    return float(value)


def _goes_back(step: StepDefinition, value: Any, before: Reading | None) -> bool:
    return step.kind is StepKind.METER and step.counter and before is not None and float(value) < before.value


def _beyond(step: StepDefinition, number: float) -> str:
    unit = f" {step.unit}" if step.unit else ""
    if step.low is not None and number < step.low:
        return said("%(number).10g%(unit)s is below %(low)g%(unit)s", number=number, unit=unit, low=step.low)
    if step.high is not None and number > step.high:
        return said("%(number).10g%(unit)s is above %(high)g%(unit)s", number=number, unit=unit, high=step.high)
    return ""


def _apart(step: StepDefinition, number: float, live: Reading | None) -> str:
    if step.tolerance is None or live is None or abs(number - live.value) <= step.tolerance:
        return ""
    unit = f" {step.unit}" if step.unit else ""
    return said(
        "%(number).10g%(unit)s is more than %(tolerance)g%(unit)s from the telemetry's %(live).10g%(unit)s",
        number=number,
        unit=unit,
        tolerance=step.tolerance,
        live=live.value,
    )


def unanswered(steps: Sequence[tuple[StepDefinition, Verdict | None]]) -> list[str]:
    """Labels of the required steps that nobody answered."""
    return [step.label for step, verdict in steps if step.required and verdict is None]
