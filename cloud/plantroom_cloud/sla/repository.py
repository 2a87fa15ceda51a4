"""Queries over policies, clocks and what they reached."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import false
from sqlmodel import Session, col, or_, select

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.database import insert_unless_there
from plantroom_cloud.sla.models import TICKING, SlaClock, SlaMark, SlaPolicy
from plantroom_cloud.workorders.models import WorkOrder


def policies(session: Session) -> list[SlaPolicy]:
    """Those that hold for most first."""
    query = select(SlaPolicy).order_by(col(SlaPolicy.site_id), col(SlaPolicy.kind), col(SlaPolicy.id))
    return list(session.exec(query))


def policy_for(session: Session, site_id: str, priority: str, kind: str) -> SlaPolicy | None:
    """The one that says exactly this."""
    query = select(SlaPolicy).where(
        SlaPolicy.site_id == site_id, SlaPolicy.priority == priority, SlaPolicy.kind == kind
    )
    return session.exec(query).first()


def orders_due(session: Session, at: datetime, limit: int) -> list[int]:
    """Orders with a clock that is to be reckoned: its next mark is due, or its alarm came or went; lowest first."""
    active = (
        select(Alarm.id)
        .where(Alarm.rule_id == WorkOrder.rule_id, Alarm.source == WorkOrder.source, col(Alarm.active))
        .exists()
    )
    due = select(SlaClock.work_order_id).where(col(SlaClock.next_at) <= at)
    changed = (
        select(SlaClock.work_order_id)
        .join(WorkOrder, col(WorkOrder.id) == col(SlaClock.work_order_id))
        .where(col(SlaClock.final) == false(), col(WorkOrder.rule_id).is_not(None), col(SlaClock.troubled) != active)
    )
    found = [session.exec(query.distinct().limit(limit)).all() for query in (due, changed)]
    return sorted({*found[0], *found[1]})


def hold_order(session: Session, order_id: int, *, skip: bool) -> WorkOrder | None:
    """Its row locked until the transaction ends; with `skip` None when another transaction has it: that one reckons."""
    query = select(WorkOrder).where(WorkOrder.id == order_id).with_for_update(skip_locked=skip)
    return session.exec(query.execution_options(populate_existing=True)).first()


def clocks_of(session: Session, order_id: int) -> list[SlaClock]:
    """Response first, then the rounds of the restoration."""
    query = select(SlaClock).where(SlaClock.work_order_id == order_id)
    rows = session.exec(query.execution_options(populate_existing=True))
    return sorted(rows, key=lambda row: (row.kind != "response", row.round))


def marks_of(session: Session, order_id: int) -> list[SlaMark]:
    """In the order in which they were reached."""
    query = select(SlaMark).where(SlaMark.work_order_id == order_id).order_by(col(SlaMark.reached_at))
    return list(session.exec(query))


def note(session: Session, mark: SlaMark) -> bool:
    """Whether it is new: True to one of all who note it."""
    return insert_unless_there(session, SlaMark.__table__, mark.model_dump())  # type: ignore[attr-defined]


def spells(session: Session, order: WorkOrder) -> list[Alarm]:
    """The occurrences of the trouble that an order is about, oldest first."""
    if order.rule_id is None:
        return []
    query = select(Alarm).where(Alarm.rule_id == order.rule_id, Alarm.source == order.source)
    return list(session.exec(query.order_by(col(Alarm.raised_at))))


def ticking(session: Session, sites: Sequence[str], limit: int) -> list[tuple[SlaClock, WorkOrder]]:
    """Clocks that have not ended; what is due first, then what is paused."""
    query = (
        select(SlaClock, WorkOrder)
        .join(WorkOrder, col(WorkOrder.id) == col(SlaClock.work_order_id))
        .where(col(SlaClock.ended_at).is_(None), col(SlaClock.state).in_(TICKING))
        .order_by(col(SlaClock.due_at).is_(None), col(SlaClock.due_at))
        .limit(limit)
    )
    if sites:
        query = query.where(col(WorkOrder.site_id).in_(sites))
    return list(session.exec(query))


def judged(session: Session, sites: Sequence[str], start: datetime, end: datetime) -> list[tuple[SlaClock, WorkOrder]]:
    """Clocks that began in [start, end) and have ended or breached, those of cancelled orders left out."""
    query = (
        select(SlaClock, WorkOrder)
        .join(WorkOrder, col(WorkOrder.id) == col(SlaClock.work_order_id))
        .where(
            col(SlaClock.started_at) >= start,
            col(SlaClock.started_at) < end,
            or_(col(SlaClock.ended_at).is_not(None), col(SlaClock.breached_at).is_not(None)),
            col(SlaClock.state) != "void",
        )
    )
    if sites:
        query = query.where(col(WorkOrder.site_id).in_(sites))
    return list(session.exec(query))
