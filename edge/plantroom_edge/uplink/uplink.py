"""The uplink: events first, then fresh telemetry, then the backlog at a bounded rate."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable

from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.payload import decode_payload
from plantroom_edge.outbox.store import Stored
from plantroom_edge.uplink.link import LINK_ERRORS, Connection, MqttLink
from plantroom_edge.uplink.window import Window
from plantroom_shared.backoff import Backoff, keep_connected
from plantroom_shared.batch import Batch, Event, Stream
from plantroom_shared.cancellation import stop_if_cancelled
from plantroom_shared.clock import Clock
from plantroom_shared.encoding import decode, encode
from plantroom_shared.errors import MessageRefusedError
from plantroom_shared.messages import VERSION, Ack, Authority, Birth, Command, DesiredConfig, Status
from plantroom_shared.topics import parse_topic, topic

_log = logging.getLogger(__name__)

#: Batches of the backlog sent for each look at events and fresh telemetry.
BACKLOG_SHARE = 16
READ_AT_ONCE = 32


class Uplink:
    """Sends what the outbox holds; deletes it when the cloud says that it is committed, and only then."""

    def __init__(
        self,
        gateway: str,
        link: MqttLink,
        outbox: Outbox,
        clock: Clock,
        birth: Callable[[], Birth],
        on_command: Callable[[Command], None],
        on_config: Callable[[DesiredConfig], None],
        on_authority: Callable[[Authority], None],
        on_event: Callable[[Event], None],
    ) -> None:
        self._gateway = gateway
        self._link = link
        self._outbox = outbox
        self._clock = clock
        self._birth = birth
        self._on_command = on_command
        self._on_config = on_config
        self._on_authority = on_authority
        self._on_event = on_event
        self._window = Window()
        self._room = asyncio.Event()
        self._rebirth = asyncio.Event()
        self.connected = False
        self.acknowledged_at: float | None = None

    def announce(self) -> None:
        """Devices or configuration changed: publish the birth message again."""
        self._rebirth.set()
        self._room.set()

    async def run(self) -> None:
        """Until cancelled."""
        await keep_connected(
            "uplink",
            self._session,
            errors=(*LINK_ERRORS, _LinkGroupError),
            clock=self._clock,
            backoff=Backoff(first=0.2, longest=15.0),
            log=_log,
        )

    async def _session(self, connected: Callable[[], None]) -> None:
        will = (topic(self._gateway, "status"), encode(self._status("offline")))
        subscriptions = [topic(self._gateway, kind) for kind in ("ack", "command", "config")]
        subscriptions.append(topic(self._gateway, "authority", "+"))
        try:
            async with self._link.connect(will, subscriptions) as connection:
                await self._introduce(connection)
                connected()
                self.connected = True
                await _together(self._receive(connection), self._send(connection), self._nudge())
        finally:
            self.connected = False
            self._window.clear()

    async def _introduce(self, connection: Connection) -> None:
        self._rebirth.clear()
        await connection.publish(topic(self._gateway, "birth"), encode(self._birth()), retain=True)
        await connection.publish(topic(self._gateway, "status"), encode(self._status("online")), retain=True)

    def _status(self, state: str) -> Status:
        birth = self._birth()
        return Status(
            v=VERSION,
            gateway=self._gateway,
            state="online" if state == "online" else "offline",
            boot=birth.boot,
            at=self._clock.now_ms(),
            versions=birth.versions,
        )

    async def _nudge(self) -> None:
        """Look again each second (what is overdue) and whenever the outbox grew."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._on_growth(), name="uplink growth")
            while True:
                await self._clock.sleep(1.0)
                self._room.set()

    async def _on_growth(self) -> None:
        while True:
            await self._outbox.wait_for_more()
            self._room.set()

    async def _send(self, connection: Connection) -> None:
        """What was there when the link came up is history; what comes after is sent before it."""
        split = await self._outbox.last_seq("telemetry")
        cursor: dict[str, int] = {"events": 0, "fresh": split, "backlog": 0}
        backlog_left = split > 0
        while True:
            stop_if_cancelled()
            self._room.clear()
            if self._rebirth.is_set():
                await self._introduce(connection)
            await self._resend(connection, split)
            moved = await self._forward(connection, "events", cursor, "events", None)
            moved += await self._forward(connection, "telemetry", cursor, "fresh", None)
            if backlog_left and self._window.has_room():
                sent = await self._forward(connection, "telemetry", cursor, "backlog", split)
                moved += sent
                backlog_left = sent > 0 or (cursor["backlog"] < split and not self._window.has_room())
            if not moved:
                await self._room.wait()

    async def _forward(
        self, connection: Connection, stream: Stream, cursor: dict[str, int], name: str, until: int | None
    ) -> int:
        limit = READ_AT_ONCE if until is None else BACKLOG_SHARE
        sent = 0
        for stored in await self._outbox.read(stream, cursor[name], limit):
            if (until is not None and stored.seq > until) or not self._window.has_room(len(stored.payload)):
                break
            await self._publish(connection, stored, historical=until is not None)
            cursor[name] = stored.seq
            sent += 1
        return sent

    async def _resend(self, connection: Connection, split: int) -> None:
        for stream, seq in self._window.overdue(self._clock.monotonic()):
            again = await self._outbox.read(stream, seq - 1, 1)
            if again and again[0].seq == seq:
                await self._publish(connection, again[0], historical=stream == "telemetry" and seq <= split)
            else:
                self._window.landed(stream, seq)

    async def _publish(self, connection: Connection, stored: Stored, *, historical: bool) -> None:
        payload = decode_payload(stored.payload)
        data = encode(
            Batch(
                v=VERSION,
                gateway=self._gateway,
                outbox=self._outbox.outbox_id,
                stream=stored.stream,
                seq=stored.seq,
                boot=payload.boot,
                sent_at=self._clock.now_ms(),
                historical=historical,
                clock=payload.clock,
                complete_until=payload.complete_until,
                telemetry=payload.telemetry,
                events=payload.events,
            )
        )
        self._window.sent(stored.stream, stored.seq, len(data), self._clock.monotonic())
        await connection.publish(topic(self._gateway, "data"), data)

    async def _receive(self, connection: Connection) -> None:
        async for where, payload in connection.messages():
            kind = parse_topic(where).kind
            try:
                if kind == "ack":
                    await self._acknowledged(decode(payload, Ack))
                elif kind == "command":
                    self._on_command(decode(payload, Command))
                elif kind == "config":
                    self._on_config(decode(payload, DesiredConfig))
                elif kind == "authority":
                    self._on_authority(decode(payload, Authority))
            except MessageRefusedError as error:
                _log.warning("uplink: message on %s refused: %s", where, error.reason)

    async def _acknowledged(self, ack: Ack) -> None:
        if ack.outbox != self._outbox.outbox_id:
            return
        self.acknowledged_at = self._clock.monotonic()
        ranges = [(first, last) for first, last in ack.acked]
        for item in ack.rejected:
            _log.error("uplink: batch %s/%d rejected by the cloud: %s", ack.stream, item.seq, item.reason)
            data = {"stream": ack.stream, "seq": item.seq, "reason": item.reason}
            self._on_event(Event(id=uuid.uuid4().hex, kind="batch.rejected", time=self._clock.now_ms(), data=data))
            ranges.append((item.seq, item.seq))
        if ranges:
            await self._outbox.acknowledge(ack.stream, ranges)
        for first, last in ranges:
            for seq in range(first, last + 1):
                self._window.landed(ack.stream, seq)
        self._room.set()


class _LinkGroupError(Exception):
    """The first error of the tasks of one connection, out of its group."""


async def _together(*work: Awaitable[None]) -> None:
    """Run until one ends or fails; a link error comes out bare, so that the reconnect loop can name it."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for index, item in enumerate(work):
                tasks.create_task(_ends_with_link(item), name=f"uplink {index}")
    except* LINK_ERRORS as group:
        error = group.exceptions[0]
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise _LinkGroupError(str(error)) from error


async def _ends_with_link(work: Awaitable[None]) -> None:
    await work
    raise ConnectionError("the connection ended")
