"""Who may pass: zones, hours, holidays, groups, people and their credentials. Each change reaches the gateways."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec
from sqlmodel import Session

from plantroom_cloud.access import repository
from plantroom_cloud.access.models import (
    AccessChange,
    AccessCredential,
    AccessGate,
    AccessGroup,
    AccessHoliday,
    AccessHours,
    AccessPerson,
    AccessZone,
    Standing,
)
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.sites.models import Site
from plantroom_cloud.stream.service import record_change
from plantroom_shared.allow_list import ALWAYS, HOLIDAY, Grant, Span, hash_pin
from plantroom_shared.ids import check_id
from plantroom_shared.said import said

#: One list is one message: more credentials than any gateway should have to hold.
MOST_CREDENTIALS = 100_000

Named = TypeVar("Named", AccessZone, AccessHours, AccessGroup, AccessPerson)


class RightsBook:
    """Works in the session it is given."""

    def all(self, session: Session, kind: type[Named], sites: Sequence[str] = ()) -> list[Named]:
        """By name; of all sites when none is named."""
        return sorted(repository.of_sites(session, kind, sites), key=lambda each: each.name.lower())

    def get(self, session: Session, kind: type[Named], number: str) -> Named:
        """Raises NotFoundError."""
        found = session.get(kind, number)
        if found is None:
            raise NotFoundError(said("there is no %(words)s %(number)r", words=_WORDS[kind], number=number))
        return found

    def put(self, session: Session, row: Named, actor: str, at: datetime) -> Named:
        """Make it, or change it to this; raises InvalidError, ConflictError."""
        check_id(row.id, _WORDS[type(row)])
        if row.id == "new":
            raise InvalidError("id: 'new' is where new ones are made; choose another")
        _check_site(session, row.site_id)
        if not row.name.strip():
            raise InvalidError("name: say what people call it")
        known = session.get(type(row), row.id)
        if known is not None and known.site_id != row.site_id:
            raise ConflictError(
                said(
                    "there is a %(words)s %(row_id)r at another site; choose another id",
                    words=_WORDS[type(row)],
                    row_id=row.id,
                )
            )
        self._check(session, row)
        made: Named = session.merge(row)
        self.changed(session, row.site_id, actor, at)
        return made

    def remove(
        self, session: Session, row: AccessZone | AccessHours | AccessGroup | AccessPerson, actor: str, at: datetime
    ) -> None:
        """Raises ConflictError while something depends on it. A person's cards go too; the log keeps the name."""
        if isinstance(row, AccessPerson):
            for card in repository.credentials_of(session, [row.id]):
                session.delete(card)
            session.flush()
            session.delete(row)
            self.changed(session, row.site_id, actor, at)
            return
        users = self._users(session, row)
        if users:
            raise ConflictError(
                said("%(row)s is used by %(users)s; change that first", row=row.name, users=list(users[:5]))
            )
        session.delete(row)
        self.changed(session, row.site_id, actor, at)

    def set_pin(self, session: Session, person: AccessPerson, pin: str, actor: str, at: datetime) -> None:
        """Kept salted; an empty one takes it away. Raises InvalidError."""
        try:
            person.pin = hash_pin(pin) if pin else ""
        except ValueError as error:
            raise InvalidError(said("pin: %(error)s", error=error)) from error
        session.add(person)
        self.changed(session, person.site_id, actor, at)

    def people(
        self, session: Session, sites: Sequence[str], text: str, limit: int = 50, offset: int = 0
    ) -> tuple[list[AccessPerson], int]:
        """Whose name, company or card has this text; and how many there are."""
        return repository.people(session, sites, text, limit, offset)

    def credentials(self, session: Session, people: Sequence[str]) -> list[AccessCredential]:
        """Of some people."""
        return repository.credentials_of(session, people)

    def add_credential(
        self,
        session: Session,
        person: AccessPerson,
        key: str,
        actor: str,
        at: datetime,
        label: str = "",
        valid_until: datetime | None = None,
        standing: Standing = Standing.ACTIVE,
    ) -> AccessCredential:
        """Give somebody a card; raises ConflictError when somebody has it."""
        key = key.strip()
        if not 3 <= len(key) <= 120 or ":" not in key:
            raise InvalidError("key: write a card as its reader names it, e.g. w26:12:3456 (facility, number)")
        known = session.get(AccessCredential, (person.site_id, key))
        if known is not None:
            holder = self.get(session, AccessPerson, known.person_id)
            raise ConflictError(said("%(key)s is %(holder)s's already", key=key, holder=holder.name))
        if repository.counted(session, person.site_id) >= MOST_CREDENTIALS:
            raise ConflictError(
                said(
                    "a site has at most %(most_credentials)s credentials; remove old ones first",
                    most_credentials=MOST_CREDENTIALS,
                )
            )
        made = AccessCredential(
            site_id=person.site_id, key=key, person_id=person.id, label=label, standing=standing,
            valid_until=valid_until, made_at=at,
        )  # fmt: skip
        session.add(made)
        self.changed(session, person.site_id, actor, at)
        return made

    def set_standing(
        self, session: Session, site_id: str, key: str, standing: Standing, actor: str, at: datetime
    ) -> AccessCredential:
        """Block it, report it lost, or let it count again."""
        found = session.get(AccessCredential, (site_id, key))
        if found is None:
            raise NotFoundError(said("there is no credential %(key)r", key=key))
        found.standing = standing
        session.add(found)
        self.changed(session, site_id, actor, at)
        return found

    def remove_credential(self, session: Session, site_id: str, key: str, actor: str, at: datetime) -> None:
        """It is unknown from now on; the log keeps what it did."""
        found = session.get(AccessCredential, (site_id, key))
        if found is None:
            raise NotFoundError(said("there is no credential %(key)r", key=key))
        session.delete(found)
        self.changed(session, site_id, actor, at)

    def holidays(self, session: Session, sites: Sequence[str] = ()) -> list[AccessHoliday]:
        """By day."""
        return sorted(repository.of_sites(session, AccessHoliday, sites), key=lambda each: each.day)

    def set_holiday(self, session: Session, site_id: str, day: str, name: str, actor: str, at: datetime) -> None:
        """Raises InvalidError."""
        try:
            day = date.fromisoformat(day).isoformat()
        except ValueError as error:
            raise InvalidError(said("day: %(day)r is no date; write it like 2026-12-25", day=day)) from error
        _check_site(session, site_id)
        session.merge(AccessHoliday(site_id=site_id, day=day, name=name))
        self.changed(session, site_id, actor, at)

    def remove_holiday(self, session: Session, site_id: str, day: str, actor: str, at: datetime) -> None:
        """Nothing when there was none."""
        found = session.get(AccessHoliday, (site_id, day))
        if found is not None:
            session.delete(found)
            self.changed(session, site_id, actor, at)

    def changed(self, session: Session, site_id: str, actor: str, at: datetime) -> None:
        """The gateways of the site are to be told."""
        row = session.get(AccessChange, site_id, with_for_update=True) or AccessChange(site_id=site_id)
        row.changes += 1
        row.by = actor
        session.add(row)
        session.flush()
        record_change(session, "access", site_id, at)

    def _check(self, session: Session, row: Any) -> None:
        match row:
            case AccessHours():
                _check_spans(row.spans)
            case AccessGroup():
                zones = {zone.id for zone in repository.of_sites(session, AccessZone, [row.site_id])}
                hours = {each.id for each in repository.of_sites(session, AccessHours, [row.site_id])} | {ALWAYS}
                _check_grants(row.grants, zones, hours)
            case AccessPerson():
                groups = {each.id for each in repository.of_sites(session, AccessGroup, [row.site_id])}
                unknown = sorted(set(row.groups) - groups)
                if unknown:
                    raise InvalidError(
                        said(
                            "groups: there is no %(unknown)r; there are: %(groups)s",
                            unknown=unknown[0],
                            groups=_listed(groups),
                        )
                    )
            case _:
                pass

    def _users(self, session: Session, row: AccessZone | AccessHours | AccessGroup) -> list[str]:
        here = [row.site_id]
        gates, groups = repository.of_sites(session, AccessGate, here), repository.of_sites(session, AccessGroup, here)
        match row:
            case AccessZone():
                found = [
                    said("gate %(gate)s", gate=gate.device_id)
                    for gate in gates
                    if row.id in (gate.inside, gate.outside)
                ]
                return found + [
                    said("group %(group)s", group=g.name) for g in groups if any(x["zone"] == row.id for x in g.grants)
                ]
            case AccessHours():
                found = [said("gate %(gate)s", gate=gate.device_id) for gate in gates if row.id == gate.pin_hours]
                return found + [
                    said("group %(group)s", group=g.name)
                    for g in groups
                    if any(x.get("profile") == row.id for x in g.grants)
                ]
            case _:
                return [p.name for p in repository.of_sites(session, AccessPerson, here) if row.id in p.groups]


