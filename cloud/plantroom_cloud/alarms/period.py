"""The time that figures are told for; pure."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from plantroom_cloud.errors import InvalidError
from plantroom_shared.said import said

#: Beyond it the figures of a year are a sum of other years.
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Period:
    """The last so many days, or from one day to another: both included, as a time zone has them."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    days: int
    first: str = ""
    last: str = ""

    @property
    def query(self) -> str:
        """For links."""
        return urlencode({"first": self.first, "last": self.last} if self.first else {"days": self.days})


def period(days: int, first: str, last: str, at: datetime, zone: ZoneInfo) -> Period:
    """The first day alone: until now. Raises InvalidError."""
    if not first and not last:
        return Period(at - timedelta(days=days), at, zone, days)
    today = at.astimezone(zone).date()
    try:
        to_day = date.fromisoformat(last) if last else today
        from_day = date.fromisoformat(first) if first else to_day
        start = datetime.combine(from_day, time(), zone)
        end = datetime.combine(to_day + timedelta(days=1), time(), zone)
    except (ValueError, OverflowError):
        raise InvalidError("first, last: write days like 2026-03-10") from None
    return Period(*bounded(start, min(end, at) if start < at < end else end), zone, days, str(from_day), str(to_day))


def bounded(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Raises InvalidError."""
    if start.tzinfo is None or end.tzinfo is None:
        raise InvalidError("start, end: say the time zone too, for example by a Z at the end")
    if start >= end:
        raise InvalidError("the end must be later than the start")
    if end - start > LONGEST + timedelta(days=1):
        raise InvalidError(said("start, end: at most %(days)s days", days=LONGEST.days))
    return start, end


def common(zones: set[str]) -> ZoneInfo:
    """Of sites that do not share one it is UTC."""
    return ZoneInfo(next(iter(zones))) if len(zones) == 1 else ZoneInfo("UTC")
