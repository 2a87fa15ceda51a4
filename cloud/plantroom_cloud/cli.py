"""plantroom-cloud: the control plane and its administration."""

import functools
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import uvloop

from plantroom_cloud.backup import back_up, put_back_from
from plantroom_cloud.config import load_cloud_config
from plantroom_cloud.gateways.certificate import Authority
from plantroom_cloud.gateways.enrolment import Enrolment
from plantroom_cloud.ingest.partition import Partition
from plantroom_cloud.logs import log_to_stderr
from plantroom_cloud.migration import migrate as migrate_database
from plantroom_cloud.serve import Part, Server, check_ports
from plantroom_cloud.services import Services, build, retention
from plantroom_cloud.users.models import Role
from plantroom_shared.clock import SystemClock
from plantroom_shared.errors import PlantroomError


def _clear_errors(work: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(work)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            work(*args, **kwargs)
        except PlantroomError as error:
            click.echo(str(error), err=True)
            sys.exit(1)

    return wrapped


_CONFIG = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/plantroom/cloud.yaml"),
    show_default=True,
    help="The control plane's configuration.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")


@click.group(epilog="Example: plantroom-cloud migrate -c cloud.yaml && plantroom-cloud serve -c cloud.yaml")
@click.version_option(package_name="plantroom")
def main() -> None:
    """The control plane: telemetry, alarms, work orders, pages."""


@main.command(
    epilog="Example: plantroom-cloud serve -c cloud.yaml, or for one of two ingests: --part ingest --partition 1/2"
)
@click.option(
    "--part",
    "parts",
    type=click.Choice([part.value for part in Part]),
    multiple=True,
    help="What this process does; may be given more than once. Without it: everything.",
)
@click.option(
    "--partition", default="1/1", show_default=True, help="Of several ingest processes: which share of gateways."
)
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Instead of metrics.port: one for each process.")
@click.option("--log-format", type=click.Choice(["logfmt", "json"]), default="logfmt", show_default=True)
@_CONFIG
@_clear_errors
def serve(path: Path, log_format: str, parts: tuple[str, ...], partition: str, metrics_port: int | None) -> None:
    """Run until told to stop; brings the database up to date first."""
    share = Partition.parse(partition)
    wanted = {Part(part) for part in parts} or set(Part)
    log_to_stderr(log_format)
    config = load_cloud_config(path)
    if metrics_port is not None:
        config = config.model_copy(update={"metrics": config.metrics.model_copy(update={"port": metrics_port})})
    check_ports(config, wanted)
    services = build(config, SystemClock())
    migrate_database(services.database)
    token = None
    if Part.WEB in wanted:
        token = _first_login(services)
    if token is not None:
        web = services.config.web
        click.echo(f"There is no user yet. Make the first administrator at http://{web.host}:{web.port}/first/{token}")
    uvloop.run(Server(services, wanted, share).run())


@main.command(epilog="Example: plantroom-cloud migrate -c cloud.yaml")
@_CONFIG
@_clear_errors
def migrate(path: Path) -> None:
    """Bring the relational store to the present schema."""
    click.echo(f"The schema is at {migrate_database(_services(path).database)}.")


@main.group()
def user() -> None:
    """People who log in."""


@user.command("add", epilog="Example: plantroom-cloud user add anna --role technician -c cloud.yaml")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, envvar="PLANTROOM_PASSWORD")
@click.option("--token", "purpose", default=None, help="Make an API token for this purpose, too; it is shown once.")
@_CONFIG
@_clear_errors
def user_add(name: str, role: str, password: str, purpose: str | None, path: Path) -> None:
    """Add a person; the password is asked for, or taken from PLANTROOM_PASSWORD."""
    services = _services(path)
    with services.database.write() as session:
        services.users.add(session, name, password, Role(role), services.now())
        services.users.audit(session, "cli", "user.add", f"user/{name}", {"role": role}, services.now())
        session.flush()
        token = ""
        if purpose is not None:
            token = services.users.make_token(session, services.users.get(session, name), purpose, services.now(), None)
    click.echo(f"{name} can log in as {role}.")
    if token:
        click.echo(token)


@user.command("list", epilog="Example: plantroom-cloud user list --json")
@_CONFIG
@_JSON
@_clear_errors
def user_list(path: Path, *, as_json: bool) -> None:
    """Who there is."""
    services = _services(path)
    with services.database.read() as session:
        rows = [{"name": u.name, "role": u.role.value, "active": u.active} for u in services.users.list(session)]
    click.echo(
        json.dumps(rows) if as_json else "\n".join(f"{r['name']}  {r['role']}" for r in rows) or "There is nobody."
    )


@user.command("token", epilog="Example: plantroom-cloud user token anna --name reporting --days 90")
@click.argument("name")
@click.option("--name", "purpose", required=True, help="What the token is for.")
@click.option(
    "--days", type=click.IntRange(1, 36_500), default=None, help="How long it lasts; without it, until it is removed."
)
@_CONFIG
@_clear_errors
def user_token(name: str, purpose: str, days: int | None, path: Path) -> None:
    """Make an API token; it is shown once."""
    services = _services(path)
    with services.database.write() as session:
        owner = services.users.get(session, name)
        lasts = timedelta(days=days) if days else None
        click.echo(services.users.make_token(session, owner, purpose, services.now(), lasts))


@main.group()
def gateway() -> None:
    """Gateways and their credentials."""


