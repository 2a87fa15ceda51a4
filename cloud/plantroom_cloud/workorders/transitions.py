"""The work-order state machine as a table one can read."""

from enum import StrEnum

from plantroom_cloud.errors import ConflictError
from plantroom_cloud.workorders.models import WorkOrderState as S
from plantroom_shared.said import said


class Step(StrEnum):
    """What people and the telemetry do to a work order."""

    APPROVE = "approve"
    REJECT = "reject"
    ASSIGN = "assign"
    CLAIM = "claim"
    ACCEPT = "accept"
    DECLINE = "decline"
    TRANSFER = "transfer"  #: to somebody who agreed
    START = "start"
    HOLD = "hold"
    RESUME = "resume"
    COMPLETE = "complete"
    VERIFY = "verify"
    REOPEN = "reopen"
    CANCEL = "cancel"


TRANSITIONS: dict[tuple[S, Step], S] = {
    (S.REQUESTED, Step.APPROVE): S.OPEN,
    (S.REQUESTED, Step.REJECT): S.REJECTED,
    (S.OPEN, Step.ASSIGN): S.ASSIGNED,
    (S.OPEN, Step.CLAIM): S.ASSIGNED,
    (S.OPEN, Step.CANCEL): S.CANCELLED,
    (S.ASSIGNED, Step.ASSIGN): S.ASSIGNED,
    (S.ASSIGNED, Step.ACCEPT): S.ACCEPTED,
    (S.ASSIGNED, Step.DECLINE): S.OPEN,
    (S.ASSIGNED, Step.TRANSFER): S.ACCEPTED,
    (S.ASSIGNED, Step.START): S.IN_PROGRESS,
    (S.ASSIGNED, Step.CANCEL): S.CANCELLED,
    (S.ACCEPTED, Step.ASSIGN): S.ASSIGNED,
    (S.ACCEPTED, Step.DECLINE): S.OPEN,
    (S.ACCEPTED, Step.TRANSFER): S.ACCEPTED,
    (S.ACCEPTED, Step.START): S.IN_PROGRESS,
    (S.ACCEPTED, Step.CANCEL): S.CANCELLED,
    (S.IN_PROGRESS, Step.TRANSFER): S.IN_PROGRESS,
    (S.IN_PROGRESS, Step.HOLD): S.ON_HOLD,
    (S.IN_PROGRESS, Step.COMPLETE): S.DONE,
    (S.IN_PROGRESS, Step.CANCEL): S.CANCELLED,
    (S.ON_HOLD, Step.TRANSFER): S.ON_HOLD,
    (S.ON_HOLD, Step.RESUME): S.IN_PROGRESS,
    (S.ON_HOLD, Step.CANCEL): S.CANCELLED,
    (S.DONE, Step.VERIFY): S.CLOSED,
    (S.DONE, Step.REOPEN): S.OPEN,
    (S.CLOSED, Step.REOPEN): S.OPEN,
}


def next_state(state: S, step: Step) -> S:
    """The state after `step`; raises ConflictError saying what is possible."""
    found = TRANSITIONS.get((state, step))
    if found is None:
        raise ConflictError(
            said(
                "a work order that is %(state)s cannot %(step)s; possible: %(steps)s",
                state=state,
                step=step,
                steps=list(steps(state)) or ["nothing"],
            )
        )
    return found


def steps(state: S) -> list[Step]:
    """What is possible now."""
    return [step for (from_state, step) in TRANSITIONS if from_state is state]
