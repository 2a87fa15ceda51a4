"""Rows that wait in memory for the disk, bounded: while it refuses, the finest of them go and are counted."""

from collections import defaultdict
from dataclasses import dataclass

from plantroom_edge.driver import Sample
from plantroom_shared.batch import Value

#: A minute of 50 devices at one row a second.
MOST_ROWS = 3_000


@dataclass(slots=True)
class Row:
    """What of a sample is to be reported: values by index, and marks."""

    sample: Sample
    values: dict[int, Value]
    marks: dict[int | None, str]


class WaitingRows:
    """In the order in which they came."""

    def __init__(self, most: int = MOST_ROWS) -> None:
        self._most = most
        self._rows: list[Row] = []
        self.lost_values = 0
        self.lost_from: int | None = None
        self.lost_to = 0

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Row) -> None:
        """At the bound every other row of each device goes first; what it told is told by the next that stays."""
        if len(self._rows) >= self._most:
            self._thin()
        self._rows.append(row)

    def take(self) -> list[Row]:
        """All of them; none waits then."""
        rows, self._rows = self._rows, []
        return rows

    def move(self, by_ms: int) -> None:
        """The clock that dated them was wrong by this."""
        for row in self._rows:
            row.sample.time_ms += by_ms

    def take_loss(self) -> dict[str, int] | None:
        """What was given up since the last call."""
        if self.lost_from is None:
            return None
        loss = {"values": self.lost_values, "from": self.lost_from, "to": self.lost_to}
        self.lost_values, self.lost_from, self.lost_to = 0, None, 0
        return loss

    def _thin(self) -> None:
        by_device: dict[str, list[Row]] = defaultdict(list)
        for row in self._rows:
            by_device[row.sample.device].append(row)
        gone: set[int] = set()
        for rows in by_device.values():
            for first, second in zip(rows[::2], rows[1::2], strict=False):
                if first.marks or second.marks:
                    continue  # the end of a value, or the last before it
                gone.add(id(first))
                before = len(first.values) + len(second.values)
                second.values = first.values | second.values
                self._count(before - len(second.values), first.sample.time_ms)
        if not gone:  # nothing but ends of values: the oldest go
            for row in self._rows[: self._most // 2]:
                gone.add(id(row))
                self._count(len(row.values), row.sample.time_ms)
        self._rows = [row for row in self._rows if id(row) not in gone]

    def _count(self, values: int, time_ms: int) -> None:
        self.lost_values += values
        self.lost_from = time_ms if self.lost_from is None else min(self.lost_from, time_ms)
        self.lost_to = max(self.lost_to, time_ms)
