"""A calendar as people write it: hours as text, days by name."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field

from plantroom_cloud.calendars.business import MINUTES_A_DAY, Span
from plantroom_cloud.errors import InvalidFieldsError
from plantroom_shared.said import said

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*(?:-|–|to)\s*(\d{1,2}):(\d\d)")


def read_spans(text: str) -> tuple[Span, ...]:
    """ "08:00-12:00, 13:00-17:00"; empty: nobody works. Raises ValueError saying what is wrong."""
    spans: list[Span] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _SPAN.fullmatch(part)
        if match is None:
            raise ValueError(said("%(part)r is not understood; write it like 08:00-12:00, 13:00-17:00", part=part))
        begin, end = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
        if int(match[2]) > 59 or int(match[4]) > 59 or end > MINUTES_A_DAY:
            raise ValueError(said("%(part)r: a day has 24 hours of 60 minutes; the last moment is 24:00", part=part))
        if begin >= end:
            raise ValueError(
                said("%(part)r ends before it begins; what passes midnight goes on the next day from 00:00", part=part)
            )
        spans.append((begin, end))
    spans.sort()
    for (_, end), (begin, _) in pairwise(spans):
        if begin < end:
            raise ValueError(said("%(clock)s lies within the hours before it", clock=_clock(begin)))
    return tuple(spans)


def show_spans(spans: Sequence[Sequence[int]]) -> str:
    """Back to text."""
    return ", ".join(f"{_clock(begin)}-{_clock(end)}" for begin, end in spans)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _hours(text: str) -> str:
    return show_spans(read_spans(text))


Hours = Annotated[str, Field(max_length=200), AfterValidator(_hours)]


class CalendarIn(BaseModel):
    """A calendar, for the API and the form; hours as "08:00-12:00, 13:00-17:00"."""

    name: str = Field(min_length=1, max_length=100)
    timezone: str = Field(default="", max_length=64, description="IANA name; empty: that of the site")
    monday: Hours = "08:00-17:00"
    tuesday: Hours = "08:00-17:00"
    wednesday: Hours = "08:00-17:00"
    thursday: Hours = "08:00-17:00"
    friday: Hours = "08:00-17:00"
    saturday: Hours = ""
    sunday: Hours = ""
    country: str = Field(default="", max_length=2, description="ISO 3166-1 alpha-2: its public holidays are free")
    region: str = Field(default="", max_length=40, description="ISO 3166-2 without the country, e.g. BY")
    holidays: dict[date, str] = Field(default_factory=dict, max_length=1000, description="own holidays: name by day")
    worked: list[date] = Field(default_factory=list, max_length=1000, description="days worked although free")

    def hours(self) -> list[tuple[Span, ...]]:
        """By weekday, Monday first."""
        return [read_spans(getattr(self, day)) for day in DAYS]


def read_days(text: str, field: str) -> dict[str, str]:
    """Lines like "2026-12-24 Christmas Eve" or "2026-12-24 to 2026-12-31 Works holidays"; raises InvalidFieldsError."""
    found: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        words = line.split()
        try:
            first = last = date.fromisoformat(words[0])
            rest = words[1:]
            if len(words) > 2 and words[1] in ("to", "-", "–"):
                last, rest = date.fromisoformat(words[2]), words[3:]
        except ValueError as error:
            raise InvalidFieldsError(
                {field: said("%(line)r: write the day like 2026-12-24 and its name after it", line=line)}
            ) from error
        if not 0 <= last.toordinal() - first.toordinal() <= 366:
            raise InvalidFieldsError(
                {field: said("%(line)r: from the first day to the last, a year at most", line=line)}
            )
        for number in range(first.toordinal(), last.toordinal() + 1):
            found[date.fromordinal(number).isoformat()] = " ".join(rest)
    return found


def show_days(days: Mapping[str, str]) -> str:
    """Back to lines."""
    return "\n".join(f"{day} {name}".rstrip() for day, name in sorted(days.items()))


def check_zone(name: str) -> None:
    """Raises InvalidFieldsError."""
    if not name:
        return
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidFieldsError(
            {"timezone": said("%(name)r is no time zone; write it like Europe/Berlin", name=name)}
        ) from error
