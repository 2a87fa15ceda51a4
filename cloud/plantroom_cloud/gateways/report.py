"""What a gateway says of itself, in the few figures that a person looks at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plantroom_cloud.gateways.models import Gateway
from plantroom_shared.said import said

#: Above this share of its time a bus has no room for a retry, percent.
BUSY_PERCENT = 80.0
#: More batches than this do not gather within a moment: the gateway cannot send, or we cannot take.
WAITING_BATCHES = 100
_FULL_DISK_MB = 200.0


@dataclass(frozen=True)
class GatewayReport:
    """One gateway; None where it has not said."""

    gateway: Gateway
    waiting: float | None  #: batches in its outbox
    bus_load: dict[str, float] = field(default_factory=dict)  #: percent by bus
    clock_synced: bool | None = None
    memory_mb: float | None = None
    disk_free_mb: float | None = None
    devices: int = 0
    well: int = 0

    @property
    def state(self) -> str:
        """ "revoked" where it is, else what it last was."""
        return "revoked" if self.gateway.revoked_at is not None else self.gateway.state

    @property
    def worries(self) -> list[str]:
        """What somebody should look at, in words."""
        found = []
        if self.state == "offline":
            found.append("it is offline")
        if self.waiting is not None and self.waiting > WAITING_BATCHES:
            found.append(said("%(waiting).0f batches wait in its outbox", waiting=self.waiting))
        found += [
            said("bus %(bus)s is busy %(load).0f %%", bus=bus, load=load)
            for bus, load in self.bus_load.items()
            if load >= BUSY_PERCENT
        ]
        if self.clock_synced is False:
            found.append("its clock is not synchronised")
        if self.disk_free_mb is not None and self.disk_free_mb < _FULL_DISK_MB:
            found.append(said("only %(disk_free_mb).0f MB of its disk are free", disk_free_mb=self.disk_free_mb))
        if self.well < self.devices:
            found.append(
                said(
                    "%(devices)s of its %(devices2)s devices not healthy",
                    devices=self.devices - self.well,
                    devices2=self.devices,
                )
            )
        return found


def report(gateway: Gateway, values: Mapping[str, Any], conditions: Sequence[bool]) -> GatewayReport:
    """`values`: of its self-health, as DeviceLatest has them; `conditions`: of each device, whether it is well."""
    now = {name: value["v"] for name, value in values.items() if value["v"] is not None}
    synced = now.get("clock_synced")
    return GatewayReport(
        gateway,
        waiting=now.get("outbox_batches"),
        bus_load={
            name.removeprefix("bus_load_"): float(value)
            for name, value in sorted(now.items())
            if name.startswith("bus_load_")
        },
        clock_synced=None if synced is None else bool(synced),
        memory_mb=now.get("memory_mb"),
        disk_free_mb=now.get("disk_free_mb"),
        devices=len(conditions),
        well=sum(conditions),
    )
