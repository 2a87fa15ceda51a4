"""The ingest: decode, de-duplicate, judge, commit once; only then acknowledge."""

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.columns import ms_from_utc, utc_from_ms
from plantroom_cloud.database import Database
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.gateways import ledger
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.ingest.connection import Received
from plantroom_cloud.quarantine.service import keep
from plantroom_cloud.telemetry.service import TelemetryService
from plantroom_shared.batch import LATEST_MS, Batch, DeviceRows, Event, Value
from plantroom_shared.encoding import MAX_MESSAGE_BYTES, decode, decode_batch, encode
from plantroom_shared.errors import MessageRefusedError, PlantroomError
from plantroom_shared.ids import check_metric
from plantroom_shared.messages import Ack, Birth, Rejected, Status
from plantroom_shared.topics import Address, parse_topic, topic

_log = logging.getLogger(__name__)


@dataclass
class Answers:
    """What to tell the gateways once the group is committed."""

    acked: dict[tuple[str, str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    rejected: dict[tuple[str, str, str], list[Rejected]] = field(default_factory=lambda: defaultdict(list))

    def messages(self) -> list[tuple[str, bytes]]:
        """Topic and payload of each acknowledgement."""
        found = []
        for key in {*self.acked, *self.rejected}:
            gateway, outbox, stream = key
            ack = Ack(
                outbox=outbox,
                stream="events" if stream == "events" else "telemetry",
                acked=_ranges(self.acked.get(key, [])),
                rejected=self.rejected.get(key, []),
            )
            found.append((topic(gateway, "ack"), encode(ack)))
        return found


class EventConsumer(Protocol):
    """A domain that takes events."""

    def apply_event(self, session: Session, gateway_id: str, event: Event, at: datetime) -> None:
        """Take one that is its own, pass over the others; in the transaction that also writes the ledger, so exactly
        once. Raises ValueError for one that cannot be right: its batch is quarantined."""
        ...


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
        try:
            answers = Answers()
            with self._database.write() as session:
                self._group(session, messages, answers, at)
            return answers.messages()
        except OperationalError:
            self._alarms.forget()
            raise
        except (DBAPIError, ValueError, TypeError, KeyError, ArithmeticError, AttributeError) as error:
            self._alarms.forget()
            if len(messages) == 1:
                _log.exception("a message on %s cannot be processed; it is quarantined", messages[0].topic)
                return self._give_up(messages[0], f"could not be processed: {error!r}"[:500], at)
            middle = len(messages) // 2
            return self.process(messages[:middle], at) + self.process(messages[middle:], at)

    def _give_up(self, message: Received, reason: str, at: datetime) -> list[tuple[str, bytes]]:
        answers = Answers()
        with self._database.write() as session:
            self._refuse(session, message, reason, answers, at)
        return answers.messages()

    def _group(self, session: Session, messages: Sequence[Received], answers: Answers, at: datetime) -> None:
        batches: dict[str, list[Batch]] = defaultdict(list)
        for message in messages:
            try:
                address = self._address(session, message)
                if address.kind == "data":
                    batch = decode_batch(message.payload)
                    if batch.gateway != address.gateway:
                        raise MessageRefusedError(
                            f"batch of gateway {batch.gateway!r} on the topic of {address.gateway!r}"
                        )
                    batches[address.gateway].append(batch)
                    continue
                # what was sent before it is committed before it
                self._batches(session, batches.pop(address.gateway, []), address.gateway, answers, at)
                self._other(session, address, message, at)
            except PlantroomError as error:
                self._refuse(session, message, str(error), answers, at)
        for gateway_id, waiting in batches.items():
            self._batches(session, waiting, gateway_id, answers, at)

    def _address(self, session: Session, message: Received) -> Address:
        address = parse_topic(message.topic)
        gateway = session.get(Gateway, address.gateway)
        if gateway is None:
            raise MessageRefusedError(
                f"gateway {address.gateway!r} is not enrolled; run: plantroom-cloud gateway add {address.gateway}"
            )
        if gateway.revoked_at is not None:
            raise MessageRefusedError(f"gateway {address.gateway!r} was revoked")
        return address

    def _other(self, session: Session, address: Address, message: Received, at: datetime) -> None:
        match address.kind:
            case "status":
                status = decode(message.payload, Status)
                _same_gateway(status.gateway, address)
                self._gateways.apply_status(session, status, at)
            case "birth":
                birth = decode(message.payload, Birth)
                _same_gateway(birth.gateway, address)
                self._gateways.apply_birth(session, birth, at)
                self._devices.register(session, birth, at)
                session.flush()
                self._alarms.ensure_suggested(session, birth, at)
            case "direct":
                assert address.device is not None
                self._direct(session, address.gateway, address.device, message.payload, at)
            case _:
                raise MessageRefusedError(f"nothing to take on a topic of kind {address.kind}")

    def _batches(self, session: Session, batches: list[Batch], gateway_id: str, answers: Answers, at: datetime) -> None:
        if not batches:
            return
        # order matters per gateway only: another ingest process with the same gateway waits here
        gateway = session.get(Gateway, gateway_id, with_for_update=True)
        assert gateway is not None
        fresh: list[Batch] = []
        amounts: dict[str, int] = defaultdict(int)
        known: dict[tuple[str, str], ledger.Ranges] = {}
        for batch in batches:
            answers.acked[gateway_id, batch.outbox, batch.stream].append(batch.seq)
            key = (batch.outbox, batch.stream)
            if key not in known:
                known[key] = ledger.load_ranges(session, gateway_id, *key)
            if not known[key].add(batch.seq):
                amounts["duplicate"] += 1
                continue
            fresh.append(batch)
            amounts["received"] += 1
            amounts["late"] += batch.historical
            amounts["events_received"] += len(batch.events)
            amounts["values_received"] += batch.value_count()
            for event in batch.events:
                for consumer in self._consumers:
                    consumer.apply_event(session, gateway_id, event, at)
            if batch.complete_until is not None:
                until = utc_from_ms(batch.complete_until)
                gateway.complete_until = max(until, gateway.complete_until or until)
        gateway.last_batch_at = at
        session.add(gateway)
        session.flush()
        for late in (False, True):
            rows = [block for batch in fresh if batch.historical is late for block in batch.telemetry]
            if rows:
                self._telemetry.journal(session, gateway_id, rows, amounts["values_received"], at, late=late)
        self._devices.merge_latest(session, gateway_id, [rows for batch in fresh for rows in batch.telemetry], at)
        self._alarms.process(session, gateway_id, fresh, at)
        for (outbox, stream), ranges in known.items():
            ledger.save_ranges(session, gateway_id, outbox, stream, ranges)
        ledger.count(session, gateway_id, at, **amounts)

    def _direct(self, session: Session, gateway_id: str, device: str, payload: bytes, at: datetime) -> None:
        values, moment = read_direct(payload, at)
        self._devices.register_direct(session, gateway_id, device, values, at)
        rows = DeviceRows(device=device, times=[moment], values={metric: [value] for metric, value in values.items()})
        self._telemetry.journal(session, gateway_id, [rows], len(values), at, late=False)
        session.flush()
        self._devices.merge_latest(session, gateway_id, [rows], at)
        self._alarms.process_direct(session, gateway_id, rows, at)
        ledger.count(session, gateway_id, at, values_received=len(values))

    def _refuse(self, session: Session, message: Received, reason: str, answers: Answers, at: datetime) -> None:
        parts = message.topic.split("/")
        gateway_id = parts[2] if len(parts) > 2 else ""
        keep(session, message.topic, gateway_id, reason, message.payload[: MAX_MESSAGE_BYTES * 2], at)
        if parts[-1] != "data":
            return
        identity = _identity(message.payload)
        if identity is not None:
            outbox, stream, seq = identity
            answers.rejected[gateway_id, outbox, stream].append(Rejected(seq=seq, reason=reason))
        if session.get(Gateway, gateway_id) is not None:
            ledger.count(session, gateway_id, at, rejected=1)


def read_direct(payload: bytes, at: datetime) -> tuple[dict[str, Value], int]:
    """The plain JSON of a device to its values and time (ms); raises MessageRefusedError."""
    try:
        data: Any = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MessageRefusedError(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise MessageRefusedError('not a JSON object; send for example {"temperature": 21.5}')
    moment = ms_from_utc(at)
    if "ts" in data:
        moment = data.pop("ts")
        if not isinstance(moment, int) or not 0 <= moment <= LATEST_MS:
            raise MessageRefusedError("ts must be whole milliseconds since 1970")
    elif "time" in data:
        try:
            parsed = datetime.fromisoformat(str(data.pop("time")))
        except ValueError as error:
            raise MessageRefusedError(f"time: {error}; write it like 2026-03-01T12:00:00Z") from error
        moment = ms_from_utc(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    for name, value in data.items():
        check_metric(name)
        if value is not None and not isinstance(value, (int, float, bool, str)):
            raise MessageRefusedError(f"{name}: nested values are not taken; send a flat object")
    if not data:
        raise MessageRefusedError("there is no value in it")
    return data, moment


def _same_gateway(named: str, address: Address) -> None:
    if named != address.gateway:
        raise MessageRefusedError(f"message of gateway {named!r} on the topic of {address.gateway!r}")


def _identity(payload: bytes) -> tuple[str, str, int] | None:
    """Whose batch this was, where that can still be read: so that its sender is told and stops sending it."""
    try:
        raw = decode(payload, dict)
    except MessageRefusedError:
        return None
    outbox, stream, seq = raw.get("outbox"), raw.get("stream"), raw.get("seq")
    if isinstance(outbox, str) and stream in ("events", "telemetry") and isinstance(seq, int):
        return outbox, stream, seq
    return None


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
