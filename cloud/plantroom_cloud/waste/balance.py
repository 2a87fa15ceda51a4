"""Mass balance: what went through each stage, by day, type and department. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from plantroom_cloud.errors import InvalidError
from plantroom_shared.said import said

MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class Passage:
    """A bag completed a stage."""

    day: date
    type: str
    department: str
    stage: str
    kg: float | None


@dataclass
class Sum:
    """Bags and kilograms; `unweighed` bags have none."""

    bags: int = 0
    kg: float = 0.0
    unweighed: int = 0

    def add(self, kg: float | None) -> None:
        """One bag."""
        self.bags += 1
        if kg is None:
            self.unweighed += 1
        else:
            self.kg = round(self.kg + kg, 3)


@dataclass
class BalanceRow:
    """One line: the key that was asked for, and what passed each stage."""

    day: date | None
    type: str
    department: str
    stages: dict[str, Sum] = field(default_factory=dict)

    def amounts(self, stages: Sequence[str]) -> list[float]:
        """Bags and kilograms of each stage, in turn."""
        nothing = Sum()
        found = [self.stages.get(stage, nothing) for stage in stages]
        return [amount for item in found for amount in (item.bags, item.kg)]


def balance(passages: Iterable[Passage], by: Sequence[str]) -> list[BalanceRow]:
    """Lines by any of "day", "type", "department", in the order of their keys, and one with everything at the end."""
    rows: dict[tuple[str, str, str], BalanceRow] = {}
    total = BalanceRow(None, "", "")
    for passage in passages:
        day = passage.day if "day" in by else None
        kind = passage.type if "type" in by else ""
        department = passage.department if "department" in by else ""
        row = rows.setdefault((str(day or ""), kind, department), BalanceRow(day, kind, department))
        for each in (row, total):
            each.stages.setdefault(passage.stage, Sum()).add(passage.kg)
    return [*(rows[key] for key in sorted(rows)), total]


def days(start: date, end: date, zone: str) -> tuple[datetime, datetime]:
    """Whole days of a time zone; raises InvalidError."""
    if not 0 <= (end - start).days < MOST_DAYS:
        raise InvalidError(
            said("start and end: give at most %(most_days)s days, the earlier one first", most_days=MOST_DAYS)
        )
    first = datetime(start.year, start.month, start.day, tzinfo=ZoneInfo(zone))
    last = end + timedelta(days=1)
    return first, datetime(last.year, last.month, last.day, tzinfo=ZoneInfo(zone))
