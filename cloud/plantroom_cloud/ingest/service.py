"""The ingest: decode, de-duplicate, judge, commit once; only then acknowledge."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlmodel import Session

from plantroom_cloud import metrics
from plantroom_cloud.alarms.service import AlarmService, Mark
from plantroom_cloud.columns import utc_from_ms
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import device_key
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.gateways.ledger import GroupLedger
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.ingest.answers import Answers, identity
from plantroom_cloud.ingest.connection import Received
from plantroom_cloud.ingest.direct import read_direct
from plantroom_cloud.quarantine.service import keep
from plantroom_cloud.telemetry.service import TelemetryService
from plantroom_shared.batch import Batch, DeviceRows, Event
from plantroom_shared.encoding import MAX_MESSAGE_BYTES, decode, decode_batch
from plantroom_shared.errors import MessageRefusedError, PlantroomError
from plantroom_shared.messages import Birth, Rejected, Status
from plantroom_shared.said import said
from plantroom_shared.topics import Address, parse_topic

_log = logging.getLogger(__name__)

#: How a message that no check foresaw breaks what takes it.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    DBAPIError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class EventConsumer(Protocol):
    """A domain that takes events."""

    def apply_event(self, session: Session, gateway_id: str, event: Event, at: datetime) -> None:
        """Take one that is its own, pass over the others; in the transaction that also writes the ledger, so exactly
        once. Raises ValueError for one that cannot be right: its batch is quarantined."""
        ...


@dataclass(frozen=True, slots=True)
class _Read:
    """A message, read: no database was asked."""

    message: Received
    address: Address | None
    batch: Batch | None
    refusal: str


@dataclass
class _Group:
    """One transaction and what comes together in it."""

    session: Session
    at: datetime
    gateways: dict[str, Gateway]
    ledger: GroupLedger
    full: bool  #: the journal is: no more telemetry, so that gateways keep theirs
    answers: Answers = field(default_factory=Answers)
    waiting: dict[str, list[Batch]] = field(default_factory=dict)  #: batches by gateway, in order
    rows: dict[str, list[DeviceRows]] = field(default_factory=dict)  #: by device id, for the latest values
    values: int = 0
    refused: int = 0
    duplicates: int = 0
    held: int = 0


class IngestService:
    """Processes groups of messages; each group is one relational transaction."""

    def __init__(
        self,
        database: Database,
        gateways: GatewayService,
        devices: DeviceService,
        alarms: AlarmService,
        telemetry: TelemetryService,
        consumers: Sequence[EventConsumer],
    ) -> None:
        self._database = database
        self._gateways = gateways
        self._devices = devices
        self._alarms = alarms
        self._telemetry = telemetry
        self._consumers = consumers

    def process(self, messages: Sequence[Received], at: datetime) -> list[tuple[str, bytes]]:
        """Commit a group; the acknowledgements to publish. A message that breaks the group is found by halving and
        quarantined. Raises OperationalError when the database is away: then nothing is acknowledged."""
        return self._commit([_read(message) for message in messages], at)  # read before the transaction begins

    def forget(self) -> None:
        """Another process had these gateways meanwhile: what is in memory may not be so."""
        self._alarms.forget()

    def _commit(self, messages: Sequence[_Read], at: datetime, *, again: bool = False) -> list[tuple[str, bytes]]:
        try:
            with self._database.write() as session:
                group = self._begin(session, messages, at)
                for message in messages:
                    self._take(group, message)
                self._finish(group)
                answers = group.answers.messages()
        except OperationalError:
            self._alarms.forget()
            raise
        except _BROKEN as error:
            self._alarms.forget()
            if isinstance(error, IntegrityError) and not again:  # another process made the same row meanwhile
                return self._commit(messages, at, again=True)
            if len(messages) == 1:
                _log.exception("a message on %s cannot be processed; it is quarantined", messages[0].message.topic)
                return self._give_up(messages[0], f"could not be processed: {error!r}"[:500], at)
            middle = len(messages) // 2
            return self._commit(messages[:middle], at) + self._commit(messages[middle:], at)
        metrics.VALUES_COMMITTED.inc(group.values)
        metrics.REFUSED.inc(group.refused)
        metrics.BATCHES.labels("duplicate").inc(group.duplicates)
        metrics.BATCHES.labels("held").inc(group.held)
        return answers

    def _give_up(self, message: _Read, reason: str, at: datetime) -> list[tuple[str, bytes]]:
        answers: list[tuple[str, bytes]] = []
        try:
            with self._database.write() as session:
                group = self._begin(session, [message], at)
                self._refuse(group, message, reason)
                group.ledger.save()
                answers = group.answers.messages()
        except OperationalError:
            raise
        except _BROKEN:  # whose it was cannot even be written down: the message alone is kept, and the queue goes on
            _log.exception("a refused message on %s has no sender that can be told", message.message.topic)
            with self._database.write() as session:
                self._keep(session, message, reason, at)
        metrics.REFUSED.inc()
        return answers

    def _begin(self, session: Session, messages: Sequence[_Read], at: datetime) -> _Group:
        named = sorted({message.address.gateway for message in messages if message.address is not None})
        gateways = self._gateways.locked(session, named)
        ledger = GroupLedger(session, sorted(gateways), at)
        return _Group(session, at, gateways, ledger, self._telemetry.fullness(session, at) >= 1)

    def _take(self, group: _Group, message: _Read) -> None:
        try:
            if message.address is None or message.refusal:
                raise MessageRefusedError(message.refusal)
            name = message.address.gateway
            gateway = group.gateways.get(name)
            if gateway is None:
                raise MessageRefusedError(
                    said("gateway %(name)r is not enrolled; run: plantroom-cloud gateway add %(name)s", name=name)
                )
            if gateway.revoked_at is not None:
                raise MessageRefusedError(said("gateway %(name)r was revoked", name=name))
            if message.batch is not None:
                group.waiting.setdefault(name, []).append(message.batch)
                return
            self._batches(group, name)  # what was sent before it is committed before it
            self._other(group, message.address, message.message.payload)
        except PlantroomError as error:
            self._refuse(group, message, str(error))

    def _other(self, group: _Group, address: Address, payload: bytes) -> None:
        session, at = group.session, group.at
        match address.kind:
            case "status":
                status = decode(payload, Status)
                _same_gateway(status.gateway, address)
                self._gateways.apply_status(session, status, at)
            case "birth":
                birth = decode(payload, Birth)
                _same_gateway(birth.gateway, address)
                self._gateways.apply_birth(session, birth, at)
                self._devices.register(session, birth, at)
                session.flush()
                self._alarms.ensure_suggested(session, birth, at)
            case "direct":
                assert address.device is not None
                self._direct(group, address.gateway, address.device, payload)
            case _:
                raise MessageRefusedError(said("nothing to take on a topic of kind %(kind)s", kind=address.kind))

    def _batches(self, group: _Group, gateway_id: str) -> None:
        """Batches of one gateway that wait: its events, its telemetry, its alarms."""
        fresh = [batch for batch in group.waiting.pop(gateway_id, []) if self._is_new(group, batch)]
        gateway = group.gateways[gateway_id]
        before = Mark(gateway.complete_until, gateway.last_batch_at)
        gateway.last_batch_at = group.at
        for batch in fresh:
            for event in batch.events:
                for consumer in self._consumers:
                    consumer.apply_event(group.session, gateway_id, event, group.at)
            if batch.complete_until is not None:
                until = utc_from_ms(batch.complete_until)
                gateway.complete_until = max(until, gateway.complete_until or until)
        group.session.add(gateway)
        group.session.flush()
        kept = [batch for batch in fresh if not self._is_held(group, batch)]
        for late in (False, True):
            self._journal(group, gateway_id, [batch for batch in kept if batch.historical is late], late=late)
        for batch in fresh:
            for rows in batch.telemetry:
                if rows.times:
                    group.rows.setdefault(device_key(gateway_id, rows.device), []).append(rows)
        self._alarms.process(group.session, gateway_id, fresh, group.at, before)

    def _is_new(self, group: _Group, batch: Batch) -> bool:
        """De-duplicates; a batch that is held is not acknowledged, and comes again."""
        if self._is_held(group, batch):
            group.held += 1
            return True
        group.answers.acked[batch.gateway, batch.outbox, batch.stream].append(batch.seq)
        if not group.ledger.take(batch.gateway, batch.outbox, batch.stream, batch.seq):
            group.ledger.count(batch.gateway, duplicate=1)
            group.duplicates += 1
            return False
        values = batch.value_count()
        group.values += values
        group.ledger.count(
            batch.gateway,
            received=1,
            late=int(batch.historical),
            events_received=len(batch.events),
            values_received=values,
        )
        return True

    def _is_held(self, group: _Group, batch: Batch) -> bool:
        """The journal is full: alarms are judged all the same, but the gateway keeps its readings."""
        return group.full and batch.stream == "telemetry" and not batch.events

    def _journal(self, group: _Group, gateway_id: str, batches: Sequence[Batch], *, late: bool) -> None:
        rows = [rows for batch in batches for rows in batch.telemetry]
        if rows:
            values = sum(batch.value_count() for batch in batches)
            self._telemetry.journal(group.session, gateway_id, rows, values, group.at, late=late)

    def _finish(self, group: _Group) -> None:
        for gateway_id in list(group.waiting):
            self._batches(group, gateway_id)
        group.session.flush()
        self._devices.merge_latest(group.session, group.rows, group.at)
        group.ledger.save()

    def _direct(self, group: _Group, gateway_id: str, device: str, payload: bytes) -> None:
        session, at = group.session, group.at
        if group.full:
            raise MessageRefusedError("the journal is full; a device that speaks MQTT itself keeps nothing")
        values, moment = read_direct(payload, at)
        self._devices.register_direct(session, gateway_id, device, values, at)
        rows = DeviceRows(device=device, times=[moment], values={metric: [value] for metric, value in values.items()})
        self._telemetry.journal(session, gateway_id, [rows], len(values), at, late=False)
        session.flush()
        group.rows.setdefault(device_key(gateway_id, device), []).append(rows)
        self._alarms.process_direct(session, gateway_id, rows, at)
        group.values += len(values)
        group.ledger.count(gateway_id, values_received=len(values))

    def _refuse(self, group: _Group, message: _Read, reason: str) -> None:
        gateway_id = self._keep(group.session, message, reason, group.at)
        group.refused += 1
        if message.message.topic.rpartition("/")[2] != "data":
            return
        whose = identity(message.message.payload)
        if whose is not None:
            outbox, stream, seq = whose
            group.answers.rejected[gateway_id, outbox, stream].append(Rejected(seq=seq, reason=reason))
        if gateway_id in group.gateways:
            group.ledger.count(gateway_id, rejected=1)
            if whose is not None:
                group.ledger.reject(gateway_id, *whose)

    def _keep(self, session: Session, message: _Read, reason: str, at: datetime) -> str:
        """In quarantine; the gateway that its topic names."""
        topic, payload = message.message.topic, message.message.payload
        parts = topic.split("/")
        gateway_id = parts[2] if len(parts) > 2 else ""
        keep(session, topic, gateway_id, reason, payload[: MAX_MESSAGE_BYTES * 2], at)
        return gateway_id


def _read(message: Received) -> _Read:
    """Take a message apart as far as that is possible without asking anybody."""
    try:
        address = parse_topic(message.topic)
    except PlantroomError as error:
        return _Read(message, None, None, str(error))
    if address.kind != "data":
        return _Read(message, address, None, "")
    try:
        batch = decode_batch(message.payload)
        if batch.gateway != address.gateway:
            raise MessageRefusedError(
                said(
                    "batch of gateway %(gateway)r on the topic of %(gateway2)r",
                    gateway=batch.gateway,
                    gateway2=address.gateway,
                )
            )
    except PlantroomError as error:
        return _Read(message, address, None, str(error))
    return _Read(message, address, batch, "")


def _same_gateway(named: str, address: Address) -> None:
    if named != address.gateway:
        raise MessageRefusedError(
            said("message of gateway %(named)r on the topic of %(gateway)r", named=named, gateway=address.gateway)
        )
