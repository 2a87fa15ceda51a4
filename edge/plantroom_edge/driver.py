"""The contract between the agent and a driver.

A driver owns one bus (a serial line, a TCP endpoint, a Bluetooth adapter, a scanner): nobody else talks on it. It is
told its devices, reads or listens, and hands over samples and events; it carries out commands. It decides nothing that
the pipeline, the outbox or the cloud decides.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from plantroom_shared.batch import Event, Value
from plantroom_shared.messages import BirthDevice
from plantroom_shared.quality import Quality


@dataclass(slots=True)
class Sample:
    """One reading of one device: a row.

    `values` follow the order of the device's metrics (`BirthDevice.metrics`); None where the value is bad, then
    `marks` says why. `marks[None]` is for the whole row: the device did not answer, its values have ended.
    """

    device: str
    time_ms: int
    values: Sequence[Value]
    marks: Mapping[int | None, Quality] = field(default_factory=dict)
    #: clock.monotonic() when it was taken: what re-dates it if the clock was not synchronised yet
    monotonic: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command: it acted, or it did not, or nobody can say.

    state: "done" (sent, and confirmed where the device can be read), "refused" (not sent: allow-list, interlock,
    range), "failed" (the device answered no), "unconfirmed" (sent once, no proof either way).
    """

    state: str
    detail: str
    readback: Value = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe saw of one device."""

    device: str
    ok: bool
    detail: str
    values: Mapping[str, Value] = field(default_factory=dict)
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """How one metric is reported."""

    name: str
    deadband: float = 0.0
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """A device: what the birth message tells, and how each of its metrics is reported, in the same order."""

    birth: BirthDevice
    filters: Sequence[MetricFilter]


@dataclass(frozen=True, slots=True)
class Signal:
    """Something at a device that concerns another device of this gateway at once, e.g. a card at the reader of a gate.

    It stays in this process and is not stored: whoever acts on it records what he did and why.
    """

    device: str
    kind: str  #: "credential", "keys", "mode" … (README.md of `access`)
    data: Mapping[str, Any] = field(default_factory=dict)


class Sink(Protocol):
    """Where a driver hands over; `sample`, `event` and `signal` never block, nothing here fails for a reason of the
    network."""

    def sample(self, sample: Sample) -> None:
        """A row was read (or a row of nulls: the device went silent)."""
        ...

    def event(self, event: Event) -> None:
        """Something happened once; stored before anything else learns of it."""
        ...

    def signal(self, signal: Signal) -> None:
        """Tell whoever on this gateway acts on it; nobody may."""
        ...

    async def record(self, events: Sequence[Event], remember: Mapping[str, str | None] | None = None) -> None:
        """Return when the events, and what the driver wants to remember (None forgets a key), are on the disk: one
        commit, so that after a power cut both are there or neither. Waits while the disk refuses."""
        ...

    async def recall(self, key: str) -> str | None:
        """What this bus's driver remembered under a key, also across restarts."""
        ...


class Decider(Protocol):
    """What decides by a document of the cloud while the cloud is away: a driver, or the desk of the gates."""

    @property
    def authorities(self) -> Collection[str]:
        """Their names, e.g. "allow-list"."""
        ...

    async def authority(self, name: str, version: int, document: Mapping[str, Any]) -> str | None:
        """Decide by this from now on; None, or why it cannot be used (then the one before stays in force). Called
        before `run` with what the gateway remembers, and at each change."""
        ...


class Driver(Decider, Protocol):
    """One bus and its devices."""

    @property
    def bus(self) -> str:
        """The id of its bus."""
        ...

    def describe(self) -> Sequence[Described]:
        """Its devices."""
        ...

    async def run(self, sink: Sink) -> None:
        """Open the bus, read until cancelled, close. Link loss is handled inside; it returns only when cancelled."""
        ...

    async def command(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:
        """Carry out one command, at most once on the wire."""
        ...

    async def probe(self) -> Sequence[Found]:
        """Try each device once, without a running agent."""
        ...

    def health(self) -> Mapping[str, Value]:
        """Figures for self-health: `utilisation` (0..1), `requests`, `timeouts`, `success.<device>` (0..1) …"""
        ...
