"""The shape of gateway.yaml (a commented sample: configs/samples/gateway.yaml)."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from plantroom_edge.config.model import BusConfig, DeviceConfig, Id, LocalPage, Mqtt, OutboxBounds, Pipeline
from plantroom_edge.drivers.registry import DRIVERS
from plantroom_edge.profile.schema import Profile, Strict

if TYPE_CHECKING:
    AnyBus = BusConfig
    AnyDevice = DeviceConfig
else:  # the registry is the only list of drivers: pydantic gets the unions from it

    def _any(models: Iterable[type[BaseModel]], by: str) -> Any:
        different = tuple(dict.fromkeys(models))
        return Annotated[reduce(or_, different), Field(discriminator=by)] if len(different) > 1 else different[0]

    AnyBus = _any((kind.bus for kind in DRIVERS.values()), "type")
    AnyDevice = _any((kind.device for kind in DRIVERS.values()), "driver")


class Site(Strict):
    """What a remote configuration may replace: the field side of the gateway."""

    buses: tuple[SerializeAsAny[AnyBus], ...] = ()
    devices: tuple[SerializeAsAny[AnyDevice], ...] = ()
    pipeline: Pipeline = Pipeline()

    @model_validator(mode="before")
    @classmethod
    def _drivers(cls, data: Any) -> Any:
        """A device is described in the words of the driver of its bus."""
        if not isinstance(data, dict) or not isinstance(data.get("devices"), (list, tuple)):
            return data
        found = data.get("buses")
        buses = found if isinstance(found, (list, tuple)) else ()
        types = {str(bus.get("id")): bus.get("type") for bus in buses if isinstance(bus, dict)}
        return {**data, "devices": [_with_driver(entry, types) for entry in data["devices"]]}


def _with_driver(entry: Any, types: dict[str, Any]) -> Any:
    if not isinstance(entry, dict) or "driver" in entry:
        return entry
    kind = DRIVERS.get(str(types.get(str(entry.get("bus")))))
    return {**entry, "driver": kind.name if kind is not None else next(iter(DRIVERS.values())).name}


class GatewayConfig(Site):
    """gateway.yaml."""

    gateway: Id
    label: str = ""
    location: str = ""
    mqtt: Mqtt
    data_dir: Path
    profiles_dir: Path | None = None  #: an integrator's own profiles
    outbox: OutboxBounds = OutboxBounds()
    local_page: LocalPage | None = None

    def with_site(self, site: Site) -> "GatewayConfig":
        """The same gateway with another field side."""
        return self.model_copy(update={"buses": site.buses, "devices": site.devices, "pipeline": site.pipeline})


class Fleet(BaseModel):
    """A checked field side with the profile of each device."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    site: Site
    profiles: dict[str, Profile]

    @property
    def buses(self) -> tuple[BusConfig, ...]:
        """All of them."""
        return self.site.buses

    @property
    def devices(self) -> tuple[DeviceConfig, ...]:
        """All of them."""
        return self.site.devices

    def on(self, bus: str) -> list[tuple[DeviceConfig, Profile]]:
        """The enabled devices of a bus with their profiles."""
        return [
            (device, self.profiles[device.profile])
            for device in self.site.devices
            if device.bus == bus and device.enabled
        ]


def as_document(site: Site) -> dict[str, Any]:
    """Back to plain data, as a remote configuration carries it."""
    return site.model_dump(mode="json", include={"buses", "devices", "pipeline"})
