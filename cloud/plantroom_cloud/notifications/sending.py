"""What is due goes out: claimed in one transaction, settled in another, so that no message is sent within one."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from plantroom_cloud.language import ENGLISH, LANGUAGES
from plantroom_cloud.notifications import choice, repository
from plantroom_cloud.notifications.message import Line, Message, Place, compose
from plantroom_cloud.notifications.models import (
    Channel,
    ChannelKind,
    Delivery,
    DeliveryState,
    Notice,
    Notification,
    Preference,
)
from plantroom_cloud.notifications.preference import quiet_hours
from plantroom_cloud.notifications.senders import SendError, Target
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import User

#: Deliveries claimed at once.
AT_ONCE = 200
#: A claimed delivery that nobody settled is free again: its process died.
LEASE = timedelta(seconds=60)
GIVE_UP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send, and the deliveries that it settles."""

    channel_id: int
    kind: ChannelKind
    to: Target
    message: Message
    deliveries: Sequence[int]


class Sending:
    """Works in the session it is given."""

    def __init__(self, base_url: str, is_unanswered: Callable[[Session, int], bool]) -> None:
        self._base_url = base_url.rstrip("/")
        self._is_unanswered = is_unanswered

    def claim(self, session: Session, at: datetime) -> list[Outgoing]:
        """What is to be sent now: one message a channel; leased, so that no other process sends it too. What a process
        had taken that died is sent as the same message, so that a receiver who has it already knows it by its id."""
        found: dict[tuple[int, datetime | None], tuple[Channel, list[tuple[Delivery, Notice]]]] = {}
        for delivery, _notification, notice, channel in repository.deliveries_due(session, at, AT_ONCE):
            assert channel.id is not None
            if not channel.enabled or (
                delivery.repeat and notice.alarm_id and not self._is_unanswered(session, notice.alarm_id)
            ):
                delivery.state = DeliveryState.OVERTAKEN if channel.enabled else DeliveryState.GIVEN_UP
                session.add(delivery)
                continue
            taken_before = delivery.leased_until
            delivery.leased_until = at + LEASE
            session.add(delivery)
            found.setdefault((channel.id, taken_before), (channel, []))[1].append((delivery, notice))
        return [self._outgoing(session, channel, waiting) for channel, waiting in found.values()]

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
            if delivery.state is not DeliveryState.QUEUED:
                continue  # it took longer than the lease, and another process sent it meanwhile
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

    def _repeat(self, session: Session, delivery: Delivery, preference: Preference, at: datetime) -> None:
        notification = session.get(Notification, delivery.notification_id)
        notice = session.get(Notice, notification.notice_id) if notification is not None else None
        if notice is None or notice.alarm_id is None or not preference.repeat_s:
            return
        due = choice.due_at(notice.severity, at + timedelta(seconds=preference.repeat_s), quiet_hours(preference))
        session.add(
            Delivery(
                notification_id=delivery.notification_id,
                channel_id=delivery.channel_id,
                repeat=delivery.repeat + 1,
                due_at=due,
            )
        )

    def _outgoing(self, session: Session, channel: Channel, waiting: Sequence[tuple[Delivery, Notice]]) -> Outgoing:
        ids = [delivery.id for delivery, _notice in waiting if delivery.id is not None]
        lines = [_line(session, notice) for _delivery, notice in waiting]
        addressee = session.get(User, channel.user_id)
        assert addressee is not None
        message_id = hashlib.sha256(repr(ids).encode()).hexdigest()[:24]
        assert channel.id is not None
        to = Target(channel.address, dict(channel.keys), channel.secret)
        return Outgoing(
            channel.id, channel.kind, to, compose(message_id, lines, self._base_url, spoken_by(addressee)), ids
        )


def _line(session: Session, notice: Notice) -> Line:
    site = session.get(Site, notice.site_id) if notice.site_id is not None else None
    subject, body = notice.said_subject(), notice.said_body()
    place = Place(site.name, site.timezone) if site is not None else Place("", "")
    return Line(notice.key, str(notice.kind.value), notice.severity, subject, body, notice.link, notice.at, place)


def spoken_by(user: User) -> str:
    """The language that the person chose, else English: no browser says here what it prefers."""
    return user.language if user.language in LANGUAGES else ENGLISH


def trial(to: Channel, at: datetime, base_url: str, language: str) -> Outgoing:
    """What "send a test" sends."""
    line = Line("test", "system", "low", "A test from Plantroom", "This way works.", "/notifications", at)
    assert to.id is not None
    target = Target(to.address, dict(to.keys), to.secret)
    return Outgoing(to.id, to.kind, target, compose(f"test-{to.id}", [line], base_url, language), [])
