"""What a work order costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from plantroom_cloud.costs import repository
from plantroom_cloud.costs.downtimes import DowntimeBook, Proposal
from plantroom_cloud.costs.labour import LabourBook
from plantroom_cloud.costs.models import Downtime, Estimate, ExtraCost, Labour
from plantroom_cloud.costs.sheet import Totals, totals
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.parts.models import Movement, Part
from plantroom_cloud.parts.service import MOST, PartService
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.said import said


@dataclass(frozen=True)
class Sheet:
    """All that a work order cost, and how long its equipment was down."""

    labour: Sequence[Labour]
    parts: Sequence[tuple[Movement, Part]]
    extra: Sequence[ExtraCost]
    downtimes: Sequence[Downtime]
    proposed: Sequence[Proposal]
    totals: Totals
    currency: str
    estimate_min: int | None


class CostService:
    """Works in the session it is given."""

    def __init__(self, work_orders: WorkOrderService, parts: PartService, currency: str) -> None:
        self._work_orders = work_orders
        self._parts = parts
        self.currency = currency
        self.labour = LabourBook(work_orders)
        self.downtimes = DowntimeBook(work_orders)

    def sheet(self, session: Session, order: WorkOrder, at: datetime) -> Sheet:
        """Added up until now."""
        assert order.id is not None
        labour = self.labour.of_order(session, order.id)
        parts = self._parts.of_order(session, order.id)
        extra = repository.extra_costs(session, order.id)
        return Sheet(
            labour=labour,
            parts=parts,
            extra=extra,
            downtimes=self.downtimes.of_order(session, order.id),
            proposed=self.downtimes.proposed(session, order),
            totals=totals(labour, [movement for movement, _ in parts], extra, at),
            currency=self.currency,
            estimate_min=repository.estimates(session, [order.id]).get(order.id),
        )

    def add_extra(
        self, session: Session, order: WorkOrder, text: str, amount: Decimal, actor: str, at: datetime
    ) -> ExtraCost:
        """A contractor, a journey; raises InvalidError."""
        if not text.strip():
            raise InvalidError("text: say what it was for")
        if not Decimal("0.01") <= amount <= MOST:
            raise InvalidError(said("amount: 0.01 to %(most)s; to take one back, strike it out", most=MOST))
        assert order.id is not None
        cost = ExtraCost(work_order_id=order.id, text=text.strip(), amount=amount, at=at, recorded_by=actor)
        session.add(cost)
        session.flush()
        self._work_orders.note(session, order.id, f"{cost.text}: {amount:.2f} {self.currency}", actor, at)
        return cost

    def strike_extra(self, session: Session, order_id: int, cost_id: int, actor: str, at: datetime) -> ExtraCost:
        """It does not count any more; raises NotFoundError, ConflictError."""
        cost = session.get(ExtraCost, cost_id)
        if cost is None or cost.work_order_id != order_id:
            raise NotFoundError(
                said("work order %(order_id)s has no extra cost %(cost_id)s", order_id=order_id, cost_id=cost_id)
            )
        if cost.struck_at is not None:
            raise ConflictError("it was struck out already")
        cost.struck_at, cost.struck_by = at, actor
        session.add(cost)
        self._work_orders.note(session, order_id, said("%(text)s struck out", text=cost.text), actor, at)
        return cost

    def set_estimate(self, session: Session, order: WorkOrder, minutes: int, actor: str, at: datetime) -> Estimate:
        """How long it will take, for the backlog; raises InvalidError."""
        if not 1 <= minutes <= 60_000:
            raise InvalidError("minutes: 1 to 60000")
        assert order.id is not None
        estimate = session.get(Estimate, order.id) or Estimate(work_order_id=order.id, minutes=0, by="", at=at)
        estimate.minutes, estimate.by, estimate.at = minutes, actor, at
        session.add(estimate)
        self._work_orders.note(session, order.id, said("estimated at %(minutes)s min", minutes=minutes), actor, at)
        return estimate
