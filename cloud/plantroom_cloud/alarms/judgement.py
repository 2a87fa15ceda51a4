"""What the engine works on: a rule, where it stands on a source, and what it found."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from plantroom_cloud.alarms.conditions import Condition
from plantroom_shared.batch import Value


@dataclass(frozen=True, slots=True)
class Rule:
    """What the engine needs of an AlarmRule; delays in ms."""

    id: int
    kind: str
    metric: str | None
    operator: str | None
    limit: float
    deadband: float
    states: frozenset[str]
    on_delay_ms: int
    off_delay_ms: int
    condition: Condition | None = None  #: where more than one value of one metric is judged

    @property
    def timed(self) -> bool:
        """Whether the watermark alone may change it."""
        return self.kind == "no-data" or (self.condition is not None and self.condition.timed)


@dataclass(slots=True)
class Standing:
    """Where a rule stands on a source; times in ms. Kept in the database, so that a restart forgets no delay."""

    active: bool = False
    pending_since: int | None = None  #: the condition holds (or is gone) since then, not yet long enough
    last_time: int | None = None  #: newest reading seen
    value: Value = None
    evidence: list[tuple[int, Value]] = field(default_factory=list)
    known: dict[str, Value] = field(default_factory=dict)  #: of a condition: the last value of each of its metrics
    points: list[tuple[int, Value]] = field(default_factory=list)  #: of a condition: its window

    def dump(self) -> dict[str, Any]:
        """To JSON."""
        return asdict(self)

    @staticmethod
    def load(data: dict[str, Any]) -> "Standing":
        """From JSON."""
        known = {item.name for item in fields(Standing)}  # what an older release kept besides is not needed
        standing = Standing(**{name: value for name, value in data.items() if name in known})
        standing.evidence = [(time, value) for time, value in standing.evidence]
        standing.points = [(time, value) for time, value in standing.points]
        return standing


def set_back(standing: Standing, to: int) -> bool:
    """The source's clock went back to `to` (ms): what was dated later would shut the present out. Whether anything
    changed."""
    later = [time for time in (standing.last_time, standing.pending_since) if time is not None and time > to]
    if standing.last_time is not None:
        standing.last_time = min(standing.last_time, to)
    if standing.pending_since is not None:
        standing.pending_since = min(standing.pending_since, to)
    standing.points = [(min(time, to), value) for time, value in standing.points]
    return bool(later)


@dataclass(frozen=True, slots=True)
class Crossing:
    """The rule became active, or normal, at `at` (event time, ms)."""

    kind: Literal["raise", "return"]
    at: int
    value: Value
