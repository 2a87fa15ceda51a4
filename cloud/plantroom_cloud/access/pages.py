"""Gates as they are now and what can be asked of them; the access log; people and rights."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.access.entries import REASONS
from plantroom_cloud.access.form import beside, new_id, read_day, read_grants, read_spans, show_day, show_spans
from plantroom_cloud.access.gates import EXPIRES_S, NEEDS, NEEDS_REASON
from plantroom_cloud.access.models import AccessGroup, AccessHours, AccessPerson, AccessZone, Standing
from plantroom_cloud.access.repository import Wanted
from plantroom_cloud.access.visible import check_site, visible, visible_gate
from plantroom_cloud.dependencies import At, Dispatcher, Manager, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import RANK, Role, User
from plantroom_cloud.web.forms import Form
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_shared.allow_list import ALWAYS
from plantroom_shared.errors import PlantroomError
from plantroom_shared.said import said

NAV = (
    NavEntry("gates", "/gates", "Gates", order=50, group="Access"),
    NavEntry("access-log", "/access-log", "Access log", order=51, group="Access", role=Role.DISPATCHER),
    NavEntry("access-people", "/access/people", "People and cards", order=52, group="Access", role=Role.DISPATCHER),
    NavEntry("access-rights", "/access/rights", "Zones and hours", order=53, group="Access", role=Role.MANAGER),
)
router = APIRouter(include_in_schema=False)

ON_A_PAGE = 50
#: What a person types, kept when something in it is wrong; a PIN is not sent back.
_TYPED = ("name", "company", "site_id", "valid_from", "valid_until", "key", "label")
ACTIONS = {
    "open": "Open", "close": "Close", "hold": "Hold open", "release": "Release", "lock-down": "Lock down",
    "lift": "Lift the lock-down",
}  # fmt: skip
RESULTS = ("granted", "denied", "command", "forced", "opened", "not-opened", "unconfirmed", "refused")


@router.get("/gates")
def gates_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """All, each with its buttons."""
    views = services.access.gates.views(session, at, user.sites)
    lasts = {view.gate.device_id: _last(session, services, user, view.gate.device_id) for view in views}
    here = {view.gate.site_id for view in views}
    sites = [site for site in services.sites.list(session, user.sites) if site.id in here]
    problems = services.access.problems(session, user.sites)
    return render(
        request, "gates.html", user=user, page="gates", gates=views, lasts=lasts, sites=sites, problems=problems,
        **_words(user),
    )  # fmt: skip


@router.get("/gates/{device_id}")
def gate_page(
    request: Request, device_id: str, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """One: now, commands, who passed, what it separates."""
    return _gate(request, session, services, user, at, device_id, {})


@router.post("/gates/{device_id}/command")
def command(
    request: Request, device_id: str, form: Form, user: Viewer, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """One of its buttons; what became of it arrives on the page by itself."""
    gate = visible_gate(session, services, user, device_id)
    action, reason = form.text("action"), form.text("reason")
    services.access.gates.command(session, gate, action, reason, user, EXPIRES_S, at)
    services.users.audit(session, user.name, "command", f"device/{device_id}", {"action": action, "reason": reason}, at)
    if request.headers.get("hx-request"):
        return Response(status_code=204)
    return RedirectResponse("/gates" if form.text("from") == "list" else f"/gates/{device_id}", 303)


@router.post("/gates/site/{site_id}/command")
def command_all(
    site_id: str, form: Form, user: Viewer, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """All gates of a site at once: lock down, or lift."""
    action, reason = form.text("action"), form.text("reason")
    services.access.gates.command_all(session, check_site(user, site_id), action, reason, user, at)
    services.users.audit(session, user.name, "command", f"site/{site_id}", {"action": action, "reason": reason}, at)
    return RedirectResponse("/gates", 303)


@router.post("/gates/{device_id}")
def configure(
    device_id: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """What it separates."""
    gate = visible_gate(session, services, user, device_id)
    fields: dict[str, Any] = {
        "inside": form.optional("inside"),
        "outside": form.optional("outside"),
        "pin_hours": form.text("pin_hours"),
        "anti_passback": form.text("anti_passback") or "off",
    }
    services.access.gates.configure(session, gate, fields, user.name, at)
    services.users.audit(session, user.name, "access-gate.configure", f"device/{device_id}", fields, at)
    return RedirectResponse(f"/gates/{device_id}", 303)


@router.get("/access-log")
def log_page(
    request: Request,
    user: Dispatcher,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    person: str = "",
    gate: str = "",
    result: str = "",
    days: Annotated[int, Query(ge=0, le=3650)] = 7,
    before: int | None = None,
) -> Response:
    """Who passed where, and who did not."""
    start = at - timedelta(days=days) if days else None
    found = services.access.entries.search(session, Wanted(user.sites, person, gate, result, start), before, ON_A_PAGE)
    asked = {"person": person, "gate": gate, "result": result}
    export = asked | ({"start": start.isoformat()} if start else {})
    return render(
        request, "access_log.html", user=user, page="access-log", entries=found, asked=asked, days=days,
        gates={view.gate.device_id: view.device.label for view in services.access.gates.views(session, at, user.sites)},
        results=RESULTS, reasons=REASONS, query=urlencode(asked | {"days": days}), export=urlencode(export),
        older=found[-1].id if len(found) == ON_A_PAGE else None,
    )  # fmt: skip


@router.get("/access/people")
def people_page(
    request: Request, user: Dispatcher, session: ReadSession, services: ServicesDep, q: str = "",
    p: Annotated[int, Query(ge=1)] = 1,
) -> Response:  # fmt: skip
    """Who has cards."""
    rights = services.access.rights
    found, count = rights.people(session, user.sites, q, ON_A_PAGE, (p - 1) * ON_A_PAGE)
    cards: dict[str, list[Any]] = {}
    for card in rights.credentials(session, [person.id for person in found]):
        cards.setdefault(card.person_id, []).append(card)
    return render(
        request, "access_people.html", user=user, page="access-people", people=found, cards=cards, q=q, count=count,
        groups={group.id: group.name for group in rights.all(session, AccessGroup, user.sites)},
        p=p, pages=max(1, -(-count // ON_A_PAGE)), query=urlencode({"q": q}),
    )  # fmt: skip


@router.get("/access/people/{number}")
def person_page(
    request: Request, number: str, user: Dispatcher, session: ReadSession, services: ServicesDep
) -> Response:
    """One, or an empty form for "new"."""
    person = None if number == "new" else visible(session, services, user, AccessPerson, number)
    return _person(request, session, services, user, person, {}, {})


@router.post("/access/people/{number}")
def save_person(
    request: Request, number: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Make or change somebody, or say what is wrong."""
    rights = services.access.rights
    known = None if number == "new" else visible(session, services, user, AccessPerson, number)
    values: dict[str, Any] = {name: form.text(name) for name in _TYPED}
    values |= {"groups": form.many("groups"), "through_lockdown": form.on("through_lockdown")}
    try:
        site_id = known.site_id if known else check_site(user, values["site_id"])
        zone = services.sites.get(session, site_id).timezone
        row = AccessPerson(
            id=known.id if known else new_id(values["name"], {each.id for each in rights.all(session, AccessPerson)}),
            site_id=site_id, name=values["name"], company=values["company"], groups=form.many("groups"),
            active=known is None or form.on("active"), through_lockdown=form.on("through_lockdown"),
            valid_from=read_day(values["valid_from"], zone, end=False),
            valid_until=read_day(values["valid_until"], zone, end=True),
            pin=known.pin if known else "", made_at=known.made_at if known else at,
        )  # fmt: skip
        made = rights.put(session, row, user.name, at)
        if form.text("pin") or form.on("no_pin"):
            rights.set_pin(session, made, form.text("pin"), user.name, at)
        if form.text("key"):
            rights.add_credential(session, made, form.text("key"), user.name, at, form.text("label"))
    except PlantroomError as error:
        session.rollback()
        known = None if number == "new" else visible(session, services, user, AccessPerson, number)
        return _person(request, session, services, user, known, values, beside(error))
    detail = {name: value for name, value in values.items() if value}
    services.users.audit(session, user.name, "access-person.put", f"access-person/{made.id}", detail, at)
    return RedirectResponse(f"/access/people/{made.id}", 303)


