"""Granted or denied, and why. Without I/O: the list, what was shown, where and when are arguments."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from plantroom_edge.access.hours import Hours
from plantroom_shared.allow_list import ALWAYS, AllowList, Credential, pin_fits

Direction = Literal["in", "out"]


class Mode(StrEnum):
    """What a gate was told to be."""

    NORMAL = "normal"
    HELD = "held"  #: stays open until released
    LOCKED = "locked"  #: stays shut until lifted


class Reason(StrEnum):
    """Why; the texts that people read stand in the cloud."""

    GRANTED = "granted"
    PASSBACK = "passback"  #: granted, although the person is inside already (soft anti-passback)
    PIN_NEEDED = "pin-needed"  #: neither yet: the card is right, its PIN is awaited
    NO_LIST = "no-list"
    UNKNOWN_GATE = "unknown-gate"
    UNREADABLE = "unreadable"
    OUTAGE = "shown-during-outage"
    UNKNOWN = "unknown-credential"
    BLOCKED = "blocked"
    LOST = "lost"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    LOCKED_DOWN = "locked-down"
    WRONG_ZONE = "wrong-zone"
    OUTSIDE_HOURS = "outside-hours"
    ANTI_PASSBACK = "anti-passback"
    NO_PIN = "no-pin"
    WRONG_PIN = "wrong-pin"
    PIN_TIMEOUT = "pin-timeout"
    PIN_LOCKED = "pin-locked"
    GATE_UNREACHABLE = "gate-unreachable"


@dataclass(frozen=True, slots=True)
class Shown:
    """A credential at a reader. `pin` is None until one was entered."""

    credential: str
    gate: str
    direction: Direction
    pin: str | None = None
    doubt: Reason | None = None  #: why it must not open whatever it is: unreadable, shown during an outage


@dataclass(frozen=True, slots=True)
class Around:
    """What the decision depends on beside the list."""

    mode: Mode = Mode.NORMAL
    whereabouts: str | None = None  #: the zone in which the person was last seen, where that is still known
    pin_locked: bool = False  #: too many wrong PINs


@dataclass(frozen=True, slots=True)
class Decision:
    """`version` is that of the list, 0 without one; `person` is known also when denied."""

    outcome: Literal["granted", "denied", "pin"]
    reason: Reason
    version: int
    person: str = ""
    zone: str = ""  #: where the gate leads
    through_lockdown: bool = False  #: granted to somebody who passes a locked gate


@dataclass(frozen=True)
class Rules:
    """A checked allow-list."""

    document: AllowList
    version: int
    hours: Hours = field(repr=False)

    @classmethod
    def check(cls, document: AllowList, version: int) -> "Rules":
        """Raises ValueError: what in it cannot be decided by."""
        hours = Hours(document.time_zone, document.holidays, document.profiles)
        for group, grants in document.groups.items():
            for grant in grants:
                if grant.profile not in hours:
                    raise ValueError(f"group {group!r} is granted a time profile {grant.profile!r} that is not there")
        for gate, rule in document.gates.items():
            if rule.pin and rule.pin not in hours:
                raise ValueError(f"gate {gate!r} asks for PINs in a time profile {rule.pin!r} that is not there")
        unknown = {name for each in document.credentials.values() for name in each.groups} - set(document.groups)
        if unknown:
            raise ValueError(f"credentials name groups that are not there: {', '.join(sorted(unknown))}")
        return cls(document, version, hours)


def decide(rules: Rules | None, shown: Shown, around: Around, at_ms: int) -> Decision:
    """The first reason that denies decides; only what passes all is granted."""
    if rules is None:
        return Decision("denied", shown.doubt or Reason.NO_LIST, 0)
    credential = rules.document.credentials.get(shown.credential)
    person = credential.person if credential is not None else ""

    def denied(reason: Reason, zone: str = "") -> Decision:
        return Decision("denied", reason, rules.version, person, zone)

    if shown.doubt is not None:
        return denied(shown.doubt)
    gate = rules.document.gates.get(shown.gate)
    if gate is None:
        return denied(Reason.UNKNOWN_GATE)
    zone = gate.inside if shown.direction == "in" else gate.outside
    if credential is None:
        return denied(Reason.UNKNOWN, zone)
    if (wrong := _standing(credential, at_ms)) is not None:
        return denied(wrong, zone)
    if around.mode is Mode.LOCKED and not credential.through_lockdown:
        return denied(Reason.LOCKED_DOWN, zone)
    if zone and (wrong := _granted(rules, credential, zone, at_ms)) is not None:
        return denied(wrong, zone)
    again = gate.anti_passback != "off" and bool(zone) and around.whereabouts == zone
    if again and gate.anti_passback == "hard":
        return denied(Reason.ANTI_PASSBACK, zone)
    if gate.pin and rules.hours.open(gate.pin, at_ms):
        if not credential.pin:
            return denied(Reason.NO_PIN, zone)
        if around.pin_locked:
            return denied(Reason.PIN_LOCKED, zone)
        if shown.pin is None:
            return Decision("pin", Reason.PIN_NEEDED, rules.version, person, zone)
        if not pin_fits(shown.pin, credential.pin):
            return denied(Reason.WRONG_PIN, zone)
    reason = Reason.PASSBACK if again else Reason.GRANTED
    return Decision("granted", reason, rules.version, person, zone, credential.through_lockdown)


def _standing(credential: Credential, at_ms: int) -> Reason | None:
    if credential.standing != "active":
        return Reason.LOST if credential.standing == "lost" else Reason.BLOCKED
    if credential.valid_from is not None and at_ms < credential.valid_from:
        return Reason.NOT_YET_VALID
    if credential.valid_until is not None and at_ms >= credential.valid_until:
        return Reason.EXPIRED
    return None


def _granted(rules: Rules, credential: Credential, zone: str, at_ms: int) -> Reason | None:
    found = [
        grant.profile for group in credential.groups for grant in rules.document.groups[group] if grant.zone == zone
    ]
    if not found:
        return Reason.WRONG_ZONE
    if ALWAYS in found or any(rules.hours.open(profile, at_ms) for profile in found):
        return None
    return Reason.OUTSIDE_HOURS
