"""The document by which a gateway decides who passes a gate: compiled by the cloud, decided by at the edge, offline.

Zones are what gates separate; groups are granted zones during time profiles; people hold credentials (cards, codes).
A credential's key says what a reader sees, e.g. "w26:12:3456" (see `wiegand_key`).
"""

import hashlib
import hmac
import secrets
from typing import Literal

import msgspec

from plantroom_shared.said import said

#: The name of the document.
AUTHORITY = "allow-list"
#: The time profile that needs no definition.
ALWAYS = "always"
HOLIDAY = 8

#: A PIN has few digits: iterations slow down only who copied the list; they cost a Pi 4 about 10 ms.
PIN_ITERATIONS = 5_000
PIN_DIGITS = (4, 8)

AntiPassback = Literal["off", "soft", "hard"]
Standing = Literal["active", "blocked", "lost"]


class Span(msgspec.Struct, frozen=True, omit_defaults=True):
    """Hours of some days in the document's time zone. 1 is Monday, 7 Sunday, 8 a holiday, which is then no weekday.

    `end` before or equal to `start` means on the following day; "24:00" is the end of the day.
    """

    days: list[int]
    start: str = "00:00"
    end: str = "24:00"


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A group may enter a zone during a time profile."""

    zone: str
    profile: str = ALWAYS


class GateRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a gate of the gateway separates, by device id."""

    inside: str
    outside: str = ""  #: where "out" leads; empty: whoever is known may leave
    pin: str = ""  #: time profile during which the card alone does not suffice
    anti_passback: AntiPassback = "off"


class Credential(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """A card or code. Times in ms since the epoch; `pin` is made by `hash_pin`."""

    person: str
    groups: list[str] = []
    valid_from: int | None = None
    valid_until: int | None = None
    standing: Standing = "active"
    pin: str = ""
    through_lockdown: bool = False  #: rescue services and guards pass while the gate is locked down


class AllowList(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All that a gateway needs to decide. 50,000 credentials make about 2.5 MB."""

    time_zone: str
    holidays: list[str] = []  #: "2026-12-25"
    profiles: dict[str, list[Span]] = {}
    groups: dict[str, list[Grant]] = {}
    gates: dict[str, GateRule] = {}
    credentials: dict[str, Credential] = {}


def hash_pin(pin: str) -> str:
    """Salted; raises ValueError for what is no PIN."""
    least, most = PIN_DIGITS
    if not (pin.isascii() and pin.isdigit() and least <= len(pin) <= most):
        raise ValueError(said("a PIN has %(least)s to %(most)s digits", least=least, most=most))
    salt = secrets.token_hex(8)
    return f"{salt}${_stretched(pin, salt)}"


def pin_fits(pin: str, hashed: str) -> bool:
    """Whether it is the one that was hashed."""
    salt, _, wanted = hashed.partition("$")
    return hmac.compare_digest(_stretched(pin, salt), wanted)


def _stretched(pin: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", pin.encode(), salt.encode(), PIN_ITERATIONS, 16).hex()


def wiegand_key(bits: int, facility: int, card: int) -> str:
    """How a card of a known Wiegand format is named, facility and card number as printed on it."""
    return f"w{bits}:{facility}:{card}"
