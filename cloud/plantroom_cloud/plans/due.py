"""When a plan is due by the calendar; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from plantroom_cloud.calendars.business import BusinessCalendar
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.recurrence import check_rule, check_start, next_occurrence, occurrences

#: A day with work is looked for so far ahead.
MOST_DAYS = 60
_FINE = ("FREQ=HOURLY", "FREQ=MINUTELY", "FREQ=SECONDLY")


@dataclass(frozen=True)
class Due:
    """`key` is the moment by the rule, `at` when it is due: later when that is no working day."""

    key: str
    at: datetime


@dataclass(frozen=True)
class Recurrence:
    """A rule of RFC 5545 in the time zone of a calendar."""

    rule: str
    starts: str  #: local, ISO
    calendar: BusinessCalendar
    avoid_holidays: bool = False
    floating: bool = False

    def check(self) -> None:
        """Raises InvalidError with what would be right."""
        text = self.rule.upper()
        if any(part in text for part in _FINE):
            raise InvalidError(f"rule {self.rule!r}: maintenance is planned by the day; use FREQ=DAILY or wider")
        if self.floating and "COUNT=" in text:
            raise InvalidError(f"rule {self.rule!r}: COUNT has no meaning when it begins anew each time; use UNTIL")
        check_rule(self.rule, self.starts, self.zone)

    @property
    def zone(self) -> str:
        """Its name."""
        return str(self.calendar.zone)

    def between(self, after: datetime, until: datetime) -> Iterator[Due]:
        """What is due by the rule with after < moment <= until, in order."""
        for moment in occurrences(self.rule, self.starts, self.zone, after, until):
            yield self._due(moment)

    def after_done(self, done_at: datetime) -> Due | None:
        """A floating plan begins anew on the day when it was done, at its own time of day."""
        local = done_at.astimezone(self.calendar.zone)
        start = datetime.combine(local.date(), check_start(self.starts).time())
        moment = next_occurrence(
            self.rule, start.isoformat(), self.zone, start.replace(tzinfo=self.calendar.zone).astimezone(UTC)
        )
        return None if moment is None else self._due(moment)

    def next(self, after: datetime) -> Due | None:
        """The first by the rule after `after`."""
        moment = next_occurrence(self.rule, self.starts, self.zone, after)
        return None if moment is None else self._due(moment)

    def forecast(self, first: Due | None, until: datetime) -> Iterator[Due]:
        """From `first` on, as if each were done when it is due."""
        following = first
        while following is not None and following.at <= until:
            yield following
            following = self.after_done(following.at) if self.floating else self.next(moment_of(following.key))

    def _due(self, moment: datetime) -> Due:
        return Due(moment.astimezone(UTC).isoformat(), self._moved(moment) if self.avoid_holidays else moment)

    def _moved(self, moment: datetime) -> datetime:
        local = moment.astimezone(self.calendar.zone)
        for count in range(MOST_DAYS):
            moved = local.replace(tzinfo=None) + timedelta(days=count)
            if self.calendar.is_working_day(moved.date()):
                return moved.replace(tzinfo=self.calendar.zone).astimezone(UTC)
        return moment  # nobody ever works there: then any day is as good


def moment_of(key: str) -> datetime:
    """The moment by the rule that a key names."""
    return datetime.fromisoformat(key)
