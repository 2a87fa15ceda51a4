"""Queries over plans and their due times."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, func, or_, select

from plantroom_cloud.plans.models import MaintenancePlan, Outcome, PlanOccurrence


def plans(
    session: Session,
    sites: Sequence[str],
    *,
    enabled: bool = False,
    device_id: str | None = None,
) -> list[MaintenancePlan]:
    """By title."""
    query = select(MaintenancePlan).order_by(col(MaintenancePlan.title), col(MaintenancePlan.id))
    if sites:
        query = query.where(col(MaintenancePlan.site_id).in_(sites))
    if enabled:
        query = query.where(col(MaintenancePlan.enabled).is_(True))
    if device_id is not None:
        query = query.where(MaintenancePlan.device_id == device_id)
    return list(session.exec(query))


def of_asset(session: Session, asset_ids: Sequence[int], device_ids: Sequence[str]) -> list[MaintenancePlan]:
    """On these assets, or by what measures them; by title."""
    mine = or_(col(MaintenancePlan.asset_id).in_(asset_ids), col(MaintenancePlan.device_id).in_(device_ids))
    query = select(MaintenancePlan).where(mine)
    return list(session.exec(query.order_by(col(MaintenancePlan.title), col(MaintenancePlan.id))))


def enabled_ids(session: Session) -> list[int]:
    """In order, so that two who lock them one by one never wait for each other."""
    query = select(MaintenancePlan.id).where(col(MaintenancePlan.enabled).is_(True))
    return [found for found in session.exec(query.order_by(col(MaintenancePlan.id))) if found is not None]


def held(session: Session, plan_id: int) -> MaintenancePlan | None:
    """Read anew, its row locked until the transaction ends."""
    session.flush()  # what this transaction changed stays
    return session.get(MaintenancePlan, plan_id, with_for_update=True, populate_existing=True)


def last(session: Session, plan_id: int) -> PlanOccurrence | None:
    """The newest."""
    query = select(PlanOccurrence).where(PlanOccurrence.plan_id == plan_id).order_by(col(PlanOccurrence.id).desc())
    return session.exec(query.limit(1)).first()


def newest(session: Session, plan_id: int, limit: int) -> list[PlanOccurrence]:
    """Newest first."""
    query = select(PlanOccurrence).where(PlanOccurrence.plan_id == plan_id).order_by(col(PlanOccurrence.id).desc())
    return list(session.exec(query.limit(limit)))


def open_orders(session: Session, plan_ids: Sequence[int]) -> dict[int, PlanOccurrence]:
    """The one that is due first of those that are open, by plan."""
    query = select(PlanOccurrence).where(
        col(PlanOccurrence.plan_id).in_(plan_ids), PlanOccurrence.outcome == Outcome.OPEN
    )
    newest_first = session.exec(query.order_by(col(PlanOccurrence.due_at).desc()))
    return {occurrence.plan_id: occurrence for occurrence in newest_first}


def last_done(session: Session, plan_ids: Sequence[int]) -> dict[int, datetime]:
    """When each was done last."""
    query = (
        select(PlanOccurrence.plan_id, func.max(PlanOccurrence.finished_at))
        .where(col(PlanOccurrence.plan_id).in_(plan_ids), PlanOccurrence.outcome == Outcome.DONE)
        .group_by(col(PlanOccurrence.plan_id))
    )
    return {plan_id: at for plan_id, at in session.exec(query) if at is not None}


def last_of(session: Session, plan_ids: Sequence[int]) -> dict[int, PlanOccurrence]:
    """The newest of each plan that ever was due."""
    newest_ids = select(func.max(PlanOccurrence.id)).where(col(PlanOccurrence.plan_id).in_(plan_ids))
    query = select(PlanOccurrence).where(col(PlanOccurrence.id).in_(newest_ids.group_by(col(PlanOccurrence.plan_id))))
    return {occurrence.plan_id: occurrence for occurrence in session.exec(query)}


def waiting(session: Session, plan_ids: Sequence[int]) -> dict[int, list[PlanOccurrence]]:
    """Those whose order is not finished, by plan and due time."""
    query = select(PlanOccurrence).where(
        col(PlanOccurrence.plan_id).in_(plan_ids), PlanOccurrence.outcome == Outcome.OPEN
    )
    found: dict[int, list[PlanOccurrence]] = {}
    for occurrence in session.exec(query.order_by(col(PlanOccurrence.due_at))):
        found.setdefault(occurrence.plan_id, []).append(occurrence)
    return found


def by_order(session: Session, order_id: int) -> PlanOccurrence | None:
    """What an order was made for."""
    return session.exec(select(PlanOccurrence).where(PlanOccurrence.order_id == order_id)).first()


def due_between(
    session: Session, start: datetime, end: datetime, sites: Sequence[str]
) -> list[tuple[MaintenancePlan, PlanOccurrence]]:
    """By due time."""
    query = (
        select(MaintenancePlan, PlanOccurrence)
        .join(PlanOccurrence, col(PlanOccurrence.plan_id) == col(MaintenancePlan.id))
        .where(col(PlanOccurrence.due_at) >= start, col(PlanOccurrence.due_at) < end)
        .order_by(col(PlanOccurrence.due_at), col(PlanOccurrence.id))
    )
    if sites:
        query = query.where(col(MaintenancePlan.site_id).in_(sites))
    return [(plan, occurrence) for plan, occurrence in session.exec(query)]
