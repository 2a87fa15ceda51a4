"""Which label belongs to which weighing, by event time alone. Pure: the same events give the same pairs, in whatever
order and however late they came.

At a station where labels come first:
- a weighing belongs to the label scanned last before it, within the station's window;
- a second label before anything was weighed puts the first one aside, the same label again changes nothing;
- a weighing left without a label takes one that was scanned after it, if nothing was weighed in between and nothing
  else wants it: paired once it has waited a while, and marked as in the wrong order.
Where weights come first, the same with the parts exchanged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from plantroom_cloud.weighings.models import Order

WRONG_ORDER = {
    Order.LABEL_FIRST: "the label was scanned after the weighing",
    Order.WEIGHT_FIRST: "the label was scanned before the weighing",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A scan (with its code) or a weighing (without)."""

    id: int
    at_ms: int
    code: str | None = None
    ripe: bool = True  #: it has waited for a partner in the usual order; only then one in the wrong order will do


@dataclass
class Pairs:
    """What belongs together, by id."""

    scan_of: dict[int, int] = field(default_factory=dict)  #: weighing → scan
    wrong_order: set[int] = field(default_factory=set)  #: weighings
    superseded: dict[int, int] = field(default_factory=dict)  #: scan → the scan that put it aside
    repeated: dict[int, int] = field(default_factory=dict)  #: scan → the scan of the same label after it


def pair(scans: Sequence[Seen], weighings: Sequence[Seen], window_s: float, order: Order) -> Pairs:
    """Scans and weighings of one station, in any order."""
    found = Pairs()
    window = round(window_s * 1000)
    labels_first = order is Order.LABEL_FIRST
    events = sorted([*scans, *weighings], key=lambda seen: (seen.at_ms, (seen.code is None) == labels_first, seen.id))
    _usual(events, window, labels_first, found)
    taken = set(found.scan_of.values()) | found.superseded.keys() | found.repeated.keys()
    left = [seen for seen in events if seen.code is not None and seen.id not in taken]
    weights = [seen for seen in events if seen.code is None]
    for index, weighing in enumerate(weights):
        if weighing.id in found.scan_of:
            continue
        if labels_first:
            until = weights[index + 1].at_ms if index + 1 < len(weights) else weighing.at_ms + window
            until = min(until, weighing.at_ms + window)
            near = [scan for scan in left if scan.ripe and weighing.at_ms <= scan.at_ms <= until]
        else:
            since = weights[index - 1].at_ms if index else weighing.at_ms - window
            near = [scan for scan in left if max(since, weighing.at_ms - window) <= scan.at_ms <= weighing.at_ms]
            near = near[::-1] if weighing.ripe else []
        if near:
            found.scan_of[weighing.id] = near[0].id
            found.wrong_order.add(weighing.id)
            left.remove(near[0])
    return found


def _usual(events: Sequence[Seen], window: int, labels_first: bool, found: Pairs) -> None:
    waiting: Seen | None = None  #: what came first and has no partner yet
    for seen in events:
        if waiting is not None and seen.at_ms - waiting.at_ms > window:
            waiting = None
        first = (seen.code is not None) == labels_first
        if not first:
            if waiting is not None:
                scan, weighing = (waiting, seen) if labels_first else (seen, waiting)
                found.scan_of[weighing.id] = scan.id
                waiting = None
            continue
        if waiting is not None and labels_first:
            aside = found.repeated if waiting.code == seen.code else found.superseded
            aside[waiting.id] = seen.id
        waiting = seen
