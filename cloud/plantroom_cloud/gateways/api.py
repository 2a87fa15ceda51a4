"""/api/v1/gateways."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from plantroom_cloud.dependencies import (
    At,
    Manager,
    ReadSession,
    ServicesDep,
    Viewer,
    WriteSession,
    may_see,
    sites_asked,
)
from plantroom_cloud.devices.models import Device, device_key
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.gateways import ledger
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.listing import Page, PartDep
from plantroom_cloud.moment import Moment
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/gateways", tags=["gateways"])


class GatewayOut(BaseModel):
    """A gateway."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    site_id: str
    label: str
    state: str
    state_since: datetime | None
    enrolled_at: datetime
    revoked_at: datetime | None
    boot: str
    versions: dict[str, str]
    config_version: str
    last_batch_at: datetime | None
    complete_until: datetime | None


class StreamOut(BaseModel):
    """One outbox and stream of the ledger, in batches."""

    model_config = ConfigDict(from_attributes=True)
    outbox: str
    stream: str
    last: int
    received: int
    missing: int
    declared: int


class HourOut(BaseModel):
    """One hour of the ledger."""

    model_config = ConfigDict(from_attributes=True)
    hour: datetime
    received: int
    duplicate: int
    late: int
    rejected: int
    values_received: int
    events_received: int
    values_thinned: int
    values_evicted: int


class LedgerOut(BaseModel):
    """What came, what is missing, what was given up."""

    streams: list[StreamOut]
    hours: list[HourOut]


class ConfigOut(BaseModel):
    """A desired configuration and what became of it."""

    model_config = ConfigDict(from_attributes=True)
    version: str
    config: dict[str, Any]
    issued_at: datetime
    issued_by: str
    state: str
    detail: str
    answered_at: datetime | None


class CommandIn(BaseModel):
    """What a device is to do."""

    action: str = Field(max_length=63)
    args: dict[str, Any] = {}
    reason: str = Field(default="", max_length=500)
    expires_in_s: float = Field(default=30, ge=1, le=3600)


class CommandOut(BaseModel):
    """A command and what became of it."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    gateway_id: str
    device: str
    action: str
    args: dict[str, Any]
    reason: str
    issued_by: str
    issued_at: datetime
    expires_at: datetime
    state: str
    detail: str
    readback: Any
    answered_at: datetime | None


class GatewayCommandIn(CommandIn):
    """For one of its devices."""

    device: str


@router.get("")
def list_gateways(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    part: PartDep,
    site: str | None = None,
    state: Literal["online", "offline", "never-seen"] | None = None,
    revoked: bool | None = None,
) -> Page[GatewayOut]:
    """Those that the person may see, by id."""
    found = [
        gateway
        for gateway in services.gateways.list(session, sites_asked(user, site))
        if state in (None, gateway.state) and revoked in (None, gateway.revoked_at is not None)
    ]
    items, more = part.of(found, lambda gateway: gateway.id)
    return Page(items=[GatewayOut.model_validate(gateway) for gateway in items], next=more)


@router.get("/{gateway_id}")
def get_gateway(gateway_id: str, user: Viewer, session: ReadSession, services: ServicesDep) -> GatewayOut:
    """One."""
    return GatewayOut.model_validate(visible(session, services, user, gateway_id))


@router.get("/{gateway_id}/ledger")
def get_ledger(
    gateway_id: str,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    start: Moment | None = None,
    end: Moment | None = None,
) -> LedgerOut:
    """The last day by default."""
    visible(session, services, user, gateway_id)
    last = end or at + timedelta(hours=1)
    found = ledger.hours(session, gateway_id, start or last - timedelta(hours=25), last)
    return LedgerOut(
        streams=[StreamOut.model_validate(stream) for stream in ledger.streams(session, gateway_id)],
        hours=[HourOut.model_validate(hour) for hour in found],
    )


@router.get("/{gateway_id}/config")
def list_configs(
    gateway_id: str, user: Viewer, session: ReadSession, services: ServicesDep, part: PartDep
) -> Page[ConfigOut]:
    """Configurations sent, newest first; the last 50."""
    visible(session, services, user, gateway_id)
    items, more = part.of(services.gateways.configs(session, gateway_id), lambda row: row.version)
    return Page(items=[ConfigOut.model_validate(row) for row in items], next=more)


@router.put("/{gateway_id}/config", status_code=202)
def put_config(
    gateway_id: str, body: dict[str, Any], user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> ConfigOut:
    """Desire a configuration: `buses`, `devices`, `pipeline` as in the gateway's YAML file."""
    visible(session, services, user, gateway_id)
    row = services.gateways.configure(session, gateway_id, body, user.name, at)
    services.users.audit(session, user.name, "gateway.configure", f"gateway/{gateway_id}", {"version": row.version}, at)
    return ConfigOut.model_validate(row)


@router.get("/{gateway_id}/commands")
def list_commands(
    gateway_id: str,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    device: Annotated[str | None, Query(description="its name on this gateway")] = None,
    state: Literal["queued", "sent", "done", "refused", "failed", "unconfirmed", "expired"] | None = None,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[CommandOut]:
    """Commands sent, newest first."""
    visible(session, services, user, gateway_id)
    rows = services.gateways.commands(session, gateway_id, limit + 1, device=device, state=state, after=cursor)
    more = rows[limit - 1].id if len(rows) > limit else None
    return Page(items=[CommandOut.model_validate(row) for row in rows[:limit]], next=more)


@router.post("/{gateway_id}/commands", status_code=202)
def post_command(
    gateway_id: str, body: GatewayCommandIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> CommandOut:
    """Have one of its devices do something, once."""
    visible(session, services, user, gateway_id)
    device = services.devices.get(session, device_key(gateway_id, body.device))
    return send_command(session, services, device, body, user.name, at)


def send_command(
    session: Session, services: Services, device: Device, body: CommandIn, actor: str, at: datetime
) -> CommandOut:
    """Queue it; raises InvalidError when the device has no such action."""
    known = [action["name"] for action in device.actions]
    if body.action not in known:
        raise InvalidError(
            said(
                "%(device_id)s has no action %(action)r; it has: %(known)s",
                device_id=device.id,
                action=body.action,
                known=list(known) or ["none"],
            )
        )
    row = services.gateways.command(
        session, device.gateway_id, device.name, body.action, body.args, body.reason, actor, body.expires_in_s, at
    )
    detail = {"action": body.action, "args": body.args, "reason": body.reason}
    services.users.audit(session, actor, "command", f"device/{device.id}", detail, at)
    return CommandOut.model_validate(row)


def visible(session: Session, services: Services, user: User, gateway_id: str) -> Gateway:
    """The gateway if the person may know of it; raises NotFoundError."""
    gateway = services.gateways.get(session, gateway_id)
    if not may_see(user, gateway.site_id):
        raise NotFoundError(said("there is no gateway %(gateway_id)r", gateway_id=gateway_id))
    return gateway
