"""/api/v1/assets."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from plantroom_cloud.assets.models import Asset, AssetKind
from plantroom_cloud.assets.table import read_table, write_csv, write_xlsx
from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession, may_see
from plantroom_cloud.devices.api import visible as visible_device
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.listing import Page
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/assets", tags=["assets"])

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Id = Annotated[int, Field(ge=1, le=2**53)]


class AssetIn(BaseModel):
    """A place, a system, or a piece of equipment."""

    code: str = Field(min_length=1, max_length=63)
    name: str = Field(min_length=1, max_length=200)
    kind: AssetKind
    site_id: str
    parent_id: Id | None = None
    equipment_class: str = Field(default="", max_length=63)
    maker: str = Field(default="", max_length=200)
    model: str = Field(default="", max_length=200)
    serial: str = Field(default="", max_length=200)
    criticality: str = "medium"
    installed_on: date | None = None
    warranty_until: date | None = None
    team_id: str | None = None
    notes: str = Field(default="", max_length=5000)


class AssetOut(AssetIn):
    """With its id; `retired_at`: it is gone."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    retired_at: datetime | None


class Binding(BaseModel):
    """A device measures it, from then to then."""

    model_config = ConfigDict(from_attributes=True)
    device_id: str
    since: datetime
    until: datetime | None
    by: str


class AssetStory(AssetOut):
    """With what measures it, and what its label carries."""

    devices: list[Binding]
    label: str


class Device(BaseModel):
    """Which device."""

    device_id: str = Field(max_length=130)


class Mistake(BaseModel):
    """What is wrong in a line of the file; the heading is line 1."""

    line: int
    text: str


class TakenIn(BaseModel):
    """What a table holds; with one mistake, or as a dry run, nothing was changed."""

    new: int
    changed: int
    mistakes: list[Mistake]
    done: bool


@router.get("")
def list_assets(
    user: Viewer, session: ReadSession, services: ServicesDep, site: str | None = None, retired: bool = False
) -> Page[AssetOut]:
    """By code."""
    found = services.assets.list(session, user.sites, retired=retired)
    return Page(items=[AssetOut.model_validate(item) for item in found if site in (None, item.site_id)])


@router.post("", status_code=201)
def create(body: AssetIn, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> AssetOut:
    """A new one."""
    _may(user, body.site_id)
    asset = services.assets.save(session, Asset(**body.model_dump(), created_at=at), at)
    services.users.audit(session, user.name, "asset.add", f"asset/{asset.id}", body.model_dump(mode="json"), at)
    return AssetOut.model_validate(asset)


@router.get("/export", response_class=Response)
def export(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    form: Annotated[str, Query(pattern="^(csv|xlsx)$")] = "csv",
) -> Response:
    """All that the person sees, as a table that can be taken in again."""
    rows = [services.assets.row(session, asset) for asset in services.assets.list(session, user.sites)]
    content, kind = (write_xlsx(rows), XLSX) if form == "xlsx" else (write_csv(rows), "text/csv")
    headers = {"Content-Disposition": f'attachment; filename="assets.{form}"'}
    return Response(content, media_type=kind, headers=headers)


@router.post("/import")
def take_in(
    content: Annotated[bytes, Body(media_type="text/csv")],
    user: Manager,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    dry_run: bool = False,
) -> TakenIn:
    """A CSV or XLSX file as the body: every mistake by line, or everything at once."""
    rows = read_table("the file", content)
    new, changed, mistakes = services.assets.take_in(session, rows, user.sites, at, dry_run=dry_run)
    if not mistakes and not dry_run:
        services.users.audit(session, user.name, "asset.import", "assets", {"new": new, "changed": changed}, at)
    told = [Mistake(line=line, text=text) for line, text in mistakes]
    return TakenIn(new=new, changed=changed, mistakes=told, done=not mistakes and not dry_run)


@router.get("/{asset_id}")
def get(asset_id: Id, user: Viewer, session: WriteSession, services: ServicesDep) -> AssetStory:
    """One, with what measures it."""
    asset = _visible(session, services, user, asset_id)
    return AssetStory(
        **AssetOut.model_validate(asset).model_dump(),
        devices=[Binding.model_validate(item) for item in services.assets.bindings(session, [asset_id])],
        label=services.assets.label(session, asset),
    )


@router.put("/{asset_id}")
def change(
    asset_id: Id, body: AssetIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> AssetOut:
    """Change it."""
    asset = _visible(session, services, user, asset_id)
    _may(user, body.site_id)
    for name, value in body.model_dump().items():
        setattr(asset, name, value)
    services.assets.save(session, asset, at)
    services.users.audit(session, user.name, "asset.change", f"asset/{asset_id}", body.model_dump(mode="json"), at)
    return AssetOut.model_validate(asset)


@router.post("/{asset_id}/retire")
def retire(asset_id: Id, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> AssetOut:
    """It is gone; its history stays."""
    asset = _visible(session, services, user, asset_id)
    services.assets.retire(session, asset, at)
    services.users.audit(session, user.name, "asset.retire", f"asset/{asset_id}", {}, at)
    return AssetOut.model_validate(asset)


@router.post("/{asset_id}/devices", status_code=201)
def bind(asset_id: Id, body: Device, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Binding:
    """From now on the device measures it."""
    asset = _visible(session, services, user, asset_id)
    visible_device(session, services, user, body.device_id)
    binding = services.assets.bind(session, asset, body.device_id, user.name, at)
    services.users.audit(session, user.name, "asset.bind", f"asset/{asset_id}", body.model_dump(), at)
    return Binding.model_validate(binding)


@router.delete("/{asset_id}/devices/{device_id}", status_code=204)
def unbind(asset_id: Id, device_id: str, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> None:
    """It measures this no more."""
    services.assets.unbind(session, _visible(session, services, user, asset_id), device_id, at)
    services.users.audit(session, user.name, "asset.unbind", f"asset/{asset_id}", {"device_id": device_id}, at)


def _visible(session: Session, services: Services, user: User, asset_id: int) -> Asset:
    asset = services.assets.get(session, asset_id)
    if not may_see(user, asset.site_id):
        raise NotFoundError(said("there is no asset %(asset_id)s", asset_id=asset_id))
    return asset


def _may(user: User, site_id: str) -> None:
    if not may_see(user, site_id):
        raise NotFoundError(said("there is no site %(site_id)r", site_id=site_id))
