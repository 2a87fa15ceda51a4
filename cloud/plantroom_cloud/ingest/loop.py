"""The loop of the ingest: a group from the broker, its commit, then the acknowledgements."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from plantroom_cloud import metrics
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.config import Mqtt
from plantroom_cloud.database import Database
from plantroom_cloud.gateways.outgoing import publish_queued
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.ingest.connection import BrokerConnection, Received
from plantroom_cloud.ingest.partition import Partition
from plantroom_cloud.ingest.service import IngestService
from plantroom_cloud.threads import in_full, own_thread
from plantroom_shared.backoff import Backoff

_log = logging.getLogger(__name__)

#: A group that is committed at once: large enough to share one fsync, small enough for memory and for others' turns.
MESSAGES_AT_ONCE = 300
BYTES_AT_ONCE = 1_000_000
#: How often commands and configurations that the web wrote down are looked for.
PUBLISH_EVERY_S = 0.2
TICK_EVERY_S = 1.0


class IngestLoop:
    """One session with the broker. Commits run in a thread of their own: no slow page or store keeps them waiting, and
    the alarm engine's memory has one user."""

    def __init__(
        self,
        mqtt: Mqtt,
        partition: Partition,
        ingest: IngestService,
        alarms: AlarmService,
        gateways: GatewayService,
        database: Database,
        now: Callable[[], datetime],
        committed: Callable[[], None],
    ) -> None:
        self._broker = BrokerConnection(mqtt, partition.client_id, partition.has_topic)
        self._partition = partition
        self._ingest = ingest
        self._alarms = alarms
        self._gateways = gateways
        self._database = database
        self._now = now
        self._committed = committed

    @property
    def connected(self) -> bool:
        """Whether messages can come in."""
        return self._broker.connected

    async def run(self) -> None:
        """Until cancelled; what is being committed then is committed before it ends."""
        self._ingest.forget()  # another process may have had these gateways
        self._broker.start()
        try:
            async with own_thread("ingest") as thread, asyncio.TaskGroup() as tasks:
                tasks.create_task(self._take(thread), name="ingest")
                tasks.create_task(self._tick(thread), name="ingest clock")
                tasks.create_task(self._publish(), name="publisher")
        finally:
            await in_full(self._broker.stop)

    async def _take(self, thread: ThreadPoolExecutor) -> None:
        loop, backoff = asyncio.get_running_loop(), Backoff(first=0.2, longest=10)
        while True:
            messages = await self._broker.receive(MESSAGES_AT_ONCE, BYTES_AT_ONCE)
            begun = time.perf_counter()
            while True:
                try:
                    answers = await loop.run_in_executor(thread, self._ingest.process, messages, self._now())
                except OperationalError as error:
                    _log.warning("database: %s; nothing is acknowledged until it is back", error.orig)
                    await asyncio.sleep(backoff.next_wait())
                    continue
                break
            backoff.reset()
            self._answer(messages, answers)
            metrics.MESSAGES.inc(len(messages))
            metrics.GROUPS.inc()
            metrics.COMMIT_S.observe(time.perf_counter() - begun)

    def _answer(self, messages: list[Received], answers: list[tuple[str, bytes]]) -> None:
        """Committed: the gateways may delete, the broker may forget, pages may look."""
        for where, payload in answers:
            self._broker.publish(where, payload)
        self._broker.acknowledge(messages)
        self._committed()

    async def _tick(self, thread: ThreadPoolExecutor) -> None:
        """Devices that speak MQTT themselves have no gateway whose watermark moves on."""
        while True:
            await asyncio.sleep(TICK_EVERY_S)
            try:
                await asyncio.get_running_loop().run_in_executor(thread, self._tick_now)
            except OperationalError as error:
                self._alarms.forget()
                _log.warning("database: %s", error.orig)

    def _tick_now(self) -> None:
        session: Session
        with self._database.write() as session:
            self._alarms.tick_direct(session, self._now(), self._partition.has)

    async def _publish(self) -> None:
        while True:
            await asyncio.sleep(PUBLISH_EVERY_S)
            metrics.CONNECTED.set(self._broker.connected)
            if self._broker.connected:
                try:
                    await asyncio.to_thread(self._publish_now)
                except OperationalError as error:  # tried again in a moment
                    _log.debug("database: %s", error.orig)

    def _publish_now(self) -> None:
        publish_queued(self._database, self._gateways, self._partition.has, self._broker.publish)
