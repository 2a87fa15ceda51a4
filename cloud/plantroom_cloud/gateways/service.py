"""Gateways: what they say of themselves, their commands and configurations."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from plantroom_cloud.columns import utc_from_ms
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.gateways import repository
from plantroom_cloud.gateways.broker import CLOUD_USER
from plantroom_cloud.gateways.ledger import declare_lost
from plantroom_cloud.gateways.models import Gateway, GatewayAuthority, GatewayCommand, GatewayConfig
from plantroom_cloud.stream.service import record_change
from plantroom_shared.batch import Event, went_back
from plantroom_shared.ids import check_id
from plantroom_shared.messages import Birth, Status
from plantroom_shared.said import said


class GatewayService:
    """Works in the session it is given; commits nothing itself."""

    def enrol(
        self, session: Session, gateway_id: str, site_id: str, label: str, password_hash: str, at: datetime
    ) -> Gateway:
        """Add a gateway; raises ConflictError when there is one of that id."""
        check_id(gateway_id, "gateway")
        if gateway_id == CLOUD_USER:
            raise ConflictError(
                said(
                    "%(gateway_id)r is the control plane's own name at the broker; choose another id",
                    gateway_id=gateway_id,
                )
            )
        gateway = session.get(Gateway, gateway_id)
        if gateway is not None and gateway.revoked_at is None:
            raise ConflictError(
                said(
                    "gateway %(gateway_id)r is enrolled already; revoke it first, or choose another id",
                    gateway_id=gateway_id,
                )
            )
        if gateway is None:
            gateway = Gateway(id=gateway_id, site_id=site_id, label=label or gateway_id, enrolled_at=at)
        gateway.site_id, gateway.revoked_at, gateway.password_hash, gateway.enrolled_at = (
            site_id,
            None,
            password_hash,
            at,
        )
        session.add(gateway)
        record_change(session, "gateway", gateway_id, at)
        return gateway

    def revoke(self, session: Session, gateway_id: str, at: datetime) -> Gateway:
        """Take its credential back; what it sends from now on is refused."""
        gateway = self.get(session, gateway_id)
        gateway.revoked_at, gateway.password_hash = at, ""
        session.add(gateway)
        record_change(session, "gateway", gateway_id, at)
        return gateway

    def get(self, session: Session, gateway_id: str) -> Gateway:
        """Raises NotFoundError."""
        gateway = session.get(Gateway, gateway_id)
        if gateway is None:
            raise NotFoundError(said("there is no gateway %(gateway_id)r", gateway_id=gateway_id))
        return gateway

    def locked(self, session: Session, gateway_ids: Sequence[str]) -> dict[str, Gateway]:
        """Those that there are, each for this transaction alone."""
        return repository.locked(session, gateway_ids)

    def list(self, session: Session, sites: Sequence[str] = ()) -> list[Gateway]:
        """All, or those of some sites."""
        return repository.gateways(session, sites)

    def apply_status(self, session: Session, status: Status, at: datetime) -> None:
        """Online, or its last will."""
        gateway = session.get(Gateway, status.gateway)
        if gateway is None:
            return
        if status.state == "offline" and gateway.boot not in ("", status.boot):
            return  # the last will of an earlier run, delivered late
        if gateway.state != status.state:
            gateway.state, gateway.state_since = status.state, at
            record_change(session, "gateway", gateway.id, at)
        gateway.boot, gateway.versions = status.boot, status.versions or gateway.versions
        session.add(gateway)

    def apply_birth(self, session: Session, birth: Birth, at: datetime) -> None:
        """What it has and can."""
        gateway = session.get(Gateway, birth.gateway)
        if gateway is None:
            return
        gateway.boot, gateway.versions = birth.boot, birth.versions or gateway.versions
        gateway.capabilities = birth.capabilities
        gateway.config_version = birth.config_version
        gateway.label = birth.label or gateway.label
        session.add(gateway)
        for row in repository.authorities(session, gateway.id):
            row.state = "queued"  # a new broker or a new outbox file may not know it
            session.add(row)
        record_change(session, "gateway", gateway.id, at)

    def apply_event(self, session: Session, gateway_id: str, event: Event, at: datetime) -> None:
        """Results of commands and configurations, and declared losses."""
        data = event.data
        match event.kind:
            case "command.result":
                self._command_result(session, data, at)
            case "config.applied" | "config.refused" | "config.rolled-back":
                self._config_answer(session, gateway_id, event.kind.removeprefix("config."), data, at)
            case "telemetry.thinned" | "telemetry.evicted":
                declare_lost(session, gateway_id, event.kind, data, at)
            case "authority.applied" | "authority.refused":
                self._authority_answer(session, gateway_id, event.kind.removeprefix("authority."), data, at)
            case "clock.jumped":
                gateway = session.get(Gateway, gateway_id)
                if went_back(event) and gateway is not None and gateway.complete_until is not None:
                    gateway.complete_until = min(gateway.complete_until, utc_from_ms(event.time))
            case _:
                pass

    def command(
        self,
        session: Session,
        gateway_id: str,
        device: str,
        action: str,
        args: dict[str, Any],
        reason: str,
        by: str,
        expires_in_s: float,
        at: datetime,
    ) -> GatewayCommand:
        """Queue a command; the ingest sends it."""
        gateway = self.get(session, gateway_id)
        if gateway.revoked_at is not None:
            raise ConflictError(said("gateway %(gateway_id)r is revoked", gateway_id=gateway_id))
        if not 1 <= expires_in_s <= 3600:
            raise InvalidError("expires_in_s must be between 1 and 3600 seconds")
        command = GatewayCommand(
            id=uuid.uuid4().hex,
            gateway_id=gateway_id,
            device=device,
            action=action,
            args=args,
            reason=reason,
            issued_by=by,
            issued_at=at,
            expires_at=at + timedelta(seconds=expires_in_s),
            state="queued",
        )
        session.add(command)
        record_change(session, "command", command.id, at)
        return command

    def configure(
        self, session: Session, gateway_id: str, config: dict[str, Any], by: str, at: datetime
    ) -> GatewayConfig:
        """Queue a desired configuration; the gateway checks it in full and answers."""
        self.get(session, gateway_id)
        unknown = sorted(set(config) - {"buses", "devices", "pipeline"})
        if unknown:
            raise InvalidError(
                said("%(unknown)s: a configuration has buses, devices and pipeline", unknown=list(unknown))
            )
        for older in repository.unanswered_configs(session, gateway_id):
            older.state = "superseded"
            session.add(older)
        version = f"{at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:4]}"
        row = GatewayConfig(
            gateway_id=gateway_id, version=version, config=config, issued_at=at, issued_by=by, state="queued"
        )
        session.add(row)
        record_change(session, "config", gateway_id, at)
        return row

    def set_authority(
        self, session: Session, gateway_id: str, name: str, document: dict[str, Any], actor: str, at: datetime
    ) -> int:
        """What the gateway is to decide by from now on; its version. An unchanged document keeps its version."""
        self.get(session, gateway_id)
        check_id(name, "authority")
        row = session.get(GatewayAuthority, (gateway_id, name), with_for_update=True)
        if row is not None and row.document == document:
            return row.version
        if row is None:
            row = GatewayAuthority(
                gateway_id=gateway_id, name=name, version=0, document=document, issued_at=at, issued_by=actor
            )
        row.version += 1
        row.document, row.issued_at, row.issued_by = document, at, actor
        row.state, row.detail = "queued", ""
        session.add(row)
        record_change(session, "authority", gateway_id, at)
        return row.version

    def authority(self, session: Session, gateway_id: str, name: str) -> GatewayAuthority | None:
        """The newest version and what the gateway said to it."""
        return session.get(GatewayAuthority, (gateway_id, name))

    def commands(
        self,
        session: Session,
        gateway_id: str,
        limit: int = 100,
        *,
        device: str | None = None,
        state: str | None = None,
        after: str | None = None,
    ) -> Sequence[GatewayCommand]:
        """What was asked of its devices, or of one, newest first; after the command with the id `after`. Raises
        InvalidError when there is none."""
        last = session.get(GatewayCommand, after) if after is not None else None
        if after is not None and (last is None or last.gateway_id != gateway_id):
            raise InvalidError("cursor: what it names is not in the list any more; begin again without it")
        return repository.commands(session, gateway_id, limit, device, state, last)

    def commands_of(self, session: Session, gateway_id: str, device: str, limit: int) -> Sequence[GatewayCommand]:
        """What was asked of one device, newest first."""
        return repository.commands(session, gateway_id, limit, device)

    def configs(self, session: Session, gateway_id: str, limit: int = 50) -> Sequence[GatewayConfig]:
        """Configurations desired, newest first."""
        return repository.configs(session, gateway_id, limit)

    def queued_commands(self, session: Session) -> Sequence[GatewayCommand]:
        """Those that wait to be published, oldest first."""
        return repository.queued_commands(session)

    def queued_configs(self, session: Session) -> Sequence[GatewayConfig]:
        """Those that wait to be published."""
        return repository.queued_configs(session)

    def queued_authorities(self, session: Session) -> Sequence[GatewayAuthority]:
        """Those that wait to be published."""
        return repository.queued_authorities(session)

    def _authority_answer(
        self, session: Session, gateway_id: str, state: str, data: dict[str, Any], at: datetime
    ) -> None:
        row = session.get(GatewayAuthority, (gateway_id, str(data.get("name", ""))))
        version = data.get("version")
        if row is None or not isinstance(version, int):
            return
        if state == "applied":
            row.applied_version = version
        if version == row.version:
            row.state, row.detail, row.answered_at = state, str(data.get("reason", "")), at
        session.add(row)
        record_change(session, "authority", gateway_id, at)

    def _command_result(self, session: Session, data: dict[str, Any], at: datetime) -> None:
        command = session.get(GatewayCommand, str(data.get("id", "")))
        if command is None or command.answered_at is not None:
            return
        command.state, command.detail = str(data.get("state", "unconfirmed")), str(data.get("detail", ""))
        command.readback, command.answered_at = data.get("readback"), at
        session.add(command)
        record_change(session, "command", command.id, at)

    def _config_answer(self, session: Session, gateway_id: str, state: str, data: dict[str, Any], at: datetime) -> None:
        row = repository.config(session, gateway_id, str(data.get("version")))
        if row is None:
            return
        row.state, row.answered_at = state, at
        row.detail = "\n".join(map(str, data.get("errors", []))) or str(data.get("reason", ""))
        session.add(row)
        record_change(session, "config", gateway_id, at)


def expire_commands(session: Session, at: datetime) -> None:
    """Commands that nobody answered in time: the gateway will refuse them should they still come."""
    for command in repository.unanswered_commands(session, at - timedelta(seconds=60)):
        command.state = "expired" if command.state == "queued" else "unconfirmed"
        command.detail = "no answer came in time"
        session.add(command)
        record_change(session, "command", command.id, at)
