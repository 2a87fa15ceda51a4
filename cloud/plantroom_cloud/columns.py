"""Column types that SQLite and PostgreSQL keep alike."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Enum, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

#: JSON document: jsonb on PostgreSQL.
Document = JSON().with_variant(JSONB(), "postgresql")

#: A number that counts up for years: 64 bits on PostgreSQL, the row id on SQLite.
BigId = BigInteger().with_variant(Integer(), "sqlite")


def word(kind: type[StrEnum]) -> Enum:
    """A word of a list, kept as its text: a list may grow without a change of the schema."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=40,
        values_callable=lambda members: [member.value for member in members],
    )


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC on both databases; a naive one is refused, for nobody knows what it means."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: times are kept in UTC, with their time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        stored: datetime = value
        return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)


class Exact(TypeDecorator[Decimal]):
    """An exact decimal of four places (money, quantities), kept as whole ten-thousandths: SQLite has no decimals."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> int | None:
        return None if value is None else int((value * 10_000).to_integral_value(ROUND_HALF_UP))

    def process_result_value(self, value: Any, _dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value) / 10_000


def utc_from_ms(milliseconds: int) -> datetime:
    """Event time of the wire (ms since the epoch) to an aware datetime."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def ms_from_utc(moment: datetime) -> int:
    """An aware datetime to ms since the epoch."""
    return round(moment.timestamp() * 1000)
