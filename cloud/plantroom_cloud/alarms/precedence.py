"""Which rules are judged on a device; pure.

A rule stands on one device, on a label, on a profile or on a site. All that reach a device are judged on it, with one
exception: of several rules of the same name the nearest alone is (device before label before profile before site). So a
device that needs another limit than its kind gets a rule of the same name, and nothing is raised twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, Protocol, TypeVar


class Scope(IntEnum):
    """The nearest first."""

    DEVICE = 0
    LABEL = 1
    PROFILE = 2
    SITE = 3


class Scoped(Protocol):
    """What a rule says of where it applies."""

    name: str
    device_id: str | None
    label: str | None
    profile: str | None
    site_id: str | None


R = TypeVar("R", bound=Scoped)


@dataclass(frozen=True, slots=True)
class Place:
    """A device as rules find it."""

    device_id: str
    labels: frozenset[str]  #: its own, its kind, the class of the asset that it measures
    profile: str
    site_id: str


@dataclass(frozen=True, slots=True)
class Choice(Generic[R]):
    """Rules that are judged on a device, and those that a nearer one stands in for, with that one."""

    judged: Sequence[R]
    replaced: Sequence[tuple[R, R]]


def scope(rule: Scoped) -> Scope | None:
    """None for what every installation has: it is on no device."""
    if rule.device_id is not None:
        return Scope.DEVICE
    if rule.label is not None:
        return Scope.LABEL
    if rule.profile is not None:
        return Scope.PROFILE if rule.profile != "system" else None
    return Scope.SITE if rule.site_id is not None else None


def reaches(rule: Scoped, place: Place) -> bool:
    """Whether it applies to the device at all."""
    match scope(rule):
        case Scope.DEVICE:
            return rule.device_id == place.device_id
        case Scope.LABEL:
            return rule.label in place.labels
        case Scope.PROFILE:
            return rule.profile == place.profile
        case Scope.SITE:
            return rule.site_id == place.site_id
        case None:
            return False


def choose(rules: Iterable[R], place: Place) -> Choice[R]:
    """Of all rules; in the order of their nearness."""
    mine = [(where, rule) for rule in rules if (where := scope(rule)) is not None and reaches(rule, place)]
    mine.sort(key=lambda pair: pair[0])
    nearest: dict[str, tuple[Scope, R]] = {}
    judged: list[R] = []
    replaced: list[tuple[R, R]] = []
    for where, rule in mine:
        before, stands_in = nearest.setdefault(rule.name.strip().casefold(), (where, rule))
        if before == where:
            judged.append(rule)
        else:
            replaced.append((rule, stands_in))
    return Choice(judged, replaced)
