"""Rounds: judged by their visits, again and again; each change is one line of their story."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.alarms.reported import ReportedRule
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.patrols import repository
from plantroom_cloud.patrols.judge import Seen, Stop, Verdict, judge
from plantroom_cloud.patrols.models import (
    PatrolPoint,
    PatrolRound,
    PatrolRoundEntry,
    PatrolRoundStop,
    RoundState,
    StopState,
)
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.said import said

MISSED_RULE = ReportedRule(
    key="patrol.point-missed",
    name="Patrol point missed",
    severity="medium",
    cause="The point was not visited within its window: the round was not walked, was late, or left it out.",
    consequence="Nobody has seen the place; what a round would have found stands unnoticed.",
    response="Send somebody, or write down in the round why it was left out.",
)
_ENDED = (RoundState.COMPLETE, RoundState.DEVIATIONS, RoundState.MISSED)


class RoundBook:
    """Works in the session it is given."""

    def __init__(self, alarms: AlarmService, work_orders: WorkOrderService) -> None:
        self._alarms = alarms
        self._work_orders = work_orders

    def get(self, session: Session, round_id: int) -> PatrolRound:
        """Raises NotFoundError."""
        found = session.get(PatrolRound, round_id)
        if found is None:
            raise NotFoundError(said("there is no patrol round %(round_id)s", round_id=round_id))
        return found

    def search(
        self,
        session: Session,
        *,
        sites: Sequence[str] = (),
        states: Sequence[RoundState] = (),
        route_id: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[PatrolRound]:
        """Newest first; `start` and `end` bound the time in which it could be walked."""
        return repository.rounds(
            session, sites=sites, states=states, route_id=route_id, start=start, end=end, before_id=before_id,
            limit=limit,
        )  # fmt: skip

    def of_order(self, session: Session, work_order_id: int) -> PatrolRound | None:
        """The round that a work order stands for."""
        return repository.round_of_order(session, work_order_id)

    def stops(self, session: Session, round_ids: Sequence[int]) -> dict[int, list[PatrolRoundStop]]:
        """Round → stops in order."""
        found: dict[int, list[PatrolRoundStop]] = {round_id: [] for round_id in round_ids}
        for stop in repository.stops_of_rounds(session, round_ids):
            found[stop.round_id].append(stop)
        return found

    def story(self, session: Session, round_id: int) -> list[PatrolRoundEntry]:
        """Oldest first."""
        return repository.story(session, round_id)

    def begin(self, session: Session, made: PatrolRound, actor: str, at: datetime) -> None:
        """A round that was just released."""
        self.note(session, made, actor, "released", "", at, to_state=made.state)
        self.judge(session, made, at)

    def judge(self, session: Session, found: PatrolRound, at: datetime) -> None:
        """Bring a round to where its visits and the time have brought it."""
        # whoever else brings a visit at this moment waits here, and then sees ours
        session.flush()
        session.refresh(found, with_for_update={"key_share": True})  # visits may point at it meanwhile
        if found.state is RoundState.CANCELLED or found.id is None:
            return
        rows = repository.round_stops(session, found.id)
        visits = repository.visits_of_round(session, found.id)
        verdict = judge(
            [Stop(r.position, r.point_id, r.opens_at, r.closes_at, bool(r.skip_reason)) for r in rows],
            [
                Seen(v.id, v.point_id, v.at, v.suspect)
                for v in visits
                if v.id is not None and v.point_id is not None and not v.reason
            ],
            found.ordered,
            found.closes_at,
            at,
        )
        self._write_stops(session, rows, verdict)
        found.judge_at = verdict.next_at
        times = [stop.visit.at for stop in verdict.stops if stop.visit is not None]
        if times:
            found.started_at = min(times)
            self._start_order(session, found, visits[0].person, visits[0].reader, at)
        if verdict.state is not found.state:
            self._move(session, found, verdict, max(times, default=found.closes_at), at)
        session.add(found)
        self._tell_missed(session, found, at)
        record_change(session, "patrol", f"round/{found.id}", at)

    def judge_due(self, session: Session, at: datetime) -> None:
        """Those that the time alone changes."""
        for found in repository.rounds_to_judge(session, at):
            self.judge(session, found, at)

    def visited(self, session: Session, point_id: str, at: datetime) -> None:
        """Somebody was at a point: where its being missed was the trouble, that is over."""
        for found in repository.rounds_missing(session, point_id):
            self._tell_missed(session, found, at)

    def skip(
        self, session: Session, found: PatrolRound, position: int, reason: str, actor: str, at: datetime
    ) -> PatrolRound:
        """Leave a stop out, and say why: a deviation, but not missed."""
        stop = session.get(PatrolRoundStop, (found.id, position))
        if stop is None:
            raise NotFoundError(
                said("round %(found_id)s has no stop %(position)s", found_id=found.id, position=position)
            )
        if not reason.strip():
            raise InvalidError("reason: say why the point is left out, e.g. locked, no access")
        if found.state is RoundState.CANCELLED:
            raise ConflictError("the round was cancelled")
        if stop.visit_id is None and not stop.skip_reason:
            stop.skip_reason, stop.skipped_by = reason.strip()[:500], actor
            session.add(stop)
            session.flush()
            self.note(
                session,
                found,
                actor,
                "skipped",
                said(
                    "stop %(position)s, point %(point_id)s: %(reason)s",
                    position=position,
                    point_id=stop.point_id,
                    reason=stop.skip_reason,
                ),
                at,
            )
            self.judge(session, found, at)
        return found

    def review(self, session: Session, found: PatrolRound, note: str, actor: str, at: datetime) -> PatrolRound:
        """A supervisor has looked at what was missed; the alarm is over, the verdict stays."""
        if found.state not in _ENDED:
            raise ConflictError(
                said("the round is %(state)s; it can be reviewed once it is over", state=found.state.value)
            )
        if not note.strip():
            raise InvalidError("note: say what came out of it")
        found.reviewed_at, found.reviewed_by = at, actor
        session.add(found)
        self.note(session, found, actor, "reviewed", note.strip()[:2000], at)
        self._tell_missed(session, found, at)
        record_change(session, "patrol", f"round/{found.id}", at)
        return found

    def withdraw(self, session: Session, found: PatrolRound, reason: str, actor: str, at: datetime) -> PatrolRound:
        """It is not to be walked."""
        if found.state in _ENDED or found.state is RoundState.CANCELLED:
            raise ConflictError(
                said("the round is %(state)s; it cannot be cancelled any more", state=found.state.value)
            )
        if not reason.strip():
            raise InvalidError("reason: say why it is cancelled")
        before, found.state, found.judge_at = found.state, RoundState.CANCELLED, None
        session.add(found)
        self.note(session, found, actor, "cancelled", reason.strip(), at, from_state=before, to_state=found.state)
        order = session.get(WorkOrder, found.work_order_id) if found.work_order_id is not None else None
        if order is not None and order.id is not None and order.closed_at is None:
            self._work_orders.cancel(session, order.id, reason, actor, at)
        record_change(session, "patrol", f"round/{found.id}", at)
        return found

    def note(
        self, session: Session, found: PatrolRound, actor: str, action: str, note: str, at: datetime, *,
        from_state: str = "", to_state: str = "",
    ) -> None:  # fmt: skip
        """One line of its story."""
        assert found.id is not None
        session.add(
            PatrolRoundEntry(
                round_id=found.id, at=at, actor=actor, action=action, from_state=str(from_state),
                to_state=str(to_state), note=note,
            )
        )  # fmt: skip

    def _write_stops(self, session: Session, rows: Sequence[PatrolRoundStop], verdict: Verdict) -> None:
        judged = {stop.stop.position: stop for stop in verdict.stops}
        for row in rows:
            stop = judged[row.position]
            row.state, row.deviations = stop.state, list(stop.deviations)
            row.visit_id = stop.visit.id if stop.visit else None
            row.visited_at = stop.visit.at if stop.visit else None
            session.add(row)

    def _move(self, session: Session, found: PatrolRound, verdict: Verdict, ended: datetime, at: datetime) -> None:
        before, found.state = found.state, verdict.state
        corrected = before in _ENDED
        found.corrected += corrected
        found.finished_at = ended if verdict.state in _ENDED else None
        note = _summary(verdict, self._names(session, verdict))
        action = "corrected" if corrected else {RoundState.IN_PROGRESS: "begun"}.get(verdict.state, "ended")
        self.note(session, found, "system", action, note, at, from_state=before, to_state=verdict.state)
        if verdict.state in _ENDED and found.work_order_id is not None:
            text = f"{verdict.state.value.replace('-', ' ')}: {note}"
            self._work_orders.conclude(session, found.work_order_id, text, "system", at)

    def _names(self, session: Session, verdict: Verdict) -> dict[str, str]:
        """Of its points, by id."""
        points = (session.get(PatrolPoint, point) for point in {stop.stop.point for stop in verdict.stops})
        return {point.id: point.name for point in points if point is not None}

    def _start_order(self, session: Session, found: PatrolRound, person: str, reader: str, at: datetime) -> None:
        """Who walks a round that nobody has taken takes it; a scanner cannot say who carries it."""
        order = session.get(WorkOrder, found.work_order_id) if found.work_order_id is not None else None
        if (
            order is None
            or order.id is None
            or order.state
            not in (
                WorkOrderState.OPEN,
                WorkOrderState.ASSIGNED,
                WorkOrderState.ACCEPTED,
            )
        ):
            return
        if person and order.state is WorkOrderState.OPEN:
            self._work_orders.claim(session, order.id, person, at)
        self._work_orders.begin(session, order.id, person or reader, at)

    def _tell_missed(self, session: Session, found: PatrolRound, at: datetime) -> None:
        """One alarm a round, as long as a missed point has not been seen since and nobody has reviewed it."""
        assert found.id is not None
        missed = [
            stop
            for stop in repository.round_stops(session, found.id)
            if stop.state is StopState.MISSED
            and found.reviewed_at is None
            and not repository.visited_since(session, stop.point_id, stop.closes_at)
        ]
        source = f"round:{found.id}"
        if not missed:
            self._alarms.report(session, MISSED_RULE.key, source, False, at, at, site_id=found.site_id)
            return
        points = [session.get(PatrolPoint, stop.point_id) for stop in missed]
        names = ", ".join(point.name for point in points if point is not None)
        devices = {point.device_id for point in points if point is not None}
        self._alarms.report(
            session,
            MISSED_RULE.key,
            source,
            True,
            min(stop.closes_at for stop in missed),
            at,
            site_id=found.site_id,
            device_id=devices.pop() if len(devices) == 1 else None,
            called=found.name,
            detail=said(
                "%(found)s (round %(found_id)s): not visited: %(names)s",
                found=found.name,
                found_id=found.id,
                names=names,
            ),
        )


def _summary(verdict: Verdict, names: Mapping[str, str]) -> str:
    total, seen = len(verdict.stops), sum(stop.visit is not None for stop in verdict.stops)
    parts = [said("%(seen)d of %(total)d points visited", seen=seen, total=total)]
    for state in (StopState.EARLY, StopState.LATE, StopState.SKIPPED, StopState.MISSED):
        such = [stop.stop.point for stop in verdict.stops if stop.state is state]
        if such:
            parts.append(f"{state.value}: {', '.join(names.get(point, point) for point in such)}")
    for mark in ("out-of-order", "implausible"):
        such = [stop.stop.point for stop in verdict.stops if mark in stop.deviations]
        if such:
            parts.append(f"{mark}: {', '.join(names.get(point, point) for point in such)}")
    return "; ".join(parts)
