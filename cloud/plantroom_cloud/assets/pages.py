"""The tree of assets, one asset, its label; and what somebody of the house sees who scanned it, without login."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.assets.models import Asset, AssetKind
from plantroom_cloud.assets.table import CRITICALITIES, read_table
from plantroom_cloud.dependencies import (
    At,
    CurrentUser,
    Manager,
    ReadSession,
    ServicesDep,
    Viewer,
    WriteSession,
    may_see,
)
from plantroom_cloud.devices.api import visible as visible_device
from plantroom_cloud.documents.api import shown as documents
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.labels import SHEETS, Label, sheet_pdf
from plantroom_cloud.language import Reader, gettext, written_for
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import Role, User
from plantroom_cloud.web.forms import Form as Fields
from plantroom_cloud.web.forms import Submitted
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import language_of, render
from plantroom_shared.said import said

NAV = (
    NavEntry("assets", "/assets", "Assets", order=45, group="Equipment"),
    NavEntry("requests", "/requests", "My requests", order=49, group="Work", role=Role.REQUESTER),
)
router = APIRouter(include_in_schema=False)

CALL = "Something wrong? Scan me."


@router.get("/assets")
def assets_page(
    request: Request, user: Viewer, session: ReadSession, services: ServicesDep, q: str = "", told: str = ""
) -> Response:
    """The tree, or what a search found."""
    tree = services.assets.tree(session, user.sites)
    if q.strip():
        word = q.strip().casefold()
        tree = [(0, a) for _, a in tree if word in f"{a.code} {a.name} {a.maker} {a.model} {a.serial}".casefold()]
    return render(request, "assets.html", user=user, page="assets", tree=tree, q=q, told=told[:300], mistakes=[])


@router.post("/assets/import")
def take_in(
    request: Request,
    user: Manager,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    file: Annotated[bytes, File()] = b"",
    dry_run: Annotated[str, Form()] = "",
) -> Response:
    """A CSV or XLSX file: all of it, or every mistake by line."""
    try:
        rows = read_table("the file", file)
        new, changed, mistakes = services.assets.take_in(session, rows, user.sites, at, dry_run=bool(dry_run))
    except InvalidError as error:
        new, changed, mistakes = 0, 0, [(1, str(error))]
    if not mistakes:
        if not dry_run:
            services.users.audit(session, user.name, "asset.import", "assets", {"new": new, "changed": changed}, at)
        text = "%(new)s would be new, %(changed)s would be changed." if dry_run else "%(new)s new, %(changed)s changed."
        return RedirectResponse(f"/assets?told={quote(said(text, new=new, changed=changed))}", 303)
    tree = services.assets.tree(session, user.sites)
    return render(
        request, "assets.html", status_code=422, user=user, page="assets", mistakes=mistakes, tree=tree, q="", told=""
    )


@router.get("/assets/labels.pdf")
def labels(
    request: Request, user: Viewer, session: WriteSession, services: ServicesDep, sheet: str = "21-per-sheet"
) -> Response:
    """A sheet of labels of all assets that the person sees."""
    if sheet not in SHEETS:
        raise NotFoundError(
            said("there is no sheet %(sheet)r; there are: %(sheets)s", sheet=sheet, sheets=list(SHEETS))
        )
    base = services.config.notifications.base_url or str(request.base_url).rstrip("/")
    with written_for(Reader(language_of(request, user))):
        invitation = gettext("Something wrong? Scan me.")
    assets = services.assets.list(session, user.sites)
    found = [
        Label(f"{base}/r/{label}", asset.name, (asset.code, invitation))
        for asset, label in zip(assets, services.assets.labels(session, assets), strict=True)
    ]
    return Response(sheet_pdf(found, SHEETS[sheet], "Assets"), media_type="application/pdf")


@router.get("/assets/new")
def new_page(
    request: Request, user: Manager, session: ReadSession, services: ServicesDep, parent: int | None = None
) -> Response:
    """An empty form."""
    return _form(request, session, services, user, None, {"parent_id": parent, "kind": "equipment"}, "")


@router.post("/assets/new")
def make(
    request: Request, form: Fields, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Make it, or say what is wrong."""
    asset = Asset(code="", name="", kind=AssetKind.EQUIPMENT, site_id="", created_at=at)
    return _save(request, form, session, services, user, asset, at)


