"""Notifications: what happened, whom it concerns, by which ways it reaches them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, UtcDateTime, word
from plantroom_shared.said import from_document


class NoticeKind(StrEnum):
    """What a person may choose by."""

    ALARM = "alarm"
    WORK_ORDER = "work-order"
    PATROL = "patrol"
    STOCK = "stock"
    SYSTEM = "system"


class ChannelKind(StrEnum):
    """A way to a person, besides the page itself."""

    EMAIL = "email"
    WEB_PUSH = "web-push"
    APPRISE = "apprise"  #: a service that Apprise knows: WeCom, DingTalk, Feishu, Telegram, Slack, Teams, SMS …
    WEBHOOK = "webhook"  #: JSON, signed by HMAC


class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    GIVEN_UP = "given-up"  #: tried for a day
    OVERTAKEN = "overtaken"  #: the alarm was acknowledged before it went out


class Notice(SQLModel, table=True):
    """One thing that happened, written in the commit that made it happen; `key` makes it unique for ever."""

    __tablename__ = "notice"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)  #: "alarm/12/raised", "work-order/7/assigned/3"
    kind: NoticeKind = Field(sa_type=word(NoticeKind))
    severity: str  #: "critical", "high", "medium", "low"
    site_id: str | None = Field(default=None, foreign_key="site.id")  #: null: of no site, all may know it
    team_id: str | None = Field(default=None, foreign_key="team.id")
    #: whom it concerns first: "team" or "managers"; empty: who is on call, else the team, else managers
    audience: str = ""
    addressee: str | None = None  #: login name: it concerns this person alone
    subject: str  #: in English, as `body`
    body: str = ""
    #: subject and body as they can be told in another language: `plantroom_shared.said.document` of each
    texts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))
    link: str = ""  #: path on our page
    alarm_id: int | None = Field(default=None, foreign_key="alarm.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    step: int = 0  #: of the escalation that was reached; 0: told to those who are concerned first
    next_step_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)  #: null: nothing more to do

    def said_subject(self) -> str:
        """That can be told in any language."""
        return str(from_document(self.texts.get("subject", self.subject)))

    def said_body(self) -> str:
        """That can be told in any language."""
        return str(from_document(self.texts.get("body", self.body)))


class Notification(SQLModel, table=True):
    """A notice for one person; what the page shows under the bell."""

    __table_args__ = (UniqueConstraint("notice_id", "user_id"),)

    id: int | None = Field(default=None, primary_key=True)
    notice_id: int = Field(foreign_key="notice.id", index=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    step: int = 0  #: of the escalation that brought it
    created_at: datetime = Field(sa_type=UtcDateTime)
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Channel(SQLModel, table=True):
    """A way to a person."""

    __tablename__ = "notification_channel"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    kind: ChannelKind = Field(sa_type=word(ChannelKind))
    label: str = ""
    address: str  #: e-mail address, URL of the push service, Apprise URL, URL of the webhook
    keys: dict[str, str] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))  #: p256dh, auth
    secret: str = ""  #: of a webhook
    enabled: bool = True
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_error: str = ""


class Preference(SQLModel, table=True):
    """What a person wants to be told, and when."""

    __tablename__ = "notification_preference"

    user_id: int = Field(primary_key=True, foreign_key="user.id")
    #: kind → least severity, or "none"; a kind that is absent: everything
    least: dict[str, str] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))
    sites: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))  #: empty: all one sees
    quiet_from: str = ""  #: "22:00"; empty: no quiet hours
    quiet_to: str = ""
    timezone: str = "UTC"
    group_s: int = 60  #: what comes within this time after a message goes out together
    repeat_s: int = 0  #: an alarm that nobody acknowledges is told again; 0: once


class Delivery(SQLModel, table=True):
    """One message that is to go out; sent at least once, and once only where the other side answers in time."""

    __tablename__ = "notification_delivery"
    __table_args__ = (UniqueConstraint("notification_id", "channel_id", "repeat"),)

    id: int | None = Field(default=None, primary_key=True)
    notification_id: int = Field(foreign_key="notification.id", index=True)
    channel_id: int = Field(foreign_key="notification_channel.id", index=True, ondelete="CASCADE")
    repeat: int = 0
    state: DeliveryState = Field(default=DeliveryState.QUEUED, sa_type=word(DeliveryState), index=True)
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = ""


class Rota(SQLModel, table=True):
    """Who of a team is on call: each for so many days in turn, handed over at a local hour."""

    __tablename__ = "on_call_rota"

    team_id: str = Field(primary_key=True, foreign_key="team.id")
    users: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))  #: login names
    first_day: str  #: "2026-03-02": the first of them begins
    days: int = 7
    handover: str = "08:00"
    timezone: str = "UTC"


class RotaOverride(SQLModel, table=True):
    """Somebody stands in for a while."""

    __tablename__ = "on_call_override"

    id: int | None = Field(default=None, primary_key=True)
    team_id: str = Field(foreign_key="team.id", index=True)
    user: str
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)


class Escalation(SQLModel, table=True):
    """What a team does when nobody acknowledges: [{"after_s": 600, "to": "team"}, …], in order."""

    __tablename__ = "escalation"

    team_id: str = Field(primary_key=True, foreign_key="team.id")
    steps: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
