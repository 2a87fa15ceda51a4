"""Whom a warning, a breach or a step of the escalation is told, and in which words."""

from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.absences.standing import present
from plantroom_cloud.notifications.models import NoticeKind
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.sla.clock import Course
from plantroom_cloud.sla.models import ClockKind
from plantroom_cloud.sla.terms import BREACH, WARNING, Mark
from plantroom_cloud.users.models import Role, User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_shared.said import said


class Escalation:
    """Works in the session it is given."""

    def __init__(self, users: UserService, notifications: NotificationService, absences: AbsenceService) -> None:
        self._users = users
        self._notifications = notifications
        self._absences = absences

    def tell(
        self, session: Session, order: WorkOrder, key: str, subject: str, body: str, to: str, at: datetime
    ) -> list[str]:
        """The login names of those `to` means now, each told once by `key`; where it means nobody, the team's own."""
        people = self.meant(session, order, to, at)
        for name in (*people,) or (None,):
            self._notifications.announce(
                session,
                f"{key}/{name or 'team'}",
                NoticeKind.WORK_ORDER,
                order.priority,
                order.site_id,
                subject,
                at,
                body=body,
                link=f"/work-orders/{order.id}",
                team_id=order.team_id,
                addressee=name,
            )
        return people

    def meant(self, session: Session, order: WorkOrder, to: str, at: datetime) -> list[str]:
        """`to`: "assignee", "on-call", "team", "managers", "user:NAME", "team:ID" or "on-call:TEAM"; for who is away
        who stands in, if anybody does."""
        able = [user for user in self._users.list(session) if _may_know(user, order)]
        word, _, who = to.partition(":")
        team = who or order.team_id
        match word:
            case "assignee":
                chosen = {order.assignee} if order.assignee else set()
            case "user":
                chosen = {who}
            case "on-call":
                chosen = set(self._notifications.on_call.now(session, team, at)) if team else set()
            case "team":
                chosen = {user.name for user in able if team and user.team_id == team}
            case _:
                chosen = {user.name for user in able if user.role in (Role.MANAGER, Role.DISPATCHER)}
        there = present(sorted(chosen), self._absences.away(session, at))
        return [user.name for user in able if user.name in there]

    def unknown(self, session: Session, to: str) -> str:
        """Why `to` can mean nobody; empty when it can."""
        word, _, who = to.partition(":")
        if word == "user" and all(user.name != who for user in self._users.list(session) if user.active):
            return said("there is no active person %(who)r", who=who)
        if word in ("team", "on-call") and who and all(team.id != who for team in self._users.teams(session)):
            return said("there is no team %(who)r", who=who)
        return ""


def _may_know(user: User, order: WorkOrder) -> bool:
    return user.active and (not user.sites or order.site_id in user.sites)


#: By clock and mark; of a step of the escalation: "".
_SUBJECTS = {
    ClockKind.RESPONSE: {
        WARNING: "Response is nearly due: %(title)s",
        BREACH: "Response is over its time: %(title)s",
        "": "Response needs you: %(title)s",
    },
    ClockKind.RESTORATION: {
        WARNING: "Restoration is nearly due: %(title)s",
        BREACH: "Restoration is over its time: %(title)s",
        "": "Restoration needs you: %(title)s",
    },
}


def in_words(order: WorkOrder, course: Course, mark: Mark) -> tuple[str, str]:
    """Subject and body."""
    told = _SUBJECTS[course.kind]
    subject = told.get(mark.name, told[""])
    who = said("%(assignee)s has it.", assignee=order.assignee) if order.assignee else "Nobody has taken it."
    body = said("%(who)s It is %(state)s.", who=who, state=order.state)
    described = said("%(body)s %(description)s", body=body, description=order.description)
    return said(subject, title=order.title), described if order.description else body
