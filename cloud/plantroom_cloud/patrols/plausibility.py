"""Whether one person can have made these visits: pure, over what was scanned around the same time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

TOO_FAST = "too-fast"
TWO_PLACES = "two-places"


@dataclass(frozen=True, slots=True)
class Trace:
    """A visit as it bears on another one's plausibility."""

    point: str
    at: datetime
    reader: str  #: the scanner or phone that made it


def implausible(visit: Trace, others: Iterable[Trace], travel: timedelta) -> list[str]:
    """Marks on `visit`, given the other visits of the same round or person: one reader cannot be carried to another
    point in less than `travel` (a photographed label), and a person is not at two readers at once (a shared login, a
    helper with copies)."""
    near = [other for other in others if other.point != visit.point and abs(other.at - visit.at) < travel]
    marks = []
    if any(other.reader == visit.reader for other in near):
        marks.append(TOO_FAST)
    if any(other.reader != visit.reader for other in near):
        marks.append(TWO_PLACES)
    return marks
