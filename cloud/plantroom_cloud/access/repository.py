"""Queries over rights, gates and the access log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlmodel import Session, col, delete, func, or_, select

from plantroom_cloud.access.models import (
    AccessChange,
    AccessCredential,
    AccessEntry,
    AccessGate,
    AccessGroup,
    AccessHoliday,
    AccessHours,
    AccessPerson,
    AccessZone,
)
from plantroom_cloud.devices.models import Device
from plantroom_cloud.gateways.models import Gateway

T = TypeVar("T", AccessZone, AccessHours, AccessGroup, AccessPerson, AccessCredential, AccessGate, AccessHoliday)


@dataclass(frozen=True)
class Wanted:
    """A filter of the access log."""

    sites: Sequence[str] = ()
    person: str = ""  #: part of a name, a company's or a card's
    gate: str = ""
    result: str = ""  #: granted, denied, command, forced, or a state of a result
    start: datetime | None = None
    end: datetime | None = None


def of_sites(session: Session, kind: type[T], sites: Sequence[str]) -> list[T]:
    """All of a kind; of all sites when none is named."""
    query = select(kind)
    if sites:
        query = query.where(col(kind.site_id).in_(sites))
    return list(session.exec(query))


def people(
    session: Session, sites: Sequence[str], text: str, limit: int, offset: int
) -> tuple[list[AccessPerson], int]:
    """By name, with how many there are."""
    query = select(AccessPerson)
    if sites:
        query = query.where(col(AccessPerson.site_id).in_(sites))
    if text:
        cards = select(AccessCredential.person_id).where(col(AccessCredential.key).contains(text, autoescape=True))
        query = query.where(
            or_(
                func.lower(AccessPerson.name).contains(text.lower(), autoescape=True),
                func.lower(AccessPerson.company).contains(text.lower(), autoescape=True),
                col(AccessPerson.id).in_(cards),
            )
        )
    count = session.exec(select(func.count()).select_from(query.subquery())).one()
    return list(session.exec(query.order_by(col(AccessPerson.name)).limit(limit).offset(offset))), count


def credentials_of(session: Session, people: Sequence[str]) -> list[AccessCredential]:
    """Of some people."""
    query = select(AccessCredential).where(col(AccessCredential.person_id).in_(people))
    return list(session.exec(query.order_by(col(AccessCredential.key))))


def counted(session: Session, site_id: str) -> int:
    """Credentials of a site."""
    query = select(func.count()).select_from(AccessCredential).where(AccessCredential.site_id == site_id)
    return session.exec(query).one()


def behind(session: Session) -> list[AccessChange]:
    """Sites whose gateways were not told the newest."""
    return list(session.exec(select(AccessChange).where(AccessChange.changes != AccessChange.told)))


def problems(session: Session, sites: Sequence[str]) -> list[str]:
    """Why lists could not be made."""
    query = select(AccessChange.problem).where(AccessChange.problem != "")
    if sites:
        query = query.where(col(AccessChange.site_id).in_(sites))
    return list(session.exec(query))


def unknown_gates(session: Session) -> list[tuple[Device, Gateway]]:
    """Gates that registered themselves and have no row yet."""
    known = select(AccessGate.device_id)
    query = select(Device, Gateway).join(Gateway, col(Gateway.id) == col(Device.gateway_id))
    return list(session.exec(query.where(Device.kind == "gate", col(Device.id).not_in(known))))


def entry(session: Session, event_id: str) -> AccessEntry | None:
    """The line of an event."""
    return session.exec(select(AccessEntry).where(AccessEntry.event_id == event_id)).first()


def entries(session: Session, wanted: Wanted, before: int | None, limit: int) -> list[AccessEntry]:
    """Newest first by the order in which they came; `before` is the id of the last line already seen."""
    query: Any = select(AccessEntry)
    if wanted.sites:
        query = query.where(col(AccessEntry.site_id).in_(wanted.sites))
    if wanted.gate:
        query = query.where(AccessEntry.gate == wanted.gate)
    if wanted.person:
        text = wanted.person.lower()
        query = query.where(
            or_(
                func.lower(AccessEntry.person).contains(text, autoescape=True),
                func.lower(AccessEntry.credential).contains(text, autoescape=True),
                AccessEntry.person_id == wanted.person,
            )
        )
    if wanted.result in ("command", "forced"):
        query = query.where(AccessEntry.kind == wanted.result)
    elif wanted.result:
        query = query.where(or_(AccessEntry.outcome == wanted.result, AccessEntry.result == wanted.result))
    if wanted.start is not None:
        query = query.where(col(AccessEntry.at) >= wanted.start)
    if wanted.end is not None:
        query = query.where(col(AccessEntry.at) < wanted.end)
    if before is not None:
        query = query.where(col(AccessEntry.id) < before)
    return list(session.exec(query.order_by(col(AccessEntry.id).desc()).limit(limit)))


def forget_entries(session: Session, before: datetime) -> None:
    """Lines of the log that are older."""
    session.exec(delete(AccessEntry).where(col(AccessEntry.at) < before))
