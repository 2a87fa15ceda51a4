"""From an alarm to the people it concerns, by real ways: a mail server, a webhook, a push service."""

import base64
import json
import os
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.message import Message as Mail
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlmodel import Session, select

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState, RuleKind, Severity
from plantroom_cloud.config import Notifications
from plantroom_cloud.database import Database
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.language import CHINESE
from plantroom_cloud.notifications.dispatcher import Dispatcher
from plantroom_cloud.notifications.message import Line, compose
from plantroom_cloud.notifications.models import (
    ChannelKind,
    Delivery,
    DeliveryState,
    NoticeKind,
    Notification,
    Preference,
    Rota,
)
from plantroom_cloud.notifications.senders import SendError, Target, public_key, senders, sign, vapid_key
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role, Team, User
from plantroom_cloud.users.service import UserService
from plantroom_shared.said import said
from tests.servers.ports import free_port
from tests.servers.push import opened, vouched

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
_MESSAGE = compose("x", [Line("k", "alarm", "high", "s", "b", "/", NOW)], "https://plant.example", "en")


class _Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now_ms(self) -> int:
        return round(self.at.timestamp() * 1000)

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class _Receiver:
    """An HTTP server that keeps what was posted and answers as it is told."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.answer = 201
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.answer)
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, name="receiver", daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    receiver = _Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


class _House:
    """A team with two people, a manager, and what alarms are unanswered."""

    def __init__(self, database: Database, config: Notifications) -> None:
        self.database = database
        self.clock = _Clock()
        self.unanswered: set[int] = set()
        users = UserService()
        self.service = NotificationService(
            users,
            AbsenceService(users),
            "https://plant.example",
            lambda _session, alarm_id: alarm_id in self.unanswered,
            config.push_services,
        )
        self.dispatcher = Dispatcher(self.service, senders(config), database, self.clock)
        with database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.add(Team(id="hvac", name="HVAC"))
            session.flush()
            for name, role, team in (("ann", Role.TECHNICIAN, "hvac"), ("bob", Role.TECHNICIAN, "hvac")):
                session.add(User(name=name, password_hash="x", role=role, team_id=team, created_at=NOW))
            session.add(User(name="mia", password_hash="x", role=Role.MANAGER, created_at=NOW))

    def user(self, session: Session, name: str) -> User:
        return session.exec(select(User).where(User.name == name)).one()

    def channel(self, name: str, kind: ChannelKind, address: str, **keys: str) -> str:
        with self.database.write() as session:
            user = self.user(session, name)
            return self.service.add_channel(session, user, kind, address, "", keys, self.clock.at).secret

    def announce(
        self, key: str, severity: str = "high", alarm_id: int | None = None, team: str | None = "hvac"
    ) -> None:
        with self.database.write() as session:
            self.service.announce(
                session,
                key,
                NoticeKind.ALARM,
                severity,
                "main",
                f"Pump hot {key}",
                self.clock.at,
                link="/alarms/1",
                team_id=team,
                alarm_id=alarm_id,
            )

    def tick(self) -> None:
        with self.database.write() as session:
            self.service.tick(session, self.clock.at)

    def told(self) -> dict[str, int]:
        with self.database.read() as session:
            return {
                user.name: found
                for user in session.exec(select(User))
                if (found := len(session.exec(select(Notification).where(Notification.user_id == user.id)).all()))
            }

    def states(self) -> list[DeliveryState]:
        with self.database.read() as session:
            return [row.state for row in session.exec(select(Delivery).order_by(Delivery.id))]  # type: ignore[arg-type]


@pytest.fixture
def house(database: Database, tmp_path: Path) -> _House:
    return _House(
        database,
        Notifications(
            contact="mailto:ops@plant.example", vapid_file=tmp_path / "vapid.pem", push_services=("127.0.0.1",)
        ),
    )


async def test_a_webhook_gets_each_event_once_signed(house: _House, receiver: _Receiver) -> None:
    secret = house.channel("mia", ChannelKind.WEBHOOK, receiver.url)
    house.announce("a", team=None)
    house.announce("a", team=None)  # told twice, happened once
    house.tick()
    house.tick()
    assert await house.dispatcher.send_due() == 1
    assert await house.dispatcher.send_due() == 0
    [(headers, body)] = receiver.posts
    stamp, signature = (part.split("=", 1)[1] for part in headers["x-plantroom-signature"].split(","))
    assert signature == sign(secret, stamp, body)
    [event] = json.loads(body)["events"]
    assert (event["key"], event["severity"], event["link"]) == ("a", "high", "/alarms/1")
    assert house.told() == {"mia": 1}


async def test_what_does_not_go_out_is_tried_again_later_and_given_up_after_a_day(
    house: _House, receiver: _Receiver
) -> None:
    house.channel("mia", ChannelKind.WEBHOOK, receiver.url)
    receiver.answer = 503
    house.announce("a", team=None)
    house.tick()
    assert await house.dispatcher.send_due() == 0
    assert await house.dispatcher.send_due() == 0  # not due yet
    assert len(receiver.posts) == 1
    house.clock.at += timedelta(seconds=10)
    receiver.answer = 200
    assert await house.dispatcher.send_due() == 1
    ids = {headers["x-plantroom-id"] for headers, _body in receiver.posts}
    assert len(ids) == 1  # the receiver can tell the repetition
    receiver.answer = 500
    house.announce("b", team=None)
    house.clock.at += timedelta(minutes=2)
    house.tick()
    for _ in range(40):
        await house.dispatcher.send_due()
        house.clock.at += timedelta(hours=1)
    assert house.states() == [DeliveryState.SENT, DeliveryState.GIVEN_UP]


async def test_a_way_out_that_stumbles_keeps_nobody_else_waiting(house: _House, receiver: _Receiver) -> None:
    house.channel("mia", ChannelKind.APPRISE, "tgram://123456789:abcdefg_hijklmnop/12315544")
    house.channel("mia", ChannelKind.WEBHOOK, receiver.url)

    def stumble(*_args: object) -> None:
        raise KeyError("a mistake of a plugin")

    ways = {**senders(Notifications()), ChannelKind.APPRISE: stumble}
    house.announce("a", team=None)
    house.tick()
    assert await Dispatcher(house.service, ways, house.database, house.clock).send_due() == 1
    assert len(receiver.posts) == 1
    assert sorted(house.states()) == [DeliveryState.QUEUED, DeliveryState.SENT]  # the other is tried again


async def test_the_secret_in_an_address_is_in_no_error(house: _House, receiver: _Receiver) -> None:
    house.channel("mia", ChannelKind.WEBHOOK, f"{receiver.url}/T0KEN?key=s3cret")
    receiver.answer = 500
    house.announce("a", team=None)
    house.tick()
    await house.dispatcher.send_due()
    with house.database.read() as session:
        [channel] = house.service.channels(session, house.user(session, "mia"))
    assert channel.last_error == f"{receiver.url.removesuffix('/hook')} answers 500"


async def test_a_process_that_died_while_sending_loses_nothing(house: _House, receiver: _Receiver) -> None:
    house.channel("mia", ChannelKind.WEBHOOK, receiver.url)
    house.announce("a", team=None)
    house.tick()
    with house.database.write() as session:
        assert len(house.service.sending.claim(session, house.clock.at)) == 1  # and the process dies here
    assert await house.dispatcher.send_due() == 0
    house.clock.at += timedelta(seconds=61)
    assert await house.dispatcher.send_due() == 1


async def test_what_was_sent_by_a_process_that_died_comes_again_as_the_same_message(
    house: _House, receiver: _Receiver
) -> None:
    house.channel("mia", ChannelKind.WEBHOOK, receiver.url)
    house.announce("a", team=None)
    house.announce("b", team=None)
    house.tick()
    with house.database.write() as session:
        [taken] = house.service.sending.claim(session, house.clock.at)
    house.dispatcher.try_now(taken)  # and the process dies before it writes that down
    house.clock.at += timedelta(seconds=61)
    house.announce("c", severity="critical", team=None)
    house.tick()
    assert await house.dispatcher.send_due() == 2
    first, *others = [(headers["x-plantroom-id"], json.loads(body)["events"]) for headers, body in receiver.posts]
    assert first in others
    assert [[event["key"] for event in events] for _, events in others if (_, events) != first] == [["c"]]


async def test_a_flood_is_one_message(house: _House, receiver: _Receiver) -> None:
    house.channel("mia", ChannelKind.WEBHOOK, receiver.url)
    house.announce("first", team=None)
    house.tick()
    await house.dispatcher.send_due()
    for number in range(30):
        house.announce(f"n{number}", team=None)
    house.tick()
    assert await house.dispatcher.send_due() == 0
    house.clock.at += timedelta(seconds=60)
    assert await house.dispatcher.send_due() == 1
    assert len(json.loads(receiver.posts[-1][1])["events"]) == 30
    assert house.told() == {"mia": 31}  # the records stay apart
    house.announce("bad", severity="critical", team=None)
    house.tick()
    assert await house.dispatcher.send_due() == 1  # never held back


async def test_an_alarm_that_nobody_acknowledges_climbs(house: _House) -> None:
    with house.database.write() as session:
        house.service.on_call.set_rota(session, Rota(team_id="hvac", users=["ann"], first_day="2026-03-02"))
        house.service.on_call.set_steps(session, "hvac", [(300, "team"), (900, "managers")])
    house.unanswered = {1, 2}
    with house.database.write() as session:
        _alarms(session, 1, 2)
    house.announce("one", alarm_id=1)
    house.announce("two", alarm_id=2)
    house.tick()
    assert house.told() == {"ann": 2}
    house.unanswered = {1}  # somebody acknowledged the second
    house.clock.at += timedelta(seconds=300)
    house.tick()
    assert house.told() == {"ann": 2, "bob": 1}
    house.clock.at += timedelta(seconds=600)
    house.tick()
    house.tick()
    assert house.told() == {"ann": 2, "bob": 1, "mia": 1}


async def test_it_is_told_again_until_it_is_acknowledged(house: _House, receiver: _Receiver) -> None:
    house.channel("mia", ChannelKind.WEBHOOK, receiver.url)
    with house.database.write() as session:
        mia = house.user(session, "mia")
        house.service.choose(session, mia, Preference(user_id=0, group_s=0, repeat_s=600))
        _alarms(session, 1)
    house.unanswered = {1}
    house.announce("a", alarm_id=1, team=None)
    house.tick()
    for _ in range(3):
        assert await house.dispatcher.send_due() == 1
        house.clock.at += timedelta(seconds=600)
    house.unanswered = set()
    assert await house.dispatcher.send_due() == 0
    assert house.states() == [DeliveryState.SENT] * 3 + [DeliveryState.OVERTAKEN]


async def test_quiet_hours_hold_back_what_is_not_critical(house: _House, receiver: _Receiver) -> None:
    house.channel("mia", ChannelKind.WEBHOOK, receiver.url)
    with house.database.write() as session:
        preference = Preference(user_id=0, quiet_from="11:00", quiet_to="13:00", least={"alarm": "medium"})
        house.service.choose(session, house.user(session, "mia"), preference)
    house.announce("low", severity="low", team=None)
    house.announce("high", team=None)
    house.announce("critical", severity="critical", team=None)
    house.tick()
    assert await house.dispatcher.send_due() == 1
    assert json.loads(receiver.posts[0][1])["severity"] == "critical"
    house.clock.at += timedelta(hours=1)
    assert await house.dispatcher.send_due() == 1
    assert house.told() == {"mia": 2}  # the low one was not wanted


async def test_a_push_is_encrypted_for_its_browser_alone(house: _House, receiver: _Receiver, tmp_path: Path) -> None:
    browser, auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    point = browser.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    keys = {
        name: base64.urlsafe_b64encode(raw).decode().rstrip("=") for name, raw in (("p256dh", point), ("auth", auth))
    }
    house.channel("mia", ChannelKind.WEB_PUSH, receiver.url, **keys)
    house.announce("a", team=None)
    house.tick()
    assert await house.dispatcher.send_due() == 1
    [(headers, body)] = receiver.posts
    assert json.loads(opened(body, browser, auth))["title"] == "[high] Pump hot a"
    key = public_key(vapid_key(tmp_path / "vapid.pem"))
    claims = vouched(headers["authorization"], key)
    origin = receiver.url.removesuffix("/hook")
    assert (claims["aud"], claims["sub"]) == (origin, "mailto:ops@plant.example")
    assert 0 < claims["exp"] - time.time() <= 86_400
    assert (headers["content-encoding"], headers["ttl"], headers["urgency"]) == ("aes128gcm", "86400", "normal")
    assert (tmp_path / "vapid.pem").stat().st_mode & 0o077 == 0
    receiver.answer = 410  # the browser took its permission back
    house.announce("b", severity="critical", team=None)
    house.tick()
    assert await house.dispatcher.send_due() == 0
    with house.database.read() as session:
        assert [channel.enabled for channel in house.service.channels(session, house.user(session, "mia"))] == [False]


async def test_a_mail_goes_through_a_mail_server(database: Database) -> None:
    mails: list[Mail] = []

    class Inbox:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            mails.append(BytesParser().parsebytes(envelope.content))
            return "250 OK"

    port = free_port()
    controller = Controller(Inbox(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        config = Notifications(smtp_host="127.0.0.1", smtp_port=port, smtp_tls=False, mail_from="plant@plant.example")
        house = _House(database, config)
        house.channel("mia", ChannelKind.EMAIL, "mia@plant.example")
        house.announce("a", team=None)
        house.tick()
        assert await house.dispatcher.send_due() == 1
    finally:
        controller.stop()
    [mail] = mails
    assert (mail["To"], mail["Subject"]) == ("mia@plant.example", "[high] Pump hot a")
    assert "https://plant.example/alarms/1" in str(mail.get_payload())


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("at_once", [True, False], ids=["tls-at-once", "starttls"])
async def test_a_mail_server_is_known_by_its_certificate_and_wants_a_password(
    tmp_path: Path, database: Database, at_once: bool
) -> None:
    mails: list[Mail] = []

    class Inbox:
        async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            assert session.ssl is not None or at_once
            mails.append(BytesParser().parsebytes(envelope.content))
            return "250 OK"

    def may(_server: Any, _session: Any, _envelope: Any, _mechanism: str, said_: Any) -> AuthResult:
        right = isinstance(said_, LoginPassword) and (said_.login, said_.password) == (b"plant", b"secret")
        return AuthResult(success=right)

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    how: dict[str, Any] = {"ssl_context": context} if at_once else {"tls_context": context, "require_starttls": True}
    controller = Controller(
        Inbox(),
        hostname="localhost",
        port=free_port(),
        authenticator=may,
        auth_required=True,
        auth_require_tls=not at_once,  # it knows of STARTTLS alone
        **how,
    )
    controller.start()
    try:
        config = Notifications(
            smtp_host="localhost",
            smtp_port=controller.port,
            smtp_tls_at_once=at_once,
            smtp_ca_file=tmp_path / "ca.pem",
            smtp_username="plant",
            smtp_password="secret",
            mail_from="plant@plant.example",
        )
        house = _House(database, config)
        house.channel("mia", ChannelKind.EMAIL, "mia@plant.example")
        house.announce("a", team=None)
        house.tick()
        assert await house.dispatcher.send_due() == 1
        for wrong in ({"smtp_ca_file": None}, {"smtp_password": "guessed"}, {"smtp_password": "geheimnisträger"}):
            sender = senders(config.model_copy(update=wrong))[ChannelKind.EMAIL]
            with pytest.raises(SendError, match="mail server localhost"):
                sender(Target("mia@plant.example", {}, ""), _MESSAGE)
    finally:
        controller.stop()
    [mail] = mails
    assert abs(parsedate_to_datetime(str(mail["Date"])) - datetime.now(UTC)) < timedelta(hours=1)


async def test_a_notice_of_no_site_goes_out_too(house: _House, receiver: _Receiver) -> None:
    house.channel("mia", ChannelKind.WEBHOOK, receiver.url)
    with house.database.write() as session:
        house.service.announce(
            session, "part/1/low", NoticeKind.STOCK, "medium", None, "Low", NOW, link="/parts/1", audience="managers"
        )
    house.tick()
    assert await house.dispatcher.send_due() == 1
    [(_, body)] = receiver.posts
    assert json.loads(body)["link"] == "https://plant.example/parts/1"


async def test_a_service_that_apprise_knows_gets_it(house: _House, receiver: _Receiver) -> None:
    house.channel("mia", ChannelKind.APPRISE, receiver.url.replace("http://", "mmost://").replace("/hook", "/token"))
    receiver.answer = 500
    house.announce("a", team=None)
    house.tick()
    assert await house.dispatcher.send_due() == 0
    receiver.answer = 200
    house.clock.at += timedelta(seconds=10)
    assert await house.dispatcher.send_due() == 1
    assert "Pump hot a" in receiver.posts[-1][1].decode()
    assert house.states() == [DeliveryState.SENT]


async def test_each_is_told_in_the_own_language_and_by_the_time_of_the_site(database: Database) -> None:
    mails: list[EmailMessage] = []

    class Inbox:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            mails.append(BytesParser(policy=policy.default).parsebytes(envelope.content))
            return "250 OK"

    port = free_port()
    controller = Controller(Inbox(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        config = Notifications(smtp_host="127.0.0.1", smtp_port=port, smtp_tls=False, mail_from="plant@plant.example")
        house = _House(database, config)
        with database.write() as session:
            house.user(session, "ann").language = CHINESE
            session.get_one(Site, "main").timezone = "Asia/Shanghai"
        for name in ("ann", "bob"):
            house.channel(name, ChannelKind.EMAIL, f"{name}@plant.example")

        def announce(key: str, title: str) -> None:
            who = said("%(assignee)s has it.", assignee="bob")
            with database.write() as session:
                house.service.announce(
                    session,
                    key,
                    NoticeKind.WORK_ORDER,
                    "high",
                    "main",
                    said("Response is nearly due: %(title)s", title=title),
                    house.clock.at,
                    body=said("%(who)s It is %(state)s.", who=who, state="in-progress"),
                    link="/work-orders/1",
                    team_id="hvac",
                )
            house.tick()

        announce("one", "Pump 3")
        assert await house.dispatcher.send_due() == 2
        announce("two", "Fan 1")
        announce("three", "Fan 2")
        house.clock.at += timedelta(seconds=60)
        assert await house.dispatcher.send_due() == 2  # a digest each
    finally:
        controller.stop()
    told: dict[str, list[tuple[str, str]]] = {}
    for mail in mails:
        told.setdefault(mail["To"], []).append((mail["Subject"], mail.get_content().replace("\r\n", "\n").strip()))
    link = "https://plant.example/work-orders/1"
    assert told == {
        "ann@plant.example": [
            ("[高] 响应即将到期：Pump 3", f"由 bob 负责。状态：处理中。\n\n2026年3月10日 20:00 · Main\n\n{link}"),
            (
                "[高] 2 条消息，首条：响应即将到期：Fan 1",
                (
                    f"[高] 响应即将到期：Fan 1\n2026年3月10日 20:00 · Main\n{link}\n\n"
                    f"[高] 响应即将到期：Fan 2\n2026年3月10日 20:00 · Main\n{link}"
                ),
            ),
        ],
        "bob@plant.example": [
            (
                "[high] Response is nearly due: Pump 3",
                f"bob has it. It is in-progress.\n\n2026-03-10 20:00 · Main\n\n{link}",
            ),
            (
                "[high] 2 messages, first: Response is nearly due: Fan 1",
                (
                    f"[high] Response is nearly due: Fan 1\n2026-03-10 20:00 · Main\n{link}\n\n"
                    f"[high] Response is nearly due: Fan 2\n2026-03-10 20:00 · Main\n{link}"
                ),
            ),
        ],
    }
    assert {mail["To"]: mail["Content-Language"] for mail in mails} == {
        "ann@plant.example": CHINESE,
        "bob@plant.example": "en",
    }


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (ChannelKind.EMAIL, "nobody"),
        (ChannelKind.WEBHOOK, "plant.example/hook"),
        (ChannelKind.WEBHOOK, "https://plant.example:port/hook"),
        (ChannelKind.WEBHOOK, "https:///hook"),
        (ChannelKind.WEB_PUSH, "https://router.plant.example/send"),
        (ChannelKind.WEB_PUSH, "https://notfcm.googleapis.com/send"),
        (ChannelKind.APPRISE, "nonsense://x"),
        (ChannelKind.APPRISE, "json://127.0.0.1/internal"),
        (ChannelKind.APPRISE, "syslog://"),
    ],
)
def test_a_wrong_address_is_refused(house: _House, kind: ChannelKind, address: str) -> None:
    with pytest.raises(InvalidError):
        house.channel("mia", kind, address)


@pytest.mark.parametrize(
    "url",
    [
        "wecombot://abcdefghijklmnopqrstuvwx",
        "dingtalk://12345678",
        "feishu://token",
        "tgram://123456789:abcdefg_hijklmnop/12315544",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
    ],
)
def test_the_services_that_people_use_are_known(house: _House, url: str) -> None:
    house.channel("mia", ChannelKind.APPRISE, url)


def _alarms(session: Session, *ids: int) -> None:
    """What alarm_id of a notice points to."""
    rule = AlarmRule(name="r", kind=RuleKind.REPORTED, severity=Severity.HIGH, updated_at=NOW)
    session.add(rule)
    session.flush()
    assert rule.id is not None
    for number in ids:
        session.add(
            Alarm(
                id=number,
                rule_id=rule.id,
                source=f"s{number}",
                site_id="main",
                name="r",
                severity=Severity.HIGH,
                state=AlarmState.UNACKNOWLEDGED,
                active=True,
                raised_at=NOW,
                detected_at=NOW,
            )
        )
