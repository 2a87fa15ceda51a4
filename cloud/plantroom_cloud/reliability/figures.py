"""The figures of maintenance, each with its formula and where it is defined; pure.

Definitions: EN 15341 (which indicators it has, by name), SMRP Best Practices Metrics, 6th edition. A number stands only
where it was looked up; where a standard leaves it open, the formula says what is done here.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from plantroom_cloud.reliability.records import Part
from plantroom_cloud.reliability.tally import Tally
from plantroom_shared.said import said


@dataclass(frozen=True)
class Definition:
    """What a figure is."""

    key: str
    name: str
    unit: str  #: "s", "share" (0 to 1), "weeks"
    formula: str
    source: str
    more_is_better: bool = True


@dataclass(frozen=True)
class Figure:
    """A number, or why there is none: never nothing and never infinity for what is not known."""

    definition: Definition
    value: float | None
    why: str = ""  #: there is no value


DEFINITIONS = (
    Definition(
        "mtbf",
        "MTBF",
        "s",
        "operating time ÷ failures that began; the operating time is the time observed less all downtime, the runs at "
        "both ends of the period included",
        "EN 15341 (operating time per failure), SMRP 3.5.1",
    ),
    Definition(
        "mttr",
        "MTTR",
        "s",
        "time from failure to restoration ÷ failures that were restored; detect + respond + diagnose + wait + repair + "
        "prove; what lies before the period is cut off",
        "EN 15341 (time to restoration per failure), SMRP 3.5.2",
        more_is_better=False,
    ),
    Definition(
        "availability",
        "Availability",
        "share",
        "(time observed − downtime) ÷ time observed; all time observed counts as required, planned downtime counts, "
        "overlapping downtimes count once",
        "EN 15341:2019 M10 (time-based availability), SMRP 2.2",
    ),
    Definition(
        "first_time_fix",
        "First-time fix",
        "share",
        "repairs after which the trouble did not come back in time ÷ repairs whose time to come back is over",
        "complement of SMRP's rework, counted by orders",
    ),
    Definition(
        "pm_compliance",
        "PM compliance",
        "share",
        "done by the due time + 10 % of the interval ÷ due; skipped and cancelled ones count as not done",
        "SMRP (PM and PdM compliance); the 10 % are a rule of practice",
    ),
    Definition(
        "backlog",
        "Backlog",
        "weeks",
        "estimated hours of open work orders ÷ hours of work in a week",
        "SMRP (ready backlog); all open orders count as ready",
        more_is_better=False,
    ),
)


def figures(tally: Tally, weekly_hours: Decimal | None) -> dict[str, Figure]:
    """By key. `weekly_hours`: of those who may do the work; None when nobody's are known."""
    made = {
        "mtbf": _mean(tally.operating, tally.failures, "no failure began in the period"),
        "mttr": _mean(tally.restoration, tally.restored, "no failure was restored in the period"),
        "availability": (tally.operating / tally.observed, "")
        if tally.observed
        else (None, "it was not observed in the period"),
        "first_time_fix": _share(tally.fixed, tally.fixes, "no repair is old enough to be judged"),
        "pm_compliance": _share(tally.met, tally.due, "nothing was due"),
        "backlog": _backlog(tally, weekly_hours),
    }
    if not tally.observed:
        made["mtbf"] = (None, "it was not observed in the period")
    return {definition.key: Figure(definition, *made[definition.key]) for definition in DEFINITIONS}


def mean_parts(tally: Tally) -> dict[Part, float] | None:
    """Seconds of each part of the MTTR; they add up to it. None when nothing was restored."""
    if not tally.restored:
        return None
    return {part: took.total_seconds() / tally.restored for part, took in tally.restoring.items()}


def _mean(total: timedelta, count: int, why: str) -> tuple[float | None, str]:
    return (total.total_seconds() / count, "") if count else (None, why)


def _share(count: int, of: int, why: str) -> tuple[float | None, str]:
    return (count / of, "") if of else (None, why)


def _backlog(tally: Tally, weekly_hours: Decimal | None) -> tuple[float | None, str]:
    if not weekly_hours:
        return None, "nobody's hours of work in a week are set (Settings, Labour rates)"
    if tally.open_orders and tally.unestimated == tally.open_orders:
        return None, said("none of %(open_orders)s open orders has an estimate", open_orders=tally.open_orders)
    return tally.open_minutes / 60 / float(weekly_hours), ""
