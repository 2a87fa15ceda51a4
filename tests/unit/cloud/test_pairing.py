"""Labels and weighings find each other by event time, in whatever order they come."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.weighings.models import Order
from plantroom_cloud.weighings.pairing import Pairs, Seen, pair


def _pair(story: str, order: Order = Order.LABEL_FIRST, window_s: float = 60) -> Pairs:
    """ "A0 w5 B70": label A at 0 s, a weighing at 5 s (its id), label B at 70 s (its id)."""
    scans, weighings = [], []
    for part in story.split():
        seconds = int(part[1:])
        if part[0] == "w":
            weighings.append(Seen(seconds, seconds * 1000))
        else:
            scans.append(Seen(seconds, seconds * 1000, part[0]))
    random.Random(story).shuffle(scans)
    random.Random(story).shuffle(weighings)
    return pair(scans, weighings, window_s, order)


@pytest.mark.parametrize(
    ("story", "pairs", "wrong_order"),
    [
        ("A0 w5", {5: 0}, set()),
        ("A0 w60", {60: 0}, set()),
        ("A0 w61", {}, set()),  # too late: neither has a partner
        ("w5", {}, set()),
        ("A0", {}, set()),
        ("A0 w5 B20 w25 C40 w45", {5: 0, 25: 20, 45: 40}, set()),
        ("A0 B3 w5", {5: 3}, set()),  # a second label puts the first one aside
        ("A0 B3 w5 w9", {5: 3}, set()),  # and does not come back for the next load
        ("A0 A3 w5", {5: 3}, set()),
        ("A0 w5 w9", {5: 0}, set()),  # one label is one weighing
        ("w5 A9", {5: 9}, {5}),  # wrong order
        ("w5 A70", {}, set()),
        ("w5 A9 w12", {12: 9}, set()),  # the label is the next load's: nobody guesses for the first
        ("w5 w8 A12", {8: 12}, {8}),
        ("w5 A9 B12", {5: 12}, {5}),
        ("A0 w5 B9", {5: 0}, set()),
    ],
)
def test_where_labels_come_first(story: str, pairs: dict[int, int], wrong_order: set[int]) -> None:
    found = _pair(story)
    assert (found.scan_of, found.wrong_order) == (pairs, wrong_order)


@pytest.mark.parametrize(
    ("story", "pairs", "wrong_order"),
    [
        ("w0 A5 w20 B25", {0: 5, 20: 25}, set()),
        ("w0 w3 A5", {3: 5}, set()),
        ("A0 w5", {5: 0}, {5}),
        ("A0 w5 B9", {5: 9}, set()),
        ("w0 A61", {}, set()),
    ],
)
def test_where_weights_come_first(story: str, pairs: dict[int, int], wrong_order: set[int]) -> None:
    found = _pair(story, Order.WEIGHT_FIRST)
    assert (found.scan_of, found.wrong_order) == (pairs, wrong_order)


@pytest.mark.parametrize("ripe", [False, True])
def test_the_wrong_order_waits_for_the_usual_one(ripe: bool) -> None:
    scan, weighing = Seen(1, 9000, "A", ripe), Seen(2, 5000)
    assert pair([scan], [weighing], 60, Order.LABEL_FIRST).scan_of == ({2: 1} if ripe else {})
    scan, weighing = Seen(1, 5000, "A"), Seen(2, 9000, None, ripe)
    assert pair([scan], [weighing], 60, Order.WEIGHT_FIRST).scan_of == ({2: 1} if ripe else {})


def test_what_was_put_aside_is_told() -> None:
    found = _pair("A0 B3 B4 w9")
    assert (found.superseded, found.repeated) == ({0: 3}, {3: 4})


EVENTS = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["A", "B", "C", None])), max_size=14)


@given(EVENTS, st.sampled_from(Order), st.randoms(use_true_random=False))
def test_arrival_order_changes_nothing_and_nobody_has_two_partners(
    events: list[tuple[int, str | None]], order: Order, chance: random.Random
) -> None:
    scans = [Seen(index, at * 1000, code) for index, (at, code) in enumerate(events) if code is not None]
    weighings = [Seen(index, at * 1000) for index, (at, code) in enumerate(events) if code is None]
    found = pair(scans, weighings, 60, order)
    chance.shuffle(scans)
    chance.shuffle(weighings)
    assert pair(scans, weighings, 60, order) == found
    assert len(set(found.scan_of.values())) == len(found.scan_of)
    at_of = {index: at for index, (at, _code) in enumerate(events)}
    assert all(abs(at_of[weighing] - at_of[scan]) <= 60 for weighing, scan in found.scan_of.items())
    assert not set(found.scan_of.values()) & (found.superseded.keys() | found.repeated.keys())
