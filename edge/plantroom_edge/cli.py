"""plantroom-edge: the agent and its tools."""

import asyncio
import logging
import secrets
import sqlite3
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from plantroom_edge.app import Agent
from plantroom_edge.config.check import UncheckedError, check_gateway
from plantroom_edge.config.site import Fleet, GatewayConfig
from plantroom_edge.driver import Found
from plantroom_edge.drivers.registry import DRIVERS
from plantroom_edge.errors import ConfigError, EdgeError
from plantroom_edge.outbox.inspection import Inspection
from plantroom_edge.status.status import status_path
from plantroom_edge.status.text import lines
from plantroom_shared.clock import SystemClock

#: A status older than this means that the agent does not run.
STALE_S = 30

_CONFIG = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/plantroom/gateway.yaml"),
    show_default=True,
    help="The gateway's configuration.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")


@click.group(epilog="Example: plantroom-edge check -c gateway.yaml && plantroom-edge run -c gateway.yaml")
@click.version_option(package_name="plantroom")
def main() -> None:
    """The gateway agent: polls field devices, keeps what they say, forwards it."""


@main.command(epilog="Example: plantroom-edge run -c gateway.yaml")
@_CONFIG
@click.option("--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning"]))
def run(path: Path, log_level: str) -> None:
    """Run the agent until it is told to stop."""
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        config, fleet = check_gateway(path)
    except ConfigError as error:
        _fail(error.mistakes, as_json=False)
    except UncheckedError as error:
        _fail([str(error)], as_json=False)
    try:
        _run_agent(Agent(config, fleet, SystemClock()))
    except EdgeError as error:
        _fail([str(error)], as_json=False)


@main.command(epilog="Example: plantroom-edge check -c gateway.yaml")
@_CONFIG
@_JSON
def check(path: Path, *, as_json: bool) -> None:
    """Validate a configuration; names every mistake with its line."""
    config, fleet = _load(path, as_json=as_json)
    summary = {"gateway": config.gateway, "buses": len(config.buses), "devices": len(config.devices), "mistakes": []}
    text = f"{path} is right: {summary['buses']} buses, {summary['devices']} devices, {len(fleet.profiles)} profiles."
    _print(summary, text, as_json=as_json)


