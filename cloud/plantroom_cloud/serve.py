"""Everything that runs: web, ingest, telemetry writer, timers, metrics. One owner, named tasks, a clean end."""

import asyncio
import contextlib
import gc
import logging
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import uvicorn
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from prometheus_client import make_asgi_app
from sqlalchemy.exc import OperationalError
from sqlmodel import Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from plantroom_cloud import metrics
from plantroom_cloud.app import create_app
from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.gateways.service import expire_commands
from plantroom_cloud.ingest.connection import BrokerConnection
from plantroom_cloud.services import Services
from plantroom_cloud.stream.service import trim
from plantroom_cloud.telemetry.store import StoreUnavailableError
from plantroom_cloud.users.service import trim_sessions
from plantroom_shared.backoff import Backoff
from plantroom_shared.encoding import encode
from plantroom_shared.messages import VERSION, Authority, Command, DesiredConfig
from plantroom_shared.topics import topic

_log = logging.getLogger(__name__)

#: A group that is committed at once: large enough to share one fsync, small enough for memory and for others' turns.
MESSAGES_AT_ONCE = 300
BYTES_AT_ONCE = 1_000_000
#: How often windows are computed while there is more to move.
ROLL_UP_S = 2.0


class Server:
    """The running control plane."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._broker = BrokerConnection(services.config.mqtt, "plantroom-cloud")
        self._engine = asyncio.Lock()  # the alarm engine's memory has one user at a time

    async def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        services = self._services
        _spare_the_collector()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await self._open_store()
        await asyncio.to_thread(self._in_write, services.alarms.ensure_system_rules)
        self._broker.start()
        web = _uvicorn(create_app(services), services.config.web.host, services.config.web.port)
        figures = _uvicorn(_health_app(self), services.config.metrics.host, services.config.metrics.port)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._ingest(), name="ingest"),
                    tasks.create_task(self._write_telemetry(), name="telemetry writer"),
                    tasks.create_task(self._publish_queued(), name="publisher"),
                    tasks.create_task(self._timers(), name="timers"),
                    tasks.create_task(self._services.dispatcher.run(), name="notifications"),
                ]
                servers = [
                    tasks.create_task(web.serve(), name="web"),
                    tasks.create_task(figures.serve(), name="metrics"),
                ]
                await stop.wait()
                web.should_exit = figures.should_exit = True
                web.force_exit = True  # live streams never end by themselves
                for task in running:
                    task.cancel()
                await asyncio.wait(servers, timeout=10)
        finally:
            self._broker.stop()
            services.telemetry.store.close()
            services.database.close()

    @property
    def ready(self) -> bool:
        """Whether messages can come in."""
        return self._broker.connected

    async def _open_store(self) -> None:
        try:
            await asyncio.to_thread(self._services.telemetry.store.open)
        except StoreUnavailableError as error:
            _log.warning("telemetry store: %s; the journal keeps what comes meanwhile", error)

    async def _ingest(self) -> None:
        backoff = Backoff(first=0.2, longest=10)
        while True:
            messages = await self._broker.receive(MESSAGES_AT_ONCE, BYTES_AT_ONCE)
            metrics.MESSAGES.inc(len(messages))
            while True:
                try:
                    async with self._engine:
                        at = self._services.now()
                        answers = await asyncio.to_thread(self._services.ingest.process, messages, at)
                except OperationalError as error:
                    _log.warning("database: %s; nothing is acknowledged until it is back", error.orig)
                    await asyncio.sleep(backoff.next_wait())
                    continue
                break
            backoff.reset()
            metrics.GROUPS.inc()
            for where, payload in answers:
                self._broker.publish(where, payload)
            self._broker.acknowledge(messages)

    async def _write_telemetry(self) -> None:
        backoff = Backoff(first=0.5, longest=15)
        writer, rolled_at = self._services.telemetry_writer, 0.0
        while True:
            try:
                moved = await asyncio.to_thread(writer.drain, self._services.now())
                if not moved or time.monotonic() - rolled_at >= ROLL_UP_S:
                    moved += await asyncio.to_thread(writer.roll_up, self._services.now())
                    rolled_at = time.monotonic()
            except (StoreUnavailableError, OperationalError) as error:
                if not backoff.tries:
                    _log.warning("telemetry store: %s; the journal keeps what comes meanwhile", error)
                await asyncio.sleep(backoff.next_wait())
                await self._open_store()
                continue
            backoff.reset()
            if not moved:
                await asyncio.sleep(0.2)

    async def _publish_queued(self) -> None:
        """Commands and configurations that the web wrote down."""
        while True:
            await asyncio.sleep(0.2)
            metrics.CONNECTED.set(self._broker.connected)
            if self._broker.connected:
                with contextlib.suppress(OperationalError):  # tried again in a moment
                    await asyncio.to_thread(self._publish_now)

    def _publish_now(self) -> None:
        gateways = self._services.gateways
        with self._services.database.read() as session:
            waiting = [
                *gateways.queued_commands(session),
                *gateways.queued_configs(session),
                *gateways.queued_authorities(session),
            ]
        if not waiting:
            return
        with self._services.database.write() as session:
            for order in gateways.queued_commands(session):
                command = Command(
                    id=order.id,
                    device=order.device,
                    action=order.action,
                    args=order.args,
                    issued_by=order.issued_by,
                    issued_at=ms_from_utc(order.issued_at),
                    expires_at=ms_from_utc(order.expires_at),
                )
                if self._broker.publish(topic(order.gateway_id, "command"), encode(command)):
                    order.state = "sent"
                    session.add(order)
            for config in gateways.queued_configs(session):
                desired = DesiredConfig(
                    v=VERSION,
                    version=config.version,
                    issued_at=ms_from_utc(config.issued_at),
                    issued_by=config.issued_by,
                    config=config.config,
                )
                if self._broker.publish(topic(config.gateway_id, "config"), encode(desired), retain=True):
                    config.state = "sent"
                    session.add(config)
            for row in gateways.queued_authorities(session):
                authority = Authority(
                    v=VERSION,
                    name=row.name,
                    version=row.version,
                    issued_at=ms_from_utc(row.issued_at),
                    issued_by=row.issued_by,
                    document=row.document,
                )
                where = topic(row.gateway_id, "authority", row.name)
                if self._broker.publish(where, encode(authority), retain=True):
                    row.state = "applied" if row.applied_version == row.version else "sent"
                    session.add(row)

    async def _timers(self) -> None:
        scheduler = AsyncIOScheduler(timezone="UTC")
        scheduler.add_job(self._tick, "interval", seconds=1, max_instances=1, coalesce=True)
        scheduler.add_job(self._clean, "interval", minutes=10, max_instances=1, coalesce=True)
        scheduler.start()
        try:
            await asyncio.Event().wait()
        finally:
            scheduler.shutdown(wait=False)

    async def _tick(self) -> None:
        try:
            async with self._engine:
                await asyncio.to_thread(self._in_write, self._services.alarms.tick)
            for ticker in self._services.tickers:
                await asyncio.to_thread(self._in_write, ticker.tick)
            await asyncio.to_thread(self._in_write, expire_commands)
        except OperationalError as error:
            self._services.alarms.forget()
            _log.warning("database: %s", error.orig)
        with self._services.database.read() as session:
            waiting = self._services.telemetry.backlog(session)
        metrics.JOURNAL_ENTRIES.set(waiting.entries)
        metrics.JOURNAL_BYTES.set(waiting.size)

    async def _clean(self) -> None:
        await asyncio.to_thread(self._in_write, trim)
        await asyncio.to_thread(self._in_write, trim_sessions)
        try:
            await asyncio.to_thread(self._services.telemetry.store.forget, ms_from_utc(self._services.now()))
        except StoreUnavailableError as error:
            _log.info("retention waits: %s", error)

    def _in_write(self, work: Callable[[Session, datetime], None]) -> None:
        with self._services.database.write() as session:
            work(session, self._services.now())


def _spare_the_collector() -> None:
    """Batches are many small objects without cycles: looking through all of them again and again for cycles costs
    four times as much as decoding them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


class _Uvicorn(uvicorn.Server):
    """Leaves the signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _uvicorn(app: Any, host: str, port: int) -> _Uvicorn:
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=3,
        proxy_headers=True,
    )
    return _Uvicorn(config)


def _health_app(server: Server) -> object:
    async def health(_request: Request) -> JSONResponse:
        """200 while the process works; `broker` says whether messages can come in."""
        return JSONResponse({"status": "ok", "broker": server.ready})

    return Starlette(routes=[Route("/health", health), Mount("/metrics", make_asgi_app())])
