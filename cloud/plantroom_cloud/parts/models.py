"""Spare parts and every movement of the store."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Exact, UtcDateTime, word


class Part(SQLModel, table=True):
    """A spare part in the store."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=63)
    name: str
    unit: str = "pcs"
    unit_cost: Decimal = Field(sa_column=Column(Exact, nullable=False))
    minimum: Decimal = Field(sa_column=Column(Exact, nullable=False))
    stock: Decimal = Field(sa_column=Column(Exact, nullable=False))  #: the sum of its movements
    place: str = ""  #: shelf, bin
    active: bool = True

    @property
    def is_low(self) -> bool:
        """Kept, and fewer than there should be."""
        return self.active and self.stock < self.minimum


class MovementKind(StrEnum):
    """Why stock changes."""

    RECEIPT = "receipt"
    USE = "use"  #: on a work order
    REVERSAL = "reversal"  #: takes a movement back
    COUNT = "count"  #: somebody counted: the difference


class Movement(SQLModel, table=True):
    """A change of stock; never changed itself, only reversed by another."""

    __tablename__ = "part_movement"

    id: int | None = Field(default=None, primary_key=True)
    part_id: int = Field(foreign_key="part.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    kind: MovementKind = Field(sa_type=word(MovementKind))
    quantity: Decimal = Field(sa_column=Column(Exact, nullable=False))  #: what comes in; negative: goes out
    stock_after: Decimal = Field(sa_column=Column(Exact, nullable=False))
    unit_cost: Decimal = Field(sa_column=Column(Exact, nullable=False))  #: as it was then
    work_order_id: int | None = Field(default=None, foreign_key="work_order.id", index=True)
    reverses: int | None = Field(default=None, foreign_key="part_movement.id", unique=True)
    actor: str
    note: str = ""
