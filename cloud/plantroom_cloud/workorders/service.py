"""Work orders: opened by alarms or people, finished by technicians, closed by the telemetry."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.devices.models import Device
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.notifications.models import NoticeKind
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.workorders import repository
from plantroom_cloud.workorders.alarm_order import order_for
from plantroom_cloud.workorders.models import (
    FINISHED,
    WorkOrder,
    WorkOrderEntry,
    WorkOrderFile,
    WorkOrderHelper,
    WorkOrderState,
)
from plantroom_cloud.workorders.repository import OrderQuery as OrderQuery  # for those who ask this service
from plantroom_cloud.workorders.transitions import Step, next_state
from plantroom_shared.said import said

#: Photos and documents of one order.
MOST_FILES = 50
HOLD_REASONS = ("parts", "access", "contractor", "safety", "other")


#: Called after a step with the order as it is then.
Listener = Callable[[Session, WorkOrder, Step, str, datetime], None]
#: Called before an order is done; raises ConflictError saying what is missing.
Guard = Callable[[Session, WorkOrder], None]
#: Called after each line of the trail, its first one too.
Follower = Callable[[Session, WorkOrder, WorkOrderEntry], None]


class WorkOrderService:
    """Works in the session it is given; each step leaves a line in the audit trail."""

    def __init__(self, notifications: NotificationService | None = None, recurrence: timedelta = timedelta(0)) -> None:
        self._notifications = notifications
        self.recurrence = recurrence  #: of rules that say none
        self._listeners: list[Listener] = []
        self._guards: list[Guard] = []
        self._followers: list[Follower] = []

    def listen(self, listener: Listener) -> None:
        """A domain that follows each step, in the same transaction; at build time."""
        self._listeners.append(listener)

    def guard(self, guard: Guard) -> None:
        """A domain that is asked before an order is done; at build time."""
        self._guards.append(guard)

    def follow(self, follower: Follower) -> None:
        """A domain that reads the trail, in the same transaction; at build time."""
        self._followers.append(follower)

    def open_for_alarm(
        self, session: Session, alarm: Alarm, proving_s: float, at: datetime, *, recurrence_s: float | None = None
    ) -> WorkOrder | None:
        """One work order per alarm, by unique index; an unfinished one on the same trouble takes the alarm in, and so
        does one that was closed within the recurrence window, its rule's or the installation's: its repair did not
        last."""
        window = self.recurrence if recurrence_s is None else timedelta(seconds=recurrence_s)
        recurring = self._unfinished_on(session, alarm) or self._closed_on(session, alarm, window)
        if recurring is not None:
            note = said("alarm %(alarm_id)s was raised again", alarm_id=alarm.id)
            if recurring.state in (WorkOrderState.DONE, WorkOrderState.CLOSED):
                self._reopen(session, recurring, note, "telemetry", at)
            else:
                self._entry(session, recurring, "note", recurring.state, recurring.state, "telemetry", note, at)
            return recurring
        device = session.get(Device, alarm.device_id) if alarm.device_id else None
        order = order_for(alarm, device, proving_s, at)
        try:
            with session.begin_nested():
                session.add(order)
                session.flush()
        except IntegrityError:  # another worker opened it
            return None
        self._entry(session, order, "open", "", order.state, "system", f"alarm {alarm.id}", at)
        return order

    def create(
        self,
        session: Session,
        title: str,
        description: str,
        site_id: str,
        device_id: str | None,
        priority: str,
        team_id: str | None,
        actor: str,
        at: datetime,
        *,
        kind: str = "corrective",
        asset_id: int | None = None,
        requester: str = "",
        due_at: datetime | None = None,
    ) -> WorkOrder:
        """By a person, or by a domain that plans work; `requester`: by somebody of the house, and a dispatcher looks at
        it first. Raises InvalidError."""
        if not title.strip():
            raise InvalidError("title: say in a few words what is to be done")
        if priority not in ("critical", "high", "medium", "low"):
            raise InvalidError(said("priority %(priority)r: use critical, high, medium or low", priority=priority))
        order = WorkOrder(
            kind=kind,
            title=title.strip(),
            description=description,
            site_id=site_id,
            device_id=device_id,
            priority=priority,
            team_id=team_id,
            opened_at=at,
            proving_s=0,
            asset_id=asset_id,
            requester=requester,
            due_at=due_at,
            state=WorkOrderState.REQUESTED if requester else WorkOrderState.OPEN,
        )
        session.add(order)
        session.flush()
        self._entry(session, order, "request" if requester else "open", "", order.state, actor, requester, at)
        if kind != "patrol":  # its route says who walks it
            self.tell_opened(session, order, at)
        return order

    def approve(self, session: Session, order_id: int, actor: str, at: datetime) -> WorkOrder:
        """A request is work of ours: into the pool."""
        order = self._take(session, order_id)
        self._step(session, order, Step.APPROVE, actor, "", at)
        return order

    def reject(self, session: Session, order_id: int, reason: str, actor: str, at: datetime) -> WorkOrder:
        """A request is none of ours; the requester reads why."""
        if not reason.strip():
            raise InvalidError("reason: say why, the requester reads it")
        order = self._take(session, order_id)
        self._step(session, order, Step.REJECT, actor, reason.strip(), at)
        order.resolution, order.closed_at = reason.strip(), at
        return order

    def accept(self, session: Session, order_id: int, actor: str, at: datetime) -> WorkOrder:
        """The assignee takes it on; raises ConflictError for anybody else."""
        order = self._own(session, order_id, actor)
        self._step(session, order, Step.ACCEPT, actor, "", at)
        return order

    def decline(self, session: Session, order_id: int, reason: str, actor: str, at: datetime) -> WorkOrder:
        """The assignee gives it back to the pool, and says why."""
        if not reason.strip():
            raise InvalidError("reason: say why you give it back")
        order = self._own(session, order_id, actor)
        self._step(session, order, Step.DECLINE, actor, reason.strip(), at)
        order.assignee = order.assigned_at = order.offered_to = None
        subject = said("%(actor)s gave back: %(title)s", actor=actor, title=order.title)
        self._announce(session, order, subject, f"declined/{at.isoformat()}", at, body=reason.strip(), to="managers")
        return order

    def offer(self, session: Session, order_id: int, to: str, actor: str, at: datetime) -> WorkOrder:
        """The assignee asks somebody to take it over; nothing changes until that person agrees."""
        order = self._own(session, order_id, actor)
        if to == actor:
            raise InvalidError("to: it is yours already")
        order.offered_to = to
        session.add(order)
        self._entry(session, order, "offer", order.state, order.state, actor, f"to {to}", at)
        self._tell(
            session,
            order,
            to,
            said("%(actor)s asks you to take over: %(title)s", actor=actor, title=order.title),
            f"offered/{to}",
            at,
        )
        return order

    def take_over(self, session: Session, order_id: int, actor: str, at: datetime) -> WorkOrder:
        """The one who was asked agrees; raises ConflictError for anybody else."""
        order = self._take(session, order_id)
        if order.offered_to != actor:
            raise ConflictError(
                said("work order %(order_id)s was not offered to %(actor)s", order_id=order_id, actor=actor)
            )
        before = order.assignee
        self._step(session, order, Step.TRANSFER, actor, f"from {before}", at)
        order.assignee, order.assigned_at, order.offered_to = actor, at, None
        return order

    def join(self, session: Session, order_id: int, user: str, actor: str, at: datetime) -> WorkOrder:
        """Somebody works on it too."""
        order = self._take(session, order_id)
        if user not in (order.assignee, *self.helpers(session, order_id)):
            session.add(WorkOrderHelper(work_order_id=order_id, user=user, since=at))
            self._entry(session, order, "join", order.state, order.state, actor, user, at)
            if user != actor:
                self._tell(
                    session,
                    order,
                    user,
                    said("You are asked to help: %(title)s", title=order.title),
                    f"join/{user}",
                    at,
                )
        return order

    def helpers(self, session: Session, order_id: int) -> list[str]:
        """Login names of those who work on it beside the assignee."""
        return repository.helpers(session, order_id)

    def helpers_of(self, session: Session, order_ids: Sequence[int]) -> dict[int, list[str]]:
        """The same for several; orders without any are left out."""
        return repository.helpers_of(session, order_ids)

    def add_file(
        self, session: Session, order_id: int, file_id: str, name: str, actor: str, at: datetime
    ) -> WorkOrderFile:
        """A stored file belongs to it from now on; added again it stays as it is. Raises ConflictError."""
        order = self._take(session, order_id)
        known = session.get(WorkOrderFile, (order_id, file_id))
        if known is not None:
            return known
        if len(repository.files(session, order_id)) >= MOST_FILES:
            raise ConflictError(
                said(
                    "work order %(order_id)s has %(most_files)s files already; remove one first",
                    order_id=order_id,
                    most_files=MOST_FILES,
                )
            )
        file = WorkOrderFile(work_order_id=order_id, file_id=file_id, name=name, added_at=at, added_by=actor)
        session.add(file)
        self._entry(session, order, "file", order.state, order.state, actor, name, at)
        return file

    def remove_file(self, session: Session, order_id: int, file_id: str, actor: str, at: datetime) -> None:
        """It belonged elsewhere; the story says who took it away. Raises NotFoundError."""
        order = self._take(session, order_id)
        file = self.file(session, order_id, file_id)
        session.delete(file)
        self._entry(session, order, "remove file", order.state, order.state, actor, file.name, at)

    def files(self, session: Session, order_id: int) -> list[WorkOrderFile]:
        """As they came."""
        return repository.files(session, order_id)

    def file(self, session: Session, order_id: int, file_id: str) -> WorkOrderFile:
        """Raises NotFoundError."""
        file = session.get(WorkOrderFile, (order_id, file_id))
        if file is None:
            raise NotFoundError(
                said("work order %(order_id)s has no file %(file_id)r", order_id=order_id, file_id=file_id[:64])
            )
        return file

    def of_asset(
        self, session: Session, asset_ids: Sequence[int], device_ids: Sequence[str], limit: int = 50
    ) -> list[WorkOrder]:
        """On these assets, or on what measures them; newest first."""
        return repository.of_asset(session, asset_ids, device_ids, limit)

    def evaluate(self, session: Session, order_id: int, rating: int, note: str, at: datetime) -> WorkOrder:
        """What the requester says of the finished work, 1 (bad) to 5 (good); raises InvalidError, ConflictError."""
        order = self._take(session, order_id)
        if not 1 <= rating <= 5:
            raise InvalidError("rating: 1 to 5")
        if order.state not in (WorkOrderState.DONE, WorkOrderState.CLOSED):
            raise ConflictError("the work is not finished yet")
        order.rating, order.rating_note = rating, note.strip()
        session.add(order)
        self._entry(session, order, "evaluate", order.state, order.state, "requester", f"{rating} of 5. {note}", at)
        return order

    def get(self, session: Session, order_id: int) -> WorkOrder:
        """Raises NotFoundError."""
        order = session.get(WorkOrder, order_id)
        if order is None:
            raise NotFoundError(said("there is no work order %(order_id)s", order_id=order_id))
        return order

    def of_ids(self, session: Session, order_ids: Collection[int]) -> dict[int, WorkOrder]:
        """Those of these ids that there are."""
        return repository.by_ids(session, order_ids)

    def locked(self, session: Session, order_id: int) -> WorkOrder:
        """As it is now; whoever else changes it waits until we are through. Raises NotFoundError."""
        return self._take(session, order_id)

    def requests_of(self, session: Session, user: str, limit: int = 50) -> list[WorkOrder]:
        """What somebody with a login asked for, newest first."""
        return repository.requests_of(session, user, limit)

    def trail(self, session: Session, order_id: int) -> list[WorkOrderEntry]:
        """Its story, oldest first."""
        return repository.trail(session, order_id)

    def search(
        self,
        session: Session,
        *,
        sites: Sequence[str] = (),
        state: WorkOrderState | None = None,
        open_only: bool = False,
        assignee: str | None = None,
        device_id: str | None = None,
        level: str = "",
        alike: Mapping[str, str | int | None] | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[WorkOrder]:
        """Newest first; `alike`: columns that are just so, where one is said."""
        return repository.search(
            session,
            sites=sites,
            state=state,
            open_only=open_only,
            assignee=assignee,
            device_id=device_id,
            level=level,
            alike={name: value for name, value in (alike or {}).items() if value is not None},
            before_id=before_id,
            limit=limit,
        )

    def find(
        self, session: Session, wanted: OrderQuery, before_id: int | None = None, limit: int = 50, skip: int = 0
    ) -> list[WorkOrder]:
        """A list's page, newest first, or by due time."""
        return repository.find(session, wanted, before_id, limit, skip)

    def due_first(self, session: Session, sites: Sequence[str] = (), limit: int = 8) -> list[WorkOrder]:
        """Those that are open, what is due next first, then the newest of the others."""
        return repository.find(session, OrderQuery(sites=sites, open_only=True, by_due=True), None, limit)

    def count_open(self, session: Session, sites: Sequence[str] = (), *, over_time: bool = False) -> int:
        """Neither closed nor cancelled; perhaps those alone whose time is over."""
        return repository.count_open(session, sites, over_time=over_time)

    def recently_closed(self, session: Session, sites: Sequence[str] = (), limit: int = 5) -> list[WorkOrder]:
        """The last closed first."""
        return repository.recently_closed(session, sites, limit)

    def for_alarm(self, session: Session, alarm: Alarm) -> WorkOrder | None:
        """The one it opened, else the newest on the same trouble."""
        assert alarm.id is not None
        return repository.of_alarm(session, alarm.id) or repository.newest_on(session, alarm.rule_id, alarm.source)

    def for_alarms(self, session: Session, alarms: Sequence[Alarm]) -> dict[int, WorkOrder]:
        """By alarm: the one it opened, else the one that is open on the same trouble."""
        opened = repository.of_alarms(session, [alarm.id for alarm in alarms if alarm.id is not None])
        same = repository.unfinished_of(session, {alarm.source for alarm in alarms})
        found = ((alarm.id, opened.get(alarm.id or 0) or same.get((alarm.rule_id, alarm.source))) for alarm in alarms)
        return {alarm_id: order for alarm_id, order in found if alarm_id is not None and order is not None}

    def claim(self, session: Session, order_id: int, actor: str, at: datetime) -> WorkOrder:
        """Take it from the pool."""
        return self._assign(session, order_id, Step.CLAIM, actor, actor, at)

    def assign(self, session: Session, order_id: int, user: str, actor: str, at: datetime) -> WorkOrder:
        """Give it to somebody."""
        return self._assign(session, order_id, Step.ASSIGN, user, actor, at)

    def dispatch(self, session: Session, order_id: int, team_id: str | None, actor: str, at: datetime) -> WorkOrder:
        """Give it to a team; who of it takes it is the team's matter. Raises ConflictError when it is finished."""
        order = self._take(session, order_id)
        if order.state in FINISHED:
            raise ConflictError(
                said(
                    "work order %(order_id)s is %(state)s; it goes to nobody any more",
                    order_id=order_id,
                    state=order.state,
                )
            )
        order.team_id = team_id
        session.add(order)
        self._entry(session, order, "dispatch", order.state, order.state, actor, f"to {team_id or 'no team'}", at)
        if team_id is not None and order.assignee is None:
            subject = said("For your team: %(title)s", title=order.title)
            self._announce(session, order, subject, f"team/{team_id}/{at.isoformat()}", at, to="team")
        return order

    def start(
        self, session: Session, order_id: int, actor: str, at: datetime, *, out_of_service: bool = False
    ) -> WorkOrder:
        """Work begins; who starts an unclaimed one claims it. `out_of_service`: the equipment's alarms are expected."""
        order = self._take(session, order_id)
        order.out_of_service = out_of_service
        if order.state is WorkOrderState.OPEN:
            order = self.claim(session, order_id, actor, at)
        self._step(session, order, Step.START, actor, "", at)
        order.started_at = order.started_at or at
        return order

    def hold(self, session: Session, order_id: int, reason: str, note: str, actor: str, at: datetime) -> WorkOrder:
        """Wait for a named reason."""
        if reason not in HOLD_REASONS:
            raise InvalidError(
                said("reason %(reason)r: use one of %(hold_reasons)s", reason=reason, hold_reasons=list(HOLD_REASONS))
            )
        order = self._take(session, order_id)
        self._step(session, order, Step.HOLD, actor, f"{reason}: {note}" if note else reason, at)
        return order

    def resume(self, session: Session, order_id: int, actor: str, at: datetime) -> WorkOrder:
        """Go on."""
        order = self._take(session, order_id)
        self._step(session, order, Step.RESUME, actor, "", at)
        return order

    def complete(self, session: Session, order_id: int, resolution: str, actor: str, at: datetime) -> WorkOrder:
        """The technician says it is done; the telemetry has the last word where an alarm opened it.
        Raises ConflictError when a guard misses something."""
        order = self._take(session, order_id)
        for guard in self._guards:
            guard(session, order)
        if order.state in (WorkOrderState.OPEN, WorkOrderState.ASSIGNED, WorkOrderState.ACCEPTED):
            order = self.start(session, order_id, actor, at)
        self._step(session, order, Step.COMPLETE, actor, resolution, at)
        order.done_at, order.resolution = at, resolution
        if order.alarm_id is None:
            self._close(session, order, actor, "no alarm to verify it by", at)
        return order

    def begin(self, session: Session, order_id: int, actor: str, at: datetime) -> None:
        """A domain that plans the work (a patrol round) sees that it has begun, whoever does it."""
        order = self._take(session, order_id)
        before, order.state, order.started_at = order.state, WorkOrderState.IN_PROGRESS, order.started_at or at
        self._entry(session, order, "start", before, order.state, actor, "", at)

    def conclude(self, session: Session, order_id: int, resolution: str, actor: str, at: datetime) -> None:
        """A domain that plans the work says how it ended, whatever step it was at; it may correct itself later."""
        order = self._take(session, order_id)
        before = order.state
        if before is not WorkOrderState.CANCELLED:
            order.state, order.resolution, order.verified_by = WorkOrderState.CLOSED, resolution, actor
            order.done_at, order.closed_at = order.done_at or at, order.closed_at or at
        action = "complete" if order.state is not before else "correct"
        self._entry(session, order, action, before, order.state, actor, resolution, at)

    def verify(self, session: Session, order_id: int, reason: str, actor: str, at: datetime) -> WorkOrder:
        """A manager closes it without waiting for the telemetry; says why."""
        if not reason.strip():
            raise InvalidError("reason: say why it needs no proof by the telemetry")
        order = self._take(session, order_id)
        self._close(session, order, actor, reason, at)
        return order

    def cancel(self, session: Session, order_id: int, reason: str, actor: str, at: datetime) -> WorkOrder:
        """Nothing is to be done."""
        if not reason.strip():
            raise InvalidError("reason: say why it is cancelled")
        order = self._take(session, order_id)
        self._step(session, order, Step.CANCEL, actor, reason, at)
        order.closed_at = at
        if order.assignee not in (None, actor):
            subject = said("Cancelled: %(title)s", title=order.title)
            self._announce(session, order, subject, "cancelled", at, body=reason, addressee=order.assignee)
        return order

    def reopen(self, session: Session, order_id: int, reason: str, actor: str, at: datetime) -> WorkOrder:
        """What was done did not help: a dispatcher opens it again, with its history, for who had it."""
        if not reason.strip():
            raise InvalidError("reason: say why it is opened again")
        order = self._take(session, order_id)
        self._reopen(session, order, reason.strip(), actor, at)
        return order

    def note(self, session: Session, order_id: int, text: str, actor: str, at: datetime) -> WorkOrder:
        """A remark in the trail."""
        order = self._take(session, order_id)
        self._entry(session, order, "note", order.state, order.state, actor, text, at)
        return order

    def tell_unstaffed(self, session: Session, order_id: int, text: str, at: datetime) -> None:
        """Nobody will be there to do it: it stands in the trail, and managers are told."""
        order = self.note(session, order_id, text, "system", at)
        subject = said("Nobody is there for: %(title)s", title=order.title)
        self._announce(session, order, subject, "unstaffed", at, body=text, to="managers")

    def verify_due(self, session: Session, at: datetime, is_active: Callable[[Session, int, str], bool]) -> None:
        """Close what has been normal for its proving time since it was done; the later of done and return counts."""
        for order in repository.done(session):
            if order.rule_id is None or order.done_at is None or is_active(session, order.rule_id, order.source):
                continue
            alarm = repository.newest_alarm(session, order.rule_id, order.source)
            normal_since = max(order.done_at, alarm.returned_at) if alarm and alarm.returned_at else order.done_at
            if self._known_until(session, order, at) - normal_since >= timedelta(seconds=order.proving_s):
                assert order.id is not None
                if self._take(session, order.id).state is not WorkOrderState.DONE:  # it came back meanwhile
                    continue
                self._close(
                    session, order, "telemetry", said("normal for %(proving_s).0f s", proving_s=order.proving_s), at
                )

    def _known_until(self, session: Session, order: WorkOrder, at: datetime) -> datetime:
        """How far the telemetry of its source has come: silence proves nothing."""
        gateway = session.get(Gateway, order.source.split(".")[0])
        return at if gateway is None or gateway.complete_until is None else min(at, gateway.complete_until)

    def _close(self, session: Session, order: WorkOrder, actor: str, note: str, at: datetime) -> None:
        self._step(session, order, Step.VERIFY, actor, note, at)
        order.closed_at, order.verified_by = at, actor

    def _reopen(self, session: Session, order: WorkOrder, why: str, actor: str, at: datetime) -> None:
        self._step(session, order, Step.REOPEN, actor, why, at)
        order.reopened += 1
        order.done_at, order.closed_at, order.verified_by = None, None, ""
        if order.assignee not in (None, actor):
            subject = said("Opened again: %(title)s", title=order.title)
            what = f"reopened/{order.reopened}"
            self._announce(session, order, subject, what, at, body=why, addressee=order.assignee)

    def _assign(self, session: Session, order_id: int, step: Step, user: str, actor: str, at: datetime) -> WorkOrder:
        order = self._take(session, order_id)
        if step is Step.CLAIM and order.assignee not in (None, actor):
            raise ConflictError(
                said("work order %(order_id)s is %(assignee)s's already", order_id=order_id, assignee=order.assignee)
            )
        self._step(session, order, step, actor, f"to {user}" if user != actor else "", at)
        order.assignee, order.assigned_at = user, at
        order.offered_to = None
        if user != actor:
            self._tell(session, order, user, said("Yours now: %(title)s", title=order.title), f"assigned/{user}", at)
        return order

    def _unfinished_on(self, session: Session, alarm: Alarm) -> WorkOrder | None:
        """Held; one that a scheduler closes at this moment is finished: the alarm is new trouble."""
        found = repository.unfinished_on(session, alarm.rule_id, alarm.source)
        if found is None or found.id is None:
            return None
        order = self._take(session, found.id)
        return None if order.state in FINISHED else order

    def _closed_on(self, session: Session, alarm: Alarm, window: timedelta) -> WorkOrder | None:
        """Held; closed within the recurrence window before the alarm."""
        if not window:
            return None
        since = alarm.raised_at - window
        found = repository.closed_on(session, alarm.rule_id, alarm.source, since)
        if found is None or found.id is None:
            return None
        order = self._take(session, found.id)
        return order if order.state is WorkOrderState.CLOSED else None

    def _take(self, session: Session, order_id: int) -> WorkOrder:
        """As it is now, and held until the transaction ends: of two who take one step, the second sees the first's."""
        order = repository.held(session, order_id)
        if order is None:
            raise NotFoundError(said("there is no work order %(order_id)s", order_id=order_id))
        return order

    def _own(self, session: Session, order_id: int, actor: str) -> WorkOrder:
        order = self._take(session, order_id)
        if order.assignee != actor:
            raise ConflictError(
                said(
                    "work order %(order_id)s is %(assignee)s's, not %(actor)s's",
                    order_id=order_id,
                    assignee=order.assignee or "nobody",
                    actor=actor,
                )
            )
        return order

    def tell_opened(self, session: Session, order: WorkOrder, at: datetime) -> None:
        """Of an alarm's order the alarm tells. A request is a dispatcher's to look at, other work its team's."""
        audience, subject = "team", said("New work: %(title)s", title=order.title)
        if order.requester:
            audience, subject = "managers", said("Asked for: %(title)s", title=order.title)
        elif order.kind == "patrol":
            subject = said("A round to walk: %(title)s", title=order.title)
        elif order.due_at is not None:
            site = session.get(Site, order.site_id)
            day = order.due_at.astimezone(ZoneInfo(site.timezone if site is not None else "UTC")).date()
            subject = said("Planned work, due %(day)s: %(title)s", day=str(day), title=order.title)
        self._announce(session, order, subject, "opened", at, to=audience)

    def _tell(self, session: Session, order: WorkOrder, user: str, subject: str, what: str, at: datetime) -> None:
        self._announce(session, order, subject, f"{what}/{at.isoformat()}", at, addressee=user)

    def _announce(
        self,
        session: Session,
        order: WorkOrder,
        subject: str,
        what: str,
        at: datetime,
        *,
        body: str = "",
        to: str = "",
        addressee: str | None = None,
    ) -> None:
        """Once for each `what` of an order."""
        if self._notifications is None:
            return
        self._notifications.announce(
            session,
            f"work-order/{order.id}/{what}",
            NoticeKind.PATROL if order.kind == "patrol" else NoticeKind.WORK_ORDER,
            order.priority,
            order.site_id,
            subject,
            at,
            body=body or order.description,
            link=f"/work-orders/{order.id}",
            team_id=order.team_id,
            audience=to,
            addressee=addressee,
        )

    def _step(self, session: Session, order: WorkOrder, step: Step, actor: str, note: str, at: datetime) -> None:
        before, order.state = order.state, next_state(order.state, step)
        session.add(order)
        self._entry(session, order, str(step), before, order.state, actor, note, at)
        for listener in self._listeners:
            listener(session, order, step, actor, at)

    def _entry(
        self,
        session: Session,
        order: WorkOrder,
        action: str,
        before: str,
        after: str,
        actor: str,
        note: str,
        at: datetime,
    ) -> None:
        assert order.id is not None
        entry = WorkOrderEntry(
            work_order_id=order.id,
            at=at,
            actor=actor,
            action=action,
            from_state=str(before),
            to_state=str(after),
            note=note,
        )
        session.add(entry)
        record_change(session, "work-order", str(order.id), at)
        for follower in self._followers:
            follower(session, order, entry)
