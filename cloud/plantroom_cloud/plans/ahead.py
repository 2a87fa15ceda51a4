"""What will be due, as far as one can tell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from itertools import takewhile

from plantroom_cloud.plans.due import MOVED, Recurrence
from plantroom_cloud.plans.models import MaintenancePlan, Outcome, PlanOccurrence, Trigger
from plantroom_cloud.plans.opening import behind, count_of, next_floating

#: Of one counter.
MOST = 400


@dataclass(frozen=True)
class Forecast:
    """Work to come."""

    plan: MaintenancePlan
    due_at: datetime
    away: Sequence[str] = ()  #: who could do it, when all of them are away on that day


@dataclass
class Load:
    """Orders and the hours that they take, estimated."""

    count: int = 0
    hours: float = 0.0

    def add(self, hours: float) -> None:
        self.count += 1
        self.hours += hours


@dataclass
class Week:
    """Work that is due in a week, Monday to Sunday; `teams`: by team id, None for those without one."""

    monday: date
    items: list[Forecast] = field(default_factory=list)
    all: Load = field(default_factory=Load)
    teams: dict[str | None, Load] = field(default_factory=dict)


def coming(
    plan: MaintenancePlan, rule: Recurrence, last: PlanOccurrence | None, at: datetime, until: datetime
) -> Iterator[Forecast]:
    """Behind what is recorded already, in order: by the calendar exactly, counters by their rate, conditions never."""
    if plan.trigger is Trigger.CALENDAR:
        if not plan.floating:
            first = rule.next(max(behind(plan, last), at - MOVED))
        elif last is not None and last.outcome is Outcome.OPEN:  # as if it were done when it is due, or now
            first = rule.after_done(max(last.due_at, at), max(last.due_at, at))
        else:
            first = next_floating(rule, plan, last)
        for due in rule.forecast(first, until):
            if plan.floating or due.at > at:
                yield Forecast(plan, max(due.at, at))
    elif plan.trigger is Trigger.COUNTER and plan.every:
        count, base = count_of(plan), plan.counter_base
        if plan.floating and last is not None and last.outcome is Outcome.OPEN:
            base = max(count.total, base + plan.every)
        moments = (count.due_at(base + number * plan.every, at) for number in range(1, MOST + 1))
        for moment in takewhile(lambda found: found is not None and found <= until, moments):
            assert moment is not None
            yield Forecast(plan, moment)


def by_week(found: Sequence[Forecast], today: date, weeks: int, zones: Mapping[str, tzinfo]) -> list[Week]:
    """So many weeks from that of `today`; the day of each is that of its site."""
    monday = today - timedelta(days=today.weekday())
    made = [Week(monday + timedelta(weeks=number)) for number in range(weeks)]
    for item in found:
        number = (item.due_at.astimezone(zones[item.plan.site_id]).date() - monday).days // 7
        if 0 <= number < weeks:
            week = made[number]
            week.items.append(item)
            week.all.add(item.plan.estimated_h)
            week.teams.setdefault(item.plan.team_id, Load()).add(item.plan.estimated_h)
    return made
