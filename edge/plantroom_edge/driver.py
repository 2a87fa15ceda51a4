"""The contract between the agent and a driver.

A driver owns one bus (a serial line, a TCP endpoint, a Bluetooth adapter, a scanner): nobody else talks on it. It is
told its devices, reads or listens, and hands over samples and events; it carries out commands. It decides nothing that
the pipeline, the outbox or the cloud decides.
"""

from collections.abc import Mapping, Sequence
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


class Sink(Protocol):
    """Where a driver hands over; never blocks, never fails for a reason of the network or the disk."""

    def sample(self, sample: Sample) -> None:
        """A row was read (or a row of nulls: the device went silent)."""
        ...

    def event(self, event: Event) -> None:
        """Something happened once; stored before anything else learns of it."""
        ...


class Driver(Protocol):
    """One bus and its devices."""

    @property
    def bus(self) -> str:
        """The id of its bus."""
        ...

    def describe(self) -> Sequence[BirthDevice]:
        """Its devices as the birth message tells them."""
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
