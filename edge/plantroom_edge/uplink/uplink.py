"""The uplink: events first, then fresh telemetry, then the backlog at a bounded rate."""

import asyncio
import functools
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.outbox.payload import Payload
from plantroom_edge.outbox.store import ADOPTED, Stored
from plantroom_edge.uplink.link import LINK_ERRORS, NOBODY, Connection, MqttLink
from plantroom_edge.uplink.pace import Pace
from plantroom_edge.uplink.window import NOBODY_S, Flying, Window
from plantroom_shared.backoff import Backoff, keep_connected
from plantroom_shared.batch import Batch, Event, Stream
from plantroom_shared.cancellation import stop_if_cancelled
from plantroom_shared.clock import Clock
from plantroom_shared.encoding import MAX_AUTHORITY_BYTES, decode, encode
from plantroom_shared.errors import MessageRefusedError
from plantroom_shared.messages import VERSION, Ack, Authority, Birth, Command, DesiredConfig, Status
from plantroom_shared.quality import ClockQuality
from plantroom_shared.topics import parse_topic, topic

_log = logging.getLogger(__name__)

#: Batches of the backlog sent for each look at events and fresh telemetry, and a second at most.
BACKLOG_SHARE, BACKLOG_PER_S = 16, 500.0
READ_AT_ONCE = 32
LOOK_AGAIN_S = 1.0
#: After an outage the present is on the page within 2 s: so the longest wait between two tries is a second.
LONGEST_WAIT_S = 1.0
#: Acknowledged batches are deleted together.
DELETE_EVERY_S = 0.5
MOST_SEQ = 2**63 - 1  #: SQLite counts no further


class _LinkGroupError(Exception):
    """The first error of the tasks of one connection, out of its group."""


_SESSION_ERRORS: tuple[type[Exception], ...] = (*LINK_ERRORS, _LinkGroupError)


