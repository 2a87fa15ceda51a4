"""The contract between a building and the kinds of simulated bus.

A kind is a folder `kinds/<name>/` (`config.py` what a scenario says, `wire.py` bytes without I/O, `device.py` one
device and its own count, `bus.py` the I/O) and one entry in `registry.py`. It writes its protocol on its own and
imports nothing of the edge, so that a mistake there is not mirrored here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from plantroom_shared.batch import DeviceRows
from plantroom_shared.ids import ID_PATTERN

Id = Annotated[str, Field(pattern=ID_PATTERN)]


class Strict(BaseModel):
    """What a scenario says: nothing unknown, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BusEntry(Strict):
    """A bus of a scenario; a kind adds its own keys and narrows `type`."""

    id: Id
    type: str


class DeviceEntry(Strict):
    """A device of a scenario; a kind adds its own keys."""

    id: Id
    bus: Id
    label: str = ""
    location: str = ""


class Plain(Strict):
    """Arguments of a fault or an action that has none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bus is made. `now` gives seconds since the epoch."""

    gateway: str
    folder: Path  #: for pseudo-terminals, sockets and whatever else a bus keeps; made by whoever writes into it
    now: Callable[[], float]
    listen: str = "127.0.0.1"  #: address on which its TCP ports are open


@dataclass(frozen=True, slots=True)
class GatewayPart:
    """What the gateway of an open bus has to know: entries of its gateway.yaml, variables of its environment."""

    bus: Mapping[str, Any]
    devices: Sequence[Mapping[str, Any]]
    environment: Mapping[str, str] = field(default_factory=dict)


class SimDevice(Protocol):
    """One simulated device."""

    def start_fault(self, kind: str, args: Any) -> None:
        """Begin to fail in one of the kind's ways; `args` is an instance of its model in `SimKind.faults`."""
        ...

    def end_fault(self, kind: str) -> None:
        """Be well again in this respect; nothing when it was."""
        ...

    async def act(self, action: str, args: Any) -> Any:
        """What a person does to it (puts a weight on, shows a card); `args` by `SimKind.actions`.

        The answer goes out as JSON. Raises SimError when it cannot be done now."""
        ...

    def counts(self) -> Mapping[str, int]:
        """What it produced and what was asked of it, counted here and nowhere else."""
        ...

    def history(self, moments: Sequence[int]) -> DeviceRows | None:
        """What it would have shown at these seconds since the epoch; None where it measures nothing by itself."""
        ...


class SimBus(Protocol):
    """One simulated bus with its devices."""

    @property
    def devices(self) -> Mapping[str, SimDevice]:
        """By id."""
        ...

    async def open(self) -> None:
        """Be there. After `close` it opens again at the same place (the fault link-down ends)."""
        ...

    async def close(self) -> None:
        """Be gone, as after a pulled cable; nothing when it is not open."""
        ...

    async def run(self) -> None:
        """Its work, until cancelled; lives through `close` and `open`."""
        ...

    def where(self) -> str:
        """Where an open bus is reached, for people."""
        ...

    def gateway_part(self) -> GatewayPart:
        """How a gateway is configured for it, once it is open."""
        ...


#: Cross-checks of a bus and its devices: (path below the gateway, e.g. ("devices", 3, "unit"), what is wrong).
Check = Callable[[Any, Sequence[tuple[int, Any]]], Iterable[tuple[tuple[str | int, ...], str]]]


def no_check(_bus: Any, _devices: Sequence[tuple[int, Any]]) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """A kind whose entries fit whenever each one is right."""
    return ()


#: Why the arguments of a fault or an action do not fit a device: (key, what is wrong), None when they do.
Fits = Callable[[Any, Any], tuple[str, str] | None]


def always_fits(_device: Any, _args: Any) -> None:
    """A kind whose arguments fit every device."""


#: What a kind needs and this machine lacks, with the command that brings it; None when all is there.
Missing = Callable[[], str | None]


def nothing_missing() -> None:
    """A kind that needs nothing more."""


@dataclass(frozen=True, slots=True)
class SimKind:
    """What a scenario may say of a bus type, and what makes it."""

    bus: type[BusEntry]
    device: type[DeviceEntry]
    make: Callable[[Any, Sequence[Any], Place], SimBus]
    faults: Mapping[str, type[Strict]]
    actions: Mapping[str, type[Strict]]
    check: Check = no_check
    fits: Fits = always_fits
    missing: Missing = nothing_missing
