"""Queries over people, their sessions and tokens."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, delete, func, select

from plantroom_cloud.alarms.models import AlarmRule
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import ApiToken, AuditEntry, FailedLogin, FirstLogin, LoginSession, Role, Team, User
from plantroom_cloud.workorders.models import WorkOrder


def by_name(session: Session, name: str) -> User | None:
    """A person by login name."""
    return session.exec(select(User).where(User.name == name)).first()


def users(session: Session) -> list[User]:
    """In the order they were added."""
    return list(session.exec(select(User).order_by(col(User.id))))


def failures(session: Session, keys: Sequence[str], since: datetime) -> dict[str, list[datetime]]:
    """Times of failed logins by key, oldest first."""
    query = select(FailedLogin).where(col(FailedLogin.key).in_(keys), FailedLogin.at > since)
    found: dict[str, list[datetime]] = {}
    for row in session.exec(query.order_by(col(FailedLogin.at))):
        found.setdefault(row.key, []).append(row.at)
    return found


def failure_count(session: Session, since: datetime) -> int:
    """Failed logins by anybody."""
    return session.exec(select(func.count(col(FailedLogin.id))).where(FailedLogin.at > since)).one()


def remember_failure(session: Session, keys: Sequence[str], at: datetime, forget_before: datetime) -> None:
    """One more; those that count no longer are forgotten."""
    session.exec(delete(FailedLogin).where(col(FailedLogin.at) <= forget_before))
    session.add_all([FailedLogin(key=key, at=at) for key in keys])


def forget_failures(session: Session, key: str) -> None:
    """He got it right."""
    session.exec(delete(FailedLogin).where(col(FailedLogin.key) == key))


def count(session: Session) -> int:
    """How many there are."""
    return session.exec(select(func.count(col(User.id)))).one()


def token(session: Session, token_hash: str) -> ApiToken | None:
    """By SHA-256 of the bearer token."""
    return session.exec(select(ApiToken).where(ApiToken.token_hash == token_hash)).first()


def delete_session(session: Session, id_hash: str) -> None:
    """End one."""
    session.exec(delete(LoginSession).where(col(LoginSession.id_hash) == id_hash))


def sessions_of(session: Session, user_id: int, at: datetime) -> list[LoginSession]:
    """Those that last, newest first."""
    query = select(LoginSession).where(LoginSession.user_id == user_id, col(LoginSession.expires_at) > at)
    return list(session.exec(query.order_by(col(LoginSession.created_at).desc())))


def delete_sessions_of(session: Session, user_id: int, but_hash: str = "") -> None:
    """All of a person's, perhaps but one."""
    session.exec(
        delete(LoginSession).where(col(LoginSession.user_id) == user_id, col(LoginSession.id_hash) != but_hash)
    )


def tokens_of(session: Session, user_id: int) -> list[ApiToken]:
    """Newest first."""
    return list(session.exec(select(ApiToken).where(ApiToken.user_id == user_id).order_by(col(ApiToken.id).desc())))


def count_administrators(session: Session) -> int:
    """Those who can log in."""
    query = select(func.count(col(User.id))).where(User.role == Role.ADMIN, col(User.active).is_(True))
    return session.exec(query).one()


def site_ids(session: Session) -> set[str]:
    """All sites."""
    return set(session.exec(select(Site.id)))


def team_uses(session: Session, team_id: str) -> list[str]:
    """What names a team: people, alarm rules, work orders, in words."""
    uses = {
        "people": select(func.count(col(User.id))).where(User.team_id == team_id),
        "alarm rules": select(func.count(col(AlarmRule.id))).where(AlarmRule.team_id == team_id),
        "work orders": select(func.count(col(WorkOrder.id))).where(WorkOrder.team_id == team_id),
    }
    counts = {name: session.exec(query).one() for name, query in uses.items()}
    return [f"{name} ({count})" for name, count in counts.items() if count]


def delete_sessions_before(session: Session, moment: datetime) -> None:
    """Those that are over."""
    session.exec(delete(LoginSession).where(col(LoginSession.expires_at) < moment))


def delete_first_logins(session: Session) -> None:
    """Earlier links are void."""
    session.exec(delete(FirstLogin))


def audit_of(session: Session, what: str, limit: int) -> list[AuditEntry]:
    """Newest first."""
    query = select(AuditEntry).where(AuditEntry.object == what)
    return list(session.exec(query.order_by(col(AuditEntry.id).desc()).limit(limit)))


def teams(session: Session) -> list[Team]:
    """By name."""
    return list(session.exec(select(Team).order_by(col(Team.name))))
