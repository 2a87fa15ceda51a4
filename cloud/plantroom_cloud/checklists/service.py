"""Checklists on work orders: attached as a copy, answered step by step, a fail opens its follow-up order."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from plantroom_cloud.assets.service import AssetService
from plantroom_cloud.checklists import repository
from plantroom_cloud.checklists.definition import StepDefinition, StepKind
from plantroom_cloud.checklists.judge import Given, Reading, judge, unanswered
from plantroom_cloud.checklists.models import FollowUp, OrderChecklist, OrderStep, StepAnswer, Verdict
from plantroom_cloud.checklists.templates import TemplateBook
from plantroom_cloud.columns import utc_from_ms
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.telemetry.rollup import Point
from plantroom_cloud.telemetry.store import StoreUnavailableError
from plantroom_cloud.workorders.models import FINISHED, WorkOrder, WorkOrderState
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.quality import Quality
from plantroom_shared.said import said

#: A value of the telemetry stands beside a reading of the meter that was taken within this time of it.
NEAR = timedelta(minutes=15)


#: The stored values of a device's metric no further away from a moment than this, the nearest first; raises
#: StoreUnavailableError.
Near = Callable[[str, str, datetime, timedelta], Sequence[Point]]


@dataclass(frozen=True)
class Live:
    """What the telemetry says of a meter now."""

    device_id: str
    value: float
    unit: str
    at: datetime


@dataclass
class Step:
    """A step of an order and what became of it."""

    id: int
    asks: StepDefinition
    answers: list[StepAnswer] = field(default_factory=list)  #: the one that counts last
    follow_up: FollowUp | None = None
    live: Live | None = None

    @property
    def answer(self) -> StepAnswer | None:
        """The one that counts."""
        return self.answers[-1] if self.answers else None

    @property
    def verdict(self) -> Verdict | None:
        return self.answers[-1].verdict if self.answers else None


@dataclass
class Checklist:
    """A checklist of an order."""

    attached: OrderChecklist
    steps: list[Step]

    @property
    def answered(self) -> int:
        return sum(1 for step in self.steps if step.answers)

    @property
    def failed(self) -> int:
        return sum(1 for step in self.steps if step.verdict is Verdict.FAILED)


class ChecklistService:
    """Works in the session it is given."""

    def __init__(
        self, work_orders: WorkOrderService, devices: DeviceService, assets: AssetService, photos: PhotoService,
        near: Near,
    ) -> None:  # fmt: skip
        self.templates = TemplateBook()
        self._work_orders = work_orders
        self._devices = devices
        self._assets = assets
        self._photos = photos
        self._near = near

    def attach(self, session: Session, order_id: int, template_id: int, actor: str, at: datetime) -> OrderChecklist:
        """Copy a template's steps to an order; attached again it stays as it is. Raises NotFoundError, ConflictError
        for an order that is finished or a template that is retired."""
        order = self._work_orders.locked(session, order_id)
        known = repository.attached_template(session, order_id, template_id)
        if known is not None:
            return known
        template = self.templates.get(session, template_id)
        if template.retired_at is not None:
            raise ConflictError(said("checklist %(template)r is retired; attach another one", template=template.name))
        if order.state in (*FINISHED, WorkOrderState.DONE):
            raise ConflictError(
                said(
                    "work order %(order_id)s is %(state)s; nothing is attached to it any more",
                    order_id=order_id,
                    state=order.state,
                )
            )
        checklist = OrderChecklist(
            work_order_id=order_id,
            template_id=template_id,
            name=template.name,
            version=template.version,
            attached_at=at,
            attached_by=actor,
        )
        session.add(checklist)
        session.flush()
        assert checklist.id is not None
        for position, definition in enumerate(template.steps):
            session.add(
                OrderStep(checklist_id=checklist.id, work_order_id=order_id, position=position, definition=definition)
            )
        session.flush()
        self._work_orders.note(
            session, order_id, said("checklist %(template)r attached", template=template.name), actor, at
        )
        return checklist

    def of_order(self, session: Session, order_id: int, at: datetime) -> list[Checklist]:
        """With what was answered, what followed, and what the telemetry says beside the meters."""
        return self.of_orders(session, [order_id], at).get(order_id, [])

    def of_orders(self, session: Session, order_ids: Collection[int], at: datetime) -> dict[int, list[Checklist]]:
        """As of_order, of many at once: of those that have steps."""
        rows = repository.steps(session, order_ids)
        if not rows:
            return {}
        orders = self._work_orders.of_ids(session, {row.work_order_id for row in rows})
        ids = [row.id for row in rows if row.id is not None]
        answers, follow_ups = repository.answers(session, ids), repository.follow_ups(session, ids)
        by_checklist: dict[int, list[Step]] = {}
        for row in rows:
            assert row.id is not None
            asks = _asks(row)
            live = self._live(session, orders[row.work_order_id], asks, at)
            by_checklist.setdefault(row.checklist_id, []).append(
                Step(row.id, asks, answers.get(row.id, []), follow_ups.get(row.id), live)
            )
        found: dict[int, list[Checklist]] = {}
        for one in repository.attached(session, orders):
            assert one.id is not None
            found.setdefault(one.work_order_id, []).append(Checklist(one, by_checklist.get(one.id, [])))
        return found

    def with_steps(self, session: Session, order_ids: Collection[int]) -> set[int]:
        """Those of these orders that have something to answer."""
        return repository.with_steps(session, order_ids)

    def step(self, session: Session, order_id: int, step_id: int, at: datetime) -> Step:
        """One of an order; raises NotFoundError."""
        for checklist in self.of_order(session, order_id, at):
            for step in checklist.steps:
                if step.id == step_id:
                    return step
        raise NotFoundError(said("work order %(order_id)s has no step %(step_id)s", order_id=order_id, step_id=step_id))

    def follows(self, session: Session, order_id: int) -> tuple[FollowUp, OrderStep] | None:
        """The step of another order whose fail opened this one."""
        return repository.followed(session, order_id)

    def guard(self, session: Session, order: WorkOrder) -> None:
        """No order is done whose required steps are not all answered; raises ConflictError that names them."""
        assert order.id is not None
        rows = repository.steps(session, [order.id])
        answers = repository.answers(session, [row.id for row in rows if row.id is not None])
        open_steps = unanswered(
            [(_asks(row), answers[row.id][-1].verdict if row.id in answers else None) for row in rows]
        )
        if open_steps:
            told = "; ".join(open_steps[:5]) + (
                said("; and %(open_steps)s more", open_steps=len(open_steps) - 5) if len(open_steps) > 5 else ""
            )
            count = said(
                "%(count)s required step%(s)s of its checklist",
                count=len(open_steps),
                s="s" if len(open_steps) > 1 else "",
            )
            raise ConflictError(
                said(
                    "work order %(order_id)s is not done: %(count)s not answered yet: %(told)s",
                    order_id=order.id,
                    count=count,
                    told=told,
                )
            )

    def answer(
        self,
        session: Session,
        order_id: int,
        step_id: int,
        ref: str,
        given: Given,
        person: str,
        claimed_at: datetime | None,
        at: datetime,
    ) -> StepAnswer:
        """Take an answer; sent again under the same ref it changes nothing; answers of one order are taken one at a
        time. Raises NotFoundError, InvalidError,
        ConfirmError, and ConflictError for an order that was over when the answer was given."""
        order = self._work_orders.locked(session, order_id)
        row = session.get(OrderStep, step_id)
        if row is None or row.work_order_id != order_id:
            raise NotFoundError(
                said("work order %(order_id)s has no step %(step_id)s", order_id=order_id, step_id=step_id)
            )
        known = repository.by_ref(session, ref)
        if known is not None:
            if known.step_id != step_id:
                raise ConflictError(
                    said("ref %(ref)r was an answer to another step; make a new one for each answer", ref=ref)
                )
            return known
        attached = session.get(OrderChecklist, row.checklist_id)
        assert attached is not None
        moment = max(min(claimed_at, at), attached.attached_at) if claimed_at is not None else at
        _in_time(order, moment)
        asks = _asks(row)
        series, before, live = "", None, None
        if asks.kind is StepKind.METER:
            series = _series(order, asks)
            last = repository.before(session, series, step_id, moment) if series else None
            if last is not None and isinstance(last.value, int | float):
                before = Reading(float(last.value), last.at)
            live = self._live(session, order, asks, moment, late=moment < at)
        judged = judge(asks, given, before, Reading(live.value, live.at) if live is not None else None)
        self._check_files(session, asks.kind, judged.value)
        earlier = repository.answers(session, [step_id]).get(step_id, [])
        answer = StepAnswer(
            step_id=step_id,
            ref=ref,
            value=judged.value,
            verdict=judged.verdict,
            reason=judged.reason,
            note=given.note.strip(),
            person=person,
            at=moment,
            claimed_at=claimed_at,
            received_at=at,
            series=series if judged.value is not None else "",
            confirmed=judged.confirmed,
            live={"value": live.value, "unit": live.unit, "at": live.at.isoformat()} if live is not None else {},
        )
        session.add(answer)
        session.flush()
        if not earlier or earlier[-1].at <= moment:  # else a newer one came before it, and counts
            self._follow(session, order, row, asks, answer, person, at)
        record_change(session, "work-order", str(order_id), at)
        return answer

    def _follow(
        self, session: Session, order: WorkOrder, row: OrderStep, asks: StepDefinition, answer: StepAnswer,
        person: str, at: datetime,
    ) -> None:  # fmt: skip
        """Open the follow-up of a fail, or say on it what the step says now."""
        assert row.id is not None
        assert order.id is not None
        known = repository.follow_ups(session, [row.id]).get(row.id)
        failed = answer.verdict is Verdict.FAILED
        if known is None:
            if failed and asks.follow_up:
                self._open(session, order, row.id, asks, answer, person, at)
            return
        if failed and known.corrected_at is not None:
            known.corrected_at, text = None, said("it fails again: %(reason)s", reason=answer.reason)
        elif not failed and known.corrected_at is None:
            known.corrected_at, text = at, "it was corrected: the step passed"
            if answer.verdict is Verdict.NOT_APPLICABLE:
                text = said("it was corrected: the step does not apply (%(note)s)", note=answer.note)
        else:
            return
        session.add(known)
        self._work_orders.note(
            session,
            known.work_order_id,
            said("%(label)s, work order %(order_id)s: %(text)s", label=asks.label, order_id=order.id, text=text),
            person,
            at,
        )

    def _open(
        self, session: Session, order: WorkOrder, step_id: int, asks: StepDefinition, answer: StepAnswer,
        person: str, at: datetime,
    ) -> None:  # fmt: skip
        story = [
            said(
                "Failed on work order %(order_id)s, %(title)s: %(reason)s",
                order_id=order.id,
                title=order.title,
                reason=answer.reason,
            )
        ]
        story += [answer.note] if answer.note and answer.note != answer.reason else []
        opened = self._work_orders.create(
            session, f"{asks.label}: {answer.reason}"[:200], "\n".join(story), order.site_id, order.device_id,
            asks.follow_up, order.team_id, person, at, asset_id=order.asset_id,
        )  # fmt: skip
        assert opened.id is not None
        session.add(FollowUp(step_id=step_id, work_order_id=opened.id, opened_at=at))
        session.flush()
        self._work_orders.note(
            session,
            order.id or 0,
            said("%(label)s failed: work order %(opened_id)s opened", label=asks.label, opened_id=opened.id),
            person,
            at,
        )

    def _check_files(self, session: Session, kind: StepKind, value: Any) -> None:
        names: Collection[str] = ()
        if kind is StepKind.PHOTO and value is not None:
            names = value
        elif kind is StepKind.SIGNATURE and value is not None:
            names = [value]
        for name in names:
            try:
                photo = self._photos.get(session, name)
            except NotFoundError as error:
                raise InvalidError(said("value: %(error)s; store it first", error=error)) from error
            if kind is StepKind.SIGNATURE and photo.media_type != "image/png":
                raise InvalidError("value: a signature is a PNG picture")

    def _live(
        self, session: Session, order: WorkOrder, asks: StepDefinition, at: datetime, *, late: bool = False
    ) -> Live | None:
        """The good value of the order's device, or of the one that measures its asset, if it is of about that time; of
        an answer that comes late the one of then, not the newest."""
        if asks.kind is not StepKind.METER or not asks.metric:
            return None
        ids = [order.device_id] if order.device_id is not None else self._bound(session, order)
        latest = self._devices.latest(session, ids) if ids else {}
        for device_id in ids:
            then = self._then(session, device_id, asks.metric, at) if late else None
            if then is not None:
                return then
            kept = latest[device_id].values.get(asks.metric) if device_id in latest else None
            if kept is None or kept.get("q", Quality.GOOD) != Quality.GOOD:
                continue
            if not isinstance(kept.get("v"), int | float):
                continue
            moment = utc_from_ms(kept["t"])
            if abs(at - moment) <= NEAR:
                unit = self._metric(session, device_id, asks.metric).get("unit", "")
                return Live(device_id, float(kept["v"]), unit, moment)
        return None

    def _then(self, session: Session, device_id: str, metric: str, at: datetime) -> Live | None:
        """What was stored of that time and lies in the metric's range; nothing while the store is away: no answer waits
        for it."""
        about = self._metric(session, device_id, metric)
        least, most = (about.get(name) for name in ("minimum", "maximum"))
        try:
            points = self._near(device_id, metric, at, NEAR)
        except StoreUnavailableError:
            return None
        for point in points:
            if (least is None or point.last >= least) and (most is None or point.last <= most):
                return Live(device_id, point.last, about.get("unit", ""), utc_from_ms(point.time))
        return None

    def _metric(self, session: Session, device_id: str, metric: str) -> dict[str, Any]:
        metrics = self._devices.get(session, device_id).metrics
        return next((one for one in metrics if one["name"] == metric), {})

    def _bound(self, session: Session, order: WorkOrder) -> Sequence[str]:
        if order.asset_id is None:
            return ()
        bindings = self._assets.bindings(session, [order.asset_id])
        return [binding.device_id for binding in bindings if binding.until is None]


def _asks(row: OrderStep) -> StepDefinition:
    return StepDefinition.model_validate(row.definition)


def _series(order: WorkOrder, asks: StepDefinition) -> str:
    """One name for one instrument over all orders; none where the order is on nothing."""
    what = asks.metric or asks.label.strip().casefold()
    if order.asset_id is not None:
        return f"asset/{order.asset_id}/{what}"
    return f"device/{order.device_id}/{what}" if order.device_id is not None else ""


def _in_time(order: WorkOrder, moment: datetime) -> None:
    """What was answered before the order was done may arrive after."""
    if order.state is WorkOrderState.REQUESTED:
        raise ConflictError(
            said("work order %(order_id)s is only requested; a dispatcher approves it first", order_id=order.id)
        )
    over = order.done_at or order.closed_at
    if order.state in (*FINISHED, WorkOrderState.DONE) and (over is None or moment > over):
        raise ConflictError(
            said(
                "work order %(order_id)s is %(state)s; its checklist takes no answers any more",
                order_id=order.id,
                state=order.state,
            )
        )
