"""The telemetry journal: batches committed, not yet in the telemetry store."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import UtcDateTime


class JournalEntry(SQLModel, table=True):
    """One batch as it came (MessagePack of list[DeviceRows]); deleted once the store has it."""

    __tablename__ = "telemetry_journal"

    id: int | None = Field(default=None, primary_key=True)
    gateway_id: str = Field(index=False)
    received_at: datetime = Field(sa_type=UtcDateTime)
    rows: bytes
    value_count: int


class RollupDue(SQLModel, table=True):
    """Windows of a device that changed since they were last computed; level in seconds (60, 900, 3600, 86400)."""

    device_id: str = Field(primary_key=True)
    level_s: int = Field(primary_key=True)
    start_ms: int = Field(primary_key=True, sa_type=BigInteger)
