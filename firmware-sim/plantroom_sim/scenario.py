"""A scenario file: gateways, buses, devices with waveforms, timed faults."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from plantroom_shared.ids import ID_PATTERN
from plantroom_sim.errors import ScenarioError
from plantroom_sim.waveform import Waveform

Id = Annotated[str, Field(pattern=ID_PATTERN)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bus(_Strict):
    """A simulated bus; TCP ports and pseudo-terminals are chosen when it starts."""

    id: Id
    type: Literal["modbus-tcp", "modbus-rtu"]
    port: int = 0
    baudrate: int = 19200


class Device(_Strict):
    """A simulated device."""

    id: Id
    profile: str
    bus: Id
    unit: int = Field(ge=1, le=247)
    period: str = "1s"
    label: str = ""
    location: str = ""
    values: dict[str, Waveform] = {}


class Fault(_Strict):
    """Something that goes wrong: by itself `at` seconds after the start, or by `plantroom-sim fault NAME`."""

    name: Id
    title: str
    device: Id | None = None
    bus: Id | None = None
    gateway: Id | None = None
    kind: Literal[
        "ramp", "dead", "slow", "late", "garbage", "exceptions", "wrong-identity", "link-down", "gateway-killed"
    ]
    at: float | None = Field(default=None, ge=0)
    for_s: float | None = Field(default=None, gt=0)
    metric: str | None = None
    target: float | None = None
    over_s: float = Field(default=20.0, ge=0)

    @model_validator(mode="after")
    def _complete(self) -> "Fault":
        if self.kind == "ramp" and (self.device is None or self.metric is None or self.target is None):
            raise ValueError("a ramp needs device, metric and target")
        if self.kind == "link-down" and self.bus is None:
            raise ValueError("link-down needs bus")
        if self.kind == "gateway-killed" and self.gateway is None:
            raise ValueError("gateway-killed needs gateway")
        if self.kind not in ("ramp", "link-down", "gateway-killed") and self.device is None:
            raise ValueError(f"{self.kind} needs device")
        return self


class Gateway(_Strict):
    """A gateway and what hangs on it."""

    id: Id
    label: str = ""
    location: str = ""
    buses: tuple[Bus, ...]
    devices: tuple[Device, ...]

    @model_validator(mode="after")
    def _consistent(self) -> "Gateway":
        buses = {bus.id for bus in self.buses}
        units: set[tuple[str, int]] = set()
        for device in self.devices:
            if device.bus not in buses:
                raise ValueError(f"device {device.id}: there is no bus {device.bus!r}; there are {sorted(buses)}")
            if (device.bus, device.unit) in units:
                raise ValueError(f"device {device.id}: unit {device.unit} is taken on bus {device.bus!r}")
            units.add((device.bus, device.unit))
        return self


class Scenario(_Strict):
    """A building."""

    name: str
    site: Id = "lab"
    site_name: str = "Lab building"
    history_days: float = Field(default=7.0, ge=0, le=60)
    gateways: tuple[Gateway, ...] = Field(min_length=1)
    faults: tuple[Fault, ...] = ()


def load_scenario(path: Path) -> Scenario:
    """Read and check; raises ScenarioError naming each mistake with its place."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path}: not valid YAML: {error}") from error
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise ScenarioError("\n".join(lines)) from error