@router.post("/access/people/{number}/cards")
def card_step(number: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Block a card, report it lost, let it count again, take it away."""
    person = visible(session, services, user, AccessPerson, number)
    key, step = form.text("key"), form.text("step")
    if step == "remove-person":
        services.access.rights.remove(session, person, user.name, at)
    elif step == "remove":
        services.access.rights.remove_credential(session, person.site_id, key, user.name, at)
    elif step in tuple(Standing):
        services.access.rights.set_standing(session, person.site_id, key, Standing(step), user.name, at)
    else:
        raise InvalidError(said("there is no step %(step)r", step=step))
    detail = {"key": key, "step": step}
    services.users.audit(session, user.name, "access-credential.step", f"access-person/{number}", detail, at)
    return RedirectResponse("/access/people" if step == "remove-person" else f"/access/people/{number}", 303)


@router.get("/access/rights")
def rights_page(request: Request, user: Manager, session: ReadSession, services: ServicesDep) -> Response:
    """Zones, hours, holidays, groups."""
    return _rights(request, session, services, user, {}, {})


@router.post("/access/rights/{kind}")
def save_right(
    request: Request, kind: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Make, change or remove one of them, or say what is wrong."""
    try:
        what = _save(session, services, user, kind, form, at)
    except PlantroomError as error:
        session.rollback()
        values = {name: form.text(name) for name in form.fields} | {"kind": kind}
        return _rights(request, session, services, user, values, beside(error))
    services.users.audit(session, user.name, f"access-{kind}", what, {}, at)
    return RedirectResponse(f"/access/rights#{kind}", 303)


def _save(session: Session, services: Services, user: User, kind: str, form: Form, at: Any) -> str:
    rights, site_id, name = services.access.rights, check_site(user, form.text("site_id")), form.text("name")
    if kind == "holidays":
        day = form.text("day")
        if form.on("remove"):
            rights.remove_holiday(session, site_id, day, user.name, at)
        else:
            rights.set_holiday(session, site_id, day, name, user.name, at)
        return f"site/{site_id}"
    found: dict[str, Any] = {"zones": AccessZone, "hours": AccessHours, "groups": AccessGroup}
    if kind not in found:
        raise NotFoundError(said("there is no %(kind)r", kind=kind))
    model = found[kind]
    number = form.text("id")
    if form.on("remove"):
        rights.remove(session, visible(session, services, user, model, number), user.name, at)
        return f"access-{kind}/{number}"
    if number:
        visible(session, services, user, model, number)
    number = number or new_id(name, {each.id for each in rights.all(session, model)})
    more: dict[str, Any] = {}
    if kind == "hours":
        more["spans"] = read_spans(form.text("spans"))
    elif kind == "groups":
        more["grants"] = read_grants(form, rights.all(session, AccessZone, [site_id]))
    rights.put(session, model(id=number, site_id=site_id, name=name, **more), user.name, at)
    return f"access-{kind}/{number}"


def _gate(
    request: Request,
    session: Session,
    services: Services,
    user: User,
    at: Any,
    device_id: str,
    errors: Mapping[str, str],
) -> Response:
    gate, rights = visible_gate(session, services, user, device_id), services.access.rights
    views = services.access.gates.views(session, at, [gate.site_id], device_id)
    if not views:
        raise NotFoundError(said("gate %(device_id)r is no longer on its gateway", device_id=device_id))
    here = [gate.site_id]
    return render(
        request, "gate.html", user=user, page="gates", view=views[0], errors=errors,
        last=_last(session, services, user, device_id, 15), zones=rights.all(session, AccessZone, here),
        hours=rights.all(session, AccessHours, here), **_words(user),
    )  # fmt: skip


def _last(session: Session, services: Services, user: User, device_id: str, count: int = 3) -> list[Any]:
    if RANK[user.role] < RANK[Role.DISPATCHER]:
        return []  # who passed is told to those who need it
    return services.access.entries.search(session, Wanted(user.sites, gate=device_id), None, count)


def _words(user: User) -> dict[str, Any]:
    may = [action for action, role in NEEDS.items() if RANK[user.role] >= RANK[role]]
    return {"may": may, "actions": ACTIONS, "needs_reason": NEEDS_REASON, "reasons": REASONS}


def _person(
    request: Request, session: Session, services: Services, user: User, person: AccessPerson | None,
    values: Mapping[str, Any], errors: Mapping[str, str],
) -> Response:  # fmt: skip
    rights = services.access.rights
    sites = services.sites.list(session, user.sites)
    zones = {site.id: site.timezone for site in sites}
    shown: dict[str, Any] = {}
    if person is not None:
        zone = zones.get(person.site_id, "UTC")
        shown = person.model_dump(exclude={"pin"})
        shown |= {name: show_day(getattr(person, name), zone) for name in ("valid_from", "valid_until")}
    return render(
        request, "access_person.html", user=user, page="access-people", person=person, values=shown | dict(values),
        errors=errors, sites=sites, groups=rights.all(session, AccessGroup, user.sites),
        cards=rights.credentials(session, [person.id]) if person else [],
        last=services.access.entries.search(session, Wanted(user.sites, person.id), None, 10) if person else [],
        reasons=REASONS, has_pin=bool(person and person.pin),
    )  # fmt: skip


def _rights(
    request: Request, session: Session, services: Services, user: User, values: Mapping[str, Any],
    errors: Mapping[str, str],
) -> Response:  # fmt: skip
    rights = services.access.rights
    hours = rights.all(session, AccessHours, user.sites)
    return render(
        request, "access_rights.html", user=user, page="access-rights", values=values, errors=errors,
        sites=services.sites.list(session, user.sites), zones=rights.all(session, AccessZone, user.sites), hours=hours,
        spans={each.id: show_spans(each.spans) for each in hours}, always=ALWAYS,
        groups=rights.all(session, AccessGroup, user.sites), holidays=rights.holidays(session, user.sites),
    )  # fmt: skip
