"""The journal and the windows to compute, in the relational store. Hot: Core statements, many rows at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, delete, func, insert, select, tuple_
from sqlmodel import Session

from plantroom_cloud.telemetry.models import JournalEntry, RollupDue
from plantroom_cloud.telemetry.rollup import Window

_JOURNAL = cast("Table", JournalEntry.__table__)  # type: ignore[attr-defined]
_DUE = cast("Table", RollupDue.__table__)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for the telemetry store."""

    entries: int
    size: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry."""

    id: int
    gateway_id: str
    rows: bytes
    value_count: int


def add_entries(session: Session, entries: Sequence[dict[str, Any]]) -> None:
    """Rows of the journal as dicts of its columns."""
    if entries:
        session.connection().execute(insert(_JOURNAL), entries)


def backlog(session: Session) -> Backlog:
    """How much waits, and since when; read from the index alone."""
    row = session.connection().execute(
        select(func.count(), func.coalesce(func.sum(_JOURNAL.c.size), 0), func.min(_JOURNAL.c.received_at))
    )
    entries, size, oldest = row.one()
    return Backlog(entries, int(size), oldest)


def next_entries(session: Session, most_bytes: int, most_entries: int = 1000) -> list[Entry]:
    """The present first, then what is late; in order, and not more than so many bytes (one entry at least)."""
    connection = session.connection()
    sizes = connection.execute(
        select(_JOURNAL.c.id, _JOURNAL.c.size).order_by(_JOURNAL.c.late, _JOURNAL.c.id).limit(most_entries)
    ).all()
    ids: list[int] = []
    total = 0
    for number, size in sizes:
        if ids and total + size > most_bytes:
            break
        ids.append(number)
        total += size
    if not ids:
        return []
    columns = (_JOURNAL.c.id, _JOURNAL.c.gateway_id, _JOURNAL.c.rows, _JOURNAL.c.value_count)
    found = connection.execute(select(*columns).where(_JOURNAL.c.id.in_(ids)).order_by(_JOURNAL.c.late, _JOURNAL.c.id))
    return [Entry(*row) for row in found]


def remove_entries(session: Session, ids: Sequence[int]) -> None:
    """They are in the store."""
    session.connection().execute(delete(_JOURNAL).where(_JOURNAL.c.id.in_(ids)))


def load_due(session: Session) -> dict[Window, set[str]]:
    """All windows to compute, with their metrics."""
    rows = session.connection().execute(select(_DUE.c.device_id, _DUE.c.level_s, _DUE.c.start_ms, _DUE.c.metrics))
    return {(device, level, start): set(metrics) for device, level, start, metrics in rows}


def replace_due(session: Session, wanted: Mapping[Window, Iterable[str]], gone: Iterable[Window] = ()) -> None:
    """Write windows to compute, in place of what stands there of them; `gone` have been computed."""
    connection = session.connection()
    keys = [*gone, *wanted]
    for begin in range(0, len(keys), 200):
        connection.execute(
            delete(_DUE).where(tuple_(_DUE.c.device_id, _DUE.c.level_s, _DUE.c.start_ms).in_(keys[begin : begin + 200]))
        )
    rows = [
        {"device_id": device, "level_s": level, "start_ms": start, "metrics": sorted(metrics)}
        for (device, level, start), metrics in wanted.items()
    ]
    if rows:
        connection.execute(insert(_DUE), rows)


def first_due(session: Session, device_id: str, level_s: int, since_ms: int) -> int | None:
    """The earliest window of a device, of this level or a shorter one, that is still to be computed."""
    query = select(func.min(_DUE.c.start_ms)).where(
        _DUE.c.device_id == device_id, _DUE.c.level_s <= level_s, _DUE.c.start_ms >= since_ms
    )
    found: int | None = session.connection().execute(query).scalar_one()
    return found
