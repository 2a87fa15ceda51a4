"""What a policy promises, and what follows on the way; the form in which it is kept, sent and typed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, model_validator

from plantroom_cloud.sla.models import ClockKind
from plantroom_cloud.workorders.service import HOLD_REASONS
from plantroom_shared.said import said

WARNING, BREACH = "warning", "breach"
#: The calendar of a policy beside those with a name: the site's own, and 24 hours on 7 days.
OF_SITE, ALWAYS = "", "always"
#: Whom a step may tell, besides user:NAME, team:ID and on-call:TEAM.
TO = ("assignee", "on-call", "team", "managers")


def _reason(text: str) -> str:
    if text not in HOLD_REASONS:
        raise ValueError(
            said("%(text)r is no reason of a hold; use %(hold_reasons)s", text=text, hold_reasons=list(HOLD_REASONS))
        )
    return text


Reason = Annotated[str, AfterValidator(_reason)]
Minutes = Annotated[float, Field(gt=0, le=525_600)]


class EscalationStep(BaseModel):
    """Whom to tell when a clock has run for so much of its time, or for so many minutes of working time."""

    clock: ClockKind = ClockKind.RESTORATION
    percent: Annotated[float, Field(gt=0, le=1000)] | None = None
    minutes: Minutes | None = None
    to: str = Field(max_length=100)

    @model_validator(mode="after")
    def _one_time(self) -> "EscalationStep":
        if (self.percent is None) == (self.minutes is None):
            raise ValueError("say when: a percentage of the time, or minutes; not both")
        name, colon, who = self.to.partition(":")
        if not (self.to in TO or (colon and who and name in ("user", "team", "on-call"))):
            raise ValueError(
                said("to %(to)r: use %(to2)s, user:NAME, team:ID or on-call:TEAM", to=self.to, to2=list(TO))
            )
        return self


class Terms(BaseModel):
    """The promise: working time in minutes."""

    name: str = Field(min_length=1, max_length=100)
    response_min: Minutes | None = None
    restoration_min: Minutes | None = None
    calendar: str = Field(default=OF_SITE, max_length=63, description="empty: the site's; always: 24/7; else its id")
    pauses: list[Reason] = Field(
        default=["parts", "access", "contractor"], max_length=10, description="reasons of a hold that stop the clock"
    )
    warn_percent: Annotated[float, Field(gt=0, lt=100)] | None = 80
    steps: list[EscalationStep] = Field(default=[], max_length=20)

    def target(self, kind: ClockKind) -> timedelta | None:
        """What is promised, if anything."""
        minutes = self.response_min if kind is ClockKind.RESPONSE else self.restoration_min
        return None if minutes is None else timedelta(minutes=minutes)


@dataclass(frozen=True)
class Mark:
    """Something that happens once a clock has run for `after`; `to` names whom a step tells."""

    name: str
    after: timedelta
    to: str = ""


def marks(terms: Terms, kind: ClockKind) -> Sequence[Mark]:
    """In the order in which they are reached; none for a clock that nothing is promised of."""
    target = terms.target(kind)
    if target is None:
        return []
    found = [Mark(BREACH, target)]
    if terms.warn_percent is not None:
        found.append(Mark(WARNING, target * (terms.warn_percent / 100)))
    for number, step in enumerate(terms.steps, 1):
        if step.clock is kind:
            share = target * ((step.percent or 0) / 100)
            after = share if step.minutes is None else timedelta(minutes=step.minutes)
            found.append(Mark(f"step-{number}", after, step.to))
    return sorted(found, key=lambda mark: mark.after)
