"""Time of people on work orders: by a timer, or written down afterwards."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlmodel import Session

from plantroom_cloud.costs import repository
from plantroom_cloud.costs.models import Activity, Labour, Rate
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.users.models import User
from plantroom_cloud.workorders.models import FINISHED, WorkOrder, WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_cloud.workorders.transitions import Step
from plantroom_shared.said import said

#: Longer is a timer that was forgotten, or a slip of the pen.
LONGEST = timedelta(hours=24)


class LabourBook:
    """Works in the session it is given. A person does one thing at a time."""

    def __init__(self, work_orders: WorkOrderService) -> None:
        self._work_orders = work_orders

    def start(
        self, session: Session, order: WorkOrder, person: str, activity: Activity, at: datetime,
        noted_at: datetime | None = None,
    ) -> Labour:  # fmt: skip
        """The timer runs from then; one that runs elsewhere ends, for nobody does two things at once. A start that
        comes late, from a phone that had no network, runs until what the person began next, and what came before it
        until then. Raises ConflictError."""
        if order.state in (*FINISHED, WorkOrderState.REQUESTED, WorkOrderState.DONE):
            raise ConflictError(
                said(
                    "work order %(order_id)s is %(state)s; a timer runs only while it is worked on",
                    order_id=order.id,
                    state=order.state,
                )
            )
        user = self._lock(session, person)
        before = repository.running(session, person)
        if before is not None and before.started_at <= at:
            if (before.work_order_id, before.activity) == (order.id, activity):
                return before
            self._end(session, before, at)
        following = repository.first_after(session, person, at)
        clash = repository.overlapping(session, person, at, at + timedelta(microseconds=1))
        if clash is not None:
            if following is None or clash.ended_at != following.started_at or clash.started_at == at:
                raise ConflictError(_clash(clash))
            if (clash.work_order_id, clash.activity) == (order.id, activity):
                return clash
            clash.ended_at = at  # it ran on only because nobody knew yet what was begun before the next
            session.add(clash)
        assert order.id is not None
        record = Labour(
            work_order_id=order.id,
            person=person,
            activity=activity,
            started_at=at,
            ended_at=following.started_at if following is not None else None,
            rate=self.rate_of(session, user),
            recorded_by=person,
        )
        session.add(record)
        session.flush()
        self._work_orders.note(session, order.id, f"timer: {activity.value}", person, noted_at or at)
        return record

    def stop(
        self, session: Session, person: str, at: datetime, order_id: int | None = None,
        noted_at: datetime | None = None,
    ) -> Labour:  # fmt: skip
        """The timer that runs ends then; raises ConflictError when none did (on this work order)."""
        self._lock(session, person)
        record = repository.running(session, person)
        if record is None or order_id not in (None, record.work_order_id) or record.started_at > at:
            raise ConflictError("no timer of yours runs here")
        self._end(session, record, at)
        self._work_orders.note(session, record.work_order_id, "timer stopped", person, noted_at or at)
        return record

    def record(
        self,
        session: Session,
        order: WorkOrder,
        person: str,
        activity: Activity,
        start: datetime,
        end: datetime,
        note: str,
        actor: str,
        at: datetime,
    ) -> Labour:
        """Written down afterwards; raises InvalidError, ConflictError."""
        if end <= start:
            raise InvalidError("to: must be later than from")
        if end > at:
            raise InvalidError("to: lies in the future; write down what was done")
        if end - start > LONGEST:
            raise InvalidError("to: more than 24 hours after from; write each day by itself")
        user = self._lock(session, person)
        clash = repository.overlapping(session, person, start, end)
        if clash is not None:
            raise ConflictError(_clash(clash))
        assert order.id is not None
        record = Labour(
            work_order_id=order.id,
            person=person,
            activity=activity,
            started_at=start,
            ended_at=end,
            rate=self.rate_of(session, user),
            note=note.strip(),
            recorded_by=actor,
        )
        session.add(record)
        session.flush()
        minutes = (end - start).total_seconds() / 60
        self._work_orders.note(
            session,
            order.id,
            said(
                "%(activity)s: %(minutes).0f min of %(person)s", activity=activity.value, minutes=minutes, person=person
            ),
            actor,
            at,
        )
        return record

    def strike(self, session: Session, order_id: int, record_id: int, actor: str, at: datetime) -> Labour:
        """It does not count any more; it stays readable. Raises NotFoundError, ConflictError."""
        record = session.get(Labour, record_id)
        if record is None or record.work_order_id != order_id:
            raise NotFoundError(
                said(
                    "work order %(order_id)s has no labour record %(record_id)s", order_id=order_id, record_id=record_id
                )
            )
        if record.struck_at is not None:
            raise ConflictError("it was struck out already")
        if record.ended_at is None:
            self._end(session, record, at)
        record.struck_at, record.struck_by = at, actor
        session.add(record)
        self._work_orders.note(
            session, order_id, said("labour of %(person)s struck out", person=record.person), actor, at
        )
        return record

    def correct(
        self, session: Session, order: WorkOrder, record_id: int, person: str, activity: Activity, minutes: int,
        note: str, at: datetime,
    ) -> Labour:  # fmt: skip
        """One's own time was longer, shorter or something else: the old record is struck out and stays readable; with
        no minutes nothing takes its place. Raises NotFoundError, InvalidError, ConflictError."""
        assert order.id is not None
        old = self.strike(session, order.id, record_id, person, at)
        if old.person != person:
            raise ConflictError(said("this is the time of %(person)s; a dispatcher corrects it", person=old.person))
        if minutes == 0:
            return old
        end = old.started_at + timedelta(minutes=minutes)
        return self.record(session, order, person, activity, old.started_at, end, note, person, at)

    def own(self, session: Session, person: str, order_ids: Collection[int]) -> dict[int, list[Labour]]:
        """A person's time that counts, by work order, oldest first."""
        found: dict[int, list[Labour]] = {}
        for record in repository.labour_of(session, person, order_ids):
            found.setdefault(record.work_order_id, []).append(record)
        return found

    def of_order(self, session: Session, order_id: int) -> list[Labour]:
        """Oldest first."""
        return repository.labour(session, order_id)

    def running(self, session: Session, person: str) -> Labour | None:
        """The timer of a person that runs, on whatever work order."""
        return repository.running(session, person)

    def follow(self, session: Session, order: WorkOrder, step: Step, _actor: str, at: datetime) -> None:
        """Timers end with the work."""
        if step in (Step.COMPLETE, Step.CANCEL, Step.HOLD) and order.id is not None:
            for record in repository.running_on(session, order.id):
                self._end(session, record, at)

    def rates(self, session: Session) -> Sequence[Rate]:
        """Everybody's first."""
        return repository.rates(session)

    def set_rate(self, session: Session, whose: str, amount: Decimal, weekly_hours: Decimal | None) -> Rate:
        """Of "user:…", "team:…" or "" (everybody else), from now on; raises InvalidError."""
        if whose and not whose.startswith(("user:", "team:")):
            raise InvalidError(said("whose %(whose)r: write user:…, team:… or nothing for everybody", whose=whose))
        if amount < 0 or (weekly_hours is not None and not 0 <= weekly_hours <= 168):
            raise InvalidError("amount: 0 or more an hour; weekly hours: 0 to 168")
        rate = session.get(Rate, whose) or Rate(whose=whose, amount=amount)
        rate.amount, rate.weekly_hours = amount, weekly_hours
        session.add(rate)
        return rate

    def remove_rate(self, session: Session, whose: str) -> None:
        """What stands above it holds again; raises NotFoundError."""
        rate = session.get(Rate, whose)
        if rate is None:
            raise NotFoundError(said("there is no rate of %(whose)r", whose=whose or "everybody"))
        session.delete(rate)

    def rate_of(self, session: Session, user: User) -> Decimal:
        """The person's own, else the team's, else everybody's, else nothing."""
        for key in (f"user:{user.name}", f"team:{user.team_id}", ""):
            rate = session.get(Rate, key)
            if rate is not None:
                return rate.amount
        return Decimal(0)

    def _lock(self, session: Session, person: str) -> User:
        user = repository.lock_person(session, person)
        if user is None:
            raise NotFoundError(said("there is no user %(person)r", person=person))
        return user

    def _end(self, session: Session, record: Labour, at: datetime) -> None:
        record.ended_at = max(at, record.started_at)
        session.add(record)
        session.flush()


def _clash(record: Labour) -> str:
    until = said("to %(at)s", at=record.ended_at) if record.ended_at else "and is still running"
    return said(
        "%(person)s worked on work order %(order_id)s then: from %(started_at)s %(until)s; a person does one thing at "
        "a time",
        person=record.person,
        order_id=record.work_order_id,
        started_at=record.started_at,
        until=until,
    )
