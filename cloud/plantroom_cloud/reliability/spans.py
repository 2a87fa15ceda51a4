"""Spans of time, half open: [from, to). Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

Span = tuple[datetime, datetime]


def union(spans: Iterable[Span]) -> list[Span]:
    """In order, without overlap: what several cover counts once."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def cut(spans: Sequence[Span], within: Sequence[Span]) -> list[Span]:
    """What of `spans` lies in `within`; both in order, without overlap."""
    found: list[Span] = []
    index = 0
    for start, end in spans:
        while index < len(within) and within[index][1] <= start:
            index += 1
        at = index
        while at < len(within) and within[at][0] < end:
            found.append((max(start, within[at][0]), min(end, within[at][1])))
            at += 1
    return found


def length(spans: Iterable[Span]) -> timedelta:
    """Of spans without overlap."""
    return sum((end - start for start, end in spans), timedelta())
