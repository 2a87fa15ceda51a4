"""Medical waste: what is on its way, a bag's life, collection, labels, manifests, balance, settings."""

from datetime import date, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import yaml
from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.dependencies import (
    Admin,
    At,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
)
from plantroom_cloud.errors import CloudError, InvalidError, NotFoundError
from plantroom_cloud.labels import SHEETS, Label, sheet_pdf, svg
from plantroom_cloud.language import Reader, worded, written_for
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import Role, User
from plantroom_cloud.waste.access import see_bag, see_manifest, see_site, zone_of
from plantroom_cloud.waste.balance import days
from plantroom_cloud.waste.label import check_of, label_text
from plantroom_cloud.waste.service import ALARM_NAMES, MOST_LABELS
from plantroom_cloud.web.forms import Form
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import language_of, render
from plantroom_shared.said import said

NAV = (
    NavEntry("waste", "/waste", "Waste bags", order=50, group="Waste"),
    NavEntry("collect", "/waste/collect", "Collect bags", order=51, group="Waste", role=Role.TECHNICIAN),
    NavEntry("waste-labels", "/waste/labels", "Bag labels", order=53, group="Waste", role=Role.TECHNICIAN),
    NavEntry("manifests", "/waste/manifests", "Manifests", order=54, group="Waste"),
    NavEntry("balance", "/waste/balance", "Mass balance", order=55, group="Waste"),
    NavEntry("waste-settings", "/waste/settings", "Waste rules", order=88, group="Settings", role=Role.MANAGER),
)
router = APIRouter(include_in_schema=False)
SHOWN = 300
BALANCE_DAYS = 7


@router.get("/waste")
def waste_page(
    request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At, stage: str = "", q: str = ""
) -> Response:
    """What is on its way; a typed or scanned label leads to its bag."""
    if q:
        code = services.waste.read_label(q) or q.strip().upper()
        return RedirectResponse(f"/waste/bags/{see_bag(session, services, user, code).code}", 303)
    bags = services.waste.bags(session, sites=user.sites, stage=stage or None, open_only=not stage, limit=SHOWN)
    return _page(request, session, services, user, "waste.html", page="waste", bags=bags, stage=stage, at=at,
                 stock=services.waste.stock(session, user.sites), shown=SHOWN,
                 climates=services.waste.climates.readings(session, user.sites),
                 wards=services.waste.pickups.wards(session, user.sites))  # fmt: skip


@router.get("/waste/bags/{code}")
def bag_page(
    request: Request, code: str, user: Viewer, session: ReadSession, services: ServicesDep, error: str = ""
) -> Response:
    """A bag's whole life."""
    see_bag(session, services, user, code)
    life = services.waste.life(session, code)
    manifest = services.waste.manifests.get(session, life.bag.manifest_id) if life.bag.manifest_id else None
    return _page(request, session, services, user, "waste_bag.html", page="waste", life=life, bag=life.bag,
                 manifest=manifest, qr=svg(label_text(code), code), error=error,
                 scales=services.devices.names(session, [found.device_id for found in life.weighings]))  # fmt: skip


