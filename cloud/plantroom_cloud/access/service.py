"""Access: rights, gates and the log as one domain; takes the gateways' events and tells them who may pass."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlmodel import Session

from plantroom_cloud.access import repository
from plantroom_cloud.access.compiled import compile_list
from plantroom_cloud.access.entries import EntryBook
from plantroom_cloud.access.gates import GateBook
from plantroom_cloud.access.models import (
    AccessChange,
    AccessCredential,
    AccessGate,
    AccessGroup,
    AccessHoliday,
    AccessHours,
    AccessPerson,
)
from plantroom_cloud.access.rights import RightsBook
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.sites.models import Site
from plantroom_shared.allow_list import AUTHORITY
from plantroom_shared.batch import Event
from plantroom_shared.encoding import MAX_AUTHORITY_BYTES
from plantroom_shared.said import said

_log = logging.getLogger(__name__)


TRIM_EVERY = timedelta(hours=1)


class AccessService:
    """The domain's one door; each book is a part of it."""

    def __init__(
        self, gateways: GatewayService, devices: DeviceService, log_kept: timedelta = timedelta(days=400)
    ) -> None:
        self.rights = RightsBook()
        self.gates = GateBook(gateways, devices, self.rights)
        self.entries = EntryBook()
        self._gateways = gateways
        self._log_kept = log_kept
        self._trimmed_at: datetime | None = None

    def apply_event(self, session: Session, gateway_id: str, event: Event, at: datetime) -> None:
        """Decisions, results, what was forced, and the ends of commands to gates."""
        if event.kind.startswith("access."):
            self.entries.take(session, gateway_id, event, at)
        elif event.kind == "command.result":
            self.entries.command(session, gateway_id, event, at)

    def tick(self, session: Session, at: datetime) -> None:
        """Make the lists anew where something changed; an unchanged one keeps its version."""
        self.gates.register(session, at)
        for change in repository.behind(session):
            self._tell(session, change, at)
        if self._trimmed_at is None or not timedelta(0) <= at - self._trimmed_at < TRIM_EVERY:
            self._trimmed_at = at
            repository.forget_entries(session, at - self._log_kept)

    def problems(self, session: Session, sites: Sequence[str]) -> Sequence[str]:
        """Why gateways are not told the newest."""
        return repository.problems(session, sites)

    def _tell(self, session: Session, change: AccessChange, at: datetime) -> None:
        here = [change.site_id]
        site = session.get(Site, change.site_id)
        assert site is not None
        people = {person.id: person for person in repository.of_sites(session, AccessPerson, here)}
        gates: dict[str, dict[str, AccessGate]] = {}
        for gate in repository.of_sites(session, AccessGate, here):
            gates.setdefault(gate.gateway_id, {})[gate.device_id.partition(".")[2]] = gate
        change.told, change.problem = change.changes, ""
        for gateway_id, mine in gates.items():
            document = compile_list(
                site.timezone,
                repository.of_sites(session, AccessHoliday, here),
                repository.of_sites(session, AccessHours, here),
                repository.of_sites(session, AccessGroup, here),
                people,
                repository.of_sites(session, AccessCredential, here),
                mine,
            )
            size = len(msgspec.msgpack.encode(document))
            if size > MAX_AUTHORITY_BYTES - 1024:
                change.problem = said(
                    "the list of %(gateway_id)s has %(size)s bytes; a gateway takes %(max_authority_bytes)s",
                    gateway_id=gateway_id,
                    size=size,
                    max_authority_bytes=MAX_AUTHORITY_BYTES,
                )
                _log.error("access: %s; the one before stays in force", change.problem)
                continue
            self._gateways.set_authority(session, gateway_id, AUTHORITY, msgspec.to_builtins(document), change.by, at)
        session.add(change)