@main.command(name="reader-key", epilog="Example: plantroom-edge reader-key /etc/plantroom/osdp/reader-yard.key")
@click.argument("path", type=click.Path(path_type=Path))
def reader_key(path: Path) -> None:
    """Make the key of a card reader, in a file that nobody else can read; give the reader the same one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        _fail([f"{path} is there already; a reader in use would be locked out by another key"], as_json=False)
    except OSError as error:
        _fail([f"{path} cannot be made: {error.strerror}"], as_json=False)
    path.write_text(secrets.token_hex(16) + "\n", "ascii")
    click.echo(f"{path} holds a new key. Load it into the reader with its maker's tool.")


@main.command(
    epilog="Example: plantroom-edge probe -c gateway.yaml; without a configuration: plantroom-edge probe --ble"
)
@_CONFIG
@click.option("--ble", is_flag=True, help="List the Bluetooth devices in the air, and which profile fits.")
@click.option("--adapter", default="hci0", show_default=True, help="With --ble: the Bluetooth adapter.")
@click.option(
    "--seconds", type=click.FloatRange(1, 600), default=10, show_default=True, help="With --ble: listen so long."
)
@_JSON
def probe(path: Path, *, ble: bool, adapter: str, seconds: float, as_json: bool) -> None:
    """Try each device once, now. Stop a running agent first: a serial line has one owner."""
    if ble:
        _survey(adapter, seconds, as_json=as_json)
        return
    _config, fleet = _load(path, as_json=as_json)
    found = asyncio.run(_probe(fleet))
    rows = [
        f"{'ok  ' if item.ok else 'FAIL'} {item.device}: {item.detail}"
        + (f" ({item.milliseconds:.0f} ms)" if item.milliseconds is not None else "")
        + "".join(f"\n       {name} = {value}" for name, value in item.values.items())
        for item in found
    ]
    data = [{"device": i.device, "ok": i.ok, "detail": i.detail, "values": dict(i.values)} for i in found]
    _print(data, "\n".join(rows) or "There are no devices.", as_json=as_json)
    sys.exit(0 if all(item.ok for item in found) else 1)


@main.command(epilog="Example: plantroom-edge status -c gateway.yaml --json")
@_CONFIG
@_JSON
def status(path: Path, *, as_json: bool) -> None:
    """How the running agent is; exit code 1 when it does not run."""
    config, _fleet = _load(path, as_json=as_json)
    try:
        data = msgspec.json.decode(status_path(config.data_dir).read_bytes())
    except (OSError, msgspec.DecodeError):
        data = None
    if data is None or time.time() - data["at"] / 1000 > STALE_S:
        _fail(
            [f"gateway {config.gateway} does not run here (nothing new in {status_path(config.data_dir)})"],
            as_json=as_json,
        )
    _print(data, "\n".join(lines(data)), as_json=as_json)


@main.command(epilog="Example: plantroom-edge outbox -c gateway.yaml --list 20")
@_CONFIG
@click.option("--list", "count", type=click.IntRange(1), help="Show so many batches of each stream, the oldest first.")
@click.option("--verify", is_flag=True, help="Look through the whole file; exit code 1 where something is wrong.")
@_JSON
def outbox(path: Path, count: int | None, *, verify: bool, as_json: bool) -> None:
    """What is waiting for the cloud; the agent may run meanwhile, nothing is changed."""
    config, _fleet = _load(path, as_json=as_json)
    file = config.data_dir / "outbox.db"
    if not file.exists():
        _fail([f"there is no outbox yet at {file}; it is made when the agent first runs"], as_json=as_json)
    inspection = Inspection(file)
    try:
        data, text = _inspected(inspection, file, count)
    except sqlite3.DatabaseError as error:
        _fail([f"{file} cannot be read: {error}; the agent sets a corrupt file aside when it starts"], as_json=as_json)
    mistakes = inspection.verify() if verify else []
    if verify:
        data["mistakes"] = mistakes
        text += mistakes or ["  verified: every page and every batch is in order"]
    _print(data, "\n".join(text), as_json=as_json)
    sys.exit(1 if mistakes else 0)


def _inspected(inspection: Inspection, file: Path, count: int | None) -> tuple[dict[str, Any], list[str]]:
    data: dict[str, Any] = {"outbox": inspection.identity(), "file": str(file)}
    text = [f"outbox {data['outbox']} in {file}"]
    for stream, depth in inspection.depths().items():
        data[stream] = {"batches": depth.batches, "bytes": depth.bytes, "oldest_ms": depth.oldest_ms}
        since = "" if depth.oldest_ms is None else f", since {_moment(depth.oldest_ms)}"
        text.append(f"  {stream}: {depth.batches} batches, {depth.bytes} bytes{since}")
        if count is None:
            continue
        seen = list(inspection.batches(stream, count))
        data[stream]["list"] = [msgspec.to_builtins(item) for item in seen]
        text += [f"    {i.seq}  {_moment(i.taken_ms)}  {i.size} B  {i.clock}  {i.what or i.error}" for i in seen]
    return data, text


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def _survey(adapter: str, seconds: float, *, as_json: bool) -> None:
    from plantroom_edge.drivers.ble_scale.profile import BleScaleProfile
    from plantroom_edge.drivers.ble_scale.radio import RadioLostError  # a running agent has no room for it
    from plantroom_edge.drivers.ble_scale.survey import survey
    from plantroom_edge.profile.loader import ProfileLibrary

    library = ProfileLibrary()
    profiles = {name: library.get(name) for name in library.names()}
    scales = {name: profile for name, profile in profiles.items() if isinstance(profile, BleScaleProfile)}
    try:
        found = asyncio.run(survey(adapter, None, SystemClock(), seconds, scales))
    except RadioLostError as error:
        _fail([str(error)], as_json=as_json)
    rows = [
        f"{item.address}  {item.rssi:4d} dBm  {item.name or '(no name)'}: "
        + (", ".join(item.profiles) or "no profile fits")
        for item in found
    ]
    data = [
        msgspec.to_builtins({"address": i.address, "name": i.name, "rssi": i.rssi, "profiles": i.profiles})
        for i in found
    ]
    _print(data, "\n".join(rows) or f"Nothing was heard on {adapter} within {seconds:g} s.", as_json=as_json)


async def _probe(fleet: Fleet) -> list[Found]:
    found: list[Found] = []
    for bus in fleet.site.buses:
        found += await DRIVERS[bus.type].build(bus, fleet.on(bus.id), SystemClock()).probe()
    return found


def _run_agent(agent: Agent) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(agent.run())
    else:
        uvloop.run(agent.run())


def _load(path: Path, *, as_json: bool = False) -> tuple[GatewayConfig, Fleet]:
    from plantroom_edge.config.loader import load_gateway_config  # nor for what checks

    try:
        return load_gateway_config(path)
    except ConfigError as error:
        _fail(error.mistakes, as_json=as_json)


def _fail(mistakes: list[str], *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(msgspec.json.encode({"mistakes": mistakes}).decode())
    for mistake in mistakes:
        click.echo(mistake, err=True)
    sys.exit(1)


def _print(data: Any, text: str, *, as_json: bool) -> None:
    click.echo(msgspec.json.encode(data).decode() if as_json else text)
