"""The alarm state machine of ISA-18.2 / IEC 62682 as a table one can read."""

from enum import StrEnum

from plantroom_cloud.alarms.models import AlarmState
from plantroom_cloud.errors import ConflictError
from plantroom_shared.said import said


class AlarmEvent(StrEnum):
    """What may happen to an alarm."""

    RAISE = "raise"  #: the condition holds
    RETURN = "return"  #: back to normal
    ACKNOWLEDGE = "acknowledge"
    REALARM = "re-alarm"  #: acknowledged, and still not normal after the rule's time
    LATCH = "latch"  #: normal and acknowledged, by a rule that latches
    RESET = "reset"  #: a person says that a latched alarm is over
    SHELVE = "shelve"
    SUPPRESS = "suppress"  #: by design
    REMOVE = "remove-from-service"
    RELEASE_ACTIVE = "release-active"  #: not set aside any more, and the condition holds
    RELEASE_NORMAL = "release-normal"  #: not set aside any more, and all is normal
    RELEASE_LATCHED = "release-latched"  #: the same, by a rule that latches: nobody has reset it


_S, _E = AlarmState, AlarmEvent

TRANSITIONS: dict[tuple[AlarmState, AlarmEvent], AlarmState] = {
    (_S.NORMAL, _E.RAISE): _S.UNACKNOWLEDGED,
    (_S.UNACKNOWLEDGED, _E.ACKNOWLEDGE): _S.ACKNOWLEDGED,
    (_S.UNACKNOWLEDGED, _E.RETURN): _S.RETURNED,
    (_S.ACKNOWLEDGED, _E.RETURN): _S.NORMAL,
    (_S.ACKNOWLEDGED, _E.REALARM): _S.UNACKNOWLEDGED,
    (_S.RETURNED, _E.ACKNOWLEDGE): _S.NORMAL,
    # a rule that latches
    (_S.ACKNOWLEDGED, _E.LATCH): _S.LATCHED,
    (_S.RETURNED, _E.LATCH): _S.LATCHED,
    (_S.LATCHED, _E.RESET): _S.NORMAL,
    # set aside: by a person, by design, with the equipment
    (_S.UNACKNOWLEDGED, _E.SHELVE): _S.SHELVED,
    (_S.ACKNOWLEDGED, _E.SHELVE): _S.SHELVED,
    (_S.RETURNED, _E.SHELVE): _S.SHELVED,
    (_S.UNACKNOWLEDGED, _E.SUPPRESS): _S.SUPPRESSED,
    (_S.ACKNOWLEDGED, _E.SUPPRESS): _S.SUPPRESSED,
    (_S.RETURNED, _E.SUPPRESS): _S.SUPPRESSED,
    (_S.UNACKNOWLEDGED, _E.REMOVE): _S.OUT_OF_SERVICE,
    (_S.ACKNOWLEDGED, _E.REMOVE): _S.OUT_OF_SERVICE,
    (_S.RETURNED, _E.REMOVE): _S.OUT_OF_SERVICE,
    (_S.LATCHED, _E.REMOVE): _S.OUT_OF_SERVICE,
    (_S.SHELVED, _E.REMOVE): _S.OUT_OF_SERVICE,
    (_S.SUPPRESSED, _E.REMOVE): _S.OUT_OF_SERVICE,
    # what the process does meanwhile is kept, and told to nobody
    (_S.SHELVED, _E.RETURN): _S.SHELVED,
    (_S.SUPPRESSED, _E.RETURN): _S.SUPPRESSED,
    (_S.OUT_OF_SERVICE, _E.RETURN): _S.OUT_OF_SERVICE,
    # set aside no more: the process decides
    (_S.SHELVED, _E.RELEASE_ACTIVE): _S.UNACKNOWLEDGED,
    (_S.SHELVED, _E.RELEASE_NORMAL): _S.NORMAL,
    (_S.SHELVED, _E.RELEASE_LATCHED): _S.LATCHED,
    (_S.SUPPRESSED, _E.RELEASE_LATCHED): _S.LATCHED,
    (_S.SUPPRESSED, _E.RELEASE_ACTIVE): _S.UNACKNOWLEDGED,
    (_S.SUPPRESSED, _E.RELEASE_NORMAL): _S.NORMAL,
    (_S.OUT_OF_SERVICE, _E.RELEASE_ACTIVE): _S.UNACKNOWLEDGED,
    (_S.OUT_OF_SERVICE, _E.RELEASE_NORMAL): _S.NORMAL,
}

#: How an alarm gets into a state in which it is set aside.
INTO = {_S.SHELVED: _E.SHELVE, _S.SUPPRESSED: _E.SUPPRESS, _S.OUT_OF_SERVICE: _E.REMOVE}


def next_state(state: AlarmState, event: AlarmEvent) -> AlarmState:
    """The state after `event`; raises ConflictError saying what is possible."""
    found = TRANSITIONS.get((state, event))
    if found is None:
        raise ConflictError(
            said(
                "an alarm that is %(state)s cannot %(event)s; possible: %(events)s",
                state=state,
                event=event,
                events=list(events(state)),
            )
        )
    return found


def events(state: AlarmState) -> list[AlarmEvent]:
    """What is possible now; of nothing there is none."""
    return [event for (from_state, event) in TRANSITIONS if from_state is state]
