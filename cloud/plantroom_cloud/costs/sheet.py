"""What a work order cost, added up; pure. Each line is rounded to hundredths, so that the lines add up to the total."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from plantroom_cloud.costs.models import ExtraCost, Labour
from plantroom_cloud.parts.models import Movement

_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class Totals:
    """Of one work order; `running`: a timer still runs, its time so far counts."""

    seconds: int
    labour: Decimal
    parts: Decimal
    extra: Decimal
    running: bool

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.labour + self.parts + self.extra


def seconds(record: Labour, now: datetime) -> int:
    """How long; a running timer until now."""
    return max(0, round(((record.ended_at or now) - record.started_at).total_seconds()))


def labour_amount(record: Labour, now: datetime) -> Decimal:
    """Rate by time, to the second."""
    return _rounded(record.rate * seconds(record, now) / 3600)


def part_amount(movement: Movement) -> Decimal:
    """What was taken counts, what came back is taken off."""
    return _rounded(-movement.quantity * movement.unit_cost)


def totals(labour: Iterable[Labour], parts: Iterable[Movement], extra: Iterable[ExtraCost], now: datetime) -> Totals:
    """Of what counts: nothing that was struck out."""
    counted = [record for record in labour if record.struck_at is None]
    return Totals(
        seconds=sum(seconds(record, now) for record in counted),
        labour=sum((labour_amount(record, now) for record in counted), Decimal("0.00")),
        parts=sum((part_amount(movement) for movement in parts), Decimal("0.00")),
        extra=sum((_rounded(cost.amount) for cost in extra if cost.struck_at is None), Decimal("0.00")),
        running=any(record.ended_at is None for record in counted),
    )


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_HUNDREDTH, ROUND_HALF_UP)
