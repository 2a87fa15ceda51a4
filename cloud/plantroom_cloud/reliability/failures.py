"""Failures from faults, and where the time to restoration went; pure.

Each moment of a failure belongs to exactly one part, so that the parts add up to the whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from plantroom_cloud.reliability.records import Fault, History, Part, Step, Work
from plantroom_cloud.reliability.spans import Span, cut, union

_WORKED_ON = {"in-progress"}
_SAID_DONE = {"done", "verifying", "closed"}


@dataclass(frozen=True)
class Failure:
    """Faults that are one failure: of one repair, or at the same time."""

    faults: tuple[Fault, ...]  #: by their start
    spans: tuple[Span, ...]  #: what they cover; what lasts is cut at `until`
    end: datetime | None  #: None: it lasts

    @property
    def start(self) -> datetime:
        """When it began."""
        return self.faults[0].start


def failures(faults: Iterable[Fault], until: datetime) -> list[Failure]:
    """In order. Faults of one work order and cycle belong together, and so do those that overlap: an asset that is
    down cannot fail again. What lasts is cut at `until`."""
    found = sorted(
        (fault for fault in faults if fault.start < until and (fault.end is None or fault.end > fault.start)),
        key=lambda fault: (fault.start, fault.order_id, fault.alarm_id or 0),
    )
    group = list(range(len(found)))

    def root(index: int) -> int:
        while group[index] != index:
            index = group[index]
        return index

    first: dict[tuple[int, int], int] = {}
    reach: datetime | None = None
    reacher = 0
    for index, fault in enumerate(found):
        key = (fault.order_id, fault.cycle)
        group[root(index)] = root(first.setdefault(key, index))
        if reach is not None and fault.start < reach:
            group[root(index)] = root(reacher)
        end = until if fault.end is None else fault.end
        if reach is None or end > reach:
            reach, reacher = end, index
    members: dict[int, list[Fault]] = {}
    for index, fault in enumerate(found):
        members.setdefault(root(index), []).append(fault)
    made = []
    for faults_of in members.values():
        ends = [fault.end for fault in faults_of]
        over = [end for end in ends if end is not None and end <= until]
        made.append(
            Failure(
                tuple(faults_of),
                tuple(union((fault.start, min(fault.end or until, until)) for fault in faults_of)),
                max(over) if len(over) == len(ends) else None,
            )
        )
    return sorted(made, key=lambda failure: failure.start)


def parts(failure: Failure, history: History, within: Sequence[Span]) -> dict[Part, timedelta]:
    """How long each part took, of what lies within."""
    taken = dict.fromkeys(Part, timedelta())
    orders = {fault.order_id for fault in failure.faults}
    steps = [step for step in history.steps if step.order_id in orders]
    work = [row for row in history.work if row.order_id in orders]
    edges = sorted(
        {fault.start for fault in failure.faults}
        | {fault.detected for fault in failure.faults}
        | {fault.end for fault in failure.faults if fault.end is not None}
        | {step.at for step in steps}
        | {row.start for row in work}
        | {row.end for row in work if row.end is not None}
    )
    for start, end in cut(list(failure.spans), within):
        moments = [start, *(edge for edge in edges if start < edge < end), end]
        for moment, following in pairwise(moments):
            taken[part_at(moment, failure.faults, steps, work)] += following - moment
    return taken


def part_at(moment: datetime, faults: Sequence[Fault], steps: Iterable[Step], work: Iterable[Work]) -> Part:
    """What was being done at a moment at which one of the faults holds: about the one that began first."""
    fault = next(f for f in faults if f.start <= moment and (f.end is None or moment < f.end))
    if moment < fault.detected:
        return Part.DETECT
    state = ""
    for step in steps:
        if step.order_id == fault.order_id and step.at <= moment:
            state = step.state
    if state in _SAID_DONE:
        return Part.PROVE
    if state == "on-hold":
        return Part.WAIT
    if state not in _WORKED_ON:
        return Part.RESPOND
    doing = {
        row.activity
        for row in work
        if row.order_id == fault.order_id and row.start <= moment and (row.end is None or moment < row.end)
    }
    if doing & {"repair", "maintain"}:
        return Part.REPAIR
    for activity, part in (("diagnose", Part.DIAGNOSE), ("wait", Part.WAIT), ("travel", Part.RESPOND)):
        if activity in doing:
            return part
    return Part.REPAIR
