"""Working time by a business calendar; pure.

The wall clock of the zone decides, so a day of 23 or 25 hours counts right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from plantroom_cloud.calendars.public_holidays import year_of

MINUTES_A_DAY = 1440
#: Begin and end in minutes after local midnight, begin < end <= 1440.
Span = tuple[int, int]
#: `add_working` ends here: a calendar may have holidays without end.
FARTHEST = timedelta(days=3660)

_DAY = timedelta(days=1)
_ALL_DAY: Sequence[Span] = ((0, MINUTES_A_DAY),)


@dataclass(frozen=True)
class BusinessCalendar:
    """When people work: hours by weekday (Monday first, spans in order, apart), but for holidays.

    `worked`: days that are worked although they are a holiday or have no hours, by the hours of their weekday, else by
    those of the first weekday that has any.
    """

    zone: tzinfo = UTC
    hours: tuple[tuple[Span, ...], ...] = (tuple(_ALL_DAY),) * 7
    holidays: Mapping[date, str] = field(default_factory=dict)
    worked: frozenset[date] = frozenset()
    country: str = ""
    region: str = ""

    @property
    def is_always(self) -> bool:
        """24 hours on 7 days, without holidays."""
        return not self.holidays and not self.country and all(tuple(spans) == _ALL_DAY for spans in self.hours)

    def holiday(self, day: date) -> str:
        """Its name, own dates first; empty when it is none, or is worked."""
        if day in self.worked:
            return ""
        if day in self.holidays:
            return self.holidays[day] or "holiday"
        return year_of(self.country, self.region, day.year).holidays.get(day, "") if self.country else ""

    def spans(self, day: date) -> Sequence[Span]:
        """The hours of one day of the zone."""
        if self.holiday(day):
            return ()
        spans = self.hours[day.weekday()]
        made_up = self.country and day in year_of(self.country, self.region, day.year).worked
        if not spans and (day in self.worked or made_up):
            return next((each for each in self.hours if each), ())
        return spans

    def is_working_day(self, day: date) -> bool:
        """Whether anybody works on it."""
        return bool(self.spans(day))

    def is_working(self, at: datetime) -> bool:
        """Whether the wall clock stands within the hours."""
        local = at.astimezone(self.zone)
        minutes = local.hour * 60 + local.minute
        return any(begin <= minutes < end for begin, end in self.spans(local.date()))

    def working_between(self, start: datetime, end: datetime) -> timedelta:
        """Working time in [start, end); zero when end is not later."""
        if self.is_always:
            return max(end - start, timedelta(0))
        pieces = self.pieces(start, end)
        return sum((until - since for since, until in pieces), timedelta(0))

    def add_working(self, start: datetime, duration: timedelta) -> datetime:
        """The first moment by which `duration` of working time has passed since `start`, UTC; `start` for none.

        Where that is more than ten years away, ten years after `start`.
        """
        left, last = duration, start + FARTHEST
        if left <= timedelta(0):
            return start.astimezone(UTC)
        if self.is_always:
            return min(start + duration, last).astimezone(UTC)
        for since, until in self.pieces(start, last):
            if until - since >= left:
                return since + left
            left -= until - since
        return last.astimezone(UTC)

    def pieces(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The stretches of working time in [start, end), UTC, in order; adjoining ones may come apart."""
        at, end = start.astimezone(UTC), end.astimezone(UTC)
        while at < end:
            until = min(end, datetime(at.year, at.month, at.day, tzinfo=UTC) + _DAY)
            for since, to, offset in _of_one_offset(at, until, self.zone):
                yield from self._within(since, to, offset)
            at = until

    def _within(self, since: datetime, to: datetime, offset: timedelta) -> Iterator[tuple[datetime, datetime]]:
        day = (since + offset).date()
        while (midnight := datetime(day.year, day.month, day.day, tzinfo=UTC) - offset) < to:
            for begin, end in self.spans(day):
                opens = max(since, midnight + timedelta(minutes=begin))
                closes = min(to, midnight + timedelta(minutes=end))
                if opens < closes:
                    yield opens, closes
            day += _DAY


def _of_one_offset(since: datetime, to: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Cut where the zone's clocks are changed; within a UTC day they are at most once."""
    before, after = _offset(since, zone), _offset(to, zone)
    if before == after:
        yield since, to, before
        return
    low, high = 0, int((to - since).total_seconds())  # changes come on whole seconds
    if since.microsecond:
        high += 1
    base = since.replace(microsecond=0)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(base + timedelta(seconds=middle), zone) == before else (low, middle)
    change = min(to, base + timedelta(seconds=high))
    yield since, change, before
    if change < to:
        yield change, to, after


def _offset(at: datetime, zone: tzinfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


#: What holds where nothing else was said.
ALWAYS = BusinessCalendar()
