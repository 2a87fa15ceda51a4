"""A scenario: gateways, buses and devices of all kinds, what goes wrong, and what people do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from plantroom_sim.kind import BusEntry, DeviceEntry, Id, Strict

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


def parse_seconds(value: object) -> object:
    """ "500ms", "8s", "5min", "1h", or plain seconds."""
    if isinstance(value, str):
        if match := _DURATION.fullmatch(value.strip()):
            return float(match[1]) * _SECONDS[match[2]]
        raise ValueError("write a duration like 500ms, 8s, 5min or 1h")
    return value


Seconds = Annotated[float, BeforeValidator(parse_seconds), Field(ge=0)]

#: A path under /api/v1/; `{name}` stands for a value.
POST_PATTERN = r"^[a-z0-9/_.{}-]+$"
#: Secrets that the lab makes for itself; `kept: secret` and `{secret}` give them, e.g. for passwords of people.
OWN_SECRETS = ("secret", "pin")

#: What goes wrong with a bus or a gateway rather than with a device.
LINK_DOWN, GATEWAY_KILLED = "link-down", "gateway-killed"


class Fault(Strict):
    """Something that goes wrong: by itself `at` after the start, or by `plantroom-sim fault NAME`.

    Beside these keys it has those of its kind, e.g. `metric`, `target`, `over_s` of a ramp.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Id
    title: str
    kind: str
    device: Id | None = None
    bus: Id | None = None
    gateway: Id | None = None
    at: Seconds | None = None
    for_s: Annotated[Seconds, Field(gt=0)] | None = None  #: heals by itself after so long

    @property
    def more(self) -> Mapping[str, Any]:
        """The keys of its kind."""
        return self.model_extra or {}


class Choice(Strict):
    """A value that is chosen anew each time: one of these."""

    between: tuple[float, float] | None = None  #: a number, evenly spread
    digits: int = Field(default=2, ge=0, le=6)  #: decimals of that number
    one_of: tuple[Any, ...] | None = Field(default=None, min_length=1)  #: by chance
    in_turn: tuple[Any, ...] | None = Field(default=None, min_length=1)  #: the next each time, then from the first
    kept: str | None = None  #: the next of a list that the set-up kept, then from the first

    @model_validator(mode="after")
    def _one(self) -> "Choice":
        if sum(given is not None for given in (self.between, self.one_of, self.in_turn, self.kept)) != 1:
            raise ValueError("say one of: between, one_of, in_turn, kept")
        return self


class Step(Strict):
    """One thing that somebody does: to a device (`device`, `action`, `args`), or with the page of the control plane
    (`post`, `body`). `{name}` in an argument is a value of the routine's `values`, or what an earlier step kept."""

    device: Id | None = None
    action: str | None = None
    args: dict[str, Any] = Field(default_factory=dict)
    post: str | None = Field(default=None, pattern=POST_PATTERN)
    body: dict[str, Any] = Field(default_factory=dict)
    keep: dict[str, str] = Field(default_factory=dict)  #: name → where in the answer, e.g. code: items.0.code
    after: Seconds = 0.0  #: seconds after the step before
    chance: float = Field(default=1.0, gt=0, le=1)  #: left out now and then

    @model_validator(mode="after")
    def _one(self) -> "Step":
        if (self.post is None) == (self.device is None) or (self.device is None) != (self.action is None):
            raise ValueError("say device and action, or post")
        return self


class Routine(Strict):
    """What somebody does again and again: first `at`, then `every`, each time up to `jitter` later."""

    name: Id
    title: str = ""
    at: Seconds = 0.0
    every: Annotated[Seconds, Field(gt=0)] | None = None  #: without it, once
    jitter: Seconds = 0.0
    values: dict[str, Choice] = Field(default_factory=dict)  #: chosen anew each time
    steps: tuple[Step, ...] = Field(min_length=1)


class SetUp(Strict):
    """A request that the lab sends to the control plane once, when it is first started."""

    post: str = Field(pattern=POST_PATTERN)  #: path under /api/v1/
    body: dict[str, Any] = Field(default_factory=dict)
    keep: dict[Id, str] = Field(default_factory=dict)  #: name → where in the answer, e.g. labels: items.*.code


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway and what hangs on it."""

    id: str
    label: str
    location: str
    buses: tuple[BusEntry, ...]
    devices: tuple[DeviceEntry, ...]

    def on(self, bus: str) -> list[DeviceEntry]:
        """The devices of a bus."""
        return [device for device in self.devices if device.bus == bus]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A building, checked."""

    name: str
    site: str
    site_name: str
    history_days: float
    gateways: tuple[Gateway, ...]
    faults: tuple[Fault, ...]
    routines: tuple[Routine, ...]
    set_up: tuple[SetUp, ...]

    def device(self, device: str) -> DeviceEntry | None:
        """The entry of a device, ids are unique in a scenario."""
        return next((entry for gateway in self.gateways for entry in gateway.devices if entry.id == device), None)


class GatewayShape(Strict):
    """A gateway as written; its buses and devices are read by their kinds."""

    id: Id
    label: str = ""
    location: str = ""
    buses: list[dict[str, Any]] = Field(min_length=1)
    devices: list[dict[str, Any]] = Field(default_factory=list)


class ScenarioShape(Strict):
    """A scenario file as written."""

    name: str
    site: Id = "lab"
    site_name: str = "Lab building"
    history_days: float = Field(default=7.0, ge=0, le=60)
    gateways: tuple[GatewayShape, ...] = Field(min_length=1)
    faults: tuple[Fault, ...] = ()
    routines: tuple[Routine, ...] = ()
    set_up: tuple[SetUp, ...] = ()
