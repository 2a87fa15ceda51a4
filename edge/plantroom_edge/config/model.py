"""The parts that gateway.yaml is made of, whatever drives its devices (the whole: `site.py`)."""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal, Self

from annotated_types import Gt, Interval

from plantroom_edge.config.quantity import Bytes, Seconds
from plantroom_edge.shape import DERIVED, Matches, Strict
from plantroom_shared.ids import ID_PATTERN

Id = Annotated[str, Matches(ID_PATTERN)]
PortNumber = Annotated[int, Interval(ge=1, le=65535)]


class Mqtt(Strict):
    """The way to the cloud."""

    host: str
    port: PortNumber = 8883
    username: str | None = None
    password: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None  #: with it TLS is on
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive: Seconds = 30.0

    def __post_init__(self) -> None:
        wrong = []
        if self.password is not None and self.password_file is not None:
            wrong.append("give password or password_file, not both")
        if (self.cert_file is None) != (self.key_file is None):
            wrong.append("cert_file and key_file belong together")
        if self.cert_file is not None and self.ca_file is None:
            wrong.append("a client certificate needs ca_file, the authority of the broker")
        if wrong:
            raise ValueError("; also, ".join(wrong))


class OutboxBounds(Strict):
    """How much may wait."""

    max_bytes: Bytes = 2_000_000_000
    min_free_bytes: Bytes = 200_000_000


class LocalPage(Strict):
    """A read-only page of the gateway on a port of its own; without this entry there is none."""

    host: str = "127.0.0.1"  #: 0.0.0.0 shows it to everybody on the network
    port: PortNumber = 8081


class Pipeline(Strict):
    """When values are reported."""

    flush: Annotated[Seconds, Interval(gt=0, le=60)] = 0.1
    heartbeat: Annotated[Seconds, Gt(0)] = 15.0  #: an unchanged value is repeated that often


class BusConfig(Strict):
    """What every bus says; each driver adds its own (`drivers/<name>/config.py`)."""

    id: Id
    type: str


class DeviceConfig(Strict):
    """What every device says; each driver adds its own. `driver` is filled in from the type of its bus."""

    driver: str = field(repr=False, metadata=DERIVED)
    id: Id
    profile: str
    bus: Id
    label: str = ""
    location: str = ""
    station: str = ""  #: devices at one station belong together: a scale and the scanner beside it
    enabled: bool = True

    def beside(self, base: Path) -> Self:  # noqa: ARG002
        """The same with its relative paths meant from a folder."""
        return self


class ReaderConfig(DeviceConfig):
    """A device at a gate that shows who wants to pass; the gate may be on another bus."""

    gate: Id
    direction: Literal["in", "out"] = "in"  #: "in" leads to the gate's inside
