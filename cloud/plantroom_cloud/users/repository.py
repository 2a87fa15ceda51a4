"""Queries over people, their sessions and tokens."""

from datetime import datetime

from sqlmodel import Session, col, delete, func, select

from plantroom_cloud.users.models import ApiToken, AuditEntry, FirstLogin, LoginSession, Team, User


def by_name(session: Session, name: str) -> User | None:
    """A person by login name."""
    return session.exec(select(User).where(User.name == name)).first()


def users(session: Session) -> list[User]:
    """In the order they were added."""
    return list(session.exec(select(User).order_by(col(User.id))))


def count(session: Session) -> int:
    """How many there are."""
    return session.exec(select(func.count(col(User.id)))).one()


def token(session: Session, token_hash: str) -> ApiToken | None:
    """By SHA-256 of the bearer token."""
    return session.exec(select(ApiToken).where(ApiToken.token_hash == token_hash)).first()


def delete_session(session: Session, id_hash: str) -> None:
    """End one."""
    session.exec(delete(LoginSession).where(col(LoginSession.id_hash) == id_hash))


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
