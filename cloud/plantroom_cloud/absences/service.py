"""Absences: entered by oneself or a manager; asked by dispatch, the rota and escalations."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from plantroom_cloud.absences import repository
from plantroom_cloud.absences.models import Absence, AbsenceReason
from plantroom_cloud.absences.standing import Away
from plantroom_cloud.errors import ConflictError, ForbiddenError, InvalidFieldsError, NotFoundError
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.users.models import RANK, Role, User
from plantroom_cloud.users.service import UserService
from plantroom_shared.said import said

LONGEST = timedelta(days=731)
LONGEST_NOTE = 300
#: Read at once.
MOST = 10_000


class AbsenceService:
    """Works in the session it is given."""

    def __init__(self, users: UserService) -> None:
        self._users = users

    def away(self, session: Session, at: datetime) -> Away:
        """Login names of who is away, with who stands in; nobody stands in who may not log in any more."""
        absent = repository.at(session, at)
        able = {user.name for user in self._users.list(session) if user.active} if absent else set()
        return {each.user: each.substitute if each.substitute in able else None for each in absent}

    def now(self, session: Session, at: datetime) -> dict[str, Absence]:
        """By login name."""
        return {each.user: each for each in repository.at(session, at)}

    def between(
        self,
        session: Session,
        start: datetime,
        end: datetime | None = None,
        user: str | None = None,
        after_id: int = 0,
        limit: int = 500,
    ) -> Sequence[Absence]:
        """Those that touch [start, end), as they were entered."""
        return repository.between(session, start, end, user, after_id, limit)

    def since(self, session: Session, at: datetime) -> Sequence[Absence]:
        """Those that are not over by then, of anybody."""
        return repository.between(session, at, None, None, 0, MOST)

    def enter(self, session: Session, absence: Absence, actor: User, at: datetime) -> Absence:
        """One's own, or by a manager anybody's; entered again as it is, it stays one. Raises InvalidFieldsError,
        ForbiddenError, ConflictError."""
        self._may(actor, absence.user)
        self._check(session, absence)
        repository.hold(session, absence.user)
        other = repository.overlapping(session, absence)
        while other is not None and other.ends_at <= at:  # back early, and away again on the same day
            absence.starts_at = other.ends_at
            other = repository.overlapping(session, absence)
        if other is not None and _same(other, absence):  # a thumb that tapped twice
            return other
        self._alone(absence, other)
        absence.entered_by, absence.entered_at = actor.name, at
        return self._keep(session, absence, actor, "absence.enter", at)

    def change(
        self,
        session: Session,
        absence_id: int,
        reason: AbsenceReason,
        starts_at: datetime,
        ends_at: datetime,
        substitute: str | None,
        note: str,
        actor: User,
        at: datetime,
    ) -> Absence:
        """Raises NotFoundError, InvalidFieldsError, ForbiddenError, ConflictError."""
        absence = self.get(session, absence_id)
        self._may(actor, absence.user)
        wanted = Absence(
            id=absence_id,
            user=absence.user,
            reason=reason,
            starts_at=starts_at,
            ends_at=ends_at,
            substitute=substitute,
            note=note,
            entered_by="",
            entered_at=at,
        )
        self._check(session, wanted)
        repository.hold(session, absence.user)
        self._alone(wanted, repository.overlapping(session, wanted))
        absence.reason, absence.starts_at, absence.ends_at = reason, starts_at, ends_at
        absence.substitute, absence.note = wanted.substitute, wanted.note
        return self._keep(session, absence, actor, "absence.change", at)

    def end(self, session: Session, absence_id: int, actor: User, at: datetime) -> None:
        """Back already; one that has not begun is taken back. Raises NotFoundError, ForbiddenError, ConflictError."""
        absence = self.get(session, absence_id)
        self._may(actor, absence.user)
        if absence.ends_at <= at:
            raise ConflictError("it is over already")
        if absence.starts_at < at:
            absence.ends_at = at
            self._keep(session, absence, actor, "absence.end", at)
        else:
            self.remove(session, absence_id, actor, at)

    def remove(self, session: Session, absence_id: int, actor: User, at: datetime) -> None:
        """It was a mistake. Raises NotFoundError, ForbiddenError."""
        absence = self.get(session, absence_id)
        self._may(actor, absence.user)
        session.delete(absence)
        self._told(session, absence, actor, "absence.remove", at)

    def get(self, session: Session, absence_id: int) -> Absence:
        """Raises NotFoundError."""
        absence = session.get(Absence, absence_id)
        if absence is None:
            raise NotFoundError(said("there is no absence %(absence_id)s", absence_id=absence_id))
        return absence

    def _may(self, actor: User, user: str) -> None:
        if actor.name != user and RANK[actor.role] < RANK[Role.MANAGER]:
            raise ForbiddenError("you say when you are away yourself; for others a manager does")

    def _check(self, session: Session, absence: Absence) -> None:
        wrong: dict[str, str] = {}
        able = {user.name for user in self._users.list(session) if user.active}
        if absence.user not in able:
            wrong["user"] = said("there is no active person %(user)r", user=absence.user)
        if absence.ends_at <= absence.starts_at:
            wrong["ends_at"] = "the end lies before the beginning"
        elif absence.ends_at - absence.starts_at > LONGEST:
            wrong["ends_at"] = "at most two years at once; enter the rest later"
        absence.substitute = absence.substitute or None
        if absence.substitute == absence.user:
            wrong["substitute"] = "choose somebody else, or nobody"
        elif absence.substitute is not None and absence.substitute not in able:
            wrong["substitute"] = said("there is no active person %(user)r", user=absence.substitute)
        absence.note = absence.note.strip()
        if len(absence.note) > LONGEST_NOTE:
            wrong["note"] = said("at most %(most)s letters", most=LONGEST_NOTE)
        if wrong:
            raise InvalidFieldsError(wrong)

    def _alone(self, absence: Absence, other: Absence | None) -> None:
        if other is not None:
            raise ConflictError(
                said(
                    "%(user)s is away from %(start)s to %(end)s already; end that one first",
                    user=absence.user,
                    start=other.starts_at,
                    end=other.ends_at,
                )
            )

    def _keep(self, session: Session, absence: Absence, actor: User, action: str, at: datetime) -> Absence:
        session.add(absence)
        session.flush()
        self._told(session, absence, actor, action, at)
        return absence

    def _told(self, session: Session, absence: Absence, actor: User, action: str, at: datetime) -> None:
        detail = {"from": absence.starts_at.isoformat(), "to": absence.ends_at.isoformat()}
        self._users.audit(session, actor.name, action, f"user/{absence.user}", detail, at)
        record_change(session, "absence", str(absence.id), at)


def _same(one: Absence, other: Absence) -> bool:
    return (one.reason, one.starts_at, one.ends_at, one.substitute, one.note) == (
        other.reason,
        other.starts_at,
        other.ends_at,
        other.substitute,
        other.note,
    )
