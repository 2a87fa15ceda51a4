"""Steps that phones send, perhaps hours late and perhaps twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from plantroom_cloud.assets.models import Asset
from plantroom_cloud.costs.labour import LabourBook
from plantroom_cloud.costs.models import Activity
from plantroom_cloud.errors import CloudError, ConflictError, InvalidError
from plantroom_cloud.files.content import plain_name
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.tasks.models import TaskStep
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_cloud.workorders.service import OrderQuery, WorkOrderService
from plantroom_shared.said import said

MOST_TASKS = 100
#: What a phone says of time on a task.
TIME_STEPS = ("timer-start", "timer-stop", "time", "time-correct")

#: What a phone offers for one's own task, in this order.
_OWN = ("start", "accept", "resume", "complete", "hold", "decline")
_POSSIBLE = {
    WorkOrderState.OPEN: ("start", "complete"),
    WorkOrderState.ASSIGNED: ("accept", "start", "complete", "decline"),
    WorkOrderState.ACCEPTED: ("start", "complete", "decline"),
    WorkOrderState.IN_PROGRESS: ("complete", "hold"),
    WorkOrderState.ON_HOLD: ("resume",),
}


@dataclass(frozen=True)
class Reported:
    """A step as the phone says it; `photos` are ids of stored pictures."""

    ref: str
    order_id: int
    step: str
    note: str = ""
    reason: str = ""
    out_of_service: bool = False
    photos: Sequence[str] = ()
    activity: Activity = Activity.REPAIR  #: of time on the task
    started_at: datetime | None = None  #: by the phone's clock, of a timer that stops
    minutes: int = 0  #: of time that is written down or corrected
    labour_id: int = 0  #: the record that is corrected


class TaskService:
    """Works in the session it is given."""

    def __init__(self, work_orders: WorkOrderService, photos: PhotoService, labour: LabourBook) -> None:
        self._orders = work_orders
        self._photos = photos
        self._labour = labour

    def mine(self, session: Session, user: str, sites: Sequence[str]) -> list[WorkOrder]:
        """What is this person's to do, and what somebody asks this person to take over: the next due first."""
        found = self._orders.find(session, OrderQuery(sites=sites, open_only=True, assignee=user), limit=MOST_TASKS)
        found += self._orders.find(session, OrderQuery(sites=sites, open_only=True, offered_to=user), limit=MOST_TASKS)
        found = [order for order in found if order.state is not WorkOrderState.DONE]
        return sorted(found, key=_urgency)

    def pool(self, session: Session, sites: Sequence[str], team_id: str | None) -> list[WorkOrder]:
        """What nobody has taken; of the person's own team first."""
        wanted = OrderQuery(sites=sites, state=WorkOrderState.OPEN, nobody=True)
        found = self._orders.find(session, wanted, limit=MOST_TASKS)
        return sorted(found, key=lambda order: (team_id is not None and order.team_id != team_id, *_urgency(order)))

    def take(self, session: Session, user: str, report: Reported, claimed_at: datetime, at: datetime) -> TaskStep:
        """Do what a phone reports, at the time it says, as far as that can be. Sent again it changes nothing. What
        cannot be done any more keeps its note and its pictures in the story."""
        key = f"{user}:{report.ref}"
        known = session.get(TaskStep, key)
        if known is not None:
            return known
        order = self._orders.locked(session, report.order_id)
        if (known := session.get(TaskStep, key)) is not None:  # the same one came twice at once
            return known
        moment = self._moment(session, report.order_id, claimed_at, at)
        applied, text = True, ""
        try:
            with session.begin_nested():
                if report.step in TIME_STEPS:
                    self._time(session, order, user, report, max(order.opened_at, min(claimed_at, at)), moment, at)
                else:
                    self._do(session, user, report, moment)
        except (ConflictError, InvalidError) as error:
            applied, text = False, str(error)
            words = report.note or report.reason
            note = said("wanted to %(step)s: %(error)s", step=report.step, error=error) + (
                f". Said: {words}" if words else ""
            )
            self._orders.note(session, report.order_id, note, user, moment)
        for number, photo in enumerate(report.photos, 1):
            self._picture(session, user, report, photo, number, moment)
        session.flush()
        session.refresh(order)
        step = TaskStep(
            ref=key,
            work_order_id=report.order_id,
            step=report.step,
            applied=applied,
            state=order.state.value,
            text=text,
            claimed_at=claimed_at,
            taken_at=at,
        )
        try:
            with session.begin_nested():
                session.add(step)
                session.flush()
        except IntegrityError as error:
            raise ConflictError("this step is being taken already; ask again") from error
        return step

    def open(
        self, session: Session, user: str, ref: str, asset: Asset, text: str, priority: str,
        photos: Sequence[str], claimed_at: datetime, at: datetime,
    ) -> TaskStep:  # fmt: skip
        """Something seen at an asset becomes a work order in the pool, once."""
        key = f"{user}:{ref}"
        known = session.get(TaskStep, key)
        if known is not None:
            return known
        try:
            with session.begin_nested():
                return self._opened(session, user, ref, asset, text, priority, photos, claimed_at, at)
        except IntegrityError:  # the same one came twice at once: the other's order is the one, nothing of this stays
            known = session.get(TaskStep, key)
            if known is None:
                raise
            return known

    def _opened(
        self, session: Session, user: str, ref: str, asset: Asset, text: str, priority: str,
        photos: Sequence[str], claimed_at: datetime, at: datetime,
    ) -> TaskStep:  # fmt: skip
        title, _, rest = text.strip().partition("\n")
        order = self._orders.create(
            session, title[:120], f"{title[120:]}\n{rest}".strip(), asset.site_id, None, priority, asset.team_id,
            user, at, asset_id=asset.id,
        )  # fmt: skip
        assert order.id is not None
        step = TaskStep(
            ref=f"{user}:{ref}", work_order_id=order.id, step="report", applied=True, state=order.state.value,
            text=said("work order %(order_id)s opened", order_id=order.id), claimed_at=claimed_at, taken_at=at,
        )  # fmt: skip
        session.add(step)
        session.flush()
        for number, photo in enumerate(photos, 1):
            self._picture(session, user, Reported(ref, order.id, "report"), photo, number, at)
        return step

    def _picture(self, session: Session, user: str, report: Reported, photo: str, number: int, at: datetime) -> None:
        try:
            kept = self._photos.get(session, photo)
            name = plain_name(f"{report.step} {number}", kept.media_type)
            self._orders.add_file(session, report.order_id, kept.id, name, user, at)
        except CloudError as error:  # a full order, a picture that nobody stored: the step itself holds
            self._orders.note(
                session, report.order_id, said("a picture could not be added: %(error)s", error=error), user, at
            )

    def _moment(self, session: Session, order_id: int, claimed_at: datetime, at: datetime) -> datetime:
        """The phone's time, but neither before what is known to have happened nor in the future."""
        story = self._orders.trail(session, order_id)
        return min(max([claimed_at, *(entry.at for entry in story[-1:])]), at)

    def _do(self, session: Session, user: str, report: Reported, at: datetime) -> None:
        orders, number = self._orders, report.order_id
        steps: dict[str, Callable[[], object]] = {
            "claim": lambda: orders.claim(session, number, user, at),
            "accept": lambda: orders.accept(session, number, user, at),
            "decline": lambda: orders.decline(session, number, report.reason, user, at),
            "take-over": lambda: orders.take_over(session, number, user, at),
            "start": lambda: orders.start(session, number, user, at, out_of_service=report.out_of_service),
            "hold": lambda: orders.hold(session, number, report.reason, report.note, user, at),
            "resume": lambda: orders.resume(session, number, user, at),
            "complete": lambda: orders.complete(session, number, report.note, user, at),
            "note": lambda: orders.note(session, number, report.note, user, at),
        }
        if report.step not in steps:
            raise InvalidError(
                said("there is no step %(step)r; there are: %(steps)s", step=report.step, steps=list(steps))
            )
        if report.step not in ("claim", "take-over", "note"):
            self._check_own(session, number, user)
        steps[report.step]()

    def _time(
        self, session: Session, order: WorkOrder, user: str, report: Reported, worked: datetime, noted: datetime,
        at: datetime,
    ) -> None:  # fmt: skip
        """Time on a task counts when it was worked, whatever became of the task before the phone could tell."""
        labour = self._labour
        match report.step:
            case "timer-start":
                labour.start(session, order, user, report.activity, worked, noted)
            case "timer-stop":
                try:
                    labour.stop(session, user, worked, order.id, noted)
                except ConflictError:  # its start was not taken, or something else began meanwhile
                    if report.started_at is None:
                        raise
                    began = max(order.opened_at, report.started_at)
                    labour.record(session, order, user, report.activity, began, worked, report.note, user, at)
            case "time":
                began = worked - timedelta(minutes=report.minutes)
                labour.record(session, order, user, report.activity, began, worked, report.note, user, at)
            case _:
                labour.correct(session, order, report.labour_id, user, report.activity, report.minutes, report.note, at)

    def _check_own(self, session: Session, order_id: int, user: str) -> None:
        order = self._orders.get(session, order_id)
        if order.assignee not in (None, user) and user not in self._orders.helpers(session, order_id):
            raise ConflictError(
                said("work order %(order_id)s is %(assignee)s's now", order_id=order_id, assignee=order.assignee)
            )


def possible(order: WorkOrder, user: str) -> list[str]:
    """What the phone offers."""
    if order.assignee is None:
        return ["claim"] if order.state is WorkOrderState.OPEN else []
    if order.assignee != user:
        return ["take-over"] if order.offered_to == user else []
    fits = _POSSIBLE.get(order.state, ())
    return [step for step in _OWN if step in fits]


def _urgency(order: WorkOrder) -> tuple[int, bool, datetime, int]:
    rank = ("critical", "high", "medium", "low").index(order.priority)
    return rank, order.next_due_at is None, order.next_due_at or order.opened_at, order.id or 0
