"""The lab: puts everything together, says what there is, keeps it running."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click
import yaml

from plantroom_sim.building import Building
from plantroom_sim.control import CONTROL, check_path, serve_control
from plantroom_sim.errors import SimError
from plantroom_sim.lab.broker import EMBEDDED, broker_command, is_embedded, make_certificates
from plantroom_sim.lab.control_plane import ControlPlane
from plantroom_sim.lab.history import History, send_history
from plantroom_sim.lab.lock import only_one
from plantroom_sim.lab.ports import READY_S, listening, usable_port
from plantroom_sim.lab.processes import Child, run_once
from plantroom_sim.lab.state import LabState, load_state
from plantroom_sim.scenario import Gateway, Scenario

DIRECT_GATEWAY = "lab-direct"


class Lab:
    """One building with its gateways, broker and control plane, in one folder."""

    def __init__(self, scenario: Scenario, folder: Path, port: int, broker: str = "auto") -> None:
        self._scenario = scenario
        self._folder = folder.resolve()
        self._wanted_port = port
        self._broker = broker
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
        check_path(self._folder / CONTROL)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SimError(f"{self._folder}: {error.strerror}; name a folder with --data") from error
        with only_one(self._folder):
            await self._run(stop, seconds)

    async def _run(self, stop: asyncio.Event, seconds: float | None) -> None:
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
        folder, scenario, state = self._folder, self._scenario, load_state(self._folder)
        ready = asyncio.Event()
        workers.append(tasks.create_task(self._building.run(ready), name="building"))
        await ready.wait()
        workers.append(tasks.create_task(serve_control(self._building, folder / CONTROL), name="control"))
        broker_dir = folder / "broker"
        ca_file = make_certificates(broker_dir)
        web_port, state.broker_port = usable_port(self._wanted_port), usable_port(state.broker_port)
        state.metrics_port = usable_port(state.metrics_port)
        if web_port != self._wanted_port:
            click.echo(f"Port {self._wanted_port} is taken: the page is on {web_port} this time.")
        state.save(folder)
        config = self._cloud_yaml(state, web_port)
        if not state.enrolled:
            click.echo("First start: enrolling the gateways and making the administrator …")
            await self._enrol(state, config)
        command = broker_command(self._broker, broker_dir, folder / "mosquitto", state.broker_port)
        workers.append(self._spawn(tasks, "broker", command))
        await listening(state.broker_port, "the broker", folder / "logs" / "broker.log")
        workers.append(self._spawn(tasks, "cloud", [self._program("cloud"), "serve", "-c", str(config)]))
        for gateway in scenario.gateways:
            path, environment = self._gateway_yaml(gateway, state.broker_port)
            command = [self._program("edge"), "run", "-c", str(path)]
            workers.append(self._spawn(tasks, f"edge-{gateway.id}", command, environment))
        site = ControlPlane(web_port, state.token)
        try:
            await site.ready(READY_S)
        except TimeoutError as error:
            raise SimError(f"the control plane did not start; see {folder / 'logs' / 'cloud.log'}") from error
        await self._set_up(site, state)
        workers.append(tasks.create_task(self._building.live(), name="life"))
        for gateway in scenario.gateways:
            telling = self._history(gateway, ca_file, state)
            workers.append(tasks.create_task(telling, name=f"history {gateway.id}"))
        self._info = {
            "web": f"http://127.0.0.1:{web_port}",
            "token": state.token,
            "login": {"name": "admin", "password": state.admin_password},
            "broker": {
                "host": "127.0.0.1",
                "port": state.broker_port,
                "username": "plantroom-cloud",
                "password": state.broker_password,
                "ca_file": str(ca_file),
            },
            "gateways": [gateway.id for gateway in scenario.gateways],
            "direct_gateway": DIRECT_GATEWAY,
        }

    def _program(self, part: str) -> str:
        return str(self._bin / f"plantroom-{part}")

    async def _enrol(self, state: LabState, config: Path) -> None:
        """Credentials of the gateways, the administrator and his token."""
        cloud, where = self._program("cloud"), ["-c", str(config)]
        names = [*(gateway.id for gateway in self._scenario.gateways), DIRECT_GATEWAY]
        site = ["--site", self._scenario.site, "--site-name", self._scenario.site_name]
        out = str(self._folder / "credentials")
        await run_once([cloud, "gateway", "add", *names, *site, "--out", out, *where])
        secret = {"PLANTROOM_PASSWORD": state.admin_password}
        said = await run_once([cloud, "user", "add", "admin", "--role", "admin", "--token", "lab", *where], **secret)
        state.token, state.enrolled = said.splitlines()[-1], True
        state.save(self._folder)

    async def _set_up(self, site: ControlPlane, state: LabState) -> None:
        """Once all devices have registered: what the scenario asks of the control plane, each request once."""
        try:
            await site.registered({device.id for gateway in self._scenario.gateways for device in gateway.devices})
            for request in self._scenario.set_up[state.set_up :]:
                state.kept |= await site.set_up(request, state.kept)
                state.set_up += 1
                state.save(self._folder)
        except SimError as error:
            click.echo(f"Set-up: {error}", err=True)
        self._building.kept = dict(state.kept)
        self._building.post = site.post

    async def _history(self, gateway: Gateway, ca_file: Path, state: LabState) -> None:
        """Once, however often the lab is started; a lab without charts is still a lab."""
        new = {"outbox": secrets.token_hex(8), "end": int(time.time()), "done": False}
        past = state.history.setdefault(gateway.id, new)
        if past["done"] or not self._scenario.history_days:
            return
        state.save(self._folder)
        password = (self._folder / "credentials" / f"{gateway.id}.password").read_text().strip()
        devices = [self._building.devices[device.id] for device in gateway.devices]
        history = History(gateway.id, past["outbox"], past["end"], self._scenario.history_days)
        try:
            await send_history(history, devices, state.broker_port, password, ca_file)
        except SimError as error:
            click.echo(f"History: {error}; it is sent at the next start", err=True)
            return
        past["done"] = True
        state.save(self._folder)

    def _cloud_yaml(self, state: LabState, web_port: int) -> Path:
        document = {
            "mqtt": {
                "host": "127.0.0.1",
                "port": state.broker_port,
                "password": state.broker_password,
                "ca_file": "broker/ca.pem",
                "version": "3.1.1" if is_embedded(self._broker) else "5",
            },
            "web": {"port": web_port},
            "metrics": {"port": state.metrics_port},
        }
        path = self._folder / "cloud.yaml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document))
        return path

    def _spawn(
        self, tasks: asyncio.TaskGroup, name: str, command: list[str], environment: Mapping[str, str] | None = None
    ) -> asyncio.Task[None]:
        log = self._folder / "logs" / f"{name}.log"
        child = Child(name, command, log, self._write_info, environment or {}, click.echo)
        self._children[name] = child
        return tasks.create_task(child.run(), name=name)

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

    def _greet(self) -> None:
        login = self._info["login"]
        assert isinstance(login, dict)
        timed = [fault for fault in self._scenario.faults if fault.at is not None]
        faults = ", ".join(fault.name for fault in self._scenario.faults)
        click.echo(
            f"\n  {self._scenario.name} runs.\n\n"
            f"  Page      {self._info['web']}\n"
            f"  Login     {login['name']} / {login['password']}\n"
            f"  Data      {self._folder} (logs in logs/, what a script needs in lab.json)\n"
            + (f"  Broker    {EMBEDDED}\n" if is_embedded(self._broker) else "")
            + "\n"
            + "".join(f"  Soon      {fault.title}.\n" for fault in timed)
            + "  Try       open the alarm, acknowledge it, take its work order, say it is done, see it verified\n"
            f"            plantroom-sim fault pump-2-bearing --data {self._folder}\n"
            f"            (faults: {faults})\n"
            "            kill -9 any process of it: nothing is lost\n"
            "  End       Ctrl-C\n"
        )
