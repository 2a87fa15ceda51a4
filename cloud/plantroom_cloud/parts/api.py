"""/api/v1/parts, and those of a work order: /api/v1/work-orders/{id}/parts."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from plantroom_cloud.costs.api import visible
from plantroom_cloud.costs.sheet import part_amount
from plantroom_cloud.dependencies import (
    At,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
)
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.listing import Page
from plantroom_cloud.parts.models import MovementKind, Part

router = APIRouter(prefix="/api/v1", tags=["parts"])

Amount = Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=4)]


class MovementOut(BaseModel):
    """A change of stock: what comes in; negative: goes out."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    part_id: int
    at: datetime
    kind: MovementKind
    quantity: Decimal
    stock_after: Decimal
    unit_cost: Decimal
    work_order_id: int | None
    reverses: int | None
    actor: str
    note: str


class UsedOut(MovementOut):
    """A part of a work order."""

    code: str
    name: str
    unit: str
    amount: Decimal


class PartUse(BaseModel):
    """Taken from the store; `note` is needed for more than is counted there."""

    code: str
    quantity: Amount
    note: str = Field(default="", max_length=2000)


class Note(BaseModel):
    """Why."""

    note: str = Field(default="", max_length=2000)


class PartIn(BaseModel):
    """What can be changed of a part; its stock changes by movements alone."""

    name: str = Field(max_length=200)
    unit: str = Field(default="pcs", max_length=20)
    unit_cost: Amount = Decimal(0)
    minimum: Amount = Decimal(0)
    place: str = Field(default="", max_length=200)
    active: bool = True


class NewPart(PartIn):
    """A new one; its stock begins at nothing."""

    code: str = Field(max_length=63)


class PartOut(NewPart):
    """A spare part."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    stock: Decimal
    unit_cost: Decimal
    minimum: Decimal


class NewMovement(BaseModel):
    """`receipt` adds the quantity; `count` says how many are there."""

    kind: MovementKind
    quantity: Amount
    note: str = Field(default="", max_length=2000)


@router.get("/work-orders/{order_id}/parts")
def list_used(order_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> Page[UsedOut]:
    """Oldest first, with what was taken back."""
    visible(session, services, user, order_id)
    return Page(
        items=[
            UsedOut(
                **MovementOut.model_validate(movement).model_dump(),
                code=part.code,
                name=part.name,
                unit=part.unit,
                amount=part_amount(movement),
            )
            for movement, part in services.parts.of_order(session, order_id)
        ]
    )


@router.post("/work-orders/{order_id}/parts", status_code=201)
def use_part(
    order_id: int, body: PartUse, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> MovementOut:
    """Taken from the store."""
    order = visible(session, services, user, order_id)
    part = services.parts.by_code(session, body.code)
    assert part.id is not None
    movement = services.parts.use(session, order, part.id, body.quantity, body.note, user.name, at)
    return MovementOut.model_validate(movement)


@router.post("/work-orders/{order_id}/parts/{movement_id}/reverse", status_code=201)
def reverse_use(
    order_id: int,
    movement_id: int,
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    body: Note | None = None,
) -> MovementOut:
    """Back into the store, by a counter-movement."""
    visible(session, services, user, order_id)
    note = body.note if body is not None else ""
    movement = services.parts.reverse(session, movement_id, note, user.name, at, order_id=order_id)
    return MovementOut.model_validate(movement)


@router.get("/parts")
def list_parts(
    _user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    q: str = "",
    below_minimum: bool = False,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Page[PartOut]:
    """By code."""
    found = services.parts.list(session, q, below_minimum=below_minimum, after=cursor, limit=limit + 1)
    more = found[limit - 1].code if len(found) > limit else None
    return Page(items=[PartOut.model_validate(part) for part in found[:limit]], next=more)


@router.post("/parts", status_code=201)
def add_part(body: NewPart, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> PartOut:
    """A new one."""
    part = services.parts.save(session, Part(stock=Decimal(0), **body.model_dump()), at)
    services.users.audit(session, user.name, "part.add", f"part/{part.id}", {"code": part.code}, at)
    return PartOut.model_validate(part)


@router.get("/parts/{part_id}")
def get_part(part_id: int, _user: Viewer, session: ReadSession, services: ServicesDep) -> PartOut:
    """One."""
    return PartOut.model_validate(services.parts.get(session, part_id))


@router.put("/parts/{part_id}")
def change_part(
    part_id: int, body: PartIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> PartOut:
    """What is known of it; not its stock."""
    part = services.parts.get(session, part_id)
    for name, value in body.model_dump().items():
        setattr(part, name, value)
    services.users.audit(session, user.name, "part.change", f"part/{part.id}", {"code": part.code}, at)
    return PartOut.model_validate(services.parts.save(session, part, at))


@router.get("/parts/{part_id}/movements")
def list_movements(
    part_id: int,
    _user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[MovementOut]:
    """Newest first."""
    services.parts.get(session, part_id)
    found = services.parts.movements(session, part_id, cursor, limit + 1)
    more = str(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[MovementOut.model_validate(row) for row in found[:limit]], next=more)


@router.post("/parts/{part_id}/movements", status_code=201)
def move_part(
    part_id: int, body: NewMovement, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> MovementOut:
    """A delivery came, or somebody counted."""
    store = services.parts
    match body.kind:
        case MovementKind.RECEIPT:
            movement = store.receive(session, part_id, body.quantity, body.note, user.name, at)
        case MovementKind.COUNT:
            movement = store.count(session, part_id, body.quantity, body.note, user.name, at)
        case _:
            raise InvalidError("kind: receipt or count; parts are used on a work order, and reversed by a movement")
    return MovementOut.model_validate(movement)


@router.post("/parts/{part_id}/movements/{movement_id}/reverse", status_code=201)
def reverse_movement(
    part_id: int, movement_id: int, body: Note, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> MovementOut:
    """It was wrong: a counter-movement."""
    services.parts.get(session, part_id)
    movement = services.parts.reverse(session, movement_id, body.note, user.name, at, part_id=part_id)
    return MovementOut.model_validate(movement)