@dataclass
class _Cursors:
    """How far each kind was sent on this connection; `split` is the last batch that was there when it began."""

    outbox: str
    split: int
    events: int = ADOPTED
    fresh: int = 0
    backlog: int = ADOPTED


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
        on_connected: Callable[[], None],
        hold: Callable[[Payload], bool] = lambda _payload: False,
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
        self._on_connected = on_connected
        self._hold = hold  #: whether a batch waits for the clock
        self._window = Window()
        self._pace = Pace(BACKLOG_PER_S)
        self._room = asyncio.Event()
        self._rebirth = asyncio.Event()
        self._acks: list[tuple[str, Stream, list[tuple[int, int]]]] = []
        self._acked = asyncio.Event()
        self._refusal = ""
        self._choked = False  #: the broker takes no more until it has answered
        self.connected = False
        self.connected_at: int | None = None  #: since when it is as `connected` says, ms
        self.last_error = ""
        self.acknowledged_at: float | None = None

    def announce(self) -> None:
        """Devices or configuration changed: publish the birth message again."""
        self._rebirth.set()
        self._room.set()

    def telemetry_flying(self) -> set[int]:
        """Numbers of telemetry on its way: the outbox leaves them as they are."""
        return self._window.telemetry()

    async def run(self) -> None:
        """Until cancelled."""
        await keep_connected(
            "uplink",
            self._session,
            errors=_SESSION_ERRORS,
            clock=self._clock,
            backoff=Backoff(first=0.2, longest=LONGEST_WAIT_S),
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
                self.connected, self.connected_at = True, self._clock.now_ms()
                self._on_connected()
                await _together(
                    self._receive(connection), self._send(connection), self._on_growth(), self._delete_acknowledged()
                )
        except _SESSION_ERRORS as error:
            self.last_error = str(error) or type(error).__name__
            raise
        finally:
            if self.connected:
                self.connected, self.connected_at = False, self._clock.now_ms()
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

    async def _on_growth(self) -> None:
        while True:
            await self._outbox.wait_for_more()
            self._room.set()

    async def _send(self, connection: Connection) -> None:
        """What was there when the link came up is history; what comes after is sent before it."""
        cursors = await self._begin()
        while True:
            stop_if_cancelled()
            self._room.clear()
            if cursors.outbox != self._outbox.outbox_id:  # the file was corrupt and is a new one
                self._window.clear()
                cursors = await self._begin()
            if self._rebirth.is_set():
                await self._introduce(connection)
            await self._resend(connection, cursors)
            moved = await self._forward(connection, cursors, "events", "events", READ_AT_ONCE)
            moved += await self._forward(connection, cursors, "telemetry", "fresh", READ_AT_ONCE)
            if cursors.backlog < cursors.split and self._window.has_room(historical=True):
                moved += await self._forward(connection, cursors, "telemetry", "backlog", BACKLOG_SHARE)
            if not moved:
                await self._wait()

    async def _begin(self) -> _Cursors:
        split = await self._outbox.last_seq("telemetry")
        return _Cursors(self._outbox.outbox_id, split, fresh=split)

    async def _wait(self) -> None:
        """Until something changes, and at most until it is time to look again."""
        try:
            look_again = NOBODY_S if self._window.again_soon else LOOK_AGAIN_S
            async with asyncio.timeout(self._pace.wait() or look_again):
                await self._room.wait()
        except TimeoutError:
            return

    async def _forward(self, connection: Connection, cursors: _Cursors, stream: Stream, name: str, limit: int) -> int:
        backlog = name == "backlog"
        sent = 0
        found = await self._outbox.read(stream, getattr(cursors, name), limit)
        if backlog and (not found or found[0].seq > cursors.split):
            cursors.backlog = cursors.split
        for stored in found:
            if cursors.outbox != self._outbox.outbox_id or (backlog and stored.seq > cursors.split):
                break
            if not self._window.has_room(len(stored.payload), historical=backlog):
                break
            if not connection.has_room():
                self._choked = True
                break
            if backlog and not self._pace.take(self._clock.monotonic()):
                break
            payload = self._outbox.prepared(stored)
            if payload is None:
                await self._outbox.set_aside(stored)
            elif self._hold(payload):
                break  # order is kept: what comes after waits too
            else:
                self._publish(connection, stored, payload, historical=backlog)
            setattr(cursors, name, stored.seq)
            sent += 1
        return sent

    async def _resend(self, connection: Connection, cursors: _Cursors) -> None:
        for item in self._window.overdue(self._clock.monotonic()):
            again = await self._outbox.read(item.stream, item.seq - 1, 1)
            payload = self._outbox.prepared(again[0]) if again and again[0].seq == item.seq else None
            if payload is None or cursors.outbox != self._outbox.outbox_id:
                self._window.gone(item.stream, item.seq)
            else:
                self._publish(connection, again[0], payload, historical=item.historical)

    def _publish(self, connection: Connection, stored: Stored, payload: Payload, *, historical: bool) -> None:
        outbox, number = payload.origin or (self._outbox.outbox_id, stored.seq)
        data = encode(
            Batch(
                v=VERSION,
                gateway=self._gateway,
                outbox=outbox,
                stream=stored.stream,
                seq=number,
                boot=payload.boot,
                sent_at=self._clock.now_ms(),
                # no alarm is judged by a time that nobody can vouch for
                historical=historical or payload.clock == ClockQuality.UNSYNCED,
                clock=payload.clock,
                complete_until=payload.complete_until,
                telemetry=payload.telemetry,
                events=payload.events,
            )
        )
        at = self._clock.monotonic()
        answered = functools.partial(self._on_answer, stored.stream, stored.seq)
        connection.send(topic(self._gateway, "data"), data, answered)
        self._window.sent(Flying(stored.stream, stored.seq, outbox, number, len(data), at, historical))

    def _on_answer(self, stream: Stream, seq: int, reason: str) -> None:
        """A refused batch stays in the outbox and is sent again later, ever more seldom."""
        if reason == NOBODY:
            self._window.untaken(stream, seq)
            reason = ""
        elif not reason:
            self._window.taken()
            if self._window.again_soon:
                self._room.set()
        if reason and reason != self._refusal:
            where = topic(self._gateway, "data")
            _log.error("uplink: the broker refuses what we publish on %s: %s; nothing is lost, it waits", where, reason)
            data = {"topic": where, "reason": reason}
            self._on_event(Event(id=uuid.uuid4().hex, kind="uplink.refused", time=self._clock.now_ms(), data=data))
            self.last_error = f"the broker refuses our batches: {reason}"
        self._refusal = reason
        if self._choked:
            self._choked = False
            self._room.set()

    async def _receive(self, connection: Connection) -> None:
        async for where, payload in connection.messages():
            try:
                kind = parse_topic(where).kind
                if kind == "ack":
                    self._acknowledged(decode(payload, Ack))
                elif kind == "command":
                    self._on_command(decode(payload, Command))
                elif kind == "config":
                    self._on_config(decode(payload, DesiredConfig))
                elif kind == "authority":
                    self._on_authority(decode(payload, Authority, MAX_AUTHORITY_BYTES))
            except MessageRefusedError as error:
                _log.warning("uplink: message on %s refused: %s", where, error.reason)

    def _acknowledged(self, ack: Ack) -> None:
        self.acknowledged_at = self._clock.monotonic()
        ranges = [(first, last) for first, last in ack.acked if 0 < first <= last <= MOST_SEQ]
        for item in ack.rejected:
            _log.error("uplink: batch %s/%d rejected by the cloud: %s", ack.stream, item.seq, item.reason)
            data = {"stream": ack.stream, "seq": item.seq, "reason": item.reason}
            self._on_event(Event(id=uuid.uuid4().hex, kind="batch.rejected", time=self._clock.now_ms(), data=data))
            ranges.append((item.seq, item.seq))
        ours = self._window.landed(ack.outbox, ack.stream, ranges)
        if ack.outbox != self._outbox.outbox_id:  # a batch that was salvaged from an older file
            ranges = [(seq, seq) for seq in ours]
        if ranges:
            self._acks.append((self._outbox.outbox_id, ack.stream, ranges))
            self._acked.set()
        self._room.set()

    async def _delete_acknowledged(self) -> None:
        """All that came meanwhile in one go, for deleting costs a commit; what is not deleted yet is sent again."""
        while True:
            await self._acked.wait()
            await self._clock.sleep(DELETE_EVERY_S)
            self._acked.clear()
            acks, self._acks = self._acks, []
            for outbox, stream in dict.fromkeys((outbox, stream) for outbox, stream, _ in acks):
                ranges = [item for one, kind, found in acks if (one, kind) == (outbox, stream) for item in found]
                await self._outbox.acknowledge(outbox, stream, _joined(ranges))


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers in as few ranges as possible."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


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
