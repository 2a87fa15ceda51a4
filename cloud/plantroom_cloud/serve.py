"""Everything that runs, by role: web, ingest, writer, scheduler. One owner, named tasks, a clean end."""

import asyncio
import contextlib
import ctypes
import gc
import signal
import socket
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import uvicorn
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from sqlalchemy.exc import IntegrityError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.config import CloudConfig
from plantroom_cloud.errors import CloudError
from plantroom_cloud.gateways.service import expire_commands
from plantroom_cloud.ingest.loop import IngestLoop
from plantroom_cloud.ingest.partition import Partition
from plantroom_cloud.jobs.leased import Leased
from plantroom_cloud.jobs.timers import Plan, Tick, Timers
from plantroom_cloud.quarantine.service import measure as measure_quarantine
from plantroom_cloud.quarantine.service import trim as trim_quarantine
from plantroom_cloud.services import Services
from plantroom_cloud.stream.service import trim as trim_changes
from plantroom_cloud.telemetry.loop import WriterLoop
from plantroom_cloud.users.service import trim_sessions

#: Of glibc's mallopt(3): how many heaps there may be.
M_ARENA_MAX = -8


class Part(StrEnum):
    """What a process does; all of it by default. Of the last three each is done by one process at a time."""

    WEB = "web"
    INGEST = "ingest"
    WRITER = "writer"
    SCHEDULER = "scheduler"


class PortError(CloudError):
    """Something listens there already, or there is no such address."""


class Server:
    """The running control plane, or a part of it."""

    def __init__(self, services: Services, parts: Collection[Part], partition: Partition) -> None:
        self._services = services
        self._parts = frozenset(parts)
        self._partition = partition
        self._ingest = IngestLoop(
            services.config.mqtt,
            partition,
            services.ingest,
            services.alarms,
            services.gateways,
            services.database,
            services.now,
            services.changes.look,
        )

    async def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        services, config = self._services, self._services.config
        _suit_the_process()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await asyncio.to_thread(self._ensure_rules)
        servers = [_uvicorn(self.health_app(), config.metrics.host, config.metrics.port)]
        if Part.WEB in self._parts:
            from plantroom_cloud.app import create_app  # the other parts need no web framework

            await asyncio.to_thread(services.telemetry.open)
            servers.append(_uvicorn(create_app(services), config.web.host, config.web.port))
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(work, name=name) for name, work in self._work()]
                serving = [tasks.create_task(server.serve(), name="http") for server in servers]
                await stop.wait()
                for server in servers:
                    server.should_exit = server.force_exit = True  # live streams never end by themselves
                for task in running:
                    task.cancel()
                await asyncio.wait(serving, timeout=10)
        finally:
            services.telemetry.store.close()
            services.database.close()

    def _work(self) -> Iterator[tuple[str, Any]]:
        """The tasks of this process's parts; what only one process may do waits for its lease."""
        services = self._services
        if Part.WEB in self._parts:
            yield "changes", services.changes.run()
        if Part.INGEST in self._parts:
            yield "ingest", self._leased(self._partition.name).run(self._ingest.run)
        if Part.WRITER in self._parts:
            writer = WriterLoop(services.telemetry_writer, services.telemetry.store, services.now)
            yield "telemetry writer", self._leased("writer").run(writer.run)
        if Part.SCHEDULER in self._parts:
            yield "scheduler", self._leased("scheduler").run(self._schedule)

    def _leased(self, name: str) -> Leased:
        services = self._services
        return Leased(name, services.jobs, services.database, services.now)

    async def _schedule(self) -> None:
        services = self._services
        ticks: list[Tick] = [services.alarms.tick, *(ticker.tick for ticker in services.tickers)]
        ticks += [expire_commands, measure_quarantine]
        timers = Timers(ticks, self._plans(), services.jobs, services.database, services.now)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(timers.run(), name="timers")
            tasks.create_task(services.dispatcher.run(), name="notifications")

    def _plans(self) -> list[Plan]:
        return [
            Plan("forget changes", timedelta(minutes=10), self._in_write(trim_changes)),
            Plan("forget sessions", timedelta(minutes=10), self._in_write(trim_sessions)),
            Plan("forget quarantined messages", timedelta(hours=1), self._in_write(trim_quarantine)),
            Plan("maintenance plans", timedelta(minutes=1), self._in_write(self._services.plans.tick)),
            Plan("forget job runs", timedelta(days=1), self._in_write(self._services.jobs.trim)),
            Plan("retention of telemetry", timedelta(minutes=10), self._forget_telemetry),
        ]

    def _forget_telemetry(self, at: datetime) -> None:
        """The writer, and the page, may be other processes."""
        store = self._services.telemetry.store
        store.open()
        store.forget(ms_from_utc(at))

    def _in_write(self, work: Tick) -> Any:
        def done(at: datetime) -> None:
            with self._services.database.write() as session:
                work(session, at)

        return done

    def _ensure_rules(self) -> None:
        """Two processes that start at once may both find them missing: the second finds them there."""
        for last in (False, True):
            try:
                self._in_write(self._services.alarms.ensure_system_rules)(self._services.now())
            except IntegrityError:
                if last:
                    raise
            else:
                return

    def health_app(self) -> Starlette:
        """What is open without credentials, on a port of its own."""

        async def health(_request: Request) -> JSONResponse:
            """200 while the process works; `broker` says whether messages can come in."""
            parts = sorted(part.value for part in self._parts)
            return JSONResponse({"status": "ok", "broker": self._ingest.connected, "parts": parts})

        return Starlette(routes=[Route("/health", health), Route("/metrics", _figures)])


def _suit_the_process() -> None:
    """Batches are many small objects without cycles: looking through all of them again and again for cycles costs four
    times as much as decoding them. And a heap per thread would keep what the threads take in turn."""
    with contextlib.suppress(OSError, AttributeError):  # another libc than glibc
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 1)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


class _Uvicorn(uvicorn.Server):
    """Leaves the signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _figures(request: Request) -> Response:
    """For Prometheus, in the form that it asks for."""
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(REGISTRY), headers={"Content-Type": kind})


def check_ports(config: CloudConfig, parts: Collection[Part]) -> None:
    """Raises PortError for an address that cannot be listened at: with its key and what would be right."""
    wanted = {"metrics": (config.metrics.host, config.metrics.port)}
    if Part.WEB in parts:
        wanted["web"] = (config.web.host, config.web.port)
    for key, (host, port) in wanted.items():
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            raise PortError(
                f"{key}.host, {key}.port: {host}:{port} cannot be listened at ({error.strerror}); end what listens "
                "there, or set another"
            ) from error


def _uvicorn(app: Any, host: str, port: int) -> _Uvicorn:
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=3,
        proxy_headers=True,
    )
    return _Uvicorn(config)
