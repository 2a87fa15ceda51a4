"""Queries for dispatch."""

from collections.abc import Sequence

from sqlmodel import Session, and_, case, col, func, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from plantroom_cloud.assets.models import Asset, AssetDevice
from plantroom_cloud.dispatch.models import NeedOf, SkillNeed, TeamDispatch
from plantroom_cloud.plans.models import MaintenancePlan, PlanOccurrence
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderEntry, WorkOrderState

#: Orders that keep somebody busy now.
_BUSY = (WorkOrderState.ASSIGNED, WorkOrderState.ACCEPTED, WorkOrderState.IN_PROGRESS)
_URGENCY = {"critical": 0, "high": 1, "medium": 2, "low": 3}
#: Their route says who walks them.
_SENT_OTHERWISE = ("patrol",)


def needs(session: Session) -> list[SkillNeed]:
    """By origin."""
    return list(session.exec(select(SkillNeed).order_by(col(SkillNeed.of), col(SkillNeed.ref))))


def needed(session: Session, order: WorkOrder) -> set[str]:
    """By the rule, the class of the asset and the plan that an order comes from."""
    origins = []
    if order.rule_id is not None:
        origins.append((NeedOf.RULE, str(order.rule_id)))
    asset = _asset(session, order)
    if asset is not None and asset.equipment_class:
        origins.append((NeedOf.CLASS, asset.equipment_class))
    plan = session.exec(select(PlanOccurrence.plan_id).where(PlanOccurrence.order_id == order.id)).first()
    if plan is not None:
        origins.append((NeedOf.PLAN, str(plan)))
    if not origins:
        return set()
    asked = or_(*(and_(col(SkillNeed.of) == of, col(SkillNeed.ref) == ref) for of, ref in origins))
    return {skill for row in session.exec(select(SkillNeed).where(asked)) for skill in row.skills}


def needed_by_plans(session: Session) -> dict[int, set[str]]:
    """By plan: its own skills, and those of the class of the asset that it is on; without those that need none."""
    known = {(row.of, row.ref): set(row.skills) for row in needs(session)}
    found: dict[int, set[str]] = {}
    if known:
        query = select(MaintenancePlan.id, Asset.equipment_class)
        for plan_id, equipment in session.exec(query.outerjoin(Asset, col(Asset.id) == MaintenancePlan.asset_id)):
            own = known.get((NeedOf.PLAN, str(plan_id)), set())
            found[plan_id or 0] = own | known.get((NeedOf.CLASS, equipment or ""), set())
    return found


def _asset(session: Session, order: WorkOrder) -> Asset | None:
    if order.asset_id is not None:
        return session.get(Asset, order.asset_id)
    if order.device_id is None:
        return None
    bound = select(AssetDevice.asset_id).where(
        AssetDevice.device_id == order.device_id, col(AssetDevice.until).is_(None)
    )
    asset_id = session.exec(bound).first()
    return None if asset_id is None else session.get(Asset, asset_id)


def loads(session: Session) -> dict[str, int]:
    """Open orders that wait for nothing, by assignee."""
    query = select(WorkOrder.assignee, func.count(col(WorkOrder.id))).where(
        col(WorkOrder.state).in_(_BUSY), col(WorkOrder.assignee).is_not(None)
    )
    return {name: count for name, count in session.exec(query.group_by(col(WorkOrder.assignee))) if name}


def gave_back(session: Session, order_id: int) -> set[str]:
    """Who has declined it since it was last opened."""
    query = select(WorkOrderEntry).where(
        WorkOrderEntry.work_order_id == order_id, col(WorkOrderEntry.action).in_(("decline", "reopen"))
    )
    found: set[str] = set()
    for entry in session.exec(query.order_by(col(WorkOrderEntry.id))):
        found = found | {entry.actor} if entry.action == "decline" else set()
    return found


def automatic_teams(session: Session) -> list[str]:
    """Those whose work is given out by itself."""
    return list(session.exec(select(TeamDispatch.team_id).where(col(TeamDispatch.automatic))))


def in_pool(session: Session, teams: Sequence[str], limit: int) -> list[WorkOrder]:
    """Taken by nobody, of these teams, held until the transaction ends; those that another transaction holds are left
    to it. The most urgent first, then the oldest."""
    query = _pool().where(col(WorkOrder.team_id).in_(teams)).order_by(col(WorkOrder.id)).limit(limit)
    rows = session.exec(query.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    rank = ("critical", "high", "medium", "low")
    return sorted(rows, key=lambda order: (rank.index(order.priority), order.id))


def pool(session: Session, sites: Sequence[str], limit: int) -> list[WorkOrder]:
    """Taken by nobody, the most urgent first, of those the oldest."""
    query = (
        _pool()
        .order_by(case(_URGENCY, value=col(WorkOrder.priority), else_=len(_URGENCY)), col(WorkOrder.id))
        .limit(limit)
    )
    if sites:
        query = query.where(col(WorkOrder.site_id).in_(sites))
    return list(session.exec(query))


def _pool() -> SelectOfScalar[WorkOrder]:
    return select(WorkOrder).where(
        WorkOrder.state == WorkOrderState.OPEN,
        col(WorkOrder.assignee).is_(None),
        col(WorkOrder.kind).not_in(_SENT_OTHERWISE),
    )


def classes(session: Session, sites: Sequence[str]) -> list[str]:
    """Of the assets at these sites, by name."""
    of_assets = select(Asset.equipment_class).distinct().where(Asset.equipment_class != "")
    if sites:
        of_assets = of_assets.where(col(Asset.site_id).in_(sites))
    return sorted(session.exec(of_assets))


def plans(session: Session, sites: Sequence[str]) -> list[MaintenancePlan]:
    """At these sites, by title."""
    of_plans = select(MaintenancePlan).order_by(col(MaintenancePlan.title))
    if sites:
        of_plans = of_plans.where(col(MaintenancePlan.site_id).in_(sites))
    return list(session.exec(of_plans))
