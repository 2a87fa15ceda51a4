"""The shape of gateway.yaml (a commented sample: configs/samples/gateway.yaml)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from plantroom_edge.config.model import BusConfig, DeviceConfig, Id, LocalPage, Mqtt, OutboxBounds, Pipeline
from plantroom_edge.drivers.registry import DRIVERS
from plantroom_edge.profile.schema import Profile
from plantroom_edge.shape import Strict, ToldApartBy

if TYPE_CHECKING:
    AnyBus = BusConfig
    AnyDevice = DeviceConfig
else:  # the registry is the only list of drivers: the unions come from it

    def _any(shapes: Iterable[type[Strict]], by: str) -> Any:
        different = tuple(dict.fromkeys(shapes))
        return Annotated[reduce(or_, different), ToldApartBy(by)] if len(different) > 1 else different[0]

    AnyBus = _any((kind.bus for kind in DRIVERS.values()), "type")
    AnyDevice = _any((kind.device for kind in DRIVERS.values()), "driver")


class Site(Strict):
    """What a remote configuration may replace: the field side of the gateway."""

    buses: tuple[AnyBus, ...] = ()
    devices: tuple[AnyDevice, ...] = ()
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
    local_page: LocalPage | None = None


@dataclass(frozen=True)
class Fleet:
    """A checked field side with the profile of each device."""

    site: Site
    profiles: Mapping[str, Profile]

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
