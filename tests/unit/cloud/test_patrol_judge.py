"""What becomes of a round: complete, with deviations, missed, and corrected by what comes late."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.patrols.judge import Seen, Stop, Verdict, judge
from plantroom_cloud.patrols.models import RoundState, StopState
from plantroom_cloud.patrols.plausibility import TOO_FAST, TWO_PLACES, Trace, implausible

DUE = datetime(2026, 3, 1, 22, tzinfo=UTC)
END = DUE + timedelta(minutes=60)


def m(minutes: float) -> datetime:
    return DUE + timedelta(minutes=minutes)


STOPS = [Stop(n, f"p{n}", m(0), m(60)) for n in (1, 2, 3)]


def round_(*seen: tuple[str, float], at: float = 60, ordered: bool = True, stops: list[Stop] | None = None) -> Verdict:
    visits = [Seen(n, point, m(minute)) for n, (point, minute) in enumerate(seen, 1)]
    return judge(stops or STOPS, visits, ordered, END, m(at))


def states(verdict: Verdict) -> list[str]:
    return [stop.state.value for stop in verdict.stops]


def test_released_in_progress_complete() -> None:
    assert round_(at=-5).state is RoundState.RELEASED
    assert round_(at=-5).next_at == END
    assert round_(("p1", 1), at=2).state is RoundState.IN_PROGRESS
    done = round_(("p1", 1), ("p2", 2), ("p3", 3), at=4)
    assert (done.state, done.next_at) == (RoundState.COMPLETE, None)


def test_a_point_left_out_is_missed_at_the_end_of_its_window_and_the_round_at_its_end() -> None:
    stops = [STOPS[0], Stop(2, "p2", m(5), m(20)), STOPS[2]]
    before = round_(("p1", 1), at=10, stops=stops)
    assert (states(before)[1], before.next_at) == ("pending", m(20))
    after = round_(("p1", 1), at=20, stops=stops)
    assert (states(after)[1], after.state, after.next_at) == ("missed", RoundState.IN_PROGRESS, END)
    assert round_(("p1", 1), ("p3", 30), stops=stops).state is RoundState.MISSED
    late = round_(("p1", 1), ("p3", 30), ("p2", 40), at=41, stops=stops)
    assert (states(late)[1], late.state) == ("late", RoundState.DEVIATIONS)


def test_nothing_walked_is_missed_and_late_proof_corrects_it() -> None:
    assert round_(at=61).state is RoundState.MISSED
    assert round_(("p1", 1), ("p2", 2), ("p3", 3), at=600).state is RoundState.COMPLETE


def test_early_out_of_order_skipped_and_implausible_are_deviations() -> None:
    stops = [Stop(1, "p1", m(5), m(60)), *STOPS[1:]]
    early = round_(("p1", 1), ("p2", 10), ("p3", 11), at=12, stops=stops)
    assert (states(early)[0], early.state) == ("early", RoundState.DEVIATIONS)
    swapped = round_(("p2", 1), ("p1", 2), ("p3", 3))
    assert [stop.deviations for stop in swapped.stops] == [[], ["out-of-order"], []]
    assert swapped.state is RoundState.DEVIATIONS
    assert round_(("p2", 1), ("p1", 2), ("p3", 3), ordered=False).state is RoundState.COMPLETE
    excused = judge([*STOPS[:2], Stop(3, "p3", m(0), m(60), skipped=True)],
                    [Seen(1, "p1", m(1)), Seen(2, "p2", m(2))], True, END, m(3))  # fmt: skip
    assert (excused.state, excused.stops[2].state) == (RoundState.DEVIATIONS, StopState.SKIPPED)
    doubtful = judge(STOPS, [Seen(n, f"p{n}", m(n), suspect=n == 2) for n in (1, 2, 3)], True, END, m(4))
    assert (doubtful.state, doubtful.stops[1].deviations) == (RoundState.DEVIATIONS, ["implausible"])


def test_a_point_that_stands_twice_needs_two_visits_and_a_double_scan_is_one() -> None:
    stops = [Stop(1, "gate", m(0), m(60)), Stop(2, "p2", m(0), m(60)), Stop(3, "gate", m(0), m(60))]
    twice = round_(("gate", 1), ("gate", 1.5), ("p2", 5), at=6, stops=stops)
    assert states(twice) == ["visited", "visited", "pending"]
    assert round_(("gate", 1), ("p2", 5), ("gate", 9), at=10, stops=stops).state is RoundState.COMPLETE


@given(
    st.permutations(list(range(6))), st.lists(st.sampled_from(["p1", "p2", "p3", "foreign"]), min_size=6, max_size=6)
)
def test_the_order_in_which_visits_arrive_does_not_matter(order: list[int], points: list[str]) -> None:
    visits = [Seen(n, point, m(n * 7)) for n, point in enumerate(points)]
    one = judge(STOPS, visits, True, END, END)
    other = judge(STOPS, [visits[n] for n in order], True, END, END)
    assert (one.state, states(one)) == (other.state, states(other))


@given(st.lists(st.tuples(st.sampled_from(["p1", "p2", "p3"]), st.integers(0, 60)), max_size=8))
def test_more_proof_never_makes_a_round_worse(seen: list[tuple[str, int]]) -> None:
    random.Random(1).shuffle(seen)
    missing = [len(round_(*seen[:n]).missed) for n in range(len(seen) + 1)]
    assert missing == sorted(missing, reverse=True)


def test_nobody_is_carried_between_points_in_no_time_nor_at_two_readers_at_once() -> None:
    here = Trace("p1", m(0), "scanner-1")
    travel = timedelta(seconds=15)

    def other(point: str, seconds: float, reader: str = "scanner-1") -> Trace:
        return Trace(point, m(0) + timedelta(seconds=seconds), reader)

    assert implausible(here, [other("p2", 14)], travel) == [TOO_FAST]
    assert implausible(here, [other("p2", -14)], travel) == [TOO_FAST]
    assert implausible(here, [other("p2", 15), other("p1", 1)], travel) == []
    assert implausible(here, [other("p2", 3, "phone-7")], travel) == [TWO_PLACES]
    assert implausible(here, [other("p2", 3), other("p3", 3, "phone-7")], travel) == [TOO_FAST, TWO_PLACES]
