"""Queries over plans and their due times."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from plantroom_cloud.plans.models import MaintenancePlan, Outcome, PlanOccurrence


def plans(
    session: Session, sites: Sequence[str], *, enabled: bool = False, asset_ids: Sequence[int] | None = None
) -> list[MaintenancePlan]:
    """By title."""
    query = select(MaintenancePlan).order_by(col(MaintenancePlan.title), col(MaintenancePlan.id))
    if sites:
        query = query.where(col(MaintenancePlan.site_id).in_(sites))
    if enabled:
        query = query.where(col(MaintenancePlan.enabled).is_(True))
    if asset_ids is not None:
        query = query.where(col(MaintenancePlan.asset_id).in_(asset_ids))
    return list(session.exec(query))


def last(session: Session, plan_id: int) -> PlanOccurrence | None:
    """The newest."""
    query = select(PlanOccurrence).where(PlanOccurrence.plan_id == plan_id).order_by(col(PlanOccurrence.id).desc())
    return session.exec(query.limit(1)).first()


def newest(session: Session, plan_ids: Sequence[int]) -> dict[int, list[PlanOccurrence]]:
    """Newest first, by plan."""
    query = select(PlanOccurrence).where(col(PlanOccurrence.plan_id).in_(plan_ids))
    found: dict[int, list[PlanOccurrence]] = {}
    for occurrence in session.exec(query.order_by(col(PlanOccurrence.id).desc())):
        found.setdefault(occurrence.plan_id, []).append(occurrence)
    return found


def waiting(session: Session, plan_id: int) -> list[PlanOccurrence]:
    """Those whose order is not finished, by due time."""
    query = select(PlanOccurrence).where(PlanOccurrence.plan_id == plan_id, PlanOccurrence.outcome == Outcome.OPEN)
    return list(session.exec(query.order_by(col(PlanOccurrence.due_at))))


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
