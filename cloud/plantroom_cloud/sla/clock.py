"""The clocks of an order from its audit trail; pure, so that they are the same after any restart."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from plantroom_cloud.calendars.business import BusinessCalendar
from plantroom_cloud.sla.models import ClockKind
from plantroom_cloud.workorders.models import WorkOrderState as S
from plantroom_cloud.workorders.transitions import Step

#: From, and to; None: it runs on.
Run = tuple[datetime, datetime | None]
#: Somebody has taken it on.
_TAKEN_ON = (S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD, S.DONE, S.CLOSED)
_GIVEN_UP = (S.CANCELLED, S.REJECTED)


@dataclass(frozen=True)
class Line:
    """What of a line of the trail matters: when, which action, the state after it, the reason of a hold."""

    at: datetime
    action: str
    after: str
    reason: str = ""


@dataclass(frozen=True)
class Spell:
    """A time in which the alarm behind an order was active."""

    since: datetime
    until: datetime | None  #: None: it is


@dataclass(frozen=True)
class Course:
    """When a clock ran."""

    kind: ClockKind
    round: int
    runs: tuple[Run, ...]
    ended_at: datetime | None = None
    void: bool = False
    final: bool = False  #: nothing that may still happen changes it

    @property
    def started_at(self) -> datetime:
        return self.runs[0][0]

    @property
    def is_paused(self) -> bool:
        """Neither ended nor running."""
        return self.ended_at is None and self.runs[-1][1] is not None

    def elapsed(self, calendar: BusinessCalendar, at: datetime) -> timedelta:
        """Working time that it has run until `at`."""
        spans = (calendar.working_between(since, at if until is None else min(until, at)) for since, until in self.runs)
        return sum(spans, timedelta(0))

    def reached(self, calendar: BusinessCalendar, amount: timedelta) -> datetime | None:
        """When it had run, or will have run, for `amount` of working time; None while a pause or its end forbids."""
        left = amount
        for since, until in self.runs:
            if until is None:
                return calendar.add_working(since, left)
            worked = calendar.working_between(since, until)
            if worked >= left:
                return calendar.add_working(since, left)
            left -= worked
        return None


def courses(trail: Sequence[Line], spells: Sequence[Spell], pauses: Collection[str]) -> list[Course]:
    """The response clock and one restoration clock per opening; `trail` oldest first, its first line opens the order.

    `spells`: of the alarm that opened it, empty for an order without; `pauses`: reasons of a hold that stop the clock.
    """
    cuts = [0, *(number for number, line in enumerate(trail) if line.action == Step.REOPEN), len(trail)]
    parts = [trail[begin:end] for begin, end in pairwise(cuts)]
    restorations = [
        _restoration(
            part, number + 1, spells, pauses, reopened_at=parts[number + 1][0].at if number + 1 < len(parts) else None
        )
        for number, part in enumerate(parts)
    ]
    return [_response(trail), *restorations]


def _response(trail: Sequence[Line]) -> Course:
    begun = trail[0].at
    for line in trail:
        if line.after in _TAKEN_ON or line.action == Step.CLAIM:
            return Course(ClockKind.RESPONSE, 1, ((begun, line.at),), line.at, final=True)
        if line.after in _GIVEN_UP:
            return Course(ClockKind.RESPONSE, 1, ((begun, line.at),), line.at, void=True, final=True)
    return Course(ClockKind.RESPONSE, 1, ((begun, None),))


def _restoration(
    lines: Sequence[Line], number: int, spells: Sequence[Spell], pauses: Collection[str], reopened_at: datetime | None
) -> Course:
    begun = lines[0].at
    done_at = next((line.at for line in lines if line.after in (S.DONE, S.CLOSED)), None)
    closed_at = next((line.at for line in lines if line.after == S.CLOSED), None)
    given_up_at = next((line.at for line in lines if line.after in _GIVEN_UP), None)
    if given_up_at is not None:
        runs = _cut(_runs(lines, pauses), given_up_at)
        return Course(ClockKind.RESTORATION, number, runs, given_up_at, void=True, final=True)
    ended_at = _restored_at(begun, done_at, closed_at, spells) or reopened_at
    final = reopened_at is not None or (ended_at is not None and done_at is not None)
    runs = _runs(lines, pauses)
    return Course(
        ClockKind.RESTORATION, number, runs if ended_at is None else _cut(runs, ended_at), ended_at, final=final
    )


def _restored_at(
    begun: datetime, done_at: datetime | None, closed_at: datetime | None, spells: Sequence[Spell]
) -> datetime | None:
    """By the alarm's return where there was an alarm, else when it was done."""
    meant = [
        spell
        for spell in spells
        if (spell.until is None or spell.until > begun) and (done_at is None or spell.since <= done_at)
    ]
    if not meant:
        return done_at
    returns = [spell.until for spell in meant if spell.until is not None]
    if len(returns) < len(meant):
        return closed_at  # it is active still, unless somebody said that this proves nothing
    return max(returns)


def _runs(lines: Sequence[Line], pauses: Collection[str]) -> tuple[Run, ...]:
    runs: list[Run] = []
    since: datetime | None = lines[0].at
    for line in lines:
        if line.action == Step.HOLD and line.reason in pauses and since is not None:
            runs.append((since, line.at))
            since = None
        elif since is None and line.after != S.ON_HOLD:
            since = line.at
    return (*runs, (since, None)) if since is not None else tuple(runs)


def _cut(runs: Sequence[Run], end: datetime) -> tuple[Run, ...]:
    """What of them lies before `end`; the first run stays, perhaps empty."""
    kept = [(since, end if until is None else min(until, end)) for since, until in runs if since < end]
    return tuple(kept) or ((runs[0][0], runs[0][0]),)