_WORDS: Mapping[type, str] = {
    AccessZone: "zone", AccessHours: "time profile", AccessGroup: "group", AccessPerson: "person",
}  # fmt: skip


def _check_site(session: Session, site_id: str) -> None:
    if session.get(Site, site_id) is None:
        raise InvalidError(said("site_id: there is no site %(site_id)r", site_id=site_id))


def _check_spans(spans: Sequence[Mapping[str, Any]]) -> None:
    for span in spans:
        try:
            read = msgspec.convert(dict(span), Span)
        except msgspec.ValidationError as error:
            raise InvalidError(said("spans: %(error)s", error=error)) from error
        if not read.days or not set(read.days) <= set(range(1, HOLIDAY + 1)):
            raise InvalidError("spans: days are 1 (Monday) to 7 (Sunday) and 8 (holidays)")
        for text in (read.start, read.end):
            hour, colon, minute = text.partition(":")
            right = colon and hour.isdigit() and minute.isdigit() and len(minute) == 2 and int(minute) < 60
            if not right or int(hour) * 60 + int(minute) > 24 * 60:
                raise InvalidError(said("spans: %(text)r is no time of day; write it like 07:30", text=text))


def _check_grants(grants: Sequence[Mapping[str, Any]], zones: set[str], hours: set[str]) -> None:
    for grant in grants:
        try:
            read = msgspec.convert(dict(grant), Grant)
        except msgspec.ValidationError as error:
            raise InvalidError(said("grants: %(error)s", error=error)) from error
        if read.zone not in zones:
            raise InvalidError(
                said("grants: there is no zone %(zone)r; there are: %(zones)s", zone=read.zone, zones=_listed(zones))
            )
        if read.profile not in hours:
            raise InvalidError(
                said(
                    "grants: there is no time profile %(profile)r; there are: %(hours)s",
                    profile=read.profile,
                    hours=_listed(hours),
                )
            )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none yet"