@router.post("/waste/bags/{code}/{action}")
def act_on_bag(
    code: str, action: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Explain a difference, or write the bag off."""
    see_bag(session, services, user, code)
    if action not in ("explain", "write-off"):
        raise NotFoundError("there is nothing at this address")
    custody = services.waste.custody
    act = custody.explain if action == "explain" else custody.write_off
    act(session, code, form.text("reason"), user.name, at)
    return RedirectResponse(f"/waste/bags/{code}", 303)


@router.get("/waste/collect")
def collect_page(
    request: Request, user: Technician, session: ReadSession, services: ServicesDep, code: str = ""
) -> Response:
    """For a phone: label, weight, two signatures."""
    return _collect(request, session, services, user, code, "")


@router.post("/waste/collect")
def collect(
    request: Request, form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Register the bag, or sign for it; what is wrong is said on the same page."""
    code, action, stage, by_pin = form.text("code"), form.text("action"), form.text("stage"), form.on("pin")
    try:
        see_bag(session, services, user, code)
        if action == "record":
            services.waste.custody.register(session, code, stage, user.name, at)
        else:
            signer = services.waste.signing.signer(session, form.text("name"), form.text("pin"), at) if by_pin else user
            method = "pin" if by_pin else "login"
            services.waste.custody.sign(session, code, stage, form.text("role"), signer, method, at)
    except CloudError as error:
        session.rollback()
        return _collect(request, session, services, user, code, str(error), error.status)
    return RedirectResponse(f"/waste/collect?code={code}", 303)


@router.post("/waste/pin")
def set_pin(
    request: Request, form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """What one signs with on another person's phone."""
    try:
        services.waste.signing.set_pin(session, user, form.text("pin"), at)
    except InvalidError as error:
        return _collect(request, session, services, user, "", str(error), error.status)
    services.users.audit(session, user.name, "pin.set", f"user/{user.name}", {}, at)
    return RedirectResponse("/waste/collect", 303)


@router.get("/waste/labels")
def labels_page(
    request: Request,
    user: Technician,
    session: ReadSession,
    services: ServicesDep,
    code: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Print new ones; those just made are shown."""
    bags = [see_bag(session, services, user, each) for each in (code or [])[:MOST_LABELS]]
    codes = [(bag, svg(label_text(bag.code)), check_of(bag.code)) for bag in bags[:24]]
    return _page(request, session, services, user, "waste_labels.html", page="waste-labels", bags=bags, codes=codes,
                 query="&".join(f"code={bag.code}" for bag in bags), most=MOST_LABELS)  # fmt: skip


@router.post("/waste/labels")
def print_labels(form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """New labels."""
    department, count = form.text("department"), form.text("count")
    see_site(user, services.departments.get(session, department).site_id)
    number = int(count) if count.isdecimal() and len(count) < 10 else 0
    bags = services.waste.print_labels(session, department, form.text("kind"), number, user.name, at)
    return RedirectResponse("/waste/labels?" + "&".join(f"code={bag.code}" for bag in bags), 303)


@router.get("/waste/labels.pdf")
def labels_pdf(
    request: Request, user: Viewer, session: ReadSession, services: ServicesDep, code: Annotated[list[str], Query()]
) -> Response:
    """A sheet for the printer."""
    rules = services.waste.rules.current(session)
    departments = {item.id: item for item in services.departments.list(session)}
    zones = {site.id: ZoneInfo(site.timezone) for site in services.sites.list(session)}
    labels = []
    for each in code[:MOST_LABELS]:
        bag = see_bag(session, services, user, each)
        title = f"{bag.code[:4]} {bag.code[4:]} {check_of(bag.code)}"
        department = departments[bag.department_id]
        with written_for(Reader(language_of(request, user))):
            kind = worded(rules.type_name(bag.type))
        day = f"{bag.printed_at.astimezone(zones[department.site_id]):%Y-%m-%d}"
        labels.append(Label(label_text(bag.code), title, [kind, department.name, day]))
    pdf = sheet_pdf(labels, SHEETS["24-per-sheet"], "Waste bag labels")
    return Response(pdf, media_type="application/pdf", headers={"Content-Disposition": 'inline; filename="labels.pdf"'})


@router.get("/waste/manifests")
def manifests_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """Drafts, what was shipped, what is ready."""
    sites = services.sites.list(session, user.sites)
    ready = {site.id: services.waste.manifests.ready(session, site.id) for site in sites}
    return _page(request, session, services, user, "waste_manifests.html", page="manifests", site_list=sites,
                 ready=ready, manifests=services.waste.manifests.list(session, user.sites))  # fmt: skip


@router.post("/waste/manifests")
def make_manifest(form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """A draft with the chosen bags."""
    site = form.text("site")
    see_site(user, site)
    carrier, vehicle, destination = (form.text(name) for name in ("carrier", "vehicle", "destination"))
    manifests = services.waste.manifests
    made = manifests.make(session, site, carrier, vehicle, destination, form.many("code"), user.name, at)
    return RedirectResponse(f"/waste/manifests/{made.id}", 303)


@router.get("/waste/manifests/{manifest_id}")
def manifest_page(
    request: Request, manifest_id: int, user: Viewer, session: ReadSession, services: ServicesDep
) -> Response:
    """One, as it is printed."""
    manifest = see_manifest(session, services, user, manifest_id)
    bags = services.waste.manifests.bags(session, manifest_id)
    return _page(
        request, session, services, user, "waste_manifest.html", page="manifests", manifest=manifest, bags=bags
    )


@router.post("/waste/manifests/{manifest_id}/{action}")
def act_on_manifest(
    manifest_id: int, action: str, form: Form, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Ship, destroy, discard."""
    see_manifest(session, services, user, manifest_id)
    manifests = services.waste.manifests
    if action == "ship":
        manifests.ship(session, manifest_id, form.text("carrier_signature"), user.name, at)
    elif action == "destroy":
        manifests.destroy(session, manifest_id, form.text("certificate"), user.name, at)
    elif action == "discard":
        manifests.discard(session, manifest_id, user.name, at)
    else:
        raise NotFoundError("there is nothing at this address")
    return RedirectResponse(f"/waste/manifests/{manifest_id}", 303)


@router.get("/waste/balance")
def balance_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    start: date | None = None,
    end: date | None = None,
    by: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """What went through each stage."""
    zone = zone_of(session, services, user)
    last = end or at.astimezone(ZoneInfo(zone)).date()
    first = start or last - timedelta(days=BALANCE_DAYS - 1)
    keys = by or ["day"]
    rows = services.waste.balance(session, user.sites, *days(first, last, zone), keys)
    return _page(request, session, services, user, "waste_balance.html", page="balance", rows=rows[:-1], total=rows[-1],
                 start=first, end=last, by=keys)  # fmt: skip


@router.get("/waste/settings")
def settings_page(request: Request, user: Manager, session: ReadSession, services: ServicesDep) -> Response:
    """Stages, records and limits."""
    return _settings(request, session, services, user, None, "")


@router.post("/waste/settings/rules")
def replace_rules(
    request: Request, form: Form, user: Admin, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Put other rules in force; what is wrong is said beside the text."""
    text = form.text("text")
    try:
        version = services.waste.put_in_force(session, yaml.safe_load(text), user.name, at)
    except (InvalidError, yaml.YAMLError) as error:
        return _settings(request, session, services, user, text, str(error), 422)
    services.users.audit(session, user.name, "waste-rules.replace", f"waste-rules/{version.id}", {}, at)
    return RedirectResponse("/waste/settings", 303)


def _collect(
    request: Request, session: Session, services: Services, user: User, typed: str, error: str, status: int = 200
) -> Response:
    life, rules = None, services.waste.rules.current(session)
    if typed:
        code = services.waste.read_label(typed) or typed.strip().upper()
        try:
            see_bag(session, services, user, code)
            life = services.waste.life(session, code)
        except NotFoundError:
            error, status = (
                error or said("%(typed)r is no label of ours: check the ten characters below the QR code", typed=typed),
                404,
            )
    signed = next((item for item in rules.stages if item.signers), None)
    waiting = [
        bag for bag in services.waste.half_done(session, user.sites) if life is None or bag.code != life.bag.code
    ]
    return _page(request, session, services, user, "waste_collect.html", status_code=status, page="collect", life=life,
                 error=error, typed=typed, signed=signed, waiting=waiting,
                 has_pin=services.waste.signing.has_pin(session, user))  # fmt: skip


def _settings(
    request: Request, session: Session, services: Services, user: User, text: str | None, error: str, status: int = 200
) -> Response:
    version, document = services.waste.rules.document(session)
    shown = text if text is not None else yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return _page(request, session, services, user, "waste_settings.html", status_code=status, page="waste-settings",
                 text=shown, error=error, version=version, history=services.waste.rules.history(session))  # fmt: skip


def _page(request: Request, session: Session, services: Services, user: User, name: str, **context: Any) -> Response:
    departments = services.departments.list(session, user.sites)
    return render(
        request,
        name,
        user=user,
        rules=services.waste.rules.current(session),
        departments=departments,
        department_names={item.id: item.name for item in departments},
        alarm_names=ALARM_NAMES,
        **context,
    )