@gateway.command("add", epilog="Example: plantroom-cloud gateway add gw-b --site main --out ./gw-b -c cloud.yaml")
@click.argument("gateway_ids", metavar="GATEWAY_ID...", nargs=-1, required=True)
@click.option("--site", required=True, help="The site's id; made when it is new.")
@click.option("--site-name", default="", help="Its name, when it is new.")
@click.option("--label", default="")
@click.option("--certificate", is_flag=True, help="A client certificate in place of a password.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the gateways' credentials.")
@_CONFIG
@_clear_errors
def gateway_add(
    gateway_ids: tuple[str, ...], site: str, site_name: str, label: str, out: Path, path: Path, *, certificate: bool
) -> None:
    """Enrol gateways: issue their credentials and write the broker's files."""
    services = _services(path)
    migrate_database(services.database)
    enrolment = _enrolment(services)
    said = []
    with services.database.write() as session:
        at = services.now()
        services.sites.ensure(session, site, site_name)
        enrol = enrolment.by_certificate if certificate else enrolment.by_password
        for gateway_id in gateway_ids:
            said.append(f"{gateway_id} is enrolled. {enrol(session, gateway_id, site, label, out, at)}")
            detail = {"site": site, "credential": "certificate" if certificate else "password"}
            services.users.audit(session, "cli", "gateway.add", f"gateway/{gateway_id}", detail, at)
    click.echo("\n".join(said))


@gateway.command("list", epilog="Example: plantroom-cloud gateway list --json")
@_CONFIG
@_JSON
@_clear_errors
def gateway_list(path: Path, *, as_json: bool) -> None:
    """All gateways."""
    services = _services(path)
    with services.database.read() as session:
        rows = [
            {"id": g.id, "site": g.site_id, "state": "revoked" if g.revoked_at else g.state}
            for g in services.gateways.list(session)
        ]
    text = "\n".join(f"{row['id']}  {row['site']}  {row['state']}" for row in rows)
    click.echo(json.dumps(rows) if as_json else text or "There is none.")


@gateway.command("revoke", epilog="Example: plantroom-cloud gateway revoke gw-b -c cloud.yaml")
@click.argument("gateway_id")
@_CONFIG
@_clear_errors
def gateway_revoke(gateway_id: str, path: Path) -> None:
    """Take a gateway's credential back, at once."""
    services = _services(path)
    with services.database.write() as session:
        _enrolment(services).revoke(session, gateway_id, services.now())
        services.users.audit(session, "cli", "gateway.revoke", f"gateway/{gateway_id}", {}, services.now())
    click.echo(f"{gateway_id} is revoked.")


@main.group()
def broker() -> None:
    """The broker that gateways speak to."""


@broker.command("certificate", epilog="Example: plantroom-cloud broker certificate broker.example.org -c cloud.yaml")
@click.argument("names", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Replace the authority; every gateway then needs its new ca.pem.")
@_CONFIG
@_clear_errors
def broker_certificate(names: tuple[str, ...], path: Path, *, force: bool) -> None:
    """Make an authority of your own and the broker's certificate for the host names that gateways use."""
    folder = load_cloud_config(path, before_setup=True).broker_dir
    if (folder / "ca.pem").exists() and not force:
        raise click.ClickException(f"there is an authority in {folder} already; give --force to replace it")
    Authority(folder).make(list(names))
    click.echo(f"{folder} holds ca.pem for the gateways, server.pem, server.key and crl.pem for the broker.")


@main.group()
def influx() -> None:
    """InfluxDB 2.x."""


@influx.command("setup", epilog="Example: plantroom-cloud influx setup --org plantroom --admin-token … -c cloud.yaml")
@click.option("--org", required=True)
@click.option("--admin-token", required=True, envvar="INFLUX_ADMIN_TOKEN")
@_CONFIG
@_clear_errors
def influx_setup(org: str, admin_token: str, path: Path) -> None:
    """Make the buckets with their retention and a token for us, by influxdb-client; again after a change of it."""
    # influxdb-client takes 20 MB, which the server does not need
    from plantroom_cloud.telemetry.influx_setup import set_up, write_token

    telemetry = load_cloud_config(path, before_setup=True).telemetry
    done = set_up(telemetry.url, org, admin_token, telemetry.database, retention(telemetry))
    for name, state in done.buckets.items():
        click.echo(f"Bucket {name}: {state}.")
    if telemetry.token_file is None:
        click.echo(f"Token, shown once; keep it in a file and name it as telemetry.token_file of {path}: {done.token}")
        return
    write_token(telemetry.token_file, done.token)
    click.echo(f"A token for these buckets alone stands in {telemetry.token_file}.")


@main.command(epilog="Example: plantroom-cloud backup plantroom.tar.gz -c cloud.yaml")
@click.argument("target", type=click.Path(path_type=Path))
@_CONFIG
@_clear_errors
def backup(target: Path, path: Path) -> None:
    """Back up the databases of a running or stopped control plane into one archive."""
    click.echo(f"{target}: {', '.join(back_up(load_cloud_config(path), target))}")


@main.command(epilog="Example: plantroom-cloud restore plantroom.tar.gz -c cloud.yaml")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--force", is_flag=True, help="Replace databases that are there.")
@_CONFIG
@_clear_errors
def restore(source: Path, path: Path, *, force: bool) -> None:
    """Put a backup back; stop the control plane first."""
    for put_back in put_back_from(load_cloud_config(path), source, force=force):
        click.echo(f"restored {put_back}")


def _first_login(services: Services) -> str | None:
    with services.database.write() as session:
        return services.users.first_login(session, services.now())


def _services(path: Path) -> Services:
    return build(load_cloud_config(path), SystemClock())


def _enrolment(services: Services) -> Enrolment:
    config = services.config
    password = config.mqtt.read_password()
    if not password:
        raise click.ClickException("mqtt.password or mqtt.password_file is missing: the control plane needs its own")
    return Enrolment(services.gateways, config.broker_dir, password)
