"""/api/v1/weighings."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlmodel import Session

from plantroom_cloud.dependencies import (
    At,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
    may_see,
)
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.listing import Page
from plantroom_cloud.moment import Moment
from plantroom_cloud.services import Services
from plantroom_cloud.spreadsheet import CsvResponse, csv_response
from plantroom_cloud.users.models import User
from plantroom_cloud.weighings.models import Order, Weighing, WeighingState
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/weighings", tags=["weighings"])

#: Rows of one export.
MOST_EXPORTED = 50_000


class WeighingOut(BaseModel):
    """A weighing."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    gateway_id: str
    device_id: str
    site_id: str
    station: str
    at: datetime
    received_at: datetime
    kg: float
    value: float
    unit: str
    mode: str
    stable: bool
    raw: str
    time_source: str
    state: WeighingState
    code: str | None
    note: str


class StationOut(BaseModel):
    """A station."""

    model_config = ConfigDict(from_attributes=True)
    site_id: str
    key: str
    name: str
    window_s: float
    order: Order


class StationIn(BaseModel):
    """How label and weighing meet there."""

    name: str = Field(max_length=200)
    window_s: float
    order: Order


class Label(BaseModel):
    """The label that a weighing belongs to, as printed or typed."""

    code: str = Field(max_length=64)


class Filter(BaseModel):
    """Which weighings."""

    device: str | None = None
    station: str | None = None
    state: WeighingState | None = None
    code: str | None = None
    start: Moment | None = None
    end: Moment | None = None

    @model_validator(mode="before")
    @classmethod
    def _said(cls, data: Any) -> Any:
        """An empty field of a form says nothing."""
        return {key: value for key, value in data.items() if value != ""} if isinstance(data, dict) else data


@router.get("")
def list_weighings(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    chosen: Annotated[Filter, Query()],
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[WeighingOut]:
    """Newest first, by event time."""
    found = find(session, services, user, chosen, limit + 1, cursor)
    more = _cursor(found[limit - 1]) if len(found) > limit else None
    return Page(items=[WeighingOut.model_validate(row) for row in found[:limit]], next=more)


@router.get(".csv", response_class=CsvResponse)
def export(user: Viewer, session: ReadSession, services: ServicesDep, chosen: Annotated[Filter, Query()]) -> Response:
    """The same as a table, for a spreadsheet."""
    found = find(session, services, user, chosen, MOST_EXPORTED, None)
    names = list(WeighingOut.model_fields)
    rows = ([getattr(WeighingOut.model_validate(row), name) for name in names] for row in found)
    return csv_response("weighings.csv", names, rows)


@router.get("/stations")
def list_stations(user: Viewer, session: ReadSession, services: ServicesDep) -> Page[StationOut]:
    """Where labels and weighings meet."""
    return Page(items=[StationOut.model_validate(row) for row in services.weighings.stations(session, user.sites)])


@router.put("/stations/{site_id}/{key}")
def set_station(
    site_id: str, key: str, body: StationIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> StationOut:
    """How long label and weighing wait for each other, and which comes first."""
    if not may_see(user, site_id):
        raise NotFoundError(said("there is no site %(site_id)r", site_id=site_id))
    services.sites.get(session, site_id)
    station = services.weighings.set_station(session, site_id, key, body.name, body.window_s, body.order)
    services.users.audit(
        session, user.name, "station.change", f"station/{site_id}/{key}", body.model_dump(mode="json"), at
    )
    return StationOut.model_validate(station)


@router.post("/{weighing_id}/pair")
def pair(
    weighing_id: int, body: Label, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> WeighingOut:
    """Say by hand which label it belongs to."""
    weighing = pair_by_hand(session, services, user, weighing_id, body.code, at)
    return WeighingOut.model_validate(weighing)


def pair_by_hand(
    session: Session, services: Services, user: User, weighing_id: int, typed: str, at: datetime
) -> Weighing:
    """Of API and page; raises NotFoundError, InvalidError, ConflictError."""
    if not may_see(user, services.weighings.get(session, weighing_id).site_id):
        raise NotFoundError(said("there is no weighing %(weighing_id)s", weighing_id=weighing_id))
    code = services.waste.read_label(typed)
    if code is None:
        raise InvalidError(said("%(typed)r is no label: write the ten characters below its QR code", typed=typed))
    if not may_see(user, services.waste.custody.bag(session, code).site_id):
        raise NotFoundError(said("there is no bag %(code)r; check the label", code=code))
    weighing = services.weighings.pair_by_hand(session, weighing_id, code, user.name, at)
    services.users.audit(session, user.name, "weighing.pair", f"weighing/{weighing_id}", {"code": code}, at)
    return weighing


def find(
    session: Session, services: Services, user: User, chosen: Filter, limit: int, cursor: str | None
) -> list[Weighing]:
    """Of API and page; raises InvalidError."""
    before = None
    if cursor is not None:
        moment, _, row = cursor.rpartition("~")
        try:
            before = (datetime.fromisoformat(moment), int(row))
        except ValueError as error:
            raise InvalidError("cursor: use what `next` of the page before says") from error
    return services.weighings.search(
        session,
        sites=user.sites,
        device_id=chosen.device,
        station=chosen.station,
        state=chosen.state,
        code=chosen.code,
        since=chosen.start,
        until=chosen.end,
        before=before,
        limit=limit,
    )


def _cursor(row: Weighing) -> str:
    return f"{row.at.isoformat()}~{row.id}"
