"""When a plan is due by the calendar; pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from plantroom_cloud.calendars.business import BusinessCalendar
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.recurrence import check_rule, check_start, next_occurrence, occurrences
from plantroom_shared.said import said

#: A day with work is looked for so far ahead.
MOST_DAYS = 60
#: A due time is moved by no more.
MOVED = timedelta(days=MOST_DAYS)
_FINE = ("FREQ=HOURLY", "FREQ=MINUTELY", "FREQ=SECONDLY")


@dataclass(frozen=True)
class Due:
    """`key` is the moment by the rule, `at` when it is due: later when that is no working day."""

    key: str
    at: datetime


#: Who could do the work, when all of them are away then and for the rest of that day; else nobody.
Away = Callable[[datetime], Sequence[str]]


def nobody(_moment: datetime) -> Sequence[str]:
    """Nobody is ever away."""
    return ()


@dataclass(frozen=True)
class Recurrence:
    """A rule of RFC 5545 in the time zone of a site."""

    rule: str
    starts: str  #: local, ISO
    zone: str  #: of the site; that of the calendar may be another
    calendar: BusinessCalendar
    avoid_holidays: bool = False
    floating: bool = False
    away: Away = nobody  #: a day on which all who could do it are away is one without work, too

    def check(self) -> None:
        """Raises InvalidError with what would be right."""
        text = self.rule.upper()
        if any(part in text for part in _FINE):
            raise InvalidError(
                said("rule %(rule)r: maintenance is planned by the day; use FREQ=DAILY or wider", rule=self.rule)
            )
        if self.floating and "COUNT=" in text:
            raise InvalidError(
                said("rule %(rule)r: COUNT has no meaning when it begins anew each time; use UNTIL", rule=self.rule)
            )
        check_rule(self.rule, self.starts, self.zone)

    def between(self, after: datetime, until: datetime) -> Iterator[Due]:
        """What is due by the rule with after < moment <= until, in order."""
        for moment in occurrences(self.rule, self.starts, self.zone, after, until):
            yield self._due(moment)

    def after_done(self, done_at: datetime, last: datetime | None = None) -> Due | None:
        """A floating plan begins anew on the day when it was done, at its own time of day; what was done ahead of
        `last`, its moment by the rule, is not due then once more."""
        local = done_at.astimezone(ZoneInfo(self.zone))
        start = datetime.combine(local.date(), check_start(self.starts).time())
        begun = start.replace(tzinfo=local.tzinfo).astimezone(UTC)
        rule = _within_month(self.rule, start)
        moment = next_occurrence(rule, start.isoformat(), self.zone, max(begun, last or begun))
        return None if moment is None else self._due(moment)

    def next(self, after: datetime) -> Due | None:
        """The first by the rule after `after`."""
        moment = next_occurrence(self.rule, self.starts, self.zone, after)
        return None if moment is None else self._due(moment)

    def forecast(self, first: Due | None, until: datetime) -> Iterator[Due]:
        """From `first` on, as if each were done when it is due; in order of the rule's moments."""
        if self.floating:
            following = first
            while following is not None and following.at <= until:
                yield following
                following = self.after_done(following.at, moment_of(following.key))
        elif first is not None:
            yield first
            begin = moment_of(first.key)
            while begin < until:  # by the year: who wants ten stops early
                end = min(begin + timedelta(days=366), until)
                yield from (due for due in self.between(begin, end) if due.at <= until)
                begin = end

    def _due(self, moment: datetime) -> Due:
        return Due(moment.astimezone(UTC).isoformat(), self._moved(moment) if self.avoid_holidays else moment)

    def _moved(self, moment: datetime) -> datetime:
        local = moment.astimezone(ZoneInfo(self.zone))
        for count in range(MOST_DAYS):
            moved = local.replace(tzinfo=None) + timedelta(days=count)
            found = moved.replace(tzinfo=local.tzinfo).astimezone(UTC)
            if self.calendar.is_working_day(moved.date()) and not self.away(found):
                return found
        return moment  # nobody ever works there: then any day is as good


def moment_of(key: str) -> datetime:
    """The moment by the rule that a key names."""
    return datetime.fromisoformat(key)


def _within_month(rule: str, start: datetime) -> str:
    """A month on from the 31st is the last day of a shorter month. RFC 5545 would leave such a month out, which is
    right for a date that somebody chose, but not for the day on which work happened to be done."""
    parts = dict(part.split("=", 1) for part in rule.strip().removeprefix("RRULE:").upper().split(";") if "=" in part)
    if start.day <= 28 or set(parts) - {"FREQ", "INTERVAL", "UNTIL", "WKST"}:
        return rule
    days = ",".join(str(day) for day in range(28, start.day + 1))
    match parts["FREQ"]:
        case "MONTHLY":
            return f"{rule};BYMONTHDAY={days};BYSETPOS=-1"
        case "YEARLY":
            return f"{rule};BYMONTH={start.month};BYMONTHDAY={days};BYSETPOS=-1"
        case _:
            return rule
