"""Queries over labour, parts, extra costs and downtime."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.assets.models import AssetDevice
from plantroom_cloud.costs.models import Downtime, Estimate, ExtraCost, Labour, Movement, Part, Rate
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


def lock_part(session: Session, part_id: int) -> Part | None:
    """One writer at a time for a part's stock."""
    return session.exec(select(Part).where(Part.id == part_id).with_for_update()).first()


def part_by_code(session: Session, code: str) -> Part | None:
    """Its code is unique."""
    return session.exec(select(Part).where(Part.code == code)).first()


def parts(session: Session, text: str, *, below_minimum: bool, retired: bool, after: str, limit: int) -> list[Part]:
    """By code."""
    query = select(Part).where(col(Part.code) > after).order_by(col(Part.code)).limit(limit)
    if not retired:
        query = query.where(col(Part.active))
    if below_minimum:
        query = query.where(col(Part.stock) < col(Part.minimum))
    if text:
        query = query.where(
            or_(col(Part.code).icontains(text, autoescape=True), col(Part.name).icontains(text, autoescape=True))
        )
    return list(session.exec(query))


def movements(session: Session, part_id: int, before_id: int | None, limit: int) -> list[Movement]:
    """Of a part, newest first."""
    query = select(Movement).where(Movement.part_id == part_id).order_by(col(Movement.id).desc()).limit(limit)
    if before_id is not None:
        query = query.where(col(Movement.id) < before_id)
    return list(session.exec(query))


def movements_on(session: Session, order_id: int) -> list[tuple[Movement, Part]]:
    """Parts of a work order, oldest first."""
    query = select(Movement, Part).where(Movement.work_order_id == order_id, Movement.part_id == Part.id)
    return list(session.exec(query.order_by(col(Movement.id))))


def is_reversed(session: Session, movement_id: int) -> bool:
    """Whether a movement was taken back."""
    return session.exec(select(Movement.id).where(Movement.reverses == movement_id)).first() is not None


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
