"""The telemetry journal: batches committed, not yet in the telemetry store; and the windows to compute."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import BigId, Document, UtcDateTime


class JournalEntry(SQLModel, table=True):
    """What one gateway sent in one group (MessagePack of list[DeviceRows]); deleted once the store has it."""

    __tablename__ = "telemetry_journal"
    __table_args__ = (Index("telemetry_journal_order", "late", "id", "size", "received_at"),)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    gateway_id: str = Field(index=False)
    received_at: datetime = Field(sa_type=UtcDateTime)
    rows: bytes
    value_count: int
    late: bool = False  #: historical: the present goes first
    size: int = 0  #: bytes of `rows`


class RollupDue(SQLModel, table=True):
    """A window of a device that changed since it was computed; level in seconds (60, 900, 3600, 86400)."""

    __tablename__ = "rollup_due"

    device_id: str = Field(primary_key=True)
    level_s: int = Field(primary_key=True)
    start_ms: int = Field(primary_key=True, sa_type=BigInteger)
    metrics: list[str] = Field(sa_column=Column(Document, nullable=False))
