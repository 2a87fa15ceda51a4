"""/api/v1/access and /api/v1/access-events."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from plantroom_cloud.access.answer import (
    CommandBody,
    CredentialBody,
    CredentialOut,
    EntryOut,
    GateBody,
    GateOut,
    GroupBody,
    GroupOut,
    HolidayBody,
    HoursBody,
    HoursOut,
    NewGroup,
    NewHoliday,
    NewHours,
    NewPerson,
    NewZone,
    PersonBody,
    PersonOut,
    PinBody,
    ZoneBody,
    ZoneOut,
)
from plantroom_cloud.access.models import AccessGroup, AccessHours, AccessPerson, AccessZone, Standing
from plantroom_cloud.access.repository import Wanted
from plantroom_cloud.access.visible import check_site, visible, visible_gate
from plantroom_cloud.dependencies import At, Dispatcher, Manager, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.gateways.api import CommandOut
from plantroom_cloud.listing import Page
from plantroom_cloud.moment import Moment
from plantroom_cloud.services import Services
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1", tags=["access"])

_KINDS: dict[str, Any] = {"zones": AccessZone, "hours": AccessHours, "groups": AccessGroup, "people": AccessPerson}


@router.get("/access/zones")
def list_zones(user: Viewer, session: ReadSession, services: ServicesDep) -> Page[ZoneOut]:
    """By name."""
    found = services.access.rights.all(session, AccessZone, user.sites)
    return Page(items=[ZoneOut.model_validate(zone) for zone in found])


@router.put("/access/zones/{number}")
def put_zone(
    number: str, body: ZoneBody, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> ZoneOut:
    """Make or change it."""
    row = AccessZone(id=number, site_id=check_site(user, body.site_id), name=body.name)
    made = services.access.rights.put(session, row, user.name, at)
    services.users.audit(session, user.name, "access-zone.put", f"access-zone/{number}", {}, at)
    return ZoneOut.model_validate(made)


@router.post("/access/zones", status_code=201)
def add_zone(body: NewZone, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> ZoneOut:
    """The same with its id in the body."""
    return put_zone(body.id, body, user, session, services, at)


@router.get("/access/hours")
def list_hours(user: Viewer, session: ReadSession, services: ServicesDep) -> Page[HoursOut]:
    """Time profiles by name; "always" needs no definition."""
    found = services.access.rights.all(session, AccessHours, user.sites)
    return Page(items=[HoursOut.model_validate(each) for each in found])


@router.put("/access/hours/{number}")
def put_hours(
    number: str, body: HoursBody, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> HoursOut:
    """Make or change it."""
    spans = [span.model_dump() for span in body.spans]
    row = AccessHours(id=number, site_id=check_site(user, body.site_id), name=body.name, spans=spans)
    made = services.access.rights.put(session, row, user.name, at)
    services.users.audit(session, user.name, "access-hours.put", f"access-hours/{number}", {"spans": spans}, at)
    return HoursOut.model_validate(made)


@router.post("/access/hours", status_code=201)
def add_hours(body: NewHours, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> HoursOut:
    """The same with its id in the body."""
    return put_hours(body.id, body, user, session, services, at)


@router.post("/access/holidays", status_code=204)
def add_holiday(body: NewHoliday, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """The same with site and day in the body."""
    return put_holiday(body.site_id, body.day, body, user, session, services, at)


@router.put("/access/holidays/{site_id}/{day}", status_code=204)
def put_holiday(
    site_id: str, day: str, body: HolidayBody, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """A day that is no weekday."""
    services.access.rights.set_holiday(session, check_site(user, site_id), day, body.name, user.name, at)
    services.users.audit(session, user.name, "access-holiday.put", f"site/{site_id}", {"day": day}, at)
    return Response(status_code=204)


@router.get("/access/groups")
def list_groups(user: Viewer, session: ReadSession, services: ServicesDep) -> Page[GroupOut]:
    """By name."""
    found = services.access.rights.all(session, AccessGroup, user.sites)
    return Page(items=[GroupOut.model_validate(group) for group in found])


@router.put("/access/groups/{number}")
def put_group(
    number: str, body: GroupBody, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> GroupOut:
    """Make or change it."""
    grants = [grant.model_dump() for grant in body.grants]
    row = AccessGroup(id=number, site_id=check_site(user, body.site_id), name=body.name, grants=grants)
    made = services.access.rights.put(session, row, user.name, at)
    services.users.audit(session, user.name, "access-group.put", f"access-group/{number}", {"grants": grants}, at)
    return GroupOut.model_validate(made)


@router.post("/access/groups", status_code=201)
def add_group(body: NewGroup, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> GroupOut:
    """The same with its id in the body."""
    return put_group(body.id, body, user, session, services, at)


@router.delete("/access/{kind}/{number}", status_code=204)
def remove(kind: str, number: str, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """A zone, time profile or group that nothing uses any more; a person with all cards."""
    if kind not in _KINDS:
        raise InvalidError(said("only %(kinds)s can be removed", kinds=list(_KINDS)))
    row = visible(session, services, user, _KINDS[kind], number)
    services.access.rights.remove(session, row, user.name, at)
    services.users.audit(session, user.name, f"access-{kind}.remove", f"access-{kind}/{number}", {}, at)
    return Response(status_code=204)


@router.get("/access/people")
def list_people(
    user: Dispatcher,
    session: ReadSession,
    services: ServicesDep,
    q: str = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[int, Query(ge=0)] = 0,
) -> Page[PersonOut]:
    """Whose name, company or card has this text."""
    found, count = services.access.rights.people(session, user.sites, q, limit, cursor)
    cards = services.access.rights.credentials(session, [person.id for person in found])
    items = [PersonOut.of(person, [card for card in cards if card.person_id == person.id]) for person in found]
    after = cursor + len(found)
    return Page(items=items, next=str(after) if after < count else None)


@router.put("/access/people/{number}")
def put_person(
    number: str, body: PersonBody, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> PersonOut:
    """Make or change somebody; the PIN stays as it is."""
    rights = services.access.rights
    known = session.get(AccessPerson, number)
    row = AccessPerson(
        **body.model_dump(include=set(PersonBody.model_fields)) | {"site_id": check_site(user, body.site_id)},
        id=number, pin=known.pin if known else "", made_at=known.made_at if known else at,
    )  # fmt: skip
    made = rights.put(session, row, user.name, at)
    detail = body.model_dump(mode="json")
    services.users.audit(session, user.name, "access-person.put", f"access-person/{number}", detail, at)
    return PersonOut.of(made, rights.credentials(session, [number]))


@router.post("/access/people", status_code=201)
def add_person(body: NewPerson, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PersonOut:
    """The same with the id in the body, and the first cards."""
    made = put_person(body.id, body, user, session, services, at)
    for card in body.cards:
        made.credentials.append(add_credential(body.id, card, user, session, services, at))
    return made


@router.put("/access/people/{number}/pin", status_code=204)
def put_pin(
    number: str, body: PinBody, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """4 to 8 digits; an empty one takes it away. It is shown nowhere again."""
    person = visible(session, services, user, AccessPerson, number)
    services.access.rights.set_pin(session, person, body.pin, user.name, at)
    services.users.audit(session, user.name, "access-person.pin", f"access-person/{number}", {}, at)
    return Response(status_code=204)


@router.post("/access/people/{number}/credentials", status_code=201)
def add_credential(
    number: str, body: CredentialBody, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> CredentialOut:
    """Give somebody a card."""
    person = visible(session, services, user, AccessPerson, number)
    made = services.access.rights.add_credential(
        session, person, body.key, user.name, at, body.label, body.valid_until, body.standing
    )
    services.users.audit(session, user.name, "access-credential.add", f"access-person/{number}", {"key": made.key}, at)
    return CredentialOut.model_validate(made)


@router.post("/access/credentials/{site_id}/{key}/{step}")
def credential_step(
    site_id: str, key: str, step: Standing, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> CredentialOut:
    """`blocked`, `lost`, or `active` again."""
    found = services.access.rights.set_standing(session, check_site(user, site_id), key, step, user.name, at)
    detail = {"key": key, "standing": step.value}
    services.users.audit(
        session, user.name, "access-credential.standing", f"access-person/{found.person_id}", detail, at
    )
    return CredentialOut.model_validate(found)


@router.delete("/access/credentials/{site_id}/{key}", status_code=204)
def remove_credential(
    site_id: str, key: str, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """It is unknown from now on."""
    services.access.rights.remove_credential(session, check_site(user, site_id), key, user.name, at)
    services.users.audit(session, user.name, "access-credential.remove", f"site/{site_id}", {"key": key}, at)
    return Response(status_code=204)


@router.get("/access/gates")
def list_gates(user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Page[GateOut]:
    """With what they show now."""
    return Page(items=[GateOut.of(view) for view in services.access.gates.views(session, at, user.sites)])


@router.post("/access/gates/{device_id}/configure")
def configure_gate(
    device_id: str, body: GateBody, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> GateOut:
    """What it separates, when it asks for PINs, anti-passback."""
    services.access.gates.register(session, at)  # it may have come a moment ago
    gate = visible_gate(session, services, user, device_id)
    fields = body.model_dump(exclude_unset=True)
    services.access.gates.configure(session, gate, fields, user.name, at)
    services.users.audit(session, user.name, "access-gate.configure", f"device/{device_id}", fields, at)
    session.flush()
    return GateOut.of(services.access.gates.views(session, at, only=device_id)[0])


@router.post("/access/gates/{device_id}/commands", status_code=202)
def command_gate(
    device_id: str, body: CommandBody, user: Viewer, session: WriteSession, services: ServicesDep, at: At
) -> CommandOut:
    """open, close, hold, release, lock-down, lift: once, or not at all; the role that each needs is told."""
    gate = visible_gate(session, services, user, device_id)
    return ask(services, session, gate, body, user, at)


@router.post("/access/sites/{site_id}/commands", status_code=202)
def command_all_gates(
    site_id: str, body: CommandBody, user: Viewer, session: WriteSession, services: ServicesDep, at: At
) -> Page[CommandOut]:
    """lock-down or lift, of every gate of a site."""
    site = check_site(user, site_id)
    rows = services.access.gates.command_all(session, site, body.action, body.reason, user, at)
    detail = {"action": body.action, "reason": body.reason}
    services.users.audit(session, user.name, "command", f"site/{site_id}", detail, at)
    return Page(items=[CommandOut.model_validate(row) for row in rows])


def ask(services: Services, session: Any, gate: Any, body: CommandBody, user: Any, at: datetime) -> CommandOut:
    """With its line in the audit log."""
    row = services.access.gates.command(session, gate, body.action, body.reason, user, body.expires_in_s, at)
    detail = {"action": body.action, "reason": body.reason}
    services.users.audit(session, user.name, "command", f"device/{gate.device_id}", detail, at)
    return CommandOut.model_validate(row)


@router.get("/access-events")
def list_events(
    user: Dispatcher,
    session: ReadSession,
    services: ServicesDep,
    person: str = "",
    gate: str = "",
    result: str = "",
    start: Moment | None = None,
    end: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: int | None = None,
) -> Page[EntryOut]:
    """Newest first."""
    wanted = Wanted(user.sites, person, gate, result, start, end)
    found = services.access.entries.search(session, wanted, cursor, limit)
    following = str(found[-1].id) if len(found) == limit else None
    return Page(items=[EntryOut.model_validate(entry) for entry in found], next=following)


@router.get("/access-events.csv", response_class=StreamingResponse)
def export_events(
    user: Dispatcher,
    services: ServicesDep,
    person: str = "",
    gate: str = "",
    result: str = "",
    start: Moment | None = None,
    end: Moment | None = None,
) -> StreamingResponse:
    """The same as a file for a spreadsheet."""
    wanted = Wanted(user.sites, person, gate, result, start, end)

    def lines() -> Iterator[str]:
        with services.database.read() as session:
            yield from services.access.entries.export(session, wanted)

    told = lines()
    begun = list(islice(told, 2))  # a question that the database refuses is refused before anything is answered
    headers = {"Content-Disposition": 'attachment; filename="access-log.csv"'}
    return StreamingResponse(chain(begun, told), media_type="text/csv; charset=utf-8", headers=headers)
