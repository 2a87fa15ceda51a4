"""The access log: decisions and results as the gateways recorded them, commands, and what was forced."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.access import repository
from plantroom_cloud.access.models import AccessEntry, AccessGate, AccessPerson, EntryKind
from plantroom_cloud.access.repository import Wanted
from plantroom_cloud.columns import utc_from_ms
from plantroom_cloud.devices.models import device_key
from plantroom_cloud.gateways.models import Gateway, GatewayCommand
from plantroom_cloud.stream.service import record_change
from plantroom_shared.batch import Event
from plantroom_shared.said import said

#: Reasons of the gateway in words.
REASONS: Mapping[str, str] = {
    "granted": "granted", "passback": "granted, though inside already", "no-list": "the gateway has no list yet",
    "unknown-gate": "the gate's zones are not set", "unreadable": "the card could not be read",
    "shown-during-outage": "shown while the reader was cut off", "unknown-credential": "unknown card",
    "blocked": "blocked", "lost": "reported lost", "not-yet-valid": "not valid yet", "expired": "no longer valid",
    "locked-down": "locked down", "wrong-zone": "no right to this zone", "outside-hours": "outside the hours",
    "anti-passback": "inside already (anti-passback)", "no-pin": "needs a PIN and has none", "wrong-pin": "wrong PIN",
    "pin-timeout": "no PIN was typed", "pin-locked": "too many wrong PINs",
}  # fmt: skip
COLUMNS = (
    "at", "gate", "reader", "direction", "kind", "person_id", "person", "credential", "outcome", "reason",
    "list_version", "result", "detail", "result_at",
)  # fmt: skip
#: Lines read at once for an export.
CHUNK = 1000


class EntryBook:
    """Works in the session it is given."""

    def take(self, session: Session, gateway_id: str, event: Event, at: datetime) -> None:
        """Raises ValueError for an event that cannot be right."""
        gateway = session.get(Gateway, gateway_id)
        if gateway is None or event.device is None:
            raise ValueError(said("%(kind)s %(event_id)s: needs a gate", kind=event.kind, event_id=event.id))
        gate = device_key(gateway_id, event.device)
        match event.kind:
            case "access.decision":
                self._decision(session, gateway, gate, event)
            case "access.result":
                self._result(session, gateway, gate, event)
            case "access.forced":
                session.add(
                    AccessEntry(
                        event_id=event.id,
                        kind=EntryKind.FORCED,
                        at=utc_from_ms(event.time),
                        site_id=gateway.site_id,
                        gateway_id=gateway.id,
                        gate=gate,
                        result="opened",
                        detail="opened, and nobody had asked",
                    )
                )
            case _:
                return
        record_change(session, "access", gate, at)

    def command(self, session: Session, gateway_id: str, event: Event, at: datetime) -> None:
        """The end of a command, where it was one for a gate."""
        asked = session.get(GatewayCommand, str(event.data.get("id", "")))
        if asked is None or asked.gateway_id != gateway_id or repository.entry(session, asked.id) is not None:
            return
        gate = session.get(AccessGate, device_key(gateway_id, asked.device))
        if gate is None:
            return
        session.add(
            AccessEntry(
                event_id=asked.id,
                kind=EntryKind.COMMAND,
                at=asked.issued_at,
                site_id=gate.site_id,
                gateway_id=gateway_id,
                gate=gate.device_id,
                person=asked.issued_by,
                outcome=asked.action,
                reason=asked.reason,
                result=str(event.data.get("state", "")),
                detail=str(event.data.get("detail", "")),
                result_at=utc_from_ms(event.time),
            )
        )
        record_change(session, "access", gate.device_id, at)

    def search(
        self, session: Session, wanted: Wanted, before: int | None = None, limit: int = 100
    ) -> list[AccessEntry]:
        """Newest first."""
        return repository.entries(session, wanted, before, limit)

    def export(self, session: Session, wanted: Wanted) -> Iterator[str]:
        """CSV by RFC 4180, UTC, newest first. A cell that a spreadsheet would compute begins with an apostrophe."""
        yield _row(COLUMNS)
        before: int | None = None
        while found := repository.entries(session, wanted, before, CHUNK):
            for entry in found:
                yield _row([_cell(getattr(entry, name)) for name in COLUMNS])
            before = found[-1].id

    def _decision(self, session: Session, gateway: Gateway, gate: str, event: Event) -> None:
        data = event.data
        outcome = data.get("outcome")
        if outcome not in ("granted", "denied"):
            raise ValueError(
                said(
                    "decision %(event_id)s: outcome %(outcome)r is neither granted nor denied",
                    event_id=event.id,
                    outcome=outcome,
                )
            )
        entry = repository.entry(session, event.id) or AccessEntry(
            event_id=event.id, kind=EntryKind.DECISION, at=utc_from_ms(event.time), site_id=gateway.site_id,
            gateway_id=gateway.id, gate=gate,
        )  # fmt: skip
        person_id = str(data.get("person", ""))
        person = session.get(AccessPerson, person_id) if person_id else None
        version = data.get("list_version")
        entry.at, entry.outcome, entry.reason = utc_from_ms(event.time), outcome, str(data.get("reason", ""))
        entry.reader = device_key(gateway.id, str(data.get("reader", "")))
        entry.direction, entry.credential = str(data.get("direction", "")), str(data.get("credential", ""))[:120]
        entry.person_id, entry.person = person_id, person.name if person is not None else ""
        entry.list_version = version if isinstance(version, int) else None
        if data.get("clock") == "unsynced":
            entry.detail = "the gateway's clock was not synchronised"
        session.add(entry)
        session.flush()

    def _result(self, session: Session, gateway: Gateway, gate: str, event: Event) -> None:
        decision = str(event.data.get("decision", ""))
        entry = repository.entry(session, decision)
        if entry is None:  # its decision is still in quarantine: the result alone is worth a line
            entry = AccessEntry(
                event_id=decision or event.id, kind=EntryKind.DECISION, at=utc_from_ms(event.time),
                site_id=gateway.site_id, gateway_id=gateway.id, gate=gate,
            )  # fmt: skip
        detail = str(event.data.get("detail", ""))
        entry.result, entry.detail = str(event.data.get("state", "")), "; ".join(filter(None, (entry.detail, detail)))
        entry.result_at = utc_from_ms(event.time)
        session.add(entry)
        session.flush()


def _row(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    text = value.value if isinstance(value, EntryKind) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
