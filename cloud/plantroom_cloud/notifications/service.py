"""Notifications: told in the commit of what happened, brought to the people it concerns, escalated, sent once."""

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.absences.standing import Away, present
from plantroom_cloud.config import PUSH_SERVICES
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.notifications import choice, repository
from plantroom_cloud.notifications.models import (
    Channel,
    ChannelKind,
    Delivery,
    Notice,
    NoticeKind,
    Notification,
    Preference,
)
from plantroom_cloud.notifications.oncall import OnCall
from plantroom_cloud.notifications.preference import check_preference, quiet_hours
from plantroom_cloud.notifications.senders import check_address
from plantroom_cloud.notifications.sending import Sending
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.users.models import Role, User
from plantroom_cloud.users.service import UserService
from plantroom_shared.said import document, said

#: Notices taken in one tick.
AT_ONCE = 200
MOST_CHANNELS = 10
#: Whom a notice concerns first, by its audience: the first of these that means anybody.
_FIRST = {"": ("on-call", "team", "managers"), "team": ("team", "managers"), "managers": ("managers",)}


@dataclass(frozen=True)
class _House:
    """Those who may log in, who of them is away, and who stands in."""

    people: Sequence[User]
    away: Away


class NotificationService:
    """Works in the session it is given; sends nothing itself (`Dispatcher` does)."""

    def __init__(
        self,
        users: UserService,
        absences: AbsenceService,
        base_url: str,
        is_unanswered: Callable[[Session, int], bool],
        push_services: Collection[str] = PUSH_SERVICES,
    ) -> None:
        self._users = users
        self._absences = absences
        self.on_call = OnCall(users, absences)
        self.sending = Sending(base_url, is_unanswered)
        self._is_unanswered = is_unanswered
        self._push_services = push_services

    def announce(
        self,
        session: Session,
        key: str,
        kind: NoticeKind,
        severity: str,
        site_id: str | None,
        subject: str,
        at: datetime,
        *,
        body: str = "",
        link: str = "",
        team_id: str | None = None,
        audience: str = "",
        addressee: str | None = None,
        alarm_id: int | None = None,
    ) -> None:
        """Something happened that concerns people (`audience`: see Notice); the same key again changes nothing."""
        if repository.notice_by_key(session, key) is not None:
            return
        notice = Notice(
            key=key,
            kind=kind,
            severity=severity,
            site_id=site_id,
            team_id=team_id,
            audience=audience,
            addressee=addressee,
            subject=subject,
            body=body,
            texts={"subject": document(subject), "body": document(body)},
            link=link,
            alarm_id=alarm_id,
            at=at,
            next_step_at=at,
        )
        try:
            with session.begin_nested():
                session.add(notice)
                session.flush()
        except IntegrityError:  # another process tells it
            return

    def tick(self, session: Session, at: datetime) -> None:
        """Bring new notices to people, and take the steps of escalations that are due."""
        due = repository.notices_due(session, at, AT_ONCE)
        if not due:
            return
        people = [user for user in self._users.list(session) if user.active]
        house = _House(people, self._absences.away(session, at))
        for notice in due:
            self._step(session, notice, house, at)

    def inbox(
        self, session: Session, user: User, *, unread_only: bool = False, before_id: int | None = None, limit: int = 50
    ) -> list[tuple[Notification, Notice]]:
        """What a person was told, newest first."""
        assert user.id is not None
        return repository.of_user(session, user.id, unread_only=unread_only, before_id=before_id, limit=limit)

    def unread(self, session: Session, user: User) -> int:
        """How many the person has not seen."""
        assert user.id is not None
        return repository.unread_count(session, user.id)

    def read(self, session: Session, user: User, up_to_id: int, at: datetime) -> None:
        """The person has seen them up to this one."""
        assert user.id is not None
        repository.mark_read(session, user.id, up_to_id, at)
        record_change(session, "notification", user.name, at)

    def channels(self, session: Session, user: User) -> list[Channel]:
        """The ways to a person."""
        assert user.id is not None
        return repository.channels_of(session, user.id)

    def add_channel(
        self,
        session: Session,
        user: User,
        kind: ChannelKind,
        address: str,
        label: str,
        keys: dict[str, str],
        at: datetime,
    ) -> Channel:
        """A new way; a webhook gets its secret here. Raises InvalidError."""
        assert user.id is not None
        address = address.strip()
        check_address(kind, address, self._push_services)
        known = self.channels(session, user)
        for channel in known:
            if channel.kind is kind and channel.address == address:
                channel.enabled, channel.keys, channel.last_error = True, keys, ""
                session.add(channel)
                return channel
        if len(known) >= MOST_CHANNELS:
            raise InvalidError(said("at most %(most_channels)s ways; remove one first", most_channels=MOST_CHANNELS))
        channel = Channel(
            user_id=user.id,
            kind=kind,
            label=label,
            address=address,
            keys=keys,
            secret=secrets.token_urlsafe(32) if kind is ChannelKind.WEBHOOK else "",
            created_at=at,
        )
        session.add(channel)
        session.flush()
        return channel

    def channel(self, session: Session, user: User, channel_id: int) -> Channel:
        """Raises NotFoundError for one that is not the person's own."""
        channel = session.get(Channel, channel_id)
        if channel is None or channel.user_id != user.id:
            raise NotFoundError(said("you have no channel %(channel_id)s", channel_id=channel_id))
        return channel

    def remove_channel(self, session: Session, user: User, channel_id: int) -> None:
        """Raises NotFoundError for one that is not the person's own."""
        session.delete(self.channel(session, user, channel_id))

    def preference(self, session: Session, user: User) -> Preference:
        """What the person chose."""
        assert user.id is not None
        return repository.preference_of(session, user.id)

    def choose(self, session: Session, user: User, preference: Preference) -> Preference:
        """Raises InvalidError naming what is wrong."""
        assert user.id is not None
        check_preference(preference)
        preference.user_id = user.id
        return session.merge(preference)

    def _step(self, session: Session, notice: Notice, house: _House, at: datetime) -> None:
        steps = repository.steps_of(session, notice.team_id) if notice.alarm_id is not None else []
        answered = notice.alarm_id is not None and not self._is_unanswered(session, notice.alarm_id)
        if notice.step == 0:
            self._tell(session, notice, self._concerned(session, notice, house, at), at)
        elif not answered:
            self._tell(session, notice, self._escalated(session, notice, steps, house, at), at)
        notice.step += 1
        notice.next_step_at = None
        if not answered and notice.step <= len(steps):
            notice.next_step_at = notice.at + timedelta(seconds=int(str(steps[notice.step - 1]["after_s"])))
        session.add(notice)

    def _escalated(
        self, session: Session, notice: Notice, steps: Sequence[dict[str, object]], house: _House, at: datetime
    ) -> list[User]:
        """Those of the step that is due; where it means nobody who is there, those of the next one, in the end managers
        and administrators."""
        while notice.step <= len(steps):
            if found := self._called(session, notice, str(steps[notice.step - 1]["to"]), house, at):
                return found
            notice.step += 1
        return self._called(session, notice, "managers", house, at) or _administrators(house)

    def _concerned(self, session: Session, notice: Notice, house: _House, at: datetime) -> list[User]:
        """Whom it concerns first; never nobody while there is an administrator. What is said to one person waits for
        that person, and is told to who stands in."""
        if notice.addressee is not None:
            names = {notice.addressee, *present([notice.addressee], house.away)}
            return [user for user in house.people if user.name in names]
        for to in _FIRST[notice.audience]:
            if found := self._called(session, notice, to, house, at):
                return found
        return _administrators(house)

    def _called(self, session: Session, notice: Notice, to: str, house: _House, at: datetime) -> list[User]:
        may_see = [user for user in house.people if not user.sites or notice.site_id in (None, *user.sites)]
        if to.startswith("user:"):
            called = [to.removeprefix("user:")]
        elif to == "managers":
            called = [user.name for user in may_see if user.role in (Role.MANAGER, Role.DISPATCHER)]
        elif notice.team_id is None:
            called = []
        elif to == "on-call":
            called = list(self.on_call.now(session, notice.team_id, at))
        else:
            called = [user.name for user in may_see if user.team_id == notice.team_id]
        names = present(called, house.away)
        return [user for user in may_see if user.name in names]

    def _tell(self, session: Session, notice: Notice, people: Sequence[User], at: datetime) -> None:
        for user in people:
            assert notice.id is not None
            assert user.id is not None
            preference = repository.preference_of(session, user.id)
            chosen = choice.wants(preference.least, str(notice.kind.value), notice.severity)
            if not chosen or (preference.sites and notice.site_id not in (None, *preference.sites)):
                continue
            if repository.notification_of(session, notice.id, user.id) is not None:
                continue
            notification = Notification(notice_id=notice.id, user_id=user.id, step=notice.step, created_at=at)
            session.add(notification)
            session.flush()
            record_change(session, "notification", user.name, at)
            self._queue(session, notification, notice, user, preference, at)

    def _queue(
        self,
        session: Session,
        notification: Notification,
        notice: Notice,
        user: User,
        preference: Preference,
        at: datetime,
    ) -> None:
        assert user.id is not None
        assert notification.id is not None
        allowed = choice.due_at(notice.severity, at, quiet_hours(preference))
        for channel in repository.channels_of(session, user.id, enabled_only=True):
            assert channel.id is not None
            due = allowed
            last = repository.last_sent_at(session, channel.id)
            if last is not None and notice.severity != "critical":
                due = max(due, last + timedelta(seconds=preference.group_s))
            session.add(Delivery(notification_id=notification.id, channel_id=channel.id, due_at=due))


def _administrators(house: _House) -> list[User]:
    """Those who are there; all of them where none is."""
    all_of_them = [user for user in house.people if user.role is Role.ADMIN]
    return [user for user in all_of_them if user.name not in house.away] or all_of_them
