"""Weighings and label scans come in; who belongs to whom is decided anew with each, by event time."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlmodel import Session

from plantroom_cloud.columns import ms_from_utc, utc_from_ms
from plantroom_cloud.devices.models import device_key
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.weighings import repository
from plantroom_cloud.weighings.models import LabelScan, Order, ScanState, Station, Weighing, WeighingState
from plantroom_cloud.weighings.pairing import WRONG_ORDER, Pairs, Seen, pair
from plantroom_shared.batch import Event
from plantroom_shared.said import said

#: Rows that one tick settles; the next one does the rest.
SETTLED_AT_ONCE = 200
#: Label and weighing in the wrong order are paired only when none in the usual order has come for so long: the label
#: may be the next load's, and an alarm on a wrong pair would be noise.
GRACE = timedelta(seconds=20)
#: Ticks may be late by so much.
LATE = timedelta(seconds=10)
#: The longest window that a station may have: nothing older is looked at.
LONGEST_WINDOW_S = 3600.0


class PairFollower(Protocol):
    """A domain that acts on what was weighed with a label."""

    def weighed(self, session: Session, weighing: Weighing, code: str, at: datetime) -> None:
        """A weighing belongs to a label now."""
        ...

    def unweighed(self, session: Session, weighing: Weighing, code: str, at: datetime) -> None:
        """It does not, after all: an event that came late showed it."""
        ...


class WeighingService:
    """Works in the session it is given."""

    def __init__(self, read_label: Callable[[str], str | None]) -> None:
        self._read_label = read_label
        self._followers: list[PairFollower] = []

    def follow(self, follower: PairFollower) -> None:
        """At build time."""
        self._followers.append(follower)

    def apply_event(self, session: Session, gateway_id: str, event: Event, at: datetime) -> None:
        """Take weighings, and scans that are bag labels; raises ValueError when one lacks what it must say."""
        if event.kind == "weighing":
            self._weighing(session, gateway_id, event, at)
        elif event.kind == "scan" and isinstance(text := event.data.get("text"), str):
            code = self._read_label(text)
            if code is not None:
                self._scan(session, gateway_id, event, code, at)

    def tick(self, session: Session, at: datetime) -> None:
        """What waited longer than its station's window has no partner."""
        weighings, scans = repository.waiting(session, at, SETTLED_AT_ONCE)
        rows: list[Weighing | LabelScan] = [*weighings, *scans]
        for row in rows:
            waited, window = _waited(row, at), self._window(session, row)
            if GRACE <= waited < GRACE + LATE or waited > window:
                self._pair_again(session, row.site_id, row.station, row.at, at)
            if waited > window:
                self._without_partner(session, row, at)

    def get(self, session: Session, weighing_id: int) -> Weighing:
        """Raises NotFoundError."""
        weighing = session.get(Weighing, weighing_id)
        if weighing is None:
            raise NotFoundError(said("there is no weighing %(weighing_id)s", weighing_id=weighing_id))
        return weighing

    def search(self, session: Session, **filters: Any) -> list[Weighing]:
        """As `repository.search`."""
        return repository.search(session, **filters)

    def lonely_scans(self, session: Session, sites: Sequence[str], since: datetime, limit: int = 50) -> list[LabelScan]:
        """Labels that were scanned and not weighed."""
        return repository.lonely_scans(session, sites, since, limit)

    def pair_by_hand(self, session: Session, weighing_id: int, code: str, actor: str, at: datetime) -> Weighing:
        """A person says which label a weighing belongs to; raises ConflictError when it has one."""
        weighing = self.get(session, weighing_id)
        if weighing.code is not None:
            raise ConflictError(
                said(
                    "weighing %(weighing_id)s belongs to label %(code)s already",
                    weighing_id=weighing_id,
                    code=weighing.code,
                )
            )
        weighing.state, weighing.code, weighing.note = (
            WeighingState.BY_HAND,
            code,
            said("paired by %(actor)s", actor=actor),
        )
        self._changed(session, weighing, at)
        for follower in self._followers:
            follower.weighed(session, weighing, code, at)
        return weighing

    def stations(self, session: Session, sites: Sequence[str] = ()) -> list[Station]:
        """Where labels and weighings have met, or may."""
        return repository.stations(session, sites)

    def set_station(
        self, session: Session, site_id: str, key: str, name: str, window_s: float, order: Order
    ) -> Station:
        """Raises InvalidError."""
        if not 5 <= window_s <= LONGEST_WINDOW_S:
            raise InvalidError(
                said(
                    "window_s: %(window_s)g is not possible; use 5 to %(longest_window_s)g seconds",
                    window_s=window_s,
                    longest_window_s=LONGEST_WINDOW_S,
                )
            )
        station = self._station(session, site_id, key)
        station.name, station.window_s, station.order = name, window_s, order
        session.add(station)
        return station

    def _weighing(self, session: Session, gateway_id: str, event: Event, at: datetime) -> None:
        data, gateway = event.data, session.get(Gateway, gateway_id)
        kg, device = data.get("kg"), event.device
        if gateway is None or repository.known(session, event.id):
            return
        if device is None or isinstance(kg, bool) or not isinstance(kg, int | float):
            raise ValueError(said("weighing %(event_id)s: it needs device and kg, a number", event_id=event.id))
        station = str(data.get("station") or "")
        value = data.get("value")
        weighing = Weighing(
            event_id=event.id,
            gateway_id=gateway_id,
            device_id=device_key(gateway_id, device),
            site_id=gateway.site_id,
            station=station,
            at=utc_from_ms(event.time),
            received_at=at,
            kg=float(kg),
            value=float(value) if isinstance(value, int | float) else float(kg),
            unit=str(data.get("unit", "kg")),
            mode=str(data.get("mode", "")),
            stable=bool(data.get("stable", True)),
            raw=str(data.get("raw", ""))[:512],
            time_source=str(data.get("time_source", "gateway")),
            state=WeighingState.WAITING if station else WeighingState.NONE,
        )
        session.add(weighing)
        session.flush()
        record_change(session, "weighing", str(weighing.id), at)
        if station:
            self._pair_again(session, gateway.site_id, station, weighing.at, at)

    def _scan(self, session: Session, gateway_id: str, event: Event, code: str, at: datetime) -> None:
        gateway = session.get(Gateway, gateway_id)
        if gateway is None or repository.known(session, event.id):
            return
        station = str(event.data.get("station") or "")
        scan = LabelScan(
            event_id=event.id,
            gateway_id=gateway_id,
            device_id=device_key(gateway_id, event.device or ""),
            site_id=gateway.site_id,
            station=station,
            at=utc_from_ms(event.time),
            received_at=at,
            code=code,
        )
        session.add(scan)
        session.flush()
        record_change(session, "weighing", station, at)
        if station:
            self._pair_again(session, gateway.site_id, station, scan.at, at)

    def _pair_again(self, session: Session, site_id: str, key: str, moment: datetime, at: datetime) -> None:
        """Decide anew around a moment; only what changed is written and told."""
        station = self._station(session, site_id, key)
        since, until = repository.neighbours(session, site_id, key, moment, timedelta(seconds=station.window_s))
        scans, weighings = repository.around(session, site_id, key, since, until)
        by_hand = {
            row.code for row in repository.search(session, state=WeighingState.BY_HAND, station=key, since=since)
        }
        pairs = pair(
            [
                Seen(_id(scan), ms_from_utc(scan.at), scan.code, _waited(scan, at) >= GRACE)
                for scan in scans
                if scan.code not in by_hand
            ],
            [Seen(_id(row), ms_from_utc(row.at), None, _waited(row, at) >= GRACE) for row in weighings],
            station.window_s,
            station.order,
        )
        code_of = {_id(scan): scan.code for scan in scans}
        changed = [row for row in weighings if row.code != _code(pairs, code_of, row)]
        for weighing in changed:
            if weighing.code is not None:
                code, weighing.code = weighing.code, None
                weighing.state, weighing.note = (
                    WeighingState.WAITING,
                    "a late event showed that the label was another's",
                )
                self._changed(session, weighing, at)
                for follower in self._followers:
                    follower.unweighed(session, weighing, code, at)
        self._mark_scans(session, scans, pairs)
        for weighing in changed:
            code_now = _code(pairs, code_of, weighing)
            if code_now is not None:
                wrong = _id(weighing) in pairs.wrong_order
                weighing.code, weighing.state = code_now, WeighingState.PAIRED
                weighing.note = WRONG_ORDER[station.order] if wrong else ""
                self._changed(session, weighing, at)
                for follower in self._followers:
                    follower.weighed(session, weighing, code_now, at)

    def _mark_scans(self, session: Session, scans: Sequence[LabelScan], pairs: Pairs) -> None:
        weighing_of = {scan: weighing for weighing, scan in pairs.scan_of.items()}
        codes = {_id(scan): scan.code for scan in scans}
        for scan in scans:
            row = _id(scan)
            scan.weighing_id, scan.note = weighing_of.get(row), ""
            if scan.weighing_id is not None:
                scan.state = ScanState.PAIRED
            elif row in pairs.superseded:
                scan.state = ScanState.SUPERSEDED
                scan.note = said(
                    "%(codes)s was scanned before anything was weighed", codes=codes[pairs.superseded[row]]
                )
            elif row in pairs.repeated:
                scan.state = ScanState.REPEATED
            elif scan.state is not ScanState.NO_WEIGHING:
                scan.state = ScanState.WAITING
            session.add(scan)

    def _station(self, session: Session, site_id: str, key: str) -> Station:
        station = session.get(Station, (site_id, key))
        if station is None:
            station = Station(site_id=site_id, key=key, name=key)
            session.add(station)
            session.flush()
        return station

    def _without_partner(self, session: Session, row: Weighing | LabelScan, at: datetime) -> None:
        if isinstance(row, Weighing) and row.state is WeighingState.WAITING:
            row.state, row.note = WeighingState.NO_LABEL, "no label was scanned in time"
            self._changed(session, row, at)
        elif isinstance(row, LabelScan) and row.state is ScanState.WAITING:
            row.state, row.note = ScanState.NO_WEIGHING, "nothing was weighed in time"
            session.add(row)
            record_change(session, "weighing", row.station, at)

    def _window(self, session: Session, row: Weighing | LabelScan) -> timedelta:
        return timedelta(seconds=self._station(session, row.site_id, row.station).window_s)

    def _changed(self, session: Session, weighing: Weighing, at: datetime) -> None:
        session.add(weighing)
        record_change(session, "weighing", str(weighing.id), at)


def _waited(row: Weighing | LabelScan, at: datetime) -> timedelta:
    """For its partner: from when it happened, or came."""
    return at - max(row.at, row.received_at)


def _id(row: Weighing | LabelScan) -> int:
    assert row.id is not None
    return row.id


def _code(pairs: Pairs, code_of: dict[int, str], weighing: Weighing) -> str | None:
    scan = pairs.scan_of.get(_id(weighing))
    return code_of[scan] if scan is not None else None
