"""The ledger: which sequence numbers came, and what each hour amounts to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session

from plantroom_cloud.gateways import repository
from plantroom_cloud.gateways.models import LedgerHour, LedgerRange

#: Gateway, outbox, stream.
_Stream = tuple[str, str, str]

#: A rejected batch may be this far ahead of what came.
BELIEVED_AHEAD = 100_000


@dataclass
class Ranges:
    """Inclusive ranges of integers, sorted, never touching."""

    items: list[tuple[int, int]] = field(default_factory=list)

    def __contains__(self, number: int) -> bool:
        return any(first <= number <= last for first, last in reversed(self.items))

    def add(self, number: int) -> bool:
        """False when it was there already."""
        items = self.items
        if items and number == items[-1][1] + 1:
            items[-1] = (items[-1][0], number)
            return True
        if number in self:
            return False
        items.append((number, number))
        items.sort()
        merged: list[tuple[int, int]] = []
        for first, last in items:
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        self.items = merged
        return True

    def missing(self) -> int:
        """Numbers from 1 to the highest that never came."""
        if not self.items:
            return 0
        return self.items[-1][1] - sum(last - first + 1 for first, last in self.items)


class GroupLedger:
    """What one group of messages adds, of all its gateways: read at once, written at once."""

    def __init__(self, session: Session, gateway_ids: Sequence[str], at: datetime) -> None:
        self._session = session
        self._at = at
        self._before: dict[_Stream, dict[int, int]] = {}
        self._declared: dict[_Stream, list[tuple[int, int]]] = {}
        for row in repository.ranges_of(session, gateway_ids):
            key = (row.gateway_id, row.outbox, row.stream)
            if row.declared:
                self._declared.setdefault(key, []).append((row.first, row.last))
            else:
                self._before.setdefault(key, {})[row.first] = row.last
        self._now: dict[_Stream, Ranges] = {}
        self._rejected: dict[_Stream, set[int]] = {}
        self._amounts: dict[str, dict[str, int]] = {}

    def take(self, gateway_id: str, outbox: str, stream: str, seq: int) -> bool:
        """False when it came before."""
        return self._ranges((gateway_id, outbox, stream)).add(seq)

    def reject(self, gateway_id: str, outbox: str, stream: str, seq: int) -> None:
        """It came and is in quarantine: not missing. A number far beyond what came is not believed."""
        key = (gateway_id, outbox, stream)
        items = self._ranges(key).items
        last = max([items[-1][1] if items else 0, *(last for _, last in self._declared.get(key, ()))])
        known = any(first <= seq <= last for first, last in (*items, *self._declared.get(key, ())))
        if not known and 0 < seq <= last + BELIEVED_AHEAD:
            self._rejected.setdefault(key, set()).add(seq)

    def count(self, gateway_id: str, **amounts: int) -> None:
        """Add to the hour."""
        mine = self._amounts.setdefault(gateway_id, {})
        for name, amount in amounts.items():
            mine[name] = mine.get(name, 0) + amount

    def save(self) -> None:
        """Nearly always one range per stream changes its end."""
        changed, gone = [], []
        for key, ranges in self._now.items():
            before, after = self._before.get(key, {}), dict(ranges.items)
            changed += [(*key, first, last, False) for first, last in after.items() if before.get(first) != last]
            gone += [(*key, first) for first in before if first not in after]
        for key, numbers in self._rejected.items():
            taken = self._ranges(key)
            changed += [(*key, number, number, True) for number in sorted(numbers) if number not in taken]
        repository.save_ranges(self._session, changed, gone)
        repository.add_to_hour(self._session, self._amounts, self._at.replace(minute=0, second=0, microsecond=0))

    def _ranges(self, key: "_Stream") -> Ranges:
        ranges = self._now.get(key)
        if ranges is None:
            ranges = self._now[key] = Ranges(sorted(self._before.get(key, {}).items()))
        return ranges


def count(session: Session, gateway_id: str, at: datetime, **amounts: int) -> None:
    """Add to the hour of `at`."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    row = session.get(LedgerHour, (gateway_id, hour)) or LedgerHour(gateway_id=gateway_id, hour=hour)
    for name, amount in amounts.items():
        setattr(row, name, getattr(row, name) + amount)
    session.add(row)


def declare_lost(session: Session, gateway_id: str, kind: str, data: dict[str, Any], at: datetime) -> None:
    """The gateway says what it gave up: counted, and no longer missing."""
    values = int(data.get("values", 0))
    if kind == "telemetry.thinned":
        count(session, gateway_id, at, values_thinned=values)
        return
    count(session, gateway_id, at, values_evicted=values)
    outbox = str(data.get("outbox", ""))
    for first, last in data.get("seqs", []):
        key = (gateway_id, outbox, "telemetry", int(first))
        if session.get(LedgerRange, key) is None:
            session.add(
                LedgerRange(
                    gateway_id=gateway_id,
                    outbox=outbox,
                    stream="telemetry",
                    first=int(first),
                    last=int(last),
                    declared=True,
                )
            )


@dataclass(frozen=True)
class StreamReport:
    """One outbox and stream: how far, what is missing, what was declared lost."""

    outbox: str
    stream: str
    last: int
    received: int
    missing: int
    declared: int


def streams(session: Session, gateway_id: str) -> list[StreamReport]:
    """All outboxes that this gateway ever had."""
    groups: dict[tuple[str, str], list[LedgerRange]] = {}
    for row in repository.ranges(session, gateway_id):
        groups.setdefault((row.outbox, row.stream), []).append(row)
    return [_report(outbox, stream, rows) for (outbox, stream), rows in sorted(groups.items())]


def _report(outbox: str, stream: str, rows: Sequence[LedgerRange]) -> StreamReport:
    received = _total(row for row in rows if not row.declared)
    declared = _total(row for row in rows if row.declared)
    last = max(row.last for row in rows)
    return StreamReport(outbox, stream, last, received, max(0, last - received - declared), declared)


def _total(rows: Iterable[LedgerRange]) -> int:
    return sum(row.last - row.first + 1 for row in rows)


def hours(session: Session, gateway_id: str, start: datetime, end: datetime) -> list[LedgerHour]:
    """The hours between, oldest first."""
    return repository.hours(session, gateway_id, start, end)
