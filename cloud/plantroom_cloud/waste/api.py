"""/api/v1/waste: labels, bags, manifests, balance, rules."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from plantroom_cloud.dependencies import (
    Admin,
    At,
    CurrentUser,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
)
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.listing import Page
from plantroom_cloud.spreadsheet import CsvResponse, csv_response
from plantroom_cloud.waste.access import see_bag, see_manifest, see_site, zone_of
from plantroom_cloud.waste.balance import days
from plantroom_cloud.waste.label import label_text
from plantroom_cloud.waste.shapes import (
    BagOut,
    Destroyed,
    EntryOut,
    LabelOut,
    LifeOut,
    ManifestOut,
    NewLabels,
    NewManifest,
    PersonsPin,
    Pin,
    Reason,
    Shipped,
    SignatureIn,
    StageIn,
    StageOut,
    WardOut,
)

router = APIRouter(prefix="/api/v1/waste", tags=["medical waste"])

MOST_EXPORTED = 50_000


@router.get("/rules")
def rules(_user: Viewer, session: ReadSession, services: ServicesDep) -> dict[str, Any]:
    """In force: `version` (0: those that came with us) and the document."""
    version, document = services.waste.rules.document(session)
    return {"version": version, "rules": document}


@router.put("/rules")
def replace_rules(
    body: dict[str, Any], user: Admin, session: WriteSession, services: ServicesDep, at: At
) -> dict[str, Any]:
    """Put others in force; checked in full before."""
    version = services.waste.put_in_force(session, body, user.name, at)
    services.users.audit(session, user.name, "waste-rules.replace", f"waste-rules/{version.id}", {}, at)
    return {"version": version.id, "rules": version.document}


@router.put("/pin", status_code=204)
def set_pin(body: Pin, user: CurrentUser, session: WriteSession, services: ServicesDep, at: At) -> None:
    """What one signs with on another person's phone."""
    services.waste.signing.set_pin(session, user, body.pin, at)
    services.users.audit(session, user.name, "pin.set", f"user/{user.name}", {}, at)


@router.post("/pins", status_code=204)
def give_pin(body: PersonsPin, user: Admin, session: WriteSession, services: ServicesDep, at: At) -> None:
    """A first PIN for somebody, who changes it afterwards."""
    person = services.users.get(session, body.user)
    services.waste.signing.set_pin(session, person, body.pin, at)
    services.users.audit(session, user.name, "pin.set", f"user/{person.name}", {}, at)


