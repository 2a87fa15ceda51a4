"""The records of assets, gathered from alarms, work orders, labour, downtimes and plans."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlmodel import Session

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.assets.models import Asset, AssetDevice
from plantroom_cloud.costs.models import DowntimeReason
from plantroom_cloud.plans.models import Outcome
from plantroom_cloud.plans.service import Occurrence
from plantroom_cloud.reliability import repository
from plantroom_cloud.reliability.records import Down, Due, Fault, Fix, History, OpenWork, Step, Work
from plantroom_cloud.reliability.spans import cut, union
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderEntry, WorkOrderState

#: What was done so much of its interval late was done in time (SMRP 5.4.14).
TOLERANCE = 0.1
#: So far back the due time before is looked for, to know the interval.
_INTERVALS = timedelta(days=800)


class Plans(Protocol):
    """What was due, and what came of it."""

    def occurrences(
        self, session: Session, start: datetime, end: datetime, sites: Sequence[str] = ()
    ) -> list[Occurrence]:
        """In start <= due < end."""
        ...


@dataclass(frozen=True)
class Gathered:
    """Histories by asset, and by site what belongs to no asset."""

    assets: Sequence[Asset]
    histories: dict[int, History]
    others: dict[str, History]


class Gathering:
    """Works in the session it is given."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans

    def gather(
        self,
        session: Session,
        start: datetime,
        end: datetime,
        now: datetime,
        sites: Sequence[str],
        equipment_class: str,
        repeat: timedelta,
    ) -> Gathered:
        """The records of all equipment of these sites and this class; of all when none is named."""
        assets = repository.assets(session, sites, equipment_class, start)
        return self.of(session, assets, start, end, now, sites, repeat, others=not equipment_class)

    def of(
        self,
        session: Session,
        assets: Sequence[Asset],
        start: datetime,
        end: datetime,
        now: datetime,
        sites: Sequence[str],
        repeat: timedelta,
        *,
        others: bool,
    ) -> Gathered:
        """The records of these assets; with `others`, of what belongs to none too."""
        ids = [asset.id for asset in assets if asset.id is not None]
        bindings = repository.bindings(session, ids)
        devices = {binding.device_id for binding in bindings}
        later = min(now, end + repeat)  # what came back after the period tells of its repairs
        alarms = repository.alarms(session, devices, start, later)
        since = min([start, *(alarm.raised_at for alarm in alarms)]) - repeat
        orders = [
            order
            for order in repository.corrective(session, ids, devices, since, later)
            if order.state not in (WorkOrderState.CANCELLED, WorkOrderState.REJECTED, WorkOrderState.REQUESTED)
        ]
        order_ids = [order.id for order in orders if order.id is not None]
        trail: dict[int, list[WorkOrderEntry]] = {}
        for entry in repository.steps(session, order_ids):
            trail.setdefault(entry.work_order_id, []).append(entry)
        of_asset = _Measured(bindings)
        histories = {asset.id: History(observed=_observed(asset, bindings)) for asset in assets if asset.id is not None}
        down = [row for row in repository.downtimes(session, ids, start, later) if row.asset_id is not None]
        written = {row.work_order_id for row in down if not row.planned and row.reason is DowntimeReason.FAILURE}
        opened = {order.id: order.opened_at for order in orders}
        for row in down:
            assert row.asset_id is not None
            history = histories[row.asset_id]
            if not row.planned and row.reason is DowntimeReason.FAILURE:
                known = max(row.started_at, opened.get(row.work_order_id, row.started_at))
                detected = min(known, row.ended_at) if row.ended_at is not None else known
                cycle = _cycle(trail.get(row.work_order_id, []), row.started_at)
                history.faults.append(
                    Fault(row.started_at, row.ended_at, detected, row.work_order_id, cycle, None, row.note)
                )
            else:
                history.downs.append(
                    Down(row.started_at, row.ended_at, row.planned, row.reason.value, row.work_order_id)
                )
        order_of = _orders_of(alarms, orders)
        for alarm in alarms:
            taken = order_of.get(alarm.id or 0)
            asset_id = of_asset.at(alarm.device_id, alarm.raised_at)
            if taken is None or taken.id is None or asset_id is None or taken.id in written:
                continue
            histories[asset_id].faults.append(
                Fault(
                    alarm.raised_at,
                    alarm.returned_at,
                    max(alarm.raised_at, alarm.detected_at),
                    taken.id,
                    _cycle(trail.get(taken.id, []), alarm.raised_at),
                    alarm.id,
                    alarm.name,
                )
            )
        asset_of: dict[int, int] = {}
        for order in orders:
            assert order.id is not None
            asset_id = order.asset_id if order.asset_id in histories else of_asset.at(order.device_id, order.opened_at)
            if asset_id is not None:
                asset_of[order.id] = asset_id
        came_back = _came_back(orders, alarms, order_of, asset_of)
        for order in orders:
            if order.id is None or order.id not in asset_of:
                continue
            history = histories[asset_of[order.id]]
            mine = trail.get(order.id, [])
            history.steps.extend(Step(order.id, entry.at, entry.to_state) for entry in mine)
            fix = _fix(order.id, mine, came_back[_trouble(order, asset_of)])
            if fix is not None:
                history.fixes.append(fix)
        for record in repository.labour(session, order_ids):
            asset_id = asset_of.get(record.work_order_id)
            if asset_id is not None:
                histories[asset_id].work.append(
                    Work(record.work_order_id, record.activity.value, record.started_at, record.ended_at)
                )
        unowned: dict[str, History] = {}
        self._add_dues(session, start, end, now, sites, histories, of_asset, unowned)
        self._add_open_work(session, sites, histories, of_asset, now, unowned)
        return Gathered(assets, histories, unowned if others else {})

    def _add_dues(
        self,
        session: Session,
        start: datetime,
        end: datetime,
        now: datetime,
        sites: Sequence[str],
        histories: dict[int, History],
        of_asset: "_Measured",
        unowned: dict[str, History],
    ) -> None:
        before: dict[int | None, datetime] = {}
        waiting: dict[int | None, tuple[History, Occurrence]] = {}
        for occurrence in sorted(
            self._plans.occurrences(session, start - _INTERVALS, max(end, now), sites), key=lambda row: row.due_at
        ):
            plan, due_at = occurrence.plan, occurrence.due_at
            known = before.get(plan.id)
            before[plan.id] = due_at
            if known is not None and plan.id in waiting:  # the first of its plan: its interval is the next one's
                history, first = waiting.pop(plan.id)
                history.dues.append(_due(first, due_at - known))
            if not start <= due_at < end:
                continue
            asset_id = plan.asset_id if plan.asset_id is not None else of_asset.at(plan.device_id, due_at)
            history = histories[asset_id] if asset_id in histories else unowned.setdefault(plan.site_id, History())
            if known is None:
                waiting[plan.id] = (history, occurrence)
            else:
                history.dues.append(_due(occurrence, due_at - known))
        for history, occurrence in waiting.values():
            history.dues.append(_due(occurrence, timedelta()))

    def _add_open_work(
        self,
        session: Session,
        sites: Sequence[str],
        histories: dict[int, History],
        of_asset: "_Measured",
        now: datetime,
        unowned: dict[str, History],
    ) -> None:
        found = repository.open_orders(session, sites)
        planned = repository.planned_minutes(session, [order.id for order, _ in found if order.id is not None])
        for order, minutes in found:
            assert order.id is not None
            asset_id = order.asset_id if order.asset_id is not None else of_asset.at(order.device_id, now)
            history = histories[asset_id] if asset_id in histories else unowned.setdefault(order.site_id, History())
            estimate = minutes if minutes is not None else planned.get(order.id)
            history.open_work.append(OpenWork(order.id, order.title, estimate))


