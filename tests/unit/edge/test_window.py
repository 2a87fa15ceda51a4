"""When a batch is sent again."""

from plantroom_edge.uplink.window import FIRST_RESEND_S, NOBODY_S, RESEND_AFTER_S, Flying, Window


def _flying(seq: int, at: float = 0.0) -> Flying:
    return Flying("telemetry", seq, "o", seq, 10, at, historical=False)


def test_what_a_broker_dropped_before_the_cloud_was_back_is_sent_again_soon() -> None:
    window = Window()
    window.sent(_flying(1))
    assert window.overdue(FIRST_RESEND_S - 0.1) == []
    assert window.overdue(FIRST_RESEND_S) == [_flying(1)]
    assert window.overdue(FIRST_RESEND_S + 0.1) == []  # the next wait is longer
    assert window.overdue(2 * FIRST_RESEND_S) == [_flying(1)]
    window.landed("o", "telemetry", [])  # the cloud is there: it will acknowledge what it has
    assert window.overdue(RESEND_AFTER_S - 0.1) == []
    assert window.overdue(RESEND_AFTER_S) == [_flying(1)]


def test_while_nobody_takes_them_one_is_tried_and_then_all_are_sent_again() -> None:
    window = Window()
    for seq in (1, 2, 3):
        window.sent(_flying(seq))
        window.untaken("telemetry", seq)
    assert window.again_soon
    assert window.overdue(NOBODY_S - 0.1) == []
    assert window.overdue(NOBODY_S) == [_flying(1)]
    window.sent(_flying(1, NOBODY_S))
    window.taken()
    assert window.overdue(NOBODY_S) == [_flying(2), _flying(3)]
    for seq in (2, 3):
        window.sent(_flying(seq, NOBODY_S))
    assert window.overdue(2 * NOBODY_S) == []


def test_a_new_link_begins_anew() -> None:
    window = Window()
    window.sent(_flying(1))
    window.untaken("telemetry", 1)
    window.clear()
    assert len(window) == 0
    assert not window.again_soon
