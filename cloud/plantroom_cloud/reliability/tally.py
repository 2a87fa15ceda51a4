"""Counts of one asset in a period; those of several add up. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from plantroom_cloud.reliability.failures import Failure, failures, parts
from plantroom_cloud.reliability.records import Fix, History, Part
from plantroom_cloud.reliability.spans import Span, cut, length, union


@dataclass(frozen=True)
class Tally:
    """Times and numbers from which every figure follows."""

    observed: timedelta = timedelta()
    down: timedelta = timedelta()  #: for whatever reason; overlapping counts once
    planned_down: timedelta = timedelta()  #: of it, what was planned and nothing else
    failures: int = 0  #: that began in the period
    restored: int = 0  #: failures that ended in it
    restoring: dict[Part, timedelta] = field(default_factory=lambda: dict.fromkeys(Part, timedelta()))
    fixes: int = 0  #: repairs of the period whose time to come back is over
    fixed: int = 0  #: of them, those that held
    due: int = 0
    met: int = 0
    open_orders: int = 0
    unestimated: int = 0  #: open orders of which nobody said how long they take
    open_minutes: int = 0

    @property
    def operating(self) -> timedelta:
        """Observed and not down; standing by counts, for nothing tells it apart."""
        return self.observed - self.down

    @property
    def restoration(self) -> timedelta:
        """All parts."""
        return sum(self.restoring.values(), timedelta())

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            observed=self.observed + other.observed,
            down=self.down + other.down,
            planned_down=self.planned_down + other.planned_down,
            failures=self.failures + other.failures,
            restored=self.restored + other.restored,
            restoring={part: self.restoring[part] + other.restoring[part] for part in Part},
            fixes=self.fixes + other.fixes,
            fixed=self.fixed + other.fixed,
            due=self.due + other.due,
            met=self.met + other.met,
            open_orders=self.open_orders + other.open_orders,
            unestimated=self.unestimated + other.unestimated,
            open_minutes=self.open_minutes + other.open_minutes,
        )


def tally(history: History, start: datetime, end: datetime, now: datetime, repeat: timedelta) -> Tally:
    """Of start <= t < end, and nothing later than `now`. `repeat`: a repair after which the trouble comes back sooner
    was none."""
    until = min(end, now)
    if until <= start:
        return Tally()
    within = cut(history.observed, [(start, until)])
    found = failures(history.faults, until)
    unplanned = union(span for failure in found for span in failure.spans)
    unplanned = union([*unplanned, *_spans(history, until, planned=False)])
    down = cut(union([*unplanned, *_spans(history, until, planned=True)]), within)
    restoring = dict.fromkeys(Part, timedelta())
    over = [failure for failure in found if is_restored(failure, within)]
    for failure in over:
        for part, took in parts(failure, history, within).items():
            restoring[part] += took
    judged = [fix for fix in history.fixes if start <= fix.done_at < end and fix.done_at + repeat <= now]
    due = [row for row in history.dues if start <= row.due_at < end and row.due_at + row.tolerance <= now]
    return Tally(
        observed=length(within),
        down=length(down),
        planned_down=length(down) - length(cut(unplanned, within)),
        failures=sum(has_begun(failure, within) for failure in found),
        restored=len(over),
        restoring=restoring,
        fixes=len(judged),
        fixed=sum(holds(fix, repeat) for fix in judged),
        due=len(due),
        met=sum(row.done_at is not None and row.done_at <= row.due_at + row.tolerance for row in due),
        open_orders=len(history.open_work),
        unestimated=sum(row.estimate_min is None for row in history.open_work),
        open_minutes=sum(row.estimate_min or 0 for row in history.open_work),
    )


def has_begun(failure: Failure, within: Sequence[Span]) -> bool:
    """In the time observed; one that was there before is no new one."""
    return any(start <= failure.start < end for start, end in within)


def is_restored(failure: Failure, within: Sequence[Span]) -> bool:
    """In the time observed; a repair that is not over tells nothing yet of how long it takes."""
    return failure.end is not None and any(start < failure.end <= end for start, end in within)


def holds(fix: Fix, repeat: timedelta) -> bool:
    """The trouble did not come back in time."""
    return fix.again_at is None or fix.again_at - fix.done_at >= repeat


def _spans(history: History, until: datetime, *, planned: bool) -> list[Span]:
    return [
        (row.start, min(row.end or until, until))
        for row in history.downs
        if row.planned is planned and row.start < until
    ]
