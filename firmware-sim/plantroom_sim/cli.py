"""plantroom-sim: simulators and the lab."""

import asyncio
import json
import re
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from plantroom_shared.library import library_path
from plantroom_sim.available import leave_out_missing
from plantroom_sim.building import Building
from plantroom_sim.control import CONTROL, ask, serve_control
from plantroom_sim.errors import SimError
from plantroom_sim.lab.lab import Lab
from plantroom_sim.loader import load_scenario
from plantroom_sim.scenario import Scenario

_DATA = click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("lab-data"),
    show_default=True,
    help="Where it keeps its files.",
)


class _Seconds(click.ParamType[float]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """ "90", "60s", "5min" """
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|min|h)?", str(value))
        if match is None:
            self.fail(f"{value!r}: write a duration like 60s or 5min", param, ctx)
        return float(match[1]) * {"s": 1, "min": 60, "h": 3600, None: 1}[match[2]]


@click.group(epilog="Example: plantroom-sim lab --for 60s --data /tmp/lab")
@click.version_option(package_name="plantroom")
def main() -> None:
    """Simulated buildings: to try a site before its hardware is there."""


@main.command(epilog="Example: plantroom-sim lab --scenario my-building.yaml")
@click.option(
    "--scenario",
    type=click.Path(path_type=Path),
    default=None,
    help="A scenario file; without it, the hospital; plant.yaml is smaller.",
)
@click.option("--for", "seconds", type=_Seconds(), default=None, help="End by itself after this time, e.g. 60s.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Of the page.")
@click.option(
    "--broker",
    type=click.Choice(["auto", "mosquitto", "embedded"]),
    default="auto",
    show_default=True,
    help="auto: mosquitto where it is installed, else the embedded one (MQTT 3.1.1, keeps nothing when it ends).",
)
@_DATA
def lab(scenario: Path | None, seconds: float | None, port: int, broker: str, folder: Path) -> None:
    """Everything on one machine: simulators, broker, gateways, control plane, page."""
    try:
        runnable = _runnable(scenario or library_path("scenarios") / "hospital.yaml")
        asyncio.run(Lab(runnable, folder, port, broker).run(seconds))
    except* SimError as group:
        _fail(group.exceptions[0])


@main.command(epilog="Example: plantroom-sim run configs/scenarios/plant.yaml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--listen", default="127.0.0.1", show_default=True, help="Address of its TCP ports; 0.0.0.0 for all.")
@_DATA
def run(file: Path, listen: str, folder: Path) -> None:
    """The simulators of one scenario, without edge or cloud; prints where each bus is."""
    try:
        building = Building(_runnable(file), folder.resolve(), lambda _gateway: None, listen)
        asyncio.run(_run(building, folder.resolve()))
    except SimError as error:
        _fail(error)
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("Ended.")


@main.command(epilog="Example: plantroom-sim check my-building.yaml")
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Validate a scenario."""
    try:
        scenario = load_scenario(file)
        Building(scenario, Path(), lambda _gateway: None)
    except SimError as error:
        _fail(error)
    click.echo(
        f"{file} is right: {len(scenario.gateways)} gateways, {sum(len(g.devices) for g in scenario.gateways)} devices."
    )


@main.command(epilog="Example: plantroom-sim fault pump-2-bearing")
@click.argument("name")
@_DATA
def fault(name: str, folder: Path) -> None:
    """Start a fault of the scenario now."""
    _ask(folder, {"do": "fault", "name": name})


@main.command(epilog="Example: plantroom-sim heal pump-2-bearing")
@click.argument("name", required=False)
@_DATA
def heal(name: str | None, folder: Path) -> None:
    """End a fault, or all of them."""
    _ask(folder, {"do": "heal", "name": name})


@main.command(epilog="Example: plantroom-sim do pump-1 set metric=speed value=900")
@click.argument("device")
@click.argument("action")
@click.argument("args", nargs=-1)
@_DATA
def do(device: str, action: str, args: tuple[str, ...], folder: Path) -> None:
    """What a person does to a device: ACTION with ARGS like weight=4.2."""
    given = dict(arg.partition("=")[::2] for arg in args)
    _ask(folder, {"do": "act", "device": device, "action": action, "args": given})


@main.command(epilog="Example: plantroom-sim counts")
@_DATA
def counts(folder: Path) -> None:
    """What each device was asked, counted by the simulators themselves (JSON)."""
    _ask(folder, {"do": "counts"})


def _ask(folder: Path, request: dict[str, object]) -> None:
    try:
        answer = asyncio.run(ask(folder.resolve() / CONTROL, request))
    except SimError as error:
        _fail(error)
    click.echo(answer if isinstance(answer, str) else json.dumps(answer, indent=2))


def _runnable(file: Path) -> Scenario:
    """What of a scenario this machine can run; says what not. Raises SimError."""
    scenario, left_out = leave_out_missing(load_scenario(file))
    for line in left_out:
        click.echo(line, err=True)
    return scenario


async def _run(building: Building, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SimError(f"{folder}: {error.strerror}; name a folder with --data") from error
    ready = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(building.run(ready), name="building")
        tasks.create_task(serve_control(building, folder / CONTROL), name="control")
        await ready.wait()
        tasks.create_task(building.live(), name="life")
        for (gateway, name), bus in building.buses.items():
            click.echo(f"{gateway}/{name}: {bus.where()}")


def _fail(error: BaseException) -> NoReturn:
    click.echo(str(error), err=True)
    sys.exit(1)
