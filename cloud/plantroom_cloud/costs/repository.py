"""Queries over labour, parts, extra costs and downtime."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.assets.models import AssetDevice
from plantroom_cloud.costs.models import Downtime, Estimate, ExtraCost, Labour, Rate
from plantroom_cloud.users.models import User
from plantroom_cloud.workorders.models import WorkOrder


def lock_person(session: Session, name: str) -> User | None:
    """One writer at a time for a person's time."""
    return session.exec(select(User).where(User.name == name).with_for_update()).first()


def running(session: Session, person: str) -> Labour | None:
    """The timer that runs."""
    return session.exec(select(Labour).where(Labour.person == person, col(Labour.ended_at).is_(None))).first()


def running_on(session: Session, order_id: int) -> Sequence[Labour]:
    """The timers that run on a work order."""
    return session.exec(select(Labour).where(Labour.work_order_id == order_id, col(Labour.ended_at).is_(None))).all()


def overlapping(session: Session, person: str, start: datetime, end: datetime) -> Labour | None:
    """Time of the person that counts already, within these moments."""
    query = select(Labour).where(
        Labour.person == person,
        col(Labour.struck_at).is_(None),
        col(Labour.started_at) < end,
        or_(col(Labour.ended_at).is_(None), col(Labour.ended_at) > start),
    )
    return session.exec(query).first()


def first_after(session: Session, person: str, at: datetime) -> Labour | None:
    """The person's next time that counts."""
    query = select(Labour).where(Labour.person == person, col(Labour.struck_at).is_(None), col(Labour.started_at) > at)
    return session.exec(query.order_by(col(Labour.started_at), col(Labour.id))).first()


def labour_of(session: Session, person: str, order_ids: Collection[int]) -> list[Labour]:
    """A person's time that counts on these work orders, oldest first."""
    query = select(Labour).where(
        Labour.person == person, col(Labour.struck_at).is_(None), col(Labour.work_order_id).in_(order_ids)
    )
    return list(session.exec(query.order_by(col(Labour.started_at), col(Labour.id))))


def labour(session: Session, order_id: int) -> list[Labour]:
    """Oldest first."""
    query = select(Labour).where(Labour.work_order_id == order_id)
    return list(session.exec(query.order_by(col(Labour.started_at), col(Labour.id))))


def rates(session: Session) -> list[Rate]:
    """Everybody's first, then by whose."""
    return list(session.exec(select(Rate).order_by(col(Rate.whose))))


def estimates(session: Session, order_ids: Sequence[int]) -> dict[int, int]:
    """Minutes by work order."""
    query = select(Estimate).where(col(Estimate.work_order_id).in_(order_ids))
    return {row.work_order_id: row.minutes for row in session.exec(query)}


def extra_costs(session: Session, order_id: int) -> list[ExtraCost]:
    """Oldest first."""
    return list(session.exec(select(ExtraCost).where(ExtraCost.work_order_id == order_id).order_by(col(ExtraCost.id))))


def downtimes(session: Session, order_id: int) -> list[Downtime]:
    """Oldest first."""
    query = select(Downtime).where(Downtime.work_order_id == order_id)
    return list(session.exec(query.order_by(col(Downtime.started_at), col(Downtime.id))))


def alarms_of(session: Session, order: WorkOrder) -> list[Alarm]:
    """The alarm that opened it, and those of the same trouble that came while it was not finished."""
    if order.rule_id is None:
        return []
    query = select(Alarm).where(Alarm.rule_id == order.rule_id, Alarm.source == order.source)
    query = query.where(or_(col(Alarm.id) == order.alarm_id, col(Alarm.detected_at) >= order.opened_at))
    if order.closed_at is not None:
        query = query.where(col(Alarm.detected_at) <= order.closed_at)
    return list(session.exec(query.order_by(col(Alarm.raised_at))))


def asset_measured(session: Session, device_id: str, at: datetime) -> int | None:
    """What the device measured then."""
    query = select(AssetDevice.asset_id).where(
        AssetDevice.device_id == device_id,
        col(AssetDevice.since) <= at,
        or_(col(AssetDevice.until).is_(None), col(AssetDevice.until) > at),
    )
    return session.exec(query).first()