@router.get("/assets/{asset_id}")
def asset_page(
    request: Request, asset_id: int, user: Viewer, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """What is known of it, what measures it, what is being done about it."""
    asset = _visible(session, services, user, asset_id)
    below = services.assets.below(session, asset)
    bindings = services.assets.bindings(session, below)
    now = [item.device_id for item in bindings if item.until is None]
    return render(
        request,
        "asset.html",
        about=asset,
        user=user,
        page="assets",
        asset=asset,
        path=services.assets.path(session, asset),
        children=[child for depth, child in services.assets.tree(session, user.sites) if child.parent_id == asset_id],
        bindings=bindings,
        devices=[device for device in services.devices.list(session, user.sites) if device.id not in now],
        names=services.devices.names(session, [item.device_id for item in bindings]),
        documents=documents(session, services, services.documents.of_asset(session, asset_id)),
        alarms=[
            alarm
            for device in now
            for alarm in services.alarms.search(session, sites=user.sites, device_id=device, open_only=True)
        ],
        orders=services.work_orders.of_asset(session, below, now),
        plans=services.plans.of_asset(session, below, now),
        label=services.assets.label(session, asset),
        at=at,
    )


@router.get("/assets/{asset_id}/edit")
def edit_page(request: Request, asset_id: int, user: Manager, session: ReadSession, services: ServicesDep) -> Response:
    """Its form."""
    asset = _visible(session, services, user, asset_id)
    return _form(request, session, services, user, asset, asset.model_dump(), "")


@router.post("/assets/{asset_id}/edit")
def edit(
    request: Request, asset_id: int, form: Fields, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Change it, or say what is wrong."""
    return _save(request, form, session, services, user, _visible(session, services, user, asset_id), at)


@router.post("/assets/{asset_id}/retire")
def retire(asset_id: int, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """It is gone."""
    services.assets.retire(session, _visible(session, services, user, asset_id), at)
    services.users.audit(session, user.name, "asset.retire", f"asset/{asset_id}", {}, at)
    return RedirectResponse("/assets", 303)


@router.post("/assets/{asset_id}/devices")
def bind(
    asset_id: int,
    user: Manager,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    device: Annotated[str, Form()],
    end: Annotated[str, Form()] = "",
) -> Response:
    """A device measures it from now on, or no more."""
    asset = _visible(session, services, user, asset_id)
    if end:
        services.assets.unbind(session, asset, device, at)
    else:
        visible_device(session, services, user, device)
        services.assets.bind(session, asset, device, user.name, at)
    what = "asset.unbind" if end else "asset.bind"
    services.users.audit(session, user.name, what, f"asset/{asset_id}", {"device_id": device}, at)
    return RedirectResponse(f"/assets/{asset_id}", 303)


@router.get("/requests")
def requests_page(request: Request, user: CurrentUser, session: WriteSession, services: ServicesDep) -> Response:
    """What somebody with a login asked for, and the form to ask."""
    return _requests(request, user, session, services)


@router.post("/requests")
def ask(
    request: Request,
    user: CurrentUser,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    where: Annotated[str, Form()] = "",
    what: Annotated[str, Form()] = "",
    photo: Annotated[bytes, File()] = b"",
) -> Response:
    """A request for the dispatcher, `where`: asset:3 or site:main."""
    kind, _, key = where.partition(":")
    try:
        asset = _visible(session, services, user, int(key)) if kind == "asset" and key.isdecimal() else None
        site_id = asset.site_id if asset is not None else key
        if site_id not in {site.id for site in services.sites.list(session, user.sites)}:
            raise InvalidError("where: choose one of the list")
        services.assets.request_of(session, user, site_id, asset, what, photo, at)
    except InvalidError as error:
        session.rollback()
        field, _, reason = str(error).partition(": ")
        return _requests(request, user, session, services, where, what, {field if reason else "photo": reason or field})
    return RedirectResponse("/requests", 303)


@router.get("/r/{label}")
def request_page(request: Request, label: str, session: WriteSession, services: ServicesDep) -> Response:
    """What somebody sees who scanned a label: no login, the signature is the key."""
    asset = services.assets.by_label(session, label)
    path = services.assets.path(session, asset)
    return render(
        request,
        "request.html",
        user=None,
        about=asset,
        error="",
        what="",
        contact="",
        asset=asset,
        path=path,
        label=label,
    )


@router.post("/r/{label}")
def send_request(
    request: Request,
    label: str,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    what: Annotated[str, Form()] = "",
    contact: Annotated[str, Form()] = "",
    photo: Annotated[bytes, File()] = b"",
) -> Response:
    """A request for the dispatcher; then the page that follows it."""
    asset = services.assets.by_label(session, label)
    address = request.client.host if request.client else ""
    try:
        link = services.assets.request(session, asset, what, contact, photo, address, at)
    except InvalidError as error:
        path = services.assets.path(session, asset)
        return render(
            request,
            "request.html",
            status_code=422,
            user=None,
            error=str(error),
            asset=asset,
            path=path,
            label=label,
            what=what,
            contact=contact,
        )
    return RedirectResponse(f"/r/follow/{link}", 303)


@router.get("/r/follow/{link}")
def follow_page(request: Request, link: str, session: WriteSession, services: ServicesDep) -> Response:
    """What became of a request."""
    order = services.assets.followed(session, link)
    return render(request, "request_followed.html", user=None, about=order, order=order, link=link)


@router.post("/r/follow/{link}")
def evaluate(
    link: str,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    rating: Annotated[int, Form()],
    note: Annotated[str, Form()] = "",
) -> Response:
    """How the requester finds the work."""
    order = services.assets.followed(session, link)
    assert order.id is not None
    services.work_orders.evaluate(session, order.id, rating, note[:1000], at)
    return RedirectResponse(f"/r/follow/{link}", 303)


def _requests(
    request: Request,
    user: User,
    session: Session,
    services: Services,
    where: str = "",
    what: str = "",
    errors: Mapping[str, str] | None = None,
) -> Response:
    tree = services.assets.tree(session, user.sites)
    places = [(f"asset:{asset.id}", "\u2003" * depth + asset.name) for depth, asset in tree if not asset.retired_at]
    sites = [(f"site:{site.id}", site.name) for site in services.sites.list(session, user.sites)]
    orders = services.work_orders.requests_of(session, user.name)
    return render(
        request,
        "requests.html",
        status_code=422 if errors else 200,
        user=user,
        page="requests",
        places=sites + places,
        where=where,
        what=what,
        errors=errors or {},
        mine=[(order, services.assets.follow_link(session, order)) for order in orders],
    )


def _visible(session: Session, services: Services, user: User, asset_id: int) -> Asset:
    asset = services.assets.get(session, asset_id)
    if not may_see(user, asset.site_id):
        raise NotFoundError(said("there is no asset %(asset_id)s", asset_id=asset_id))
    return asset


def _save(
    request: Request, form: Submitted, session: Session, services: Services, user: User, asset: Asset, at: At
) -> Response:
    what = "asset.change" if asset.id else "asset.add"
    try:
        _fill(asset, form)
        if not may_see(user, asset.site_id):
            raise InvalidError("site: choose one that you see")
        services.assets.save(session, asset, at)
    except (InvalidError, NotFoundError) as error:
        values: dict[str, object] = {name: form.text(name) for name in form.fields}
        session.rollback()
        return _form(request, session, services, user, asset if asset.id else None, values, str(error))
    detail = asset.model_dump(mode="json", exclude={"id"})
    services.users.audit(session, user.name, what, f"asset/{asset.id}", detail, at)
    return RedirectResponse(f"/assets/{asset.id}", 303)


def _fill(asset: Asset, form: Submitted) -> None:
    asset.code, asset.name, asset.site_id = form.text("code"), form.text("name"), form.text("site_id")
    asset.kind = AssetKind(form.text("kind")) if form.text("kind") in set(AssetKind) else AssetKind.EQUIPMENT
    parent = form.text("parent_id")
    asset.parent_id = int(parent) if parent.isdecimal() else None
    asset.equipment_class, asset.maker, asset.model = (
        form.text("equipment_class"),
        form.text("maker"),
        form.text("model"),
    )
    asset.serial, asset.notes, asset.team_id = form.text("serial"), form.text("notes"), form.optional("team_id")
    asset.criticality = form.text("criticality") or "medium"
    asset.installed_on, asset.warranty_until = _day(form.text("installed_on")), _day(form.text("warranty_until"))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidError(said("%(text)r is no date; write it like 2026-12-25", text=text)) from None


def _form(
    request: Request,
    session: Session,
    services: Services,
    user: User,
    asset: Asset | None,
    values: dict[str, object],
    error: str,
) -> Response:
    return render(
        request,
        "asset_form.html",
        status_code=422 if error else 200,
        user=user,
        page="assets",
        asset=asset,
        values=values,
        error=error,
        kinds=[(kind.value, kind.value) for kind in AssetKind],
        criticalities=[(name, name) for name in CRITICALITIES],
        sites=[(site.id, site.name) for site in services.sites.list(session) if may_see(user, site.id)],
        teams=[("", "No team"), *((team.id, team.name) for team in services.users.teams(session))],
        parents=[
            ("", "Nothing above"),
            *((str(a.id), "\u2003" * depth + a.name) for depth, a in services.assets.tree(session, user.sites)),
        ],
    )
