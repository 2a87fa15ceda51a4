"""What notifications read and write in the relational store."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, func, or_, select, update

from plantroom_cloud.notifications.models import (
    Channel,
    Delivery,
    DeliveryState,
    Escalation,
    Notice,
    Notification,
    Preference,
    Rota,
    RotaOverride,
)


def notice_by_key(session: Session, key: str) -> Notice | None:
    return session.exec(select(Notice).where(Notice.key == key)).first()


def notices_due(session: Session, at: datetime, limit: int) -> list[Notice]:
    """Those with a step to take now, oldest first; on PostgreSQL no two processes get the same."""
    query = select(Notice).where(col(Notice.next_step_at) <= at).order_by(col(Notice.id)).limit(limit)
    return list(session.exec(query.with_for_update(skip_locked=True)))


def notification_of(session: Session, notice_id: int, user_id: int) -> Notification | None:
    query = select(Notification).where(Notification.notice_id == notice_id, Notification.user_id == user_id)
    return session.exec(query).first()


def channels_of(session: Session, user_id: int, *, enabled_only: bool = False) -> list[Channel]:
    query = select(Channel).where(Channel.user_id == user_id).order_by(col(Channel.id))
    if enabled_only:
        query = query.where(col(Channel.enabled).is_(True))
    return list(session.exec(query))


def last_sent_at(session: Session, channel_id: int) -> datetime | None:
    query = select(func.max(Delivery.sent_at)).where(Delivery.channel_id == channel_id)
    return session.exec(query).one()


def deliveries_due(session: Session, at: datetime, limit: int) -> list[tuple[Delivery, Notification, Notice, Channel]]:
    """Those to send now that no other process has taken, by channel."""
    query = (
        select(Delivery, Notification, Notice, Channel)
        .join(Notification, col(Notification.id) == Delivery.notification_id)
        .join(Notice, col(Notice.id) == Notification.notice_id)
        .join(Channel, col(Channel.id) == Delivery.channel_id)
        .where(
            Delivery.state == DeliveryState.QUEUED,
            col(Delivery.due_at) <= at,
            or_(col(Delivery.leased_until).is_(None), col(Delivery.leased_until) < at),
        )
        .order_by(col(Delivery.channel_id), col(Delivery.id))
        .limit(limit)
        .with_for_update(of=Delivery, skip_locked=True)
    )
    return list(session.exec(query))


def deliveries(session: Session, ids: Sequence[int]) -> list[Delivery]:
    """As they are now; nobody else settles them until the commit."""
    query = select(Delivery).where(col(Delivery.id).in_(ids)).order_by(col(Delivery.id)).with_for_update()
    return list(session.exec(query.execution_options(populate_existing=True)))


def of_user(
    session: Session, user_id: int, *, unread_only: bool, before_id: int | None, limit: int
) -> list[tuple[Notification, Notice]]:
    """Newest first."""
    query = (
        select(Notification, Notice)
        .join(Notice, col(Notice.id) == Notification.notice_id)
        .where(Notification.user_id == user_id)
        .order_by(col(Notification.id).desc())
        .limit(limit)
    )
    if unread_only:
        query = query.where(col(Notification.read_at).is_(None))
    if before_id is not None:
        query = query.where(col(Notification.id) < before_id)
    return list(session.exec(query))


def unread_count(session: Session, user_id: int) -> int:
    query = select(func.count()).where(Notification.user_id == user_id, col(Notification.read_at).is_(None))
    return session.exec(query).one()


def mark_read(session: Session, user_id: int, up_to_id: int, at: datetime) -> None:
    session.exec(
        update(Notification)
        .where(
            col(Notification.user_id) == user_id,
            col(Notification.id) <= up_to_id,
            col(Notification.read_at).is_(None),
        )
        .values(read_at=at)
    )


def preference_of(session: Session, user_id: int) -> Preference:
    """What was chosen, else what holds without a choice."""
    return session.get(Preference, user_id) or Preference(user_id=user_id)


def rota_of(session: Session, team_id: str) -> Rota | None:
    return session.get(Rota, team_id)


def overrides_of(session: Session, team_id: str, at: datetime) -> list[RotaOverride]:
    """Those that are not over."""
    query = select(RotaOverride).where(RotaOverride.team_id == team_id, col(RotaOverride.ends_at) > at)
    return list(session.exec(query.order_by(col(RotaOverride.starts_at))))


def rotas(session: Session) -> dict[str, Rota]:
    """By team."""
    return {rota.team_id: rota for rota in session.exec(select(Rota))}


def overrides(session: Session, at: datetime) -> dict[str, list[RotaOverride]]:
    """Those that are not over, by team."""
    query = select(RotaOverride).where(col(RotaOverride.ends_at) > at)
    found: dict[str, list[RotaOverride]] = {}
    for override in session.exec(query.order_by(col(RotaOverride.starts_at))):
        found.setdefault(override.team_id, []).append(override)
    return found


def escalations(session: Session) -> dict[str, list[dict[str, object]]]:
    """Steps by team."""
    return {row.team_id: list(row.steps) for row in session.exec(select(Escalation))}


def steps_of(session: Session, team_id: str | None) -> list[dict[str, object]]:
    row = session.get(Escalation, team_id) if team_id is not None else None
    return list(row.steps) if row is not None else []