class _Measured:
    """Which asset a device measured when."""

    def __init__(self, bindings: Iterable[AssetDevice]) -> None:
        self._bindings: dict[str, list[AssetDevice]] = {}
        for binding in bindings:
            self._bindings.setdefault(binding.device_id, []).append(binding)

    def at(self, device_id: str | None, moment: datetime) -> int | None:
        for binding in self._bindings.get(device_id or "", []):
            if binding.since <= moment and (binding.until is None or moment < binding.until):
                return binding.asset_id
        return None


def _observed(asset: Asset, bindings: Iterable[AssetDevice]) -> list[tuple[datetime, datetime]]:
    """While something measured it; where nothing ever did, while it is in use: people tell of its failures."""
    ever = datetime.max.replace(tzinfo=asset.created_at.tzinfo)
    retired = asset.retired_at or ever
    measured = [(row.since, row.until or ever) for row in bindings if row.asset_id == asset.id]
    return cut(union(measured or [(asset.created_at, ever)]), [(datetime.min.replace(tzinfo=ever.tzinfo), retired)])


def _cycle(trail: Iterable[WorkOrderEntry], moment: datetime) -> int:
    return sum(entry.to_state == WorkOrderState.DONE.value and entry.at <= moment for entry in trail)


def _orders_of(alarms: Iterable[Alarm], orders: Iterable[WorkOrder]) -> dict[int, WorkOrder]:
    """The work order of each alarm: the one it opened, else the one that took it in."""
    opened = {order.alarm_id: order for order in orders if order.alarm_id is not None}
    on: dict[tuple[int | None, str], list[WorkOrder]] = {}
    for order in orders:
        on.setdefault((order.rule_id, order.source), []).append(order)
    found: dict[int, WorkOrder] = {}
    for alarm in alarms:
        if alarm.id is None:
            continue
        taken = opened.get(alarm.id)
        if taken is None:
            before = [row for row in on.get((alarm.rule_id, alarm.source), []) if row.opened_at <= alarm.detected_at]
            if not before or (before[-1].closed_at is not None and before[-1].closed_at < alarm.detected_at):
                continue
            taken = before[-1]
        found[alarm.id] = taken
    return found


