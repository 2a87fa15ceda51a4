"""Rationalisation (IEC 62682 §9, ISA-18.2 §9): what makes a condition an alarm, and how severe it is; pure.

A condition is worth an alarm when somebody knows its cause, what follows when nobody acts, what to do, and how soon.
Severity is no opinion: it follows from the consequence and the time to respond, by a matrix that the installation sets.
Anything less is an event: kept with its times, told to nobody.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plantroom_cloud.alarms.models import Impact, Severity
from plantroom_shared.said import said


class Urgency(StrEnum):
    """How soon somebody must respond."""

    IMMEDIATE = "immediate"
    PROMPT = "prompt"
    SOON = "soon"
    LATER = "later"


_DEFAULT: dict[Impact, dict[Urgency, Severity]] = {
    impact: dict(zip(Urgency, map(Severity, line.split()), strict=True))
    for impact, line in (
        #                 immediate prompt   soon     later
        (Impact.GRAVE, "critical critical high medium"),
        (Impact.SERIOUS, "critical high medium medium"),
        (Impact.MODERATE, "high medium medium low"),
        (Impact.MINOR, "medium low low low"),
    )
}
_RANK = {severity: rank for rank, severity in enumerate(Severity)}
#: What a severity stands for where only it is known: of a profile's suggestion, of what every installation has.
_USUAL = {
    Severity.CRITICAL: (Impact.GRAVE, 600.0),
    Severity.HIGH: (Impact.SERIOUS, 3_600.0),
    Severity.MEDIUM: (Impact.MODERATE, 14_400.0),
    Severity.LOW: (Impact.MINOR, 86_400.0),
}


class Rationalised(Protocol):
    """What a rule or its definition says of itself."""

    cause: str
    consequence: str
    response: str
    impact: Impact | None
    respond_within_s: float


class Matrix(BaseModel):
    """Consequence × urgency → severity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    #: somebody must respond within so many seconds; beyond the last it is "later"
    immediate_s: float = Field(default=900, gt=0)
    prompt_s: float = Field(default=14_400, gt=0)
    soon_s: float = Field(default=86_400, gt=0)
    severity: dict[Impact, dict[Urgency, Severity]] = _DEFAULT

    @model_validator(mode="after")
    def _whole_and_in_order(self) -> Self:
        """Each cell is there, and what is worse is never less severe."""
        if not self.immediate_s < self.prompt_s < self.soon_s:
            raise ValueError("immediate_s, prompt_s, soon_s: each must be longer than the one before")
        for impact in Impact:
            if missing := [urgency for urgency in Urgency if urgency not in self.severity.get(impact, {})]:
                raise ValueError(
                    said(
                        "severity.%(impact)s: say a severity for %(missing)s too", impact=impact, missing=list(missing)
                    )
                )
        lines = [[_RANK[self.severity[impact][urgency]] for urgency in Urgency] for impact in Impact]
        for impact, line, graver in zip(Impact, lines, [lines[0], *lines], strict=False):
            if line != sorted(line) or any(mine < worse for mine, worse in zip(line, graver, strict=True)):
                raise ValueError(
                    said(
                        "severity.%(impact)s: may not be more severe for a later response or than a graver consequence "
                        "is",
                        impact=impact,
                    )
                )
        return self

    def urgency(self, respond_within_s: float) -> Urgency:
        """By the time in which somebody must respond."""
        bounds = zip((self.immediate_s, self.prompt_s, self.soon_s), Urgency, strict=False)
        return next((urgency for bound, urgency in bounds if respond_within_s <= bound), Urgency.LATER)

    def grade(self, impact: Impact, respond_within_s: float) -> Severity:
        """How severe it is."""
        return self.severity[impact][self.urgency(respond_within_s)]

    def grade_of(self, rule: Rationalised) -> Severity | None:
        """None for one that lacks what the matrix needs."""
        if rule.impact is None or rule.respond_within_s <= 0:
            return None
        return self.grade(rule.impact, rule.respond_within_s)


def lacking(rule: Rationalised) -> Sequence[str]:
    """What is still to be said before a rule makes alarms, as its fields are named; nothing: it makes alarms."""
    texts = [name for name in ("cause", "consequence", "response") if not getattr(rule, name).strip()]
    return [
        *texts,
        *(["impact"] if rule.impact is None else []),
        *(["respond_within_s"] if rule.respond_within_s <= 0 else []),
    ]


def usual(severity: Severity) -> tuple[Impact, float]:
    """Consequence and seconds to respond that a severity usually stands for."""
    return _USUAL[severity]
