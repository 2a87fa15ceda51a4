"""The state machines, over all pairs."""

import itertools

import pytest

from plantroom_cloud.alarms import transitions as alarms
from plantroom_cloud.alarms.models import AlarmState
from plantroom_cloud.errors import ConflictError
from plantroom_cloud.workorders import transitions as orders
from plantroom_cloud.workorders.models import WorkOrderState


@pytest.mark.parametrize(("state", "event"), list(itertools.product(AlarmState, alarms.AlarmEvent)))
def test_alarm_states(state: AlarmState, event: alarms.AlarmEvent) -> None:
    if (state, event) in alarms.TRANSITIONS:
        assert alarms.next_state(state, event) is alarms.TRANSITIONS[state, event]
    else:
        with pytest.raises(ConflictError, match="possible"):
            alarms.next_state(state, event)


@pytest.mark.parametrize(("state", "step"), list(itertools.product(WorkOrderState, orders.Step)))
def test_work_order_states(state: WorkOrderState, step: orders.Step) -> None:
    if (state, step) in orders.TRANSITIONS:
        assert orders.next_state(state, step) is orders.TRANSITIONS[state, step]
    else:
        with pytest.raises(ConflictError, match="possible"):
            orders.next_state(state, step)
