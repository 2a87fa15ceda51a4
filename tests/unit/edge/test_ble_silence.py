"""When a scan that hears nobody is begun anew, and when the adapter is switched."""

from plantroom_edge.drivers.ble_scale.silence import LONGEST_S, Remedy, SilenceWatch


def test_a_new_scan_comes_first_then_the_adapter_is_switched_with_growing_waits() -> None:
    watch = SilenceWatch(90.0)
    at, heard, tried = 1000.0, 1000.0, []
    for _ in range(5):
        due = watch.due_at(heard, at)
        tried.append((due - at, watch.remedy(due, linked=False)))
        at = due  # the new scan begins
    assert tried == [
        (90, Remedy.SCAN),
        (90, Remedy.SWITCH),
        (180, Remedy.SWITCH),
        (360, Remedy.SWITCH),
        (720, Remedy.SWITCH),
    ]
    for _ in range(10):
        at = watch.due_at(heard, at)
        watch.remedy(at, linked=False)
    assert watch.due_at(heard, at) - at == LONGEST_S


def test_who_is_heard_ends_it() -> None:
    watch = SilenceWatch(90.0)
    for at in (90.0, 180.0, 360.0):
        watch.remedy(at, linked=False)
    assert watch.due_at(400.0, 360.0) == 490.0
    assert watch.remedy(490.0, linked=False) is Remedy.SCAN


def test_an_adapter_that_holds_a_link_is_not_switched_off() -> None:
    """Connected scales do not advertise: silence is usual then."""
    watch = SilenceWatch(90.0)
    assert {watch.remedy(at, linked=True) for at in (90.0, 180.0, 270.0)} == {Remedy.SCAN}
    assert watch.due_at(0.0, 270.0) == 360.0
    assert watch.remedy(360.0, linked=False) is Remedy.SWITCH
