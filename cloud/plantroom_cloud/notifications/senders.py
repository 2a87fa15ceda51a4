"""The ways out: e-mail, Web Push, Apprise, webhooks. Blocking; each raises SendError with what the other side said."""

import hashlib
import hmac
import json
import smtplib
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

import apprise
import httpx
from cryptography.hazmat.primitives import serialization
from py_vapid import Vapid02

from plantroom_cloud.config import Notifications
from plantroom_cloud.errors import CloudError, InvalidFieldsError
from plantroom_cloud.notifications.message import Message
from plantroom_cloud.notifications.models import ChannelKind
from plantroom_shared.said import said

TIMEOUT_S = 10.0
#: By RFC 8314 there is TLS from the first byte on it.
SMTPS_PORT = 465
#: Services that would reach into the machine or the network that we run in; a webhook is for managers to set up.
LOCAL_SCHEMES = frozenset(
    {"json", "jsons", "xml", "xmls", "form", "forms", "file", "syslog", "rsyslog", "mqtt", "mqtts", "growl", "dbus"}
    | {"qt", "kde", "glib", "gnome", "windows", "macosx"}
)


class SendError(CloudError):
    """It did not go out; `final` when trying again cannot help."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True, slots=True)
class Target:
    """What a sender needs of a channel."""

    address: str
    keys: Mapping[str, str]
    secret: str


Sender = Callable[[Target, Message], None]


def senders(config: Notifications) -> Mapping[ChannelKind, Sender]:
    """The ways that this installation has: e-mail needs a mail server, Web Push a key."""
    found: dict[ChannelKind, Sender] = {ChannelKind.APPRISE: send_apprise, ChannelKind.WEBHOOK: send_webhook}
    if config.smtp_host:
        found[ChannelKind.EMAIL] = lambda target, message: send_email(config, target, message)
    if config.contact:
        key = vapid_key(config.vapid_file)
        found[ChannelKind.WEB_PUSH] = lambda target, message: send_web_push(key, config.contact, target, message)
    return found


def check_address(kind: ChannelKind, address: str, push_services: Collection[str]) -> None:
    """Raises InvalidError saying what would be right."""
    if kind is ChannelKind.EMAIL and ("@" not in address or any(c.isspace() for c in address)):
        told = said("%(address)r is no e-mail address; write it like name@example.org", address=address)
        raise InvalidFieldsError({"address": told})
    if kind in (ChannelKind.WEBHOOK, ChannelKind.WEB_PUSH) and not _is_url(address):
        raise InvalidFieldsError({"address": said("%(address)r is no URL; it begins with https://", address=address)})
    if kind is ChannelKind.WEB_PUSH:  # anybody may name one, so it may not be a server of the house
        host = httpx.URL(address).host
        if not any(host == known or host.endswith(f".{known}") for known in push_services):
            told = said("%(host)r is none of the push services that this installation knows", host=host)
            raise InvalidFieldsError({"address": told})
    if kind is ChannelKind.APPRISE:
        scheme = address.partition("://")[0].lower()
        if scheme in LOCAL_SCHEMES or apprise.Apprise.instantiate(address) is None:
            told = said(
                "%(scheme)r is no service that can be used here; see Apprise's list of URLs", scheme=scheme or address
            )
            raise InvalidFieldsError({"address": told})


def _is_url(address: str) -> bool:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return False
    return url.scheme in ("https", "http") and bool(url.host)


def send_email(config: Notifications, target: Target, message: Message) -> None:
    """SMTP: TLS from the first byte (port 465), or STARTTLS where the server offers it or it is demanded."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = config.mail_from, target.address, message.subject.replace("\n", " ")
    mail["Message-ID"], mail["Date"] = f"<{message.id}@plantroom>", formatdate(usegmt=True)
    mail.set_content(message.body)
    mail["Content-Language"] = message.language
    try:
        with _connected(config) as server:
            if config.smtp_username:
                server.login(config.smtp_username, config.read_smtp_password())
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        raise SendError(
            said("the mail server refuses %(address)s: %(error)s", address=target.address, error=error), final=True
        ) from error
    except (smtplib.SMTPException, OSError, ValueError) as error:  # ValueError: a password beyond ASCII
        raise SendError(
            said("mail server %(smtp_host)s: %(error)s", smtp_host=config.smtp_host, error=error)
        ) from error


