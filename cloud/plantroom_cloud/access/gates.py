"""Gates: what they separate, how they are now, and what is asked of them from here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session

from plantroom_cloud.access import repository
from plantroom_cloud.access.models import AccessGate, AccessHours, AccessZone
from plantroom_cloud.access.rights import RightsBook
from plantroom_cloud.devices.models import Device, device_key
from plantroom_cloud.devices.service import DeviceService, health
from plantroom_cloud.errors import ForbiddenError, InvalidError, NotFoundError
from plantroom_cloud.gateways.models import GatewayAuthority, GatewayCommand
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.users.models import RANK, Role, User
from plantroom_shared.allow_list import ALWAYS, AUTHORITY
from plantroom_shared.said import said

#: Who may ask what. Shutting is less than opening; what binds everybody is more than what lets one through.
NEEDS: Mapping[str, Role] = {
    "open": Role.DISPATCHER, "close": Role.TECHNICIAN, "hold": Role.MANAGER, "release": Role.DISPATCHER,
    "lock-down": Role.DISPATCHER, "lift": Role.MANAGER,
}  # fmt: skip
#: What must be justified: it lets somebody pass, or binds everybody.
NEEDS_REASON = ("open", "hold", "lock-down", "lift")
#: A gate that opens a minute after it was asked opens for somebody else.
EXPIRES_S = 15.0
#: A lock-down that comes a minute late still protects.
LOCKDOWN_EXPIRES_S = 120.0


@dataclass(frozen=True)
class GateView:
    """A gate as people see it."""

    gate: AccessGate
    device: Device
    health: str
    values: Mapping[str, Any]  #: metric → newest value, without those that ended
    last_reading_at: datetime | None
    allow_list: GatewayAuthority | None
    readers: Sequence[Device] = ()
    commands: Sequence[GatewayCommand] = field(default_factory=tuple)

    @property
    def position(self) -> str:
        """In one word for a badge."""
        return str(self.values.get("position", "unknown")) if self.health == "ok" else "unknown"

    @property
    def mode(self) -> str:
        return str(self.values.get("mode", "normal"))

    @property
    def troubles(self) -> list[str]:
        """What is wrong with it, by metric."""
        names = ("forced", "not_closing", "obstacle", "fault")
        return [name for name in names if self.values.get(name) is True]


class GateBook:
    """Works in the session it is given."""

    def __init__(self, gateways: GatewayService, devices: DeviceService, rights: RightsBook) -> None:
        self._gateways = gateways
        self._devices = devices
        self._rights = rights

    def get(self, session: Session, device_id: str) -> AccessGate:
        """Raises NotFoundError."""
        found = session.get(AccessGate, device_id)
        if found is None:
            raise NotFoundError(said("there is no gate %(device_id)r", device_id=device_id))
        return found

    def all(self, session: Session, sites: Sequence[str] = ()) -> list[AccessGate]:
        """By id."""
        return sorted(repository.of_sites(session, AccessGate, sites), key=lambda gate: gate.device_id)

    def views(
        self, session: Session, at: datetime, sites: Sequence[str] = (), only: str | None = None
    ) -> list[GateView]:
        """As they are now; those that the gateway no longer has are left out."""
        gates = [gate for gate in self.all(session, sites) if only in (None, gate.device_id)]
        devices = {device.id: device for device in self._devices.list(session, sites)}
        latest = self._devices.latest(session, [gate.device_id for gate in gates])
        gateways = {gateway.id: gateway for gateway in self._gateways.list(session, sites)}
        found = []
        for gate in gates:
            device = devices.get(gate.device_id)
            if device is None:
                continue
            row = latest.get(gate.device_id)
            word, _ = health(device, row, gateways.get(gate.gateway_id), at)
            values = {name: each["v"] for name, each in (row.values if row else {}).items() if each["v"] is not None}
            found.append(
                GateView(
                    gate,
                    device,
                    word,
                    values,
                    row.last_reading_at if row else None,
                    self._gateways.authority(session, gate.gateway_id, AUTHORITY),
                    [d for d in devices.values() if d.gateway_id == gate.gateway_id and _stands_at(d, device)],
                    self._gateways.commands_of(session, gate.gateway_id, device.name, 5),
                )
            )
        return found

    def configure(
        self,
        session: Session,
        gate: AccessGate,
        fields: Mapping[str, Any],
        actor: str,
        at: datetime,
    ) -> AccessGate:
        """`inside`, `outside`, `pin_hours`, `anti_passback`; raises InvalidError."""
        zones = {zone.id for zone in repository.of_sites(session, AccessZone, [gate.site_id])}
        hours = {each.id for each in repository.of_sites(session, AccessHours, [gate.site_id])} | {"", ALWAYS}
        for name, value in fields.items():
            if name in ("inside", "outside") and value not in zones | {None}:
                raise InvalidError(
                    said(
                        "%(name)s: there is no zone %(value)r; there are: %(zones)s",
                        name=name,
                        value=value,
                        zones=sorted(zones) or ["none"],
                    )
                )
            if name == "pin_hours" and value not in hours:
                raise InvalidError(said("pin_hours: there is no time profile %(value)r", value=value))
            if name == "anti_passback" and value not in ("off", "soft", "hard"):
                raise InvalidError("anti_passback: off, soft or hard")
            setattr(gate, name, value)
        session.add(gate)
        self._rights.changed(session, gate.site_id, actor, at)
        return gate

    def command(
        self,
        session: Session,
        gate: AccessGate,
        action: str,
        reason: str,
        user: User,
        expires_in_s: float,
        at: datetime,
    ) -> GatewayCommand:
        """Ask it once; raises ForbiddenError, InvalidError. What becomes of it is told by the gateway."""
        device = self._devices.get(session, gate.device_id)
        known = [each["name"] for each in device.actions if each["name"] in NEEDS]
        if action not in known:
            raise InvalidError(
                said(
                    "this gate has no action %(action)r; it has: %(known)s",
                    action=action,
                    known=list(known) or ["none"],
                )
            )
        if RANK[user.role] < RANK[NEEDS[action]]:
            raise ForbiddenError(
                said(
                    "%(action)s needs the role %(needs)s; yours is %(role)s",
                    action=action,
                    needs=NEEDS[action],
                    role=user.role,
                )
            )
        if action in NEEDS_REASON and not reason.strip():
            raise InvalidError(
                said("reason: say why; %(action)s is written into the access log with it", action=action)
            )
        for known_one in self._gateways.commands_of(session, gate.gateway_id, device.name, 5):
            if known_one.action == action and known_one.state in ("queued", "sent") and known_one.expires_at > at:
                return known_one  # asked twice (a second click): one command is on its way already
        return self._gateways.command(
            session, gate.gateway_id, device.name, action, {}, reason.strip(), user.name, expires_in_s, at
        )

    def command_all(
        self, session: Session, site_id: str, action: str, reason: str, user: User, at: datetime
    ) -> list[GatewayCommand]:
        """Lock down, or lift the lock-down of, every gate of a site."""
        if action not in ("lock-down", "lift"):
            raise InvalidError("only lock-down and lift can be asked of all gates at once")
        views = self.views(session, at, [site_id])
        fits = [view for view in views if (view.mode == "locked") == (action == "lift") or view.health != "ok"]
        return [self.command(session, view.gate, action, reason, user, LOCKDOWN_EXPIRES_S, at) for view in fits]

    def register(self, session: Session, at: datetime) -> None:
        """Gates register themselves by the birth of their gateway."""
        for device, gateway in repository.unknown_gates(session):
            session.add(AccessGate(device_id=device.id, site_id=gateway.site_id, gateway_id=gateway.id))
            session.flush()
            self._rights.changed(session, gateway.site_id, "system", at)


def _stands_at(reader: Device, gate: Device) -> bool:
    return reader.kind == "reader" and device_key(reader.gateway_id, reader.identity.get("gate", "")) == gate.id
