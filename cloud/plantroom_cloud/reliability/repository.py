"""Queries over what the figures are made from."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.assets.models import Asset, AssetDevice, AssetKind
from plantroom_cloud.costs.models import Downtime, Estimate, Labour, Rate
from plantroom_cloud.plans.models import MaintenancePlan, PlanOccurrence
from plantroom_cloud.users.models import Role, User
from plantroom_cloud.workorders.models import FINISHED, WorkOrder, WorkOrderEntry, WorkOrderState

#: Work that somebody must still do.
_OVER = (*FINISHED, WorkOrderState.DONE, WorkOrderState.REQUESTED)


def assets(session: Session, sites: Sequence[str], equipment_class: str, start: datetime) -> list[Asset]:
    """Equipment that was in use at some time since, by code."""
    query = select(Asset).where(
        Asset.kind == AssetKind.EQUIPMENT, or_(col(Asset.retired_at).is_(None), col(Asset.retired_at) > start)
    )
    if sites:
        query = query.where(col(Asset.site_id).in_(sites))
    if equipment_class:
        query = query.where(Asset.equipment_class == equipment_class)
    return list(session.exec(query.order_by(col(Asset.code))))


def classes(session: Session, sites: Sequence[str]) -> list[str]:
    """Of equipment, by name."""
    query = select(Asset.equipment_class).where(Asset.equipment_class != "").distinct()
    if sites:
        query = query.where(col(Asset.site_id).in_(sites))
    return sorted(session.exec(query))


def bindings(session: Session, asset_ids: Collection[int]) -> list[AssetDevice]:
    """Oldest first."""
    query = select(AssetDevice).where(col(AssetDevice.asset_id).in_(asset_ids))
    return list(session.exec(query.order_by(col(AssetDevice.since))))


def alarms(session: Session, device_ids: Collection[str], start: datetime, until: datetime) -> list[Alarm]:
    """Active at some time within, oldest first."""
    query = select(Alarm).where(
        col(Alarm.device_id).in_(device_ids),
        col(Alarm.raised_at) < until,
        or_(col(Alarm.returned_at).is_(None), col(Alarm.returned_at) > start),
    )
    return list(session.exec(query.order_by(col(Alarm.raised_at), col(Alarm.id))))


def corrective(
    session: Session, asset_ids: Collection[int], device_ids: Collection[str], since: datetime, until: datetime
) -> list[WorkOrder]:
    """Repairs opened before `until` and not closed before `since`, oldest first; nothing that turned out to be none."""
    query = select(WorkOrder).where(
        WorkOrder.kind == "corrective",
        or_(col(WorkOrder.asset_id).in_(asset_ids), col(WorkOrder.device_id).in_(device_ids)),
        col(WorkOrder.opened_at) < until,
        or_(col(WorkOrder.closed_at).is_(None), col(WorkOrder.closed_at) >= since),
    )
    return list(session.exec(query.order_by(col(WorkOrder.opened_at), col(WorkOrder.id))))


def steps(session: Session, order_ids: Collection[int]) -> list[WorkOrderEntry]:
    """Changes of state, oldest first."""
    query = select(WorkOrderEntry).where(
        col(WorkOrderEntry.work_order_id).in_(order_ids), WorkOrderEntry.from_state != WorkOrderEntry.to_state
    )
    return list(session.exec(query.order_by(col(WorkOrderEntry.at), col(WorkOrderEntry.id))))


def labour(session: Session, order_ids: Collection[int]) -> list[Labour]:
    """What counts, oldest first."""
    query = select(Labour).where(col(Labour.work_order_id).in_(order_ids), col(Labour.struck_at).is_(None))
    return list(session.exec(query.order_by(col(Labour.started_at))))


def downtimes(session: Session, asset_ids: Collection[int], start: datetime, until: datetime) -> list[Downtime]:
    """What counts, oldest first."""
    query = select(Downtime).where(
        col(Downtime.asset_id).in_(asset_ids),
        col(Downtime.struck_at).is_(None),
        col(Downtime.started_at) < until,
        or_(col(Downtime.ended_at).is_(None), col(Downtime.ended_at) > start),
    )
    return list(session.exec(query.order_by(col(Downtime.started_at))))


def open_orders(session: Session, sites: Sequence[str]) -> list[tuple[WorkOrder, int | None]]:
    """With the minutes they are estimated at, oldest first."""
    query = (
        select(WorkOrder, Estimate.minutes)
        .join(Estimate, isouter=True)
        .where(col(WorkOrder.state).not_in(_OVER), WorkOrder.kind != "patrol")
    )
    if sites:
        query = query.where(col(WorkOrder.site_id).in_(sites))
    return [(order, minutes) for order, minutes in session.exec(query.order_by(col(WorkOrder.id)))]


def planned_minutes(session: Session, order_ids: Collection[int]) -> dict[int, int]:
    """What their plans say, by work order."""
    query = select(PlanOccurrence.order_id, MaintenancePlan.estimated_h).where(
        PlanOccurrence.plan_id == MaintenancePlan.id, col(PlanOccurrence.order_id).in_(order_ids)
    )
    return {order_id: round(hours * 60) for order_id, hours in session.exec(query) if order_id is not None}


def rates(session: Session) -> dict[str, Rate]:
    """By whose they are."""
    return {rate.whose: rate for rate in session.exec(select(Rate))}


def workers(session: Session) -> list[User]:
    """Who does the work."""
    return list(session.exec(select(User).where(col(User.active), User.role == Role.TECHNICIAN)))
