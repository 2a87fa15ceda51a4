"""The lab: puts everything together, says what there is, keeps it running."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from plantroom_sim.building import Building
from plantroom_sim.control import serve_control
from plantroom_sim.errors import SimError
from plantroom_sim.lab.broker import broker_command, make_certificates
from plantroom_sim.lab.control_plane import ControlPlane
from plantroom_sim.lab.history import History, send_history
from plantroom_sim.lab.processes import Child, run_once
from plantroom_sim.scenario import Gateway, Scenario

READY_S = 60.0
DIRECT_GATEWAY = "lab-direct"


class Lab:
    """One building with its gateways, broker and control plane, in one folder."""

    def __init__(self, scenario: Scenario, folder: Path, port: int) -> None:
        self._scenario = scenario
        self._folder = folder.resolve()
        self._wanted_port = port
        self._bin = Path(sys.executable).parent
        self._children: dict[str, Child] = {}
        self._info: dict[str, object] = {}
        self._ready = False
        self._building = Building(scenario, self._folder, self._kill)

    async def run(self, seconds: float | None) -> None:
        """Until Ctrl-C, or for so many seconds once all is ready."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        self._folder.mkdir(parents=True, exist_ok=True)
        info_file = self._folder / "lab.json"
        info_file.unlink(missing_ok=True)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._work(tasks), name="lab")]
            ended = tasks.create_task(stop.wait(), name="stop")
            while not self._ready and not stop.is_set():
                await asyncio.sleep(0.1)
                if running[0].done():
                    break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await stop.wait()
            ended.cancel()
            running[0].cancel()
        info_file.unlink(missing_ok=True)

    async def _work(self, tasks: asyncio.TaskGroup) -> None:
        workers: list[asyncio.Task[None]] = []
        try:
            await self._prepare(workers, tasks)
            self._ready = True
            self._write_info()
            self._greet()
            await asyncio.Event().wait()
        finally:
            # gateways first, the broker last: what is on its way still arrives
            for worker in reversed(workers):
                worker.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await worker

    async def _prepare(self, workers: list[asyncio.Task[None]], tasks: asyncio.TaskGroup) -> None:
        folder, scenario = self._folder, self._scenario
        ready = asyncio.Event()
        workers.append(tasks.create_task(self._building.run(ready), name="building"))
        await ready.wait()
        workers.append(tasks.create_task(serve_control(self._building, folder / "control.sock"), name="control"))
        broker_dir = folder / "broker"
        ca_file = make_certificates(broker_dir)
        state = self._state()
        web_port, broker_port = _port(self._wanted_port), _port(state["broker_port"])
        if web_port != self._wanted_port:
            click.echo(f"Port {self._wanted_port} is taken: the page is on {web_port} this time.")
        state["broker_port"] = broker_port
        self._save_state(state)
        cloud_yaml = folder / "cloud.yaml"
        cloud_yaml.write_text(
            yaml.safe_dump(
                {
                    "mqtt": {
                        "host": "127.0.0.1",
                        "port": broker_port,
                        "password": state["broker_password"],
                        "ca_file": "broker/ca.pem",
                    },
                    "web": {"port": web_port},
                    "metrics": {"port": _port(state["metrics_port"])},
                }
            )
        )
        cloud_yaml.chmod(0o600)
        cloud, edge = str(self._bin / "plantroom-cloud"), str(self._bin / "plantroom-edge")
        first = not state["enrolled"]
        if first:
            for name in (*(g.id for g in scenario.gateways), DIRECT_GATEWAY):
                await run_once(
                    [
                        cloud,
                        "gateway",
                        "add",
                        name,
                        "--site",
                        scenario.site,
                        "--site-name",
                        scenario.site_name,
                        "--out",
                        str(folder / "credentials"),
                        "-c",
                        str(cloud_yaml),
                    ]
                )
            await run_once(
                [cloud, "user", "add", "admin", "--role", "admin", "-c", str(cloud_yaml)],
                **{**os.environ, "PLANTROOM_PASSWORD": str(state["admin_password"])},
            )
            state["token"] = await run_once([cloud, "user", "token", "admin", "--name", "lab", "-c", str(cloud_yaml)])
            state["enrolled"] = True
            self._save_state(state)
        workers.append(self._spawn(tasks, "broker", broker_command(broker_dir, folder / "mosquitto", broker_port)))
        await _listening(broker_port, "the broker", folder / "logs" / "broker.log")
        workers.append(self._spawn(tasks, "cloud", [cloud, "serve", "-c", str(cloud_yaml)]))
        await self._cloud_ready(web_port, str(state["token"]))
        for gateway in scenario.gateways:
            path, environment = self._gateway_yaml(gateway, broker_port)
            command = [edge, "run", "-c", str(path)]
            workers.append(self._spawn(tasks, f"edge-{gateway.id}", command, environment))
        workers.append(tasks.create_task(self._bring_to_life(web_port, broker_port, ca_file, state), name="life"))
        self._info = {
            "web": f"http://127.0.0.1:{web_port}",
            "token": state["token"],
            "login": {"name": "admin", "password": state["admin_password"]},
            "broker": {
                "host": "127.0.0.1",
                "port": broker_port,
                "username": "plantroom-cloud",
                "password": state["broker_password"],
                "ca_file": str(ca_file),
            },
            "gateways": [gateway.id for gateway in scenario.gateways],
            "direct_gateway": DIRECT_GATEWAY,
        }

    def _spawn(
        self, tasks: asyncio.TaskGroup, name: str, command: list[str], environment: Mapping[str, str] | None = None
    ) -> asyncio.Task[None]:
        log = self._folder / "logs" / f"{name}.log"
        child = Child(name, command, log, self._write_info, environment or {})
        self._children[name] = child
        return tasks.create_task(child.run(), name=name)

    async def _bring_to_life(self, web_port: int, broker_port: int, ca_file: Path, state: dict[str, Any]) -> None:
        """Once all devices have registered: the set-up, then people come in, and the past is told."""
        site = ControlPlane(web_port, str(state["token"]))
        try:
            await site.registered({device.id for gateway in self._scenario.gateways for device in gateway.devices})
            done = state.setdefault("set_up", {"done": 0, "kept": _own_secrets()})
            for number, request in enumerate(self._scenario.set_up[done["done"] :], done["done"]):
                done["kept"] |= await site.set_up(request, done["kept"])
                done["done"] = number + 1
                self._save_state(state)
            self._building.kept = done["kept"]
            self._building.post = site.post
        except SimError as error:
            click.echo(f"Set-up: {error}", err=True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._building.people(), name="people")
            for gateway in self._scenario.gateways:
                tasks.create_task(self._history(gateway, broker_port, ca_file, state), name=f"history {gateway.id}")

    async def _history(self, gateway: Gateway, port: int, ca_file: Path, state: dict[str, Any]) -> None:
        """Once, however often the lab is started; a lab without charts is still a lab."""
        told = state.setdefault("history", {})
        past = told.setdefault(gateway.id, {"outbox": secrets.token_hex(8), "end": int(time.time()), "done": False})
        if past["done"] or not self._scenario.history_days:
            return
        self._save_state(state)
        password = (self._folder / "credentials" / f"{gateway.id}.password").read_text().strip()
        devices = [self._building.devices[device.id] for device in gateway.devices]
        history = History(gateway.id, past["outbox"], past["end"], self._scenario.history_days)
        try:
            await send_history(history, devices, port, password, ca_file)
        except SimError as error:
            click.echo(f"History: {error}; it is sent at the next start", err=True)
            return
        past["done"] = True
        self._save_state(state)

    def _gateway_yaml(self, gateway: Gateway, broker_port: int) -> tuple[Path, dict[str, str]]:
        """Its file, and the variables that its process needs."""
        parts = [self._building.buses[gateway.id, bus.id].gateway_part() for bus in gateway.buses]
        document = {
            "gateway": gateway.id,
            "label": gateway.label,
            "location": gateway.location,
            "mqtt": {
                "host": "127.0.0.1",
                "port": broker_port,
                "username": gateway.id,
                "password_file": f"../credentials/{gateway.id}.password",
                "ca_file": "../broker/ca.pem",
            },
            "data_dir": "data",
            "buses": [dict(part.bus) for part in parts],
            "devices": [dict(device) for part in parts for device in part.devices],
        }
        path = self._folder / gateway.id / "gateway.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path, {name: value for part in parts for name, value in part.environment.items()}

    def _state(self) -> dict[str, Any]:
        """Secrets and ports of this lab, made at its first start."""
        path = self._folder / "state.json"
        if path.exists():
            state: dict[str, Any] = json.loads(path.read_text())
            return state
        return {
            "broker_port": 18883,
            "metrics_port": 19090,
            "broker_password": secrets.token_urlsafe(24),
            "admin_password": secrets.token_urlsafe(9),
            "token": "",
            "enrolled": False,
        }

    def _save_state(self, state: dict[str, Any]) -> None:
        path = self._folder / "state.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(state))

    def _write_info(self) -> None:
        if not self._ready:
            return
        pids = {name: child.pid for name, child in self._children.items()}
        path = self._folder / "lab.json"
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps({**self._info, "pids": pids}, indent=2))
        new.replace(path)

    def _kill(self, gateway: str) -> None:
        child = self._children.get(f"edge-{gateway}")
        if child is not None and child.pid is not None:
            os.kill(child.pid, signal.SIGKILL)

    async def _cloud_ready(self, port: int, token: str) -> None:
        try:
            await ControlPlane(port, token).ready(READY_S)
        except TimeoutError as error:
            raise SimError(f"the control plane did not start; see {self._folder / 'logs' / 'cloud.log'}") from error

    def _greet(self) -> None:
        login = self._info["login"]
        assert isinstance(login, dict)
        timed = [fault for fault in self._scenario.faults if fault.at is not None]
        faults = ", ".join(fault.name for fault in self._scenario.faults)
        click.echo(
            f"\n  {self._scenario.name} runs.\n\n"
            f"  Page      {self._info['web']}\n"
            f"  Login     {login['name']} / {login['password']}\n"
            f"  Data      {self._folder} (logs in logs/, what a script needs in lab.json)\n\n"
            + "".join(f"  Soon      {fault.title}.\n" for fault in timed)
            + "  Try       open the alarm, acknowledge it, take its work order, say it is done, see it verified\n"
            f"            plantroom-sim fault pump-2-bearing --data {self._folder}\n"
            f"            (faults: {faults})\n"
            "            kill -9 any process of it: nothing is lost\n"
            "  End       Ctrl-C\n"
        )


def _port(wanted: object) -> int:
    """The wanted port when nobody listens there, else a free one."""
    assert isinstance(wanted, int)
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise SimError("there is no free port")


def _own_secrets() -> dict[str, list[str]]:
    """For the people of a scenario: OWN_SECRETS, each lab's own."""
    pin = ""
    while len(set(pin)) < 3:  # not one that others guess
        pin = "".join(secrets.choice("0123456789") for _ in range(6))
    return {"secret": [secrets.token_urlsafe(12)], "pin": [pin]}


async def _listening(port: int, what: str, log: Path) -> None:
    try:
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                return
    except TimeoutError as error:
        raise SimError(f"{what} did not start; see {log}") from error
