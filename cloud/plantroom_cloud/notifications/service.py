"""Notifications: told in the commit of what happened, brought to the people it concerns, escalated, sent once."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.notifications import choice, repository
from plantroom_cloud.notifications.message import Line, Message, compose
from plantroom_cloud.notifications.models import (
    Channel,
    ChannelKind,
    Delivery,
    DeliveryState,
    Escalation,
    Notice,
    NoticeKind,
    Notification,
    Preference,
    Rota,
    RotaOverride,
)
from plantroom_cloud.notifications.rota import on_call
from plantroom_cloud.notifications.senders import SendError, Target, check_address
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.users.models import Role, User
from plantroom_cloud.users.service import UserService

#: Notices taken in one tick, deliveries claimed at once.
AT_ONCE = 200
#: A claimed delivery that nobody settled is free again: its process died.
LEASE = timedelta(seconds=60)
GIVE_UP = timedelta(days=1)
MOST_CHANNELS = 10
TO = ("on-call", "team", "managers")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send, and the deliveries that it settles."""

    channel_id: int
    kind: ChannelKind
    to: Target
    message: Message
    deliveries: Sequence[int]


class NotificationService:
    """Works in the session it is given; sends nothing itself (`Dispatcher` does)."""

    def __init__(self, users: UserService, base_url: str, is_unanswered: Callable[[Session, int], bool]) -> None:
        self._users = users
        self._base_url = base_url.rstrip("/")
        self._is_unanswered = is_unanswered

    def announce(
        self,
        session: Session,
        key: str,
        kind: NoticeKind,
        severity: str,
        site_id: str,
        subject: str,
        at: datetime,
        *,
        body: str = "",
        link: str = "",
        team_id: str | None = None,
        addressee: str | None = None,
        alarm_id: int | None = None,
    ) -> None:
        """Something happened that concerns people; the same key again changes nothing."""
        if repository.notice_by_key(session, key) is not None:
            return
        notice = Notice(
            key=key,
            kind=kind,
            severity=severity,
            site_id=site_id,
            team_id=team_id,
            addressee=addressee,
            subject=subject,
            body=body,
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
        people = [user for user in self._users.list(session) if user.active]
        for notice in repository.notices_due(session, at, AT_ONCE):
            self._step(session, notice, people, at)

    def claim(self, session: Session, at: datetime) -> list[Outgoing]:
        """What is to be sent now: one message a channel; leased, so that no other process sends it too."""
        found: dict[int, tuple[Channel, list[tuple[Delivery, Notice]]]] = {}
        for delivery, _notification, notice, channel in repository.deliveries_due(session, at, AT_ONCE):
            assert channel.id is not None
            if not channel.enabled or (
                delivery.repeat and notice.alarm_id and not self._is_unanswered(session, notice.alarm_id)
            ):
                delivery.state = DeliveryState.OVERTAKEN if channel.enabled else DeliveryState.GIVEN_UP
                session.add(delivery)
                continue
            delivery.leased_until = at + LEASE
            session.add(delivery)
            found.setdefault(channel.id, (channel, []))[1].append((delivery, notice))
        return [self._outgoing(channel, waiting) for channel, waiting in found.values()]

    def settle(self, session: Session, outgoing: Outgoing, error: SendError | None, at: datetime) -> None:
        """It went out, or it did not: try again later, at most for a day."""
        channel = session.get(Channel, outgoing.channel_id)
        if channel is None:
            return
        channel.last_error = "" if error is None else str(error)
        if error is not None and error.final:
            channel.enabled = False
        session.add(channel)
        preference = repository.preference_of(session, channel.user_id)
        for delivery in repository.deliveries(session, outgoing.deliveries):
            delivery.leased_until = None
            delivery.attempts += 1
            if error is None:
                delivery.state, delivery.sent_at, delivery.error = DeliveryState.SENT, at, ""
                self._repeat(session, delivery, preference, at)
            else:
                delivery.error = str(error)
                delivery.due_at = choice.retry_at(delivery.attempts, at)
                notification = session.get(Notification, delivery.notification_id)
                begun = notification.created_at if notification is not None else at
                if error.final or at - begun > GIVE_UP:
                    delivery.state = DeliveryState.GIVEN_UP
            session.add(delivery)

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
        check_address(kind, address)
        known = self.channels(session, user)
        for channel in known:
            if channel.kind is kind and channel.address == address:
                channel.enabled, channel.keys, channel.last_error = True, keys, ""
                session.add(channel)
                return channel
        if len(known) >= MOST_CHANNELS:
            raise InvalidError(f"at most {MOST_CHANNELS} ways; remove one first")
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
            raise NotFoundError(f"you have no channel {channel_id}")
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
        for kind, least in preference.least.items():
            if kind not in set(NoticeKind) or least not in (*choice.SEVERITIES, choice.NONE):
                raise InvalidError(f"{kind}: {least!r} is not possible; use {', '.join(choice.SEVERITIES)} or none")
        if bool(preference.quiet_from) != bool(preference.quiet_to):
            raise InvalidError("quiet hours need a beginning and an end, like 22:00 and 06:00")
        if not 0 <= preference.group_s <= 3600 or not (preference.repeat_s == 0 or 60 <= preference.repeat_s <= 86_400):
            raise InvalidError("group within 0 to 3600 s; repeat never (0) or each 60 to 86400 s")
        _quiet(preference)
        preference.user_id = user.id
        return session.merge(preference)

    def on_call(self, session: Session, team_id: str, at: datetime) -> Sequence[str]:
        """Login names of who is on call now."""
        return on_call(repository.rota_of(session, team_id), repository.overrides_of(session, team_id, at), at)

    def rota(self, session: Session, team_id: str) -> Rota | None:
        """How the team takes turns."""
        return repository.rota_of(session, team_id)

    def set_rota(self, session: Session, rota: Rota) -> Rota:
        """Raises InvalidError naming what is wrong."""
        known = {user.name for user in self._users.list(session) if user.active}
        if unknown := [name for name in rota.users if name not in known]:
            raise InvalidError(f"users: there is no active person {', '.join(unknown)}")
        _zone(rota.timezone)
        try:
            date.fromisoformat(rota.first_day)
            time.fromisoformat(rota.handover)
        except ValueError as error:
            raise InvalidError(f"{error}; write days like 2026-03-02 and hours like 08:00") from error
        if not 1 <= rota.days <= 92:
            raise InvalidError("days: each turn takes 1 to 92 days")
        return session.merge(rota)

    def stand_in(self, session: Session, override: RotaOverride) -> RotaOverride:
        """Somebody stands in; raises InvalidError."""
        if override.ends_at <= override.starts_at:
            raise InvalidError("ends_at: the end lies before the beginning")
        if all(user.name != override.user for user in self._users.list(session) if user.active):
            raise InvalidError(f"user: there is no active person {override.user!r}")
        session.add(override)
        session.flush()
        return override

    def steps(self, session: Session, team_id: str) -> list[dict[str, object]]:
        """The team's escalation."""
        return repository.steps_of(session, team_id)

    def set_steps(self, session: Session, team_id: str, steps: Sequence[tuple[int, str]]) -> None:
        """(seconds after the alarm, whom to tell then), in order; raises InvalidError."""
        before = 0
        for after_s, to in steps:
            if after_s <= before or after_s > 7 * 86_400:
                raise InvalidError(f"after_s {after_s}: each step comes later than the one before, within 7 days")
            before = after_s
            if to not in TO and not to.startswith("user:"):
                raise InvalidError(f"to {to!r}: use {', '.join(TO)} or user:NAME")
        session.merge(Escalation(team_id=team_id, steps=[{"after_s": after, "to": to} for after, to in steps]))

    def _step(self, session: Session, notice: Notice, people: Sequence[User], at: datetime) -> None:
        steps = repository.steps_of(session, notice.team_id) if notice.alarm_id is not None else []
        answered = notice.alarm_id is not None and not self._is_unanswered(session, notice.alarm_id)
        if notice.step == 0:
            self._tell(session, notice, self._concerned(session, notice, people, at), at)
        elif not answered:
            to = str(steps[notice.step - 1]["to"]) if notice.step <= len(steps) else ""
            self._tell(session, notice, self._called(session, notice, to, people, at), at)
        notice.step += 1
        notice.next_step_at = None
        if not answered and notice.step <= len(steps):
            notice.next_step_at = notice.at + timedelta(seconds=int(str(steps[notice.step - 1]["after_s"])))
        session.add(notice)

    def _concerned(self, session: Session, notice: Notice, people: Sequence[User], at: datetime) -> list[User]:
        """Whom it concerns first; never nobody while there is an administrator."""
        if notice.addressee is not None:
            return [user for user in people if user.name == notice.addressee]
        for to in ("on-call", "team", "managers"):
            if found := self._called(session, notice, to, people, at):
                return found
        return [user for user in people if user.role is Role.ADMIN]

    def _called(self, session: Session, notice: Notice, to: str, people: Sequence[User], at: datetime) -> list[User]:
        may_see = [user for user in people if not user.sites or notice.site_id in user.sites]
        if to.startswith("user:"):
            return [user for user in may_see if user.name == to.removeprefix("user:")]
        if to == "managers":
            return [user for user in may_see if user.role in (Role.MANAGER, Role.DISPATCHER)]
        if notice.team_id is None:
            return []
        if to == "on-call":
            names = self.on_call(session, notice.team_id, at)
            return [user for user in may_see if user.name in names]
        return [user for user in may_see if user.team_id == notice.team_id]

    def _tell(self, session: Session, notice: Notice, people: Sequence[User], at: datetime) -> None:
        for user in people:
            assert notice.id is not None
            assert user.id is not None
            preference = repository.preference_of(session, user.id)
            chosen = choice.wants(preference.least, str(notice.kind.value), notice.severity)
            if not chosen or (preference.sites and notice.site_id not in preference.sites):
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
        allowed = choice.due_at(notice.severity, at, _quiet(preference))
        for channel in repository.channels_of(session, user.id, enabled_only=True):
            assert channel.id is not None
            due = allowed
            last = repository.last_sent_at(session, channel.id)
            if last is not None and notice.severity != "critical":
                due = max(due, last + timedelta(seconds=preference.group_s))
            session.add(Delivery(notification_id=notification.id, channel_id=channel.id, due_at=due))

    def _repeat(self, session: Session, delivery: Delivery, preference: Preference, at: datetime) -> None:
        notification = session.get(Notification, delivery.notification_id)
        notice = session.get(Notice, notification.notice_id) if notification is not None else None
        if notice is None or notice.alarm_id is None or not preference.repeat_s:
            return
        due = choice.due_at(notice.severity, at + timedelta(seconds=preference.repeat_s), _quiet(preference))
        session.add(
            Delivery(
                notification_id=delivery.notification_id,
                channel_id=delivery.channel_id,
                repeat=delivery.repeat + 1,
                due_at=due,
            )
        )

    def _outgoing(self, channel: Channel, waiting: Sequence[tuple[Delivery, Notice]]) -> Outgoing:
        ids = [delivery.id for delivery, _notice in waiting if delivery.id is not None]
        lines = [
            Line(n.key, str(n.kind.value), n.severity, n.subject, n.body, n.link, n.at) for _delivery, n in waiting
        ]
        message_id = hashlib.sha256(repr(ids).encode()).hexdigest()[:24]
        assert channel.id is not None
        to = Target(channel.address, dict(channel.keys), channel.secret)
        return Outgoing(channel.id, channel.kind, to, compose(message_id, lines, self._base_url), ids)


def trial(to: Channel, at: datetime, base_url: str) -> Outgoing:
    """What "send a test" sends."""
    line = Line("test", "system", "low", "A test from Plantroom", "This way works.", "/notifications", at)
    assert to.id is not None
    target = Target(to.address, dict(to.keys), to.secret)
    return Outgoing(to.id, to.kind, target, compose(f"test-{to.id}", [line], base_url), [])


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidError(f"time zone {name!r} is not known; use one like Europe/Berlin") from error


def _quiet(preference: Preference) -> choice.Quiet | None:
    zone = _zone(preference.timezone)
    if not preference.quiet_from:
        return None
    try:
        begins, ends = time.fromisoformat(preference.quiet_from), time.fromisoformat(preference.quiet_to)
    except ValueError as error:
        raise InvalidError(f"quiet hours: {error}; write them like 22:00") from error
    return choice.Quiet(begins, ends, zone)
