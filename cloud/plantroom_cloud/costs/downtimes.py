"""When equipment was down: written down by people, proposed from the times of alarms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.costs import repository
from plantroom_cloud.costs.models import Downtime, DowntimeReason
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.said import said


@dataclass(frozen=True)
class Proposal:
    """From an alarm of the work order; without an end while it lasts."""

    alarm_id: int
    started_at: datetime
    ended_at: datetime | None
    reason: DowntimeReason = DowntimeReason.FAILURE
    planned: bool = False


class DowntimeBook:
    """Works in the session it is given."""

    def __init__(self, work_orders: WorkOrderService) -> None:
        self._work_orders = work_orders

    def record(
        self,
        session: Session,
        order: WorkOrder,
        start: datetime,
        end: datetime | None,
        reason: DowntimeReason,
        planned: bool,
        note: str,
        actor: str,
        at: datetime,
    ) -> Downtime:
        """Of the equipment of the work order; raises InvalidError when it has none."""
        if order.asset_id is None and order.device_id is None:
            raise InvalidError("the work order names no equipment that could be down")
        _check(start, end, at)
        asset_id = order.asset_id
        if asset_id is None and order.device_id is not None:
            asset_id = repository.asset_measured(session, order.device_id, start)
        assert order.id is not None
        downtime = Downtime(
            work_order_id=order.id,
            asset_id=asset_id,
            device_id=order.device_id,
            started_at=start,
            ended_at=end,
            reason=reason,
            planned=planned,
            note=note.strip(),
            recorded_by=actor,
        )
        session.add(downtime)
        session.flush()
        kind = "planned" if planned else "unplanned"
        self._work_orders.note(session, order.id, f"{kind} downtime: {reason.value}", actor, at)
        return downtime

    def end(
        self, session: Session, order_id: int, downtime_id: int, end: datetime, actor: str, at: datetime
    ) -> Downtime:
        """It works again; raises NotFoundError, ConflictError, InvalidError."""
        downtime = self._get(session, order_id, downtime_id)
        if downtime.ended_at is not None:
            raise ConflictError("it has an end already; strike it out and write it anew")
        _check(downtime.started_at, end, at)
        downtime.ended_at = end
        session.add(downtime)
        self._work_orders.note(session, order_id, "downtime ended", actor, at)
        return downtime

    def strike(self, session: Session, order_id: int, downtime_id: int, actor: str, at: datetime) -> Downtime:
        """It does not count any more; raises NotFoundError, ConflictError."""
        downtime = self._get(session, order_id, downtime_id)
        downtime.struck_at, downtime.struck_by = at, actor
        session.add(downtime)
        self._work_orders.note(session, order_id, "downtime struck out", actor, at)
        return downtime

    def of_order(self, session: Session, order_id: int) -> Sequence[Downtime]:
        """Oldest first."""
        return repository.downtimes(session, order_id)

    def proposed(self, session: Session, order: WorkOrder) -> Sequence[Proposal]:
        """From the times of its alarms, but for those that are written down already."""
        assert order.id is not None
        known = [row for row in repository.downtimes(session, order.id) if row.struck_at is None]
        return [
            Proposal(alarm.id, alarm.raised_at, alarm.returned_at)
            for alarm in repository.alarms_of(session, order)
            if alarm.id is not None
            and not any(
                row.started_at <= alarm.raised_at and (row.ended_at is None or row.ended_at > alarm.raised_at)
                for row in known
            )
        ]

    def _get(self, session: Session, order_id: int, downtime_id: int) -> Downtime:
        downtime = session.get(Downtime, downtime_id)
        if downtime is None or downtime.work_order_id != order_id:
            raise NotFoundError(
                said(
                    "work order %(order_id)s has no downtime %(downtime_id)s",
                    order_id=order_id,
                    downtime_id=downtime_id,
                )
            )
        if downtime.struck_at is not None:
            raise ConflictError("it was struck out")
        return downtime


def _check(start: datetime, end: datetime | None, at: datetime) -> None:
    if start > at:
        raise InvalidError("from: lies in the future")
    if end is not None and end <= start:
        raise InvalidError("to: must be later than from")
    if end is not None and end > at:
        raise InvalidError("to: lies in the future; leave it empty while the equipment is down")
