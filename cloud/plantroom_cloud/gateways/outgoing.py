"""What the web wrote down for gateways goes to the broker: commands, configurations, what they decide by."""

from collections.abc import Callable

from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.database import Database
from plantroom_cloud.gateways.models import GatewayAuthority, GatewayCommand, GatewayConfig
from plantroom_cloud.gateways.service import GatewayService
from plantroom_shared.encoding import encode
from plantroom_shared.messages import VERSION, Authority, Command, DesiredConfig
from plantroom_shared.topics import topic


def publish_queued(
    database: Database, gateways: GatewayService, is_ours: Callable[[str], bool], publish: Callable[..., bool]
) -> None:
    """All that is queued for gateways that are ours; what the broker cannot take now stays queued."""
    with database.read() as session:
        named = {row.gateway_id for row in gateways.queued_commands(session)}
        named |= {row.gateway_id for row in gateways.queued_configs(session)}
        named |= {row.gateway_id for row in gateways.queued_authorities(session)}
        if not any(map(is_ours, named)):
            return
    with database.write() as session:
        for command in gateways.queued_commands(session):
            where = topic(command.gateway_id, "command")
            if is_ours(command.gateway_id) and publish(where, encode(_command(command))):
                command.state = "sent"
                session.add(command)
        for config in gateways.queued_configs(session):
            where = topic(config.gateway_id, "config")
            if is_ours(config.gateway_id) and publish(where, encode(_config(config)), retain=True):
                config.state = "sent"
                session.add(config)
        for row in gateways.queued_authorities(session):
            where = topic(row.gateway_id, "authority", row.name)
            if is_ours(row.gateway_id) and publish(where, encode(_authority(row)), retain=True):
                row.state = "applied" if row.applied_version == row.version else "sent"
                session.add(row)


def _command(row: GatewayCommand) -> Command:
    return Command(
        id=row.id,
        device=row.device,
        action=row.action,
        args=row.args,
        issued_by=row.issued_by,
        issued_at=ms_from_utc(row.issued_at),
        expires_at=ms_from_utc(row.expires_at),
    )


def _config(row: GatewayConfig) -> DesiredConfig:
    return DesiredConfig(
        v=VERSION,
        version=row.version,
        issued_at=ms_from_utc(row.issued_at),
        issued_by=row.issued_by,
        config=row.config,
    )


def _authority(row: GatewayAuthority) -> Authority:
    return Authority(
        v=VERSION,
        name=row.name,
        version=row.version,
        issued_at=ms_from_utc(row.issued_at),
        issued_by=row.issued_by,
        document=row.document,
    )