@router.post("/labels", status_code=201)
def print_labels(
    body: NewLabels, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Page[LabelOut]:
    """New labels; print them at /waste/labels.pdf?code=…&code=…"""
    see_site(user, services.departments.get(session, body.department).site_id)
    bags = services.waste.print_labels(session, body.department, body.type, body.count, user.name, at)
    return Page(items=[LabelOut(code=bag.code, label=label_text(bag.code)) for bag in bags])


@router.get("/wards")
def list_wards(user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Page[WardOut]:
    """Departments and their last pickup, the one that waits longest first."""
    return Page(
        items=[
            WardOut(
                department_id=ward.department.id,
                name=ward.department.name,
                served_at=ward.served_at,
                due_at=ward.due(),
                overdue=ward.is_overdue(at),
            )
            for ward in services.waste.pickups.wards(session, user.sites)
        ]
    )


@router.get("/bags")
def list_bags(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    stage: str | None = None,
    department: str | None = None,
    type: Annotated[str | None, Query()] = None,  # noqa: A002  (what people call it)
    *,
    open_only: bool = False,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[BagOut]:
    """By the time of their stage, newest first."""
    found = services.waste.bags(
        session,
        sites=user.sites,
        stage=stage,
        department=department,
        waste_type=type,
        open_only=open_only,
        after=_after(cursor),
        limit=limit + 1,
    )
    more = f"{found[limit - 1].stage_at.isoformat()}~{found[limit - 1].code}" if len(found) > limit else None
    return Page(items=[BagOut.model_validate(bag) for bag in found[:limit]], next=more)


@router.get("/bags.csv", response_class=CsvResponse)
def export_bags(user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """All bags as a table."""
    found = services.waste.bags(session, sites=user.sites, limit=MOST_EXPORTED)
    names = [name for name in BagOut.model_fields if name != "alarms"]
    return csv_response("bags.csv", names, ([getattr(bag, name) for name in names] for bag in found))


@router.get("/bags/{code}")
def get_bag(code: str, user: Viewer, session: ReadSession, services: ServicesDep) -> LifeOut:
    """A bag's whole life."""
    see_bag(session, services, user, code)
    life = services.waste.life(session, code)
    stages = [
        StageOut(
            stage=key,
            opened_at=item.record.opened_at,
            completed_at=item.record.completed_at,
            kg=item.record.kg,
            weighing_id=item.record.weighing_id,
            manifest_id=item.record.manifest_id,
            certificate=item.record.certificate,
            explained=item.record.explained,
            missing=list(item.missing),
            signatures=[each.model_dump(mode="json", exclude={"id", "record_id"}) for each in item.signatures],
        )
        for key, item in life.stages.items()
    ]
    entries = [EntryOut.model_validate(entry) for entry in life.entries]
    return LifeOut(**BagOut.model_validate(life.bag).model_dump(), stages=stages, life=entries)


@router.post("/bags/{code}/record")
def record(code: str, body: StageIn, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> BagOut:
    """Say that it reached a stage that needs nothing more, e.g. produced."""
    see_bag(session, services, user, code)
    return BagOut.model_validate(services.waste.custody.register(session, code, body.stage, user.name, at))


@router.post("/bags/{code}/sign")
def sign(
    code: str, body: SignatureIn, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> BagOut:
    """Sign as who asks, or as `user` with `pin`."""
    see_bag(session, services, user, code)
    signer, method = user, "login"
    if body.user is not None:
        signer, method = services.waste.signing.signer(session, body.user, body.pin or "", at), "pin"
    return BagOut.model_validate(services.waste.custody.sign(session, code, body.stage, body.role, signer, method, at))


@router.post("/bags/{code}/explain")
def explain(code: str, body: Reason, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> BagOut:
    """Why a weight differs or a label came twice."""
    see_bag(session, services, user, code)
    return BagOut.model_validate(services.waste.custody.explain(session, code, body.reason, user.name, at))


@router.post("/bags/{code}/write-off")
def write_off(code: str, body: Reason, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> BagOut:
    """Spoilt label, or lost for good."""
    see_bag(session, services, user, code)
    return BagOut.model_validate(services.waste.custody.write_off(session, code, body.reason, user.name, at))


@router.get("/manifests")
def list_manifests(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[ManifestOut]:
    """Newest first."""
    found = services.waste.manifests.list(session, user.sites, cursor, limit + 1)
    more = str(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[ManifestOut.model_validate(row) for row in found[:limit]], next=more)


@router.post("/manifests", status_code=201)
def make_manifest(
    body: NewManifest, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> ManifestOut:
    """A draft."""
    see_site(user, body.site_id)
    codes = body.bags
    if codes is None:
        codes = [bag.code for bag in services.waste.manifests.ready(session, body.site_id)]
    return ManifestOut.model_validate(
        services.waste.manifests.make(
            session, body.site_id, body.carrier, body.vehicle, body.destination, codes, user.name, at
        )
    )


@router.post("/manifests/{manifest_id}/ship")
def ship(
    manifest_id: int, body: Shipped, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> ManifestOut:
    """The carrier took it over."""
    see_manifest(session, services, user, manifest_id)
    return ManifestOut.model_validate(
        services.waste.manifests.ship(session, manifest_id, body.carrier_signature, user.name, at)
    )


@router.post("/manifests/{manifest_id}/destroy")
def destroy(
    manifest_id: int, body: Destroyed, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> ManifestOut:
    """Its load was destroyed."""
    see_manifest(session, services, user, manifest_id)
    return ManifestOut.model_validate(
        services.waste.manifests.destroy(session, manifest_id, body.certificate, user.name, at)
    )


@router.get("/balance")
def get_balance(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    start: date,
    end: date,
    by: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:
    """What went through each stage from `start` to `end`, both days included; by day, type, department."""
    since, until = days(start, end, zone_of(session, services, user))
    rows = services.waste.balance(session, user.sites, since, until, by or ["day", "type", "department"])
    return {"items": rows[:-1], "total": rows[-1], "next": None}


@router.get("/balance.csv", response_class=CsvResponse)
def export_balance(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    start: date,
    end: date,
    by: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """The same as a table."""
    since, until = days(start, end, zone_of(session, services, user))
    rows = services.waste.balance(session, user.sites, since, until, by or ["day", "type", "department"])[:-1]
    stages = [stage.key for stage in services.waste.rules.current(session).stages]
    head = ["day", "type", "department", *(f"{stage} {what}" for stage in stages for what in ("bags", "kg"))]
    table = ([row.day, row.type, row.department, *row.amounts(stages)] for row in rows)
    return csv_response("mass-balance.csv", head, table)


def _after(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    moment, _, code = cursor.partition("~")
    try:
        return datetime.fromisoformat(moment), code
    except ValueError as error:
        raise InvalidError("cursor: use what `next` of the page before says") from error
