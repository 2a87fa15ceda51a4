"""Time profiles: whether it is now one of their hours, by the wall clock of the document's time zone."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plantroom_shared.allow_list import ALWAYS, HOLIDAY, Span

_DAY_MINUTES = 24 * 60
_Minutes = tuple[frozenset[int], int, int]


class Hours:
    """Compiled time profiles. Raises ValueError that says what is wrong and what would be right."""

    def __init__(self, time_zone: str, holidays: Iterable[str], profiles: Mapping[str, Sequence[Span]]) -> None:
        try:
            self._zone = ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"time zone {time_zone!r} is not known; write it like Europe/Berlin") from error
        self._holidays = frozenset(_day(text) for text in holidays)
        self._profiles: dict[str, list[_Minutes]] = {
            name: [_span(name, span) for span in spans] for name, spans in profiles.items()
        }

    def __contains__(self, profile: str) -> bool:
        return profile == ALWAYS or profile in self._profiles

    def open(self, profile: str, at_ms: int) -> bool:
        """Whether the profile is in force at a moment, ms since the epoch."""
        if profile == ALWAYS:
            return True
        local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self._zone)
        minute = local.hour * 60 + local.minute
        today, yesterday = self._kind(local.date()), self._kind(local.date() - timedelta(days=1))
        for days, start, end in self._profiles[profile]:
            if end > start:
                if today in days and start <= minute < end:
                    return True
            elif (today in days and minute >= start) or (yesterday in days and minute < end):
                return True
        return False

    def _kind(self, day: date) -> int:
        return HOLIDAY if day in self._holidays else day.isoweekday()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"holiday {text!r} is no date; write it like 2026-12-25") from error


def _span(profile: str, span: Span) -> _Minutes:
    days = frozenset(span.days)
    if not days or not days <= set(range(1, HOLIDAY + 1)):
        raise ValueError(f"time profile {profile!r}: days are 1 (Monday) to 7 (Sunday) and 8 (holidays)")
    return days, _minutes(profile, span.start), _minutes(profile, span.end)


def _minutes(profile: str, text: str) -> int:
    hour, colon, minute = text.partition(":")
    if colon and hour.isdigit() and minute.isdigit() and len(minute) == 2:
        total = int(hour) * 60 + int(minute)
        if int(minute) < 60 and total <= _DAY_MINUTES:
            return total
    raise ValueError(f"time profile {profile!r}: {text!r} is no time of day; write it like 07:30")
