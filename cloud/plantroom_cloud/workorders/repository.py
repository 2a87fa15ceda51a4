"""Queries over work orders and their trail."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case
from sqlmodel import Session, and_, col, func, or_, select

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.workorders.models import (
    FINISHED,
    WorkOrder,
    WorkOrderEntry,
    WorkOrderFile,
    WorkOrderHelper,
    WorkOrderState,
)


@dataclass(frozen=True)
class OrderQuery:
    """What a list of work orders shows; what is not said does not bound it."""

    sites: Sequence[str] = ()
    open_only: bool = False
    state: WorkOrderState | None = None
    assignee: str | None = None
    nobody: bool = False  #: taken by nobody yet
    offered_to: str | None = None
    team_id: str | None = None
    priority: str = ""
    kind: str = ""
    level: str = ""  #: of the service: `WorkOrder.sla_state`
    by_due: bool = False  #: what is due first comes first, then what has no time to keep
    closed_since: datetime | None = None  #: closed then or later
    text: str = ""  #: in the title, the device or the number


def find(session: Session, wanted: OrderQuery, before_id: int | None, limit: int, skip: int = 0) -> list[WorkOrder]:
    """Newest first, or by due time; `before_id` is for the former, `skip` for the latter."""
    query = select(WorkOrder).limit(limit).offset(skip)
    if wanted.by_due:
        due = _due()
        query = query.order_by(due.is_(None), due, col(WorkOrder.id).desc())
    else:
        query = query.order_by(col(WorkOrder.id).desc())
    if wanted.sites:
        query = query.where(col(WorkOrder.site_id).in_(wanted.sites))
    if wanted.open_only:
        query = query.where(col(WorkOrder.state).not_in(FINISHED))
    if wanted.nobody:
        query = query.where(col(WorkOrder.assignee).is_(None))
    if wanted.closed_since is not None:
        query = query.where(col(WorkOrder.closed_at) >= wanted.closed_since)
    exact = (
        (WorkOrder.state, wanted.state),
        (WorkOrder.assignee, wanted.assignee),
        (WorkOrder.team_id, wanted.team_id),
        (WorkOrder.offered_to, wanted.offered_to),
    )
    for column, value in (
        *exact,
        (WorkOrder.priority, wanted.priority),
        (WorkOrder.kind, wanted.kind),
        (WorkOrder.sla_state, wanted.level),
    ):
        if value:
            query = query.where(col(column) == value)
    if wanted.text:
        number = wanted.text.removeprefix("#")
        named = or_(
            col(WorkOrder.title).icontains(wanted.text, autoescape=True),
            col(WorkOrder.device_id).icontains(wanted.text, autoescape=True),
        )
        query = query.where(or_(named, col(WorkOrder.id) == int(number)) if number.isdecimal() else named)
    if before_id is not None:
        query = query.where(col(WorkOrder.id) < before_id)
    return list(session.exec(query))


def held(session: Session, order_id: int) -> WorkOrder | None:
    """Read anew, its row locked until the transaction ends."""
    session.flush()  # what this transaction changed stays
    return session.get(WorkOrder, order_id, with_for_update=True, populate_existing=True)


def search(
    session: Session,
    *,
    sites: Sequence[str],
    state: WorkOrderState | None,
    open_only: bool,
    assignee: str | None,
    device_id: str | None,
    level: str,
    alike: Mapping[str, str | int],
    before_id: int | None,
    limit: int,
) -> list[WorkOrder]:
    """Newest first; `alike`: columns and what they hold."""
    query = select(WorkOrder).order_by(col(WorkOrder.id).desc()).limit(limit)
    if sites:
        query = query.where(col(WorkOrder.site_id).in_(sites))
    if state is not None:
        query = query.where(WorkOrder.state == state)
    if open_only:
        query = query.where(col(WorkOrder.state).not_in(FINISHED))
    if assignee is not None:
        query = query.where(WorkOrder.assignee == assignee)
    if device_id is not None:
        query = query.where(WorkOrder.device_id == device_id)
    if level:
        query = query.where(WorkOrder.sla_state == level)
    for name, value in alike.items():
        query = query.where(col(getattr(WorkOrder, name)) == value)
    if before_id is not None:
        query = query.where(col(WorkOrder.id) < before_id)
    return list(session.exec(query))


def _due() -> ColumnElement[datetime]:
    """The earlier of what a service level and what a plan says."""
    promised, planned = col(WorkOrder.sla_due_at), col(WorkOrder.due_at)
    return case((and_(planned.is_not(None), planned < promised), planned), else_=func.coalesce(promised, planned))


def count_open(session: Session, sites: Sequence[str], *, over_time: bool = False) -> int:
    """Neither closed nor cancelled; perhaps those alone whose time is over."""
    query = select(func.count(col(WorkOrder.id))).where(col(WorkOrder.state).not_in(FINISHED))
    if sites:
        query = query.where(col(WorkOrder.site_id).in_(sites))
    if over_time:
        query = query.where(WorkOrder.sla_state == "breached")
    return session.exec(query).one()


def recently_closed(session: Session, sites: Sequence[str], limit: int) -> list[WorkOrder]:
    """The last closed first."""
    query = select(WorkOrder).where(WorkOrder.state == WorkOrderState.CLOSED)
    if sites:
        query = query.where(col(WorkOrder.site_id).in_(sites))
    return list(session.exec(query.order_by(col(WorkOrder.closed_at).desc()).limit(limit)))


def unfinished_on(session: Session, rule_id: int, source: str) -> WorkOrder | None:
    """The newest on the same trouble that is neither closed nor cancelled."""
    query = (
        select(WorkOrder)
        .where(WorkOrder.rule_id == rule_id, WorkOrder.source == source, col(WorkOrder.state).not_in(FINISHED))
        .order_by(col(WorkOrder.id).desc())
    )
    return session.exec(query).first()


def by_ids(session: Session, order_ids: Collection[int]) -> dict[int, WorkOrder]:
    """Those that there are."""
    found = session.exec(select(WorkOrder).where(col(WorkOrder.id).in_(order_ids))) if order_ids else ()
    return {order.id: order for order in found if order.id is not None}


def closed_on(session: Session, rule_id: int, source: str, since: datetime) -> WorkOrder | None:
    """The newest on the same trouble, if it was closed since then."""
    found = newest_on(session, rule_id, source)
    if found is None or found.state is not WorkOrderState.CLOSED or found.closed_at is None or found.closed_at < since:
        return None
    return found


def newest_on(session: Session, rule_id: int, source: str) -> WorkOrder | None:
    """The newest on a rule and source, finished or not."""
    query = select(WorkOrder).where(WorkOrder.rule_id == rule_id, WorkOrder.source == source)
    return session.exec(query.order_by(col(WorkOrder.id).desc())).first()


def of_alarm(session: Session, alarm_id: int) -> WorkOrder | None:
    """The one that this alarm opened."""
    return session.exec(select(WorkOrder).where(WorkOrder.alarm_id == alarm_id)).first()


def of_alarms(session: Session, alarm_ids: Sequence[int]) -> dict[int, WorkOrder]:
    """Those that these alarms opened, by alarm."""
    query = select(WorkOrder).where(col(WorkOrder.alarm_id).in_(alarm_ids))
    return {order.alarm_id: order for order in session.exec(query) if order.alarm_id is not None}


def unfinished_of(session: Session, sources: Collection[str]) -> dict[tuple[int | None, str], WorkOrder]:
    """The newest unfinished one on each rule and source of these sources."""
    query = select(WorkOrder).where(col(WorkOrder.source).in_(sources), col(WorkOrder.state).not_in(FINISHED))
    return {(order.rule_id, order.source): order for order in session.exec(query.order_by(col(WorkOrder.id)))}


def done(session: Session) -> Sequence[WorkOrder]:
    """Those that wait to be verified."""
    return session.exec(select(WorkOrder).where(WorkOrder.state == WorkOrderState.DONE)).all()


def newest_alarm(session: Session, rule_id: int, source: str) -> Alarm | None:
    """The last occurrence of the trouble."""
    query = select(Alarm).where(Alarm.rule_id == rule_id, Alarm.source == source).order_by(col(Alarm.id).desc())
    return session.exec(query).first()


def requests_of(session: Session, user: str, limit: int) -> list[WorkOrder]:
    """What somebody with a login asked for, newest first."""
    query = (
        select(WorkOrder)
        .join(WorkOrderEntry, col(WorkOrderEntry.work_order_id) == col(WorkOrder.id))
        .where(WorkOrderEntry.action == "request", WorkOrderEntry.actor == user)
        .order_by(col(WorkOrder.id).desc())
        .limit(limit)
    )
    return list(session.exec(query))


def trail(session: Session, order_id: int) -> list[WorkOrderEntry]:
    """Oldest first."""
    query = select(WorkOrderEntry).where(WorkOrderEntry.work_order_id == order_id).order_by(col(WorkOrderEntry.id))
    return list(session.exec(query))


def helpers(session: Session, order_id: int) -> list[str]:
    """In the order in which they joined."""
    query = select(WorkOrderHelper.user).where(WorkOrderHelper.work_order_id == order_id)
    return list(session.exec(query.order_by(col(WorkOrderHelper.since))))


def helpers_of(session: Session, order_ids: Sequence[int]) -> dict[int, list[str]]:
    """Order → who helps; orders without any are left out."""
    query = select(WorkOrderHelper).where(col(WorkOrderHelper.work_order_id).in_(order_ids))
    found: dict[int, list[str]] = {}
    for helper in session.exec(query.order_by(col(WorkOrderHelper.since))):
        found.setdefault(helper.work_order_id, []).append(helper.user)
    return found


def files(session: Session, order_id: int) -> list[WorkOrderFile]:
    """As they came."""
    query = select(WorkOrderFile).where(WorkOrderFile.work_order_id == order_id)
    return list(session.exec(query.order_by(col(WorkOrderFile.added_at), col(WorkOrderFile.name))))


def of_asset(session: Session, asset_ids: Sequence[int], device_ids: Sequence[str], limit: int) -> list[WorkOrder]:
    """On these assets, or on what measures them; newest first."""
    mine = or_(col(WorkOrder.asset_id).in_(asset_ids), col(WorkOrder.device_id).in_(device_ids))
    return list(session.exec(select(WorkOrder).where(mine).order_by(col(WorkOrder.id).desc()).limit(limit)))
