"""How often the promise was kept; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from plantroom_cloud.sla.models import ClockKind

FORMULA = (
    "share = met ÷ (met + breached) × 100 %. Met: the clock ended before its time was over. Breached: its time was"
    " over before it ended, whether it has ended since or not. Clocks that still run within their time, and those of"
    " cancelled and rejected orders, are left out. A clock counts in the month in which it began, by the time zone of"
    " the site; times are working time of the policy's calendar without its pauses."
)
BY = ("site", "priority", "team", "month")


@dataclass(frozen=True)
class Judged:
    """A clock of which it is known whether the promise was kept; `zone`: the site's."""

    kind: ClockKind
    site: str
    priority: str
    team: str
    started_at: datetime
    zone: str
    breached: bool

    def group(self, by: str) -> str:
        """What it counts under."""
        if by == "month":
            return self.started_at.astimezone(ZoneInfo(self.zone)).strftime("%Y-%m")
        return str(getattr(self, by))


@dataclass(frozen=True)
class Kept:
    """Counts of one group."""

    group: str
    kind: ClockKind
    met: int
    breached: int

    @property
    def share(self) -> float:
        """0 to 1; there is at least one."""
        return self.met / (self.met + self.breached)


def kept(clocks: Iterable[Judged], by: str) -> Sequence[Kept]:
    """By group and kind of clock, in order of both."""
    counts: dict[tuple[str, ClockKind], list[int]] = {}
    for clock in clocks:
        counts.setdefault((clock.group(by), clock.kind), [0, 0])[clock.breached] += 1
    return [Kept(group, kind, met, breached) for (group, kind), (met, breached) in sorted(counts.items())]
