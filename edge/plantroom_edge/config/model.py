"""The shape of gateway.yaml (a commented sample: configs/samples/gateway.yaml)."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plantroom_edge.config.quantity import Bytes, Seconds
from plantroom_edge.profile.schema import Profile
from plantroom_shared.ids import ID_PATTERN

Id = Annotated[str, Field(pattern=ID_PATTERN)]
PortNumber = Annotated[int, Field(ge=1, le=65535)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mqtt(_Strict):
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

    @model_validator(mode="after")
    def _credential(self) -> "Mqtt":
        wrong = []
        if self.password is not None and self.password_file is not None:
            wrong.append("give password or password_file, not both")
        if (self.cert_file is None) != (self.key_file is None):
            wrong.append("cert_file and key_file belong together")
        if self.cert_file is not None and self.ca_file is None:
            wrong.append("a client certificate needs ca_file, the authority of the broker")
        if wrong:
            raise ValueError("; also, ".join(wrong))
        return self


class OutboxBounds(_Strict):
    """How much may wait."""

    max_bytes: Bytes = 2_000_000_000
    min_free_bytes: Bytes = 200_000_000


class Pipeline(_Strict):
    """When values are reported."""

    flush: Annotated[Seconds, Field(gt=0, le=60)] = 0.1
    heartbeat: Annotated[Seconds, Field(gt=0)] = 15.0  #: an unchanged value is repeated that often


class _Bus(_Strict):
    id: Id
    timeout: Annotated[Seconds, Field(gt=0, le=30)] = 0.5

    @property
    def serial(self) -> bool:
        """Whether one slow unit can hold up the others on a real line without transaction ids."""
        return True


class TcpBus(_Bus):
    """A Modbus TCP endpoint."""

    type: Literal["modbus-tcp"]
    host: str
    port: PortNumber = 502

    @property
    def serial(self) -> bool:
        return False


class RtuBus(_Bus):
    """A serial line."""

    type: Literal["modbus-rtu"]
    port: str
    baudrate: Annotated[int, Field(ge=300, le=921_600)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1


class RtuOverTcpBus(_Bus):
    """A serial line behind a transparent converter."""

    type: Literal["modbus-rtu-over-tcp"]
    host: str
    port: PortNumber


Bus = Annotated[TcpBus | RtuBus | RtuOverTcpBus, Field(discriminator="type")]


class Device(_Strict):
    """A device on a bus."""

    id: Id
    profile: str
    bus: Id
    unit: Annotated[int, Field(ge=0, le=247)] = 1
    period: Annotated[Seconds, Field(ge=0.02)] = 5.0
    label: str = ""
    location: str = ""
    enabled: bool = True


class Site(_Strict):
    """What a remote configuration may replace: the field side of the gateway."""

    buses: tuple[Bus, ...] = ()
    devices: tuple[Device, ...] = ()
    pipeline: Pipeline = Pipeline()


class GatewayConfig(Site):
    """gateway.yaml."""

    gateway: Id
    label: str = ""
    location: str = ""
    mqtt: Mqtt
    data_dir: Path
    profiles_dir: Path | None = None  #: an integrator's own profiles
    outbox: OutboxBounds = OutboxBounds()

    def with_site(self, site: Site) -> "GatewayConfig":
        """The same gateway with another field side."""
        return self.model_copy(update={"buses": site.buses, "devices": site.devices, "pipeline": site.pipeline})


class Fleet(BaseModel):
    """A checked field side with the profile of each device."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    site: Site
    profiles: dict[str, Profile]

    def on(self, bus: str) -> list[tuple[Device, Profile]]:
        """The enabled devices of a bus with their profiles."""
        return [
            (device, self.profiles[device.profile])
            for device in self.site.devices
            if device.bus == bus and device.enabled
        ]


def as_document(site: Site) -> dict[str, Any]:
    """Back to plain data, as a remote configuration carries it."""
    return site.model_dump(mode="json", include={"buses", "devices", "pipeline"})