def _trouble(order: WorkOrder, asset_of: Mapping[int, int]) -> tuple[object, ...]:
    """What comes back: the same alarm; for what no alarm told, another repair of the asset."""
    if order.rule_id is not None:
        return "alarm", order.rule_id, order.source
    return "asset", asset_of[order.id or 0]


def _came_back(
    orders: Iterable[WorkOrder],
    alarms: Iterable[Alarm],
    order_of: Mapping[int, WorkOrder],
    asset_of: Mapping[int, int],
) -> dict[tuple[object, ...], list[tuple[datetime, int]]]:
    """When each trouble began, and with which work order."""
    found: dict[tuple[object, ...], list[tuple[datetime, int]]] = {}
    for order in orders:
        if order.id is not None and order.id in asset_of:
            found.setdefault(_trouble(order, asset_of), [])
            found.setdefault(("asset", asset_of[order.id]), []).append((order.opened_at, order.id))
    for alarm in alarms:
        if alarm.id in order_of:
            found.setdefault(("alarm", alarm.rule_id, alarm.source), []).append((alarm.raised_at, 0))
    return found


def _fix(order_id: int, trail: Iterable[WorkOrderEntry], began: Iterable[tuple[datetime, int]]) -> Fix | None:
    """When it was first done, and when it was reopened or its trouble came back, whatever was first."""
    over = (WorkOrderState.DONE.value, WorkOrderState.CLOSED.value)
    done: datetime | None = None
    again: list[datetime] = []
    for entry in trail:
        if done is None and entry.to_state in over:
            done = entry.at
        elif done is not None and entry.from_state in over and entry.to_state not in over:
            again.append(entry.at)
    if done is None:
        return None
    again += [moment for moment, other in began if other != order_id and moment > done]
    return Fix(order_id, done, min(again, default=None))


def _due(occurrence: Occurrence, interval: timedelta) -> Due:
    done = occurrence.finished_at if occurrence.outcome is Outcome.DONE else None
    return Due(occurrence.plan.title, occurrence.due_at, interval * TOLERANCE, done)
