"""Who is on call in a team, and what follows when nobody acknowledges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from sqlmodel import Session

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.errors import InvalidError, InvalidFieldsError, NotFoundError
from plantroom_cloud.notifications import repository
from plantroom_cloud.notifications.models import Escalation, Rota, RotaOverride
from plantroom_cloud.notifications.preference import time_zone
from plantroom_cloud.notifications.rota import on_call
from plantroom_cloud.users.service import UserService
from plantroom_shared.said import said

TO = ("on-call", "team", "managers")


@dataclass(frozen=True, slots=True)
class TeamCall:
    """How calls reach a team: login names of who is on call now, turns, stand-ins of now and to come, escalation."""

    now: Sequence[str]
    rota: Rota | None
    stand_ins: Sequence[RotaOverride]
    steps: Sequence[dict[str, object]]


class OnCall:
    """Works in the session it is given."""

    def __init__(self, users: UserService, absences: AbsenceService) -> None:
        self._users = users
        self._absences = absences

    def now(self, session: Session, team_id: str, at: datetime) -> Sequence[str]:
        """Login names of who is on call now, and there."""
        rota, overrides = repository.rota_of(session, team_id), repository.overrides_of(session, team_id, at)
        return on_call(rota, overrides, self._absences.away(session, at), at)

    def of_teams(self, session: Session, team_ids: Sequence[str], at: datetime) -> dict[str, TeamCall]:
        """Of each; a few queries for all of them."""
        rotas, escalations = repository.rotas(session), repository.escalations(session)
        overrides, away = repository.overrides(session, at), self._absences.away(session, at)
        found = {}
        for team_id in team_ids:
            rota, mine = rotas.get(team_id), overrides.get(team_id, [])
            found[team_id] = TeamCall(on_call(rota, mine, away, at), rota, mine, escalations.get(team_id, []))
        return found

    def rota(self, session: Session, team_id: str) -> Rota | None:
        """How the team takes turns."""
        return repository.rota_of(session, team_id)

    def set_rota(self, session: Session, rota: Rota) -> Rota:
        """Raises InvalidError naming what is wrong."""
        wrong: dict[str, str] = {}
        known = {user.name for user in self._users.list(session) if user.active}
        if unknown := [name for name in rota.users if name not in known]:
            wrong["users"] = said("there is no active person %(unknown)s", unknown=list(unknown))
        time_zone(rota.timezone)
        for name, read, wanted in (
            ("first_day", date.fromisoformat, "write a day like 2026-03-10"),
            ("handover", time.fromisoformat, "write an hour like 13:30"),
        ):
            try:
                read(getattr(rota, name))
            except ValueError:
                wrong[name] = wanted
        if not 1 <= rota.days <= 92:
            wrong["days"] = "each turn takes 1 to 92 days"
        if wrong:
            raise InvalidFieldsError(wrong)
        return session.merge(rota)

    def stand_in(self, session: Session, override: RotaOverride) -> RotaOverride:
        """Somebody stands in; raises InvalidError."""
        if override.ends_at <= override.starts_at:
            raise InvalidFieldsError({"ends_at": "the end lies before the beginning"})
        if all(user.name != override.user for user in self._users.list(session) if user.active):
            told = said("there is no active person %(user)r", user=override.user)
            raise InvalidFieldsError({"user": told})
        session.add(override)
        session.flush()
        return override

    def stand_ins(self, session: Session, team_id: str, at: datetime) -> Sequence[RotaOverride]:
        """Those of now and to come."""
        return repository.overrides_of(session, team_id, at)

    def end_stand_in(self, session: Session, team_id: str, override_id: int) -> None:
        """Nobody stands in then after all; raises NotFoundError."""
        override = session.get(RotaOverride, override_id)
        if override is None or override.team_id != team_id:
            raise NotFoundError(said("team %(team)r has no stand-in %(number)s", team=team_id, number=override_id))
        session.delete(override)

    def steps(self, session: Session, team_id: str) -> list[dict[str, object]]:
        """The team's escalation."""
        return repository.steps_of(session, team_id)

    def set_steps(self, session: Session, team_id: str, steps: Sequence[tuple[int, str]]) -> None:
        """(seconds after the alarm, whom to tell then), in order; raises InvalidError."""
        before = 0
        for after_s, to in steps:
            if after_s <= before or after_s > 7 * 86_400:
                raise InvalidError(
                    said(
                        "after_s %(after_s)s: each step comes later than the one before, within 7 days", after_s=after_s
                    )
                )
            before = after_s
            if to not in TO and not to.startswith("user:"):
                raise InvalidError(said("to %(to)r: use %(to2)s or user:NAME", to=to, to2=list(TO)))
        session.merge(Escalation(team_id=team_id, steps=[{"after_s": after, "to": to} for after, to in steps]))
