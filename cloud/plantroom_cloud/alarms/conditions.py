"""Conditions over several metrics or over time; pure. Plain limits and states are judged by the engine itself.

A condition sees the last known value of each metric it involves, and of its own metric the readings of a window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import Enum
from zoneinfo import ZoneInfo

from plantroom_shared.batch import Value

#: Readings of a window that are kept: a rate needs its ends, not each point between.
MOST_POINTS = 240
MINUTE_MS = 60_000


class Verdict(Enum):
    """What a condition says of a moment."""

    ABNORMAL = "abnormal"
    NORMAL = "normal"
    BETWEEN = "between"  #: inside the dead-band: whatever holds goes on
    UNKNOWN = "unknown"  #: a value that it needs is not known


@dataclass(frozen=True, slots=True)
class Part:
    """One comparison: a number against a limit, or a state."""

    metric: str
    operator: str | None = None
    limit: float = 0.0
    states: frozenset[str] = frozenset()

    def holds(self, known: Mapping[str, Value]) -> bool | None:
        """None when the value is not known."""
        value = known.get(self.metric)
        if value is None:
            return None
        if self.states:
            return as_text(value) in self.states
        return None if isinstance(value, str) else _beyond(value, self.operator, self.limit)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Days (0 Monday) and local hours in which a rule is watched; hours may pass midnight."""

    days: frozenset[int]
    begins: time
    ends: time
    zone: ZoneInfo

    def holds(self, moment_ms: int) -> bool:
        """Whether the rule is watched then."""
        local = datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(self.zone)
        now = local.time().replace(tzinfo=None)
        if self.begins < self.ends:
            return local.weekday() in self.days and self.begins <= now < self.ends
        if now >= self.begins or self.begins == self.ends:
            return local.weekday() in self.days
        return now < self.ends and (local.weekday() - 1) % 7 in self.days


@dataclass(frozen=True, slots=True)
class Condition:
    """What is judged; times in ms, rates in units per minute."""

    kind: str
    metric: str
    operator: str | None = None
    limit: float = 0.0
    deadband: float = 0.0
    states: frozenset[str] = frozenset()
    other: str | None = None  #: deviation, mismatch
    window_ms: int = 0  #: rate, stuck, repeated
    count: int = 0  #: repeated
    parts: tuple[Part, ...] = ()
    every: bool = True  #: a combination of parts: all of them, or any
    guard: Part | None = None  #: watched only while it holds: no low flow at a pump that stands
    schedule: Schedule | None = None

    @property
    def metrics(self) -> frozenset[str]:
        """All that it needs."""
        named = {self.metric, *(part.metric for part in self.parts)}
        named |= {name for name in (self.other, self.guard.metric if self.guard else None) if name}
        return frozenset(named - {""})

    @property
    def timed(self) -> bool:
        """Whether time alone can change the verdict."""
        return self.schedule is not None or self.kind in ("stuck", "repeated")

    def verdict(self, known: Mapping[str, Value], points: Sequence[tuple[int, Value]], moment: int) -> Verdict:
        """At a moment, with what is known then."""
        if self.schedule is not None and not self.schedule.holds(moment):
            return Verdict.NORMAL
        if self.guard is not None:
            watched = self.guard.holds(known)
            if watched is not True:
                return Verdict.UNKNOWN if watched is None else Verdict.NORMAL
        match self.kind:
            case "combination":
                return self._combined(known)
            case "repeated":
                return _either(sum(at > moment - self.window_ms for at, _ in points) >= self.count)
            case "stuck":
                return _either(moment - points[0][0] >= self.window_ms) if points else Verdict.UNKNOWN
            case "counter-reset":
                return self._reset(points)
            case "mismatch":
                mine, theirs = known.get(self.metric), known.get(self.other or "")
                if mine is None or theirs is None:
                    return Verdict.UNKNOWN
                return _either(as_text(mine) != as_text(theirs))
            case "state":
                mine = known.get(self.metric)
                return Verdict.UNKNOWN if mine is None else _either(as_text(mine) in self.states)
            case _:
                number = self.figure(known, points)
                return Verdict.UNKNOWN if number is None else self._against_limit(number)

    def figure(self, known: Mapping[str, Value], points: Sequence[tuple[int, Value]]) -> float | None:
        """What is compared with the limit: the value, its rate per minute, or its distance from the other's."""
        value = known.get(self.metric)
        if isinstance(value, str) or value is None:
            return None
        if self.kind == "rate":
            if len(points) < 2 or points[-1][0] - points[0][0] < self.window_ms / 2:
                return None
            (first_at, first), (last_at, last) = points[0], points[-1]
            if isinstance(first, str) or isinstance(last, str) or first is None or last is None:
                return None
            return (last - first) / (last_at - first_at) * MINUTE_MS
        if self.kind == "deviation":
            other = known.get(self.other or "")
            if isinstance(other, str) or other is None:
                return None
            return abs(value - other) if self.operator is None else value - other
        return value

    def remember(self, points: list[tuple[int, Value]], moment: int, value: Value, was: Value) -> bool:
        """Keep what the window needs of a new reading of its own metric; `was`: the one before. Whether the window is
        another now, so that a restart may not forget it."""
        match self.kind:
            case "rate":
                points.append((moment, value))
                while len(points) > 2 and points[1][0] <= moment - self.window_ms:
                    points.pop(0)
                if len(points) > MOST_POINTS:
                    del points[1]
                return True
            case "stuck":
                if not points or _moved(points[0][1], value, self.deadband):
                    points[:] = [(moment, value)]
                    return True
            case "counter-reset":
                points[:] = [*points[-1:], (moment, value)]
            case "repeated":
                part = Part(self.metric, self.operator, self.limit, self.states)
                begins = part.holds({self.metric: value}) is True and part.holds({self.metric: was}) is not True
                if begins:
                    points.append((moment, value))
                points[:] = [point for point in points if point[0] > moment - self.window_ms][-max(self.count, 1) :]
                return begins
            case _:
                pass
        return False

    def _combined(self, known: Mapping[str, Value]) -> Verdict:
        found = [part.holds(known) for part in self.parts]
        if self.every:
            return _either(all(found)) if None not in found or False in found else Verdict.UNKNOWN
        return _either(True in found) if None not in found or True in found else Verdict.UNKNOWN

    def _reset(self, points: Sequence[tuple[int, Value]]) -> Verdict:
        if len(points) < 2:
            return Verdict.UNKNOWN
        before, now = points[-2][1], points[-1][1]
        if isinstance(before, str) or isinstance(now, str) or before is None or now is None:
            return Verdict.UNKNOWN
        return _either(now < before - self.deadband)

    def _against_limit(self, number: float) -> Verdict:
        if _beyond(number, self.operator, self.limit):
            return Verdict.ABNORMAL
        if self.operator == "<":
            return _normal_or_between(number >= self.limit + self.deadband)
        return _normal_or_between(number <= self.limit - self.deadband)


def as_text(value: Value) -> str:
    """A value as rules name states."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _beyond(value: float, operator: str | None, limit: float) -> bool:
    return value < limit if operator == "<" else value > limit


def _either(abnormal: bool) -> Verdict:
    return Verdict.ABNORMAL if abnormal else Verdict.NORMAL


def _normal_or_between(normal: bool) -> Verdict:
    return Verdict.NORMAL if normal else Verdict.BETWEEN


def _moved(before: Value, now: Value, deadband: float) -> bool:
    if isinstance(before, str) or isinstance(now, str) or before is None or now is None:
        return before != now
    return abs(now - before) > deadband
