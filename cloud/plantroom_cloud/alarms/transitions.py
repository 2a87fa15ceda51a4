"""The alarm state machine of ISA-18.2 / IEC 62682 as a table one can read (shelving and suppression come later)."""

from enum import StrEnum

from plantroom_cloud.alarms.models import AlarmState
from plantroom_cloud.errors import ConflictError


class AlarmEvent(StrEnum):
    """What may happen to an alarm."""

    RAISE = "raise"  #: the condition holds
    RETURN = "return"  #: back to normal
    ACKNOWLEDGE = "acknowledge"


TRANSITIONS: dict[tuple[AlarmState, AlarmEvent], AlarmState] = {
    (AlarmState.NORMAL, AlarmEvent.RAISE): AlarmState.UNACKNOWLEDGED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.ACKNOWLEDGE): AlarmState.ACKNOWLEDGED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.RETURN): AlarmState.RETURNED,
    (AlarmState.ACKNOWLEDGED, AlarmEvent.RETURN): AlarmState.NORMAL,
    (AlarmState.RETURNED, AlarmEvent.ACKNOWLEDGE): AlarmState.NORMAL,
}


def next_state(state: AlarmState, event: AlarmEvent) -> AlarmState:
    """The state after `event`; raises ConflictError saying what is possible."""
    found = TRANSITIONS.get((state, event))
    if found is None:
        possible = ", ".join(e for (s, e) in TRANSITIONS if s is state) or "nothing"
        raise ConflictError(f"an alarm that is {state} cannot {event}; possible: {possible}")
    return found
