"""Visits: each patrol code that was scanned, judged by its own time, tied to its round, kept for ever."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.patrols import repository
from plantroom_cloud.patrols.models import PatrolRound, PatrolRoundStop, PatrolVisit, StopState
from plantroom_cloud.patrols.plausibility import Trace, implausible
from plantroom_cloud.patrols.points import PointBook
from plantroom_cloud.patrols.rounds import RoundBook
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_shared.patrol_code import Proof, Reason, Verdict, verify

#: What came so long after it was scanned was buffered somewhere.
LATE = timedelta(minutes=5)
#: A clock may run ahead by that much.
AHEAD = timedelta(minutes=2)
#: Outside any round nobody walks from one point to another in less.
TRAVEL = timedelta(seconds=15)
AROUND = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Scan:
    """A patrol code that somebody scanned. `claimed_at` is what a phone's clock said."""

    ref: str
    site_ids: Sequence[str]  #: where it can have been: the gateway's site, or the sites that the person may see
    code: str
    at: datetime
    source: str
    reader: str
    person: str = ""
    claimed_at: datetime | None = None
    gateway_id: str | None = None
    replayed: bool = False  #: the gateway counted this window before
    gateway_said: str = ""
    round_id: int | None = None  #: the round that the person is on


class VisitBook:
    """Works in the session it is given."""

    def __init__(self, points: PointBook, rounds: RoundBook) -> None:
        self._points = points
        self._rounds = rounds

    def search(
        self,
        session: Session,
        *,
        sites: Sequence[str] = (),
        point_id: str | None = None,
        suspect: bool | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[PatrolVisit]:
        """Newest first."""
        return repository.visits(
            session, sites=sites, point_id=point_id, suspect=suspect, before_id=before_id, limit=limit
        )

    def of_round(self, session: Session, round_id: int) -> list[PatrolVisit]:
        """By time."""
        return repository.visits_of_round(session, round_id)

    def take(self, session: Session, scan: Scan, at: datetime) -> PatrolVisit:
        """Keep it, whatever it is worth; told again under the same ref it changes nothing."""
        known = repository.visit_by_ref(session, scan.ref)
        if known is not None:
            return known
        site_id, verdict = self._verdict(session, scan)
        point_id = verdict.point if verdict.proof is not Proof.UNKNOWN else None
        visit = PatrolVisit(
            ref=scan.ref,
            site_id=site_id,
            code=scan.code[:512],
            point_id=point_id,
            proof=verdict.proof.value,
            reason=verdict.reason.value if verdict.reason else "",
            source=scan.source,
            reader=scan.reader,
            person=scan.person,
            gateway_id=scan.gateway_id,
            at=scan.at,
            claimed_at=scan.claimed_at,
            received_at=at,
            window=verdict.window,
            key_version=verdict.version,
        )
        said = f"{visit.proof} {visit.reason}".strip()
        visit.gateway_said = scan.gateway_said if scan.gateway_said not in ("", said) else ""
        visit.suspect = bool(visit.reason)
        if verdict.proof is Proof.ROTATING:
            visit.counted = f"{point_id}:{verdict.window}"
        visit.marks = _time_marks(scan, verdict, at)
        try:
            with session.begin_nested():
                session.add(visit)
                session.flush()
        except IntegrityError:
            known = repository.visit_by_ref(session, scan.ref)
            if known is not None:
                return known
            visit = _replayed(visit)
            session.add(visit)
            session.flush()
        if not visit.reason and point_id is not None:
            self._attach(session, visit, point_id, scan.round_id, at)
        record_change(session, "patrol", f"visit/{visit.id}", at)
        return visit

    def _verdict(self, session: Session, scan: Scan) -> tuple[str, Verdict]:
        """By the keys of the first site that knows the point, as they stood when it was scanned."""
        found: list[tuple[str, Verdict]] = []
        for site_id in scan.site_ids:
            verdict = verify(
                scan.code, ms_from_utc(scan.at), self._points.good_at(session, site_id, scan.code, scan.at)
            )
            found.append((site_id, verdict))
            if verdict.reason not in (Reason.FOREIGN, Reason.MALFORMED):
                break
        site_id, verdict = found[-1] if found[-1][1].reason is not Reason.FOREIGN else found[0]
        if verdict.proof is Proof.ROTATING and (
            scan.replayed or repository.counted(session, f"{verdict.point}:{verdict.window}") is not None
        ):
            verdict = Verdict(Proof.REFUSED, Reason.REPLAYED, verdict.point, verdict.window, verdict.version)
        return site_id, verdict

    def _attach(self, session: Session, visit: PatrolVisit, point_id: str, wanted: int | None, at: datetime) -> None:
        found, travel = self._round_for(session, visit, point_id, wanted)
        around = repository.visits_around(session, visit.site_id, visit.at - AROUND, visit.at + AROUND)
        others = [
            Trace(other.point_id, other.at, other.reader)
            for other in around
            if other.id != visit.id
            and other.point_id is not None
            and _together(visit, other, found.id if found else None)
        ]
        marks = implausible(Trace(point_id, visit.at, visit.reader), others, travel)
        visit.marks = [*visit.marks, *marks, *([] if found else ["no-round"])]
        visit.suspect = bool(marks)
        visit.round_id = found.id if found else None
        session.add(visit)
        session.flush()
        if found is not None:
            self._rounds.judge(session, found, at)
        self._rounds.visited(session, point_id, at)

    def _round_for(
        self, session: Session, visit: PatrolVisit, point_id: str, wanted: int | None
    ) -> tuple[PatrolRound | None, timedelta]:
        """Of the rounds that were open over this point: the one the person is on, else one that still waits for the
        point, the person's own first, then the first to close."""
        candidates = repository.rounds_at(session, visit.site_id, point_id, visit.at)
        ranked = []
        for index, found in enumerate(candidates):
            assert found.id is not None
            here = [stop for stop in repository.round_stops(session, found.id) if stop.point_id == point_id]
            order = session.get(WorkOrder, found.work_order_id) if found.work_order_id is not None else None
            mine = bool(visit.person) and order is not None and order.assignee == visit.person
            waits = any(stop.state in (StopState.PENDING, StopState.MISSED) for stop in here)
            ranked.append(((found.id != wanted, not waits, not mine, index), found, here))
        if not ranked:
            return None, TRAVEL
        _, chosen, stops = min(ranked, key=lambda item: item[0])
        return chosen, timedelta(seconds=_travel(stops))


def _travel(stops: Iterable[PatrolRoundStop]) -> int:
    return min(stop.travel_s for stop in stops)


def _together(visit: PatrolVisit, other: PatrolVisit, round_id: int | None) -> bool:
    """Whether one person made both."""
    if visit.person and other.person:
        return visit.person == other.person
    return visit.reader == other.reader or (round_id is not None and other.round_id == round_id)


def _time_marks(scan: Scan, verdict: Verdict, at: datetime) -> list[str]:
    """What is known of the time: a rotating code proves it, everything else a phone says is a claim."""
    marks = []
    if at - scan.at > LATE:
        marks.append("late")
    if (scan.claimed_at or scan.at) - at > AHEAD:
        marks.append("clock-ahead")
    if scan.claimed_at is not None and verdict.proof is not Proof.ROTATING:
        marks.append("phone-time")
    return marks


def _replayed(visit: PatrolVisit) -> PatrolVisit:
    """Somebody else used up its window meanwhile."""
    copy = PatrolVisit(**visit.model_dump(exclude={"id"}))
    copy.counted, copy.suspect = None, True
    copy.proof, copy.reason = Proof.REFUSED.value, Reason.REPLAYED.value
    return copy
