"""What a technician or somebody above may do with a work order, and where that takes it; pure."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from plantroom_cloud.users.models import RANK, Role, User
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_cloud.workorders.transitions import TRANSITIONS, Step


class Asks(StrEnum):
    """What has to be said with a step."""

    NOTHING = ""
    PERSON = "person"
    REASON = "reason"
    HOLD = "hold"  #: one of the named reasons, and more about it
    NOTE = "note"
    START = "start"  #: whether the equipment is out of service meanwhile


class _Who(Enum):
    FREE = auto()  #: anybody, while it is nobody else's
    ASSIGNEE = auto()
    ASKED = auto()  #: to take it over
    CONCERNED = auto()  #: the assignee, who helps, and who dispatches
    DISPATCHER = auto()
    MANAGER = auto()


@dataclass(frozen=True)
class Move:
    """`step` as the API names it."""

    step: str
    text: str
    to: WorkOrderState
    asks: Asks


def moves(order: WorkOrder, user: User, *, helps: bool = False) -> list[Move]:
    """In the order in which they are usual. `helps`: the person works on it beside the assignee."""
    if RANK[user.role] < RANK[Role.TECHNICIAN]:
        return []
    found = []
    for step, name, text, asks, who in _USUAL:
        to = _target(order.state, step)
        if to is None or not _may(who, order, user, helps) or (order.kind == "patrol" and step in _BY_THE_ROUND):
            continue
        found.append(Move(name, text, to, asks))
    return found


def _target(state: WorkOrderState, step: Step) -> WorkOrderState | None:
    if (state, step) == (WorkOrderState.OPEN, Step.START):  # who starts an unclaimed one claims it
        return WorkOrderState.IN_PROGRESS
    return TRANSITIONS.get((state, step))


def _may(who: _Who, order: WorkOrder, user: User, helps: bool) -> bool:
    rank = RANK[user.role]
    free = order.assignee in (None, user.name)
    match who:
        case _Who.ASSIGNEE:
            return order.assignee == user.name
        case _Who.ASKED:
            return order.offered_to == user.name
        case _Who.FREE:
            return free
        case _Who.CONCERNED:
            return free or helps or rank >= RANK[Role.DISPATCHER]
        case _Who.DISPATCHER:
            return rank >= RANK[Role.DISPATCHER]
        case _Who.MANAGER:
            return rank >= RANK[Role.MANAGER]


#: The walk of a round does these.
_BY_THE_ROUND = (Step.START, Step.HOLD, Step.RESUME, Step.COMPLETE)

_USUAL: tuple[tuple[Step, str, str, Asks, _Who], ...] = (
    (Step.APPROVE, "approve", "It is ours: into the pool", Asks.NOTHING, _Who.DISPATCHER),
    (Step.CLAIM, "claim", "Take it yourself", Asks.NOTHING, _Who.FREE),
    (Step.TRANSFER, "take-over", "Take it over, as you were asked", Asks.NOTHING, _Who.ASKED),
    (Step.ACCEPT, "accept", "Accept it", Asks.NOTHING, _Who.ASSIGNEE),
    (Step.START, "start", "Start the work", Asks.START, _Who.CONCERNED),
    (Step.RESUME, "resume", "Go on with it", Asks.NOTHING, _Who.CONCERNED),
    (Step.COMPLETE, "complete", "It is done", Asks.NOTE, _Who.CONCERNED),
    (Step.HOLD, "hold", "It has to wait", Asks.HOLD, _Who.CONCERNED),
    (Step.ASSIGN, "assign", "Give it to", Asks.PERSON, _Who.DISPATCHER),
    (Step.DECLINE, "decline", "Give it back to the pool", Asks.REASON, _Who.ASSIGNEE),
    (Step.VERIFY, "verify", "Close it without proof by the telemetry", Asks.REASON, _Who.MANAGER),
    (Step.REJECT, "reject", "Reject it; the requester reads why", Asks.REASON, _Who.DISPATCHER),
    (Step.REOPEN, "reopen", "It is not done after all: open it again", Asks.REASON, _Who.DISPATCHER),
    (Step.CANCEL, "cancel", "Cancel it: nothing is to be done", Asks.REASON, _Who.DISPATCHER),
)
