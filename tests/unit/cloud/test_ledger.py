"""Ranges of sequence numbers."""

from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.gateways.ledger import Ranges


@given(st.lists(st.integers(1, 60)))
def test_ranges_are_a_set(numbers: list[int]) -> None:
    ranges, seen = Ranges(), set[int]()
    for number in numbers:
        assert ranges.add(number) == (number not in seen)
        seen.add(number)
    assert {n for first, last in ranges.items for n in range(first, last + 1)} == seen
    assert ranges.missing() == (max(seen) - len(seen) if seen else 0)
    assert all(a[1] + 1 < b[0] for a, b in zip(ranges.items, ranges.items[1:], strict=False))