def _connected(config: Notifications) -> smtplib.SMTP:
    host, port, at_once = config.smtp_host, config.smtp_port, config.smtp_tls_at_once
    context = ssl.create_default_context(cafile=config.smtp_ca_file)
    if port == SMTPS_PORT if at_once is None else at_once:
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
    server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    try:
        server.ehlo()
        if config.smtp_tls or server.has_extn("starttls"):
            server.starttls(context=context)
    except (smtplib.SMTPException, OSError):
        server.close()
        raise
    return server


def send_webhook(target: Target, message: Message) -> None:
    """POST; `X-Plantroom-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, `X-Plantroom-Id` the same at
    each try."""
    body = json.dumps(
        {
            "id": message.id,
            "subject": message.subject,
            "severity": message.severity,
            "language": message.language,
            "link": message.link,
            "events": [
                {
                    "key": line.key,
                    "kind": line.kind,
                    "severity": line.severity,
                    "subject": line.subject,
                    "body": line.body,
                    "link": line.link,
                    "at": line.at.isoformat(),
                }
                for line in message.lines
            ],
        }
    ).encode()
    place = "/".join(target.address.split("/", 3)[:3])  # the path of many holds a secret, and errors are logged
    stamp = str(int(time.time()))
    headers = {
        "content-type": "application/json",
        "x-plantroom-id": message.id,
        "x-plantroom-signature": f"t={stamp},v1={sign(target.secret, stamp, body)}",
    }
    try:
        answer = httpx.post(target.address, content=body, headers=headers, timeout=TIMEOUT_S, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SendError(said("%(address)s: %(error)s", address=place, error=error or type(error).__name__)) from error
    if answer.status_code == 410:
        raise SendError(said("%(address)s answers 410: it is gone", address=place), final=True)
    if not answer.is_success:
        raise SendError(said("%(address)s answers %(status_code)s", address=place, status_code=answer.status_code))


def sign(secret: str, stamp: str, body: bytes) -> str:
    """Hex HMAC-SHA256 of `stamp.body`."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def send_apprise(target: Target, message: Message) -> None:
    """By whatever service the URL names."""
    service = apprise.Apprise.instantiate(target.address)
    if service is None:
        raise SendError("Apprise does not know this URL any more", final=True)
    kind = apprise.NotifyType.FAILURE if message.severity in ("critical", "high") else apprise.NotifyType.INFO
    if not service.notify(title=message.subject, body=message.body, notify_type=kind):
        raise SendError(said("the service %(partition)s did not take it", partition=target.address.partition("://")[0]))


def send_web_push(key: Vapid02, contact: str, target: Target, message: Message) -> None:
    """RFC 8030 with the payload encrypted by RFC 8291 and VAPID (RFC 8292)."""
    told = {"title": message.subject, "body": message.body[:500], "lang": message.language}
    data = json.dumps(told | {"link": message.link, "id": message.id})
    from pywebpush import WebPushException, webpush  # 20 MB that only a browser's push needs

    try:
        webpush(
            {"endpoint": target.address, "keys": target.keys},
            data,
            vapid_private_key=key,
            vapid_claims={"sub": contact},
            ttl=86_400,
            timeout=TIMEOUT_S,
            headers={"urgency": "high" if message.severity == "critical" else "normal"},
        )
    except WebPushException as error:
        status = error.response.status_code if error.response is not None else 0
        gone = status in (404, 410)
        raise SendError(said("push service: %(status)s", status=status or error), final=gone) from error
    except (OSError, ValueError) as error:
        raise SendError(said("push service: %(error)s", error=error)) from error


def vapid_key(path: Path) -> Vapid02:
    """The installation's own key, made at the first start."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = Vapid02()
        made.generate_keys()
        path.touch(mode=0o600)
        path.write_bytes(made.private_pem())
    return Vapid02.from_pem(path.read_bytes())


def public_key(key: Vapid02) -> bytes:
    """What a browser subscribes with: the uncompressed point, 65 bytes."""
    point: bytes = key.public_key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return point
