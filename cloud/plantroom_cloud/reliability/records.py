"""What the figures are made from: plain records of one asset."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from plantroom_cloud.reliability.spans import Span


class Part(StrEnum):
    """Where the time to restoration goes."""

    DETECT = "detect"  #: the trouble is there, nobody knows
    RESPOND = "respond"  #: until somebody works on it: dispatch, acceptance, travel
    DIAGNOSE = "diagnose"
    WAIT = "wait"  #: for parts, access, a contractor
    REPAIR = "repair"
    PROVE = "prove"  #: said to be done, and not yet normal


@dataclass(frozen=True)
class Fault:
    """The equipment cannot do its work: an alarm that opened a work order, or a failure that people wrote down.

    `cycle`: how often its work order had been said to be done before. Faults of one work order and cycle are one
    failure: nobody has repaired it in between."""

    start: datetime
    end: datetime | None  #: None: it lasts
    detected: datetime
    order_id: int
    cycle: int = 0
    alarm_id: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Down:
    """A downtime that people wrote down and that is no failure of the equipment."""

    start: datetime
    end: datetime | None
    planned: bool
    reason: str
    order_id: int


@dataclass(frozen=True)
class Step:
    """A work order came into a state."""

    order_id: int
    at: datetime
    state: str


@dataclass(frozen=True)
class Work:
    """Somebody worked on a work order."""

    order_id: int
    activity: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True)
class Fix:
    """A corrective work order was done, and when the trouble came back, if it did."""

    order_id: int
    done_at: datetime
    again_at: datetime | None


@dataclass(frozen=True)
class Due:
    """A due time of a plan; `done_at` is None when it was not done (yet)."""

    title: str
    due_at: datetime
    tolerance: timedelta
    done_at: datetime | None
    order_id: int | None = None


@dataclass(frozen=True)
class OpenWork:
    """A work order that somebody must still do."""

    order_id: int
    title: str
    estimate_min: int | None


@dataclass(frozen=True)
class History:
    """One asset. `observed`: when it was measured (or in use), in order, without overlap."""

    observed: list[Span] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    downs: list[Down] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    fixes: list[Fix] = field(default_factory=list)
    dues: list[Due] = field(default_factory=list)
    open_work: list[OpenWork] = field(default_factory=list)
