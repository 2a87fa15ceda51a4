"""When something recurs: rules of RFC 5545, local time of day, whatever the clocks do in spring and autumn."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import DAILY, HOURLY, MINUTELY, MONTHLY, SECONDLY, YEARLY, rrule, rrulestr

from plantroom_cloud.errors import InvalidError
from plantroom_shared.said import said

#: More times than this in one day is a slip of the pen.
MOST_PER_DAY = 200

#: Days that are looked at for one that fits: 28 years, after which the calendar repeats.
_TRIED = 28 * 366
_PARTS = frozenset(
    ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYHOUR", "BYMINUTE", "BYSETPOS", "WKST")
)
_WIDEST = {MINUTELY: 1440, HOURLY: 24, DAILY: 366}
_UNITS = {DAILY: timedelta(days=1), HOURLY: timedelta(hours=1), MINUTELY: timedelta(minutes=1)}


def check_zone(name: str) -> ZoneInfo:
    """Raises InvalidError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidError(
            said("timezone %(name)r: use a name like Europe/Berlin or Asia/Shanghai", name=name)
        ) from error


def check_start(text: str) -> datetime:
    """The first occurrence, local and without an offset; raises InvalidError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(said("starts %(text)r: write it like 2026-03-01T06:00", text=text)) from error
    if found.tzinfo is not None:
        raise InvalidError(
            said("starts %(text)r: write the local time, without an offset; timezone says the rest", text=text)
        )
    if not 1970 <= found.year <= 2200:
        raise InvalidError(said("starts %(text)r: a year from 1970 to 2200", text=text))
    return found.replace(microsecond=0)


def check_rule(rule: str, starts: str, timezone: str) -> rrule:
    """Raises InvalidError with what would be right."""
    zone, first = check_zone(timezone), check_start(starts)
    text = rule.strip().removeprefix("RRULE:")
    if "\n" in text or "\r" in text or not text.upper().startswith("FREQ="):
        raise InvalidError(
            said("rule %(rule)r: one recurrence rule like FREQ=DAILY;BYHOUR=6,14,22;BYMINUTE=0", rule=rule)
        )
    text = re.sub(r"UNTIL=(\d{8}T\d{6})Z", lambda found: f"UNTIL={_local(found[1], zone)}", text, flags=re.IGNORECASE)
    try:
        made = rrulestr(text, dtstart=first)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidError(
            said(
                "rule %(rule)r: %(error)s; a right one is FREQ=DAILY;BYHOUR=6,14,22;BYMINUTE=0", rule=rule, error=error
            )
        ) from error
    if not isinstance(made, rrule) or made._freq == SECONDLY:  # type: ignore[attr-defined]  # noqa: SLF001
        raise InvalidError(said("rule %(rule)r: nothing is due by the second", rule=rule))
    _check_possible(made, rule, text, first)
    day = list(islice(_naive(made, first, first + timedelta(days=1)), MOST_PER_DAY + 1))
    if len(day) > MOST_PER_DAY:
        raise InvalidError(
            said(
                "rule %(rule)r: more than %(most_per_day)s times a day; look at FREQ, BYHOUR and BYMINUTE",
                rule=rule,
                most_per_day=MOST_PER_DAY,
            )
        )
    return made


def occurrences(rule: str, starts: str, timezone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """The moments (UTC) with after < moment <= until, in order, each once.

    A time of day that a day does not have (clocks go forward) is taken by the offset before the gap, as RFC 5545
    §3.3.5 has it. One that a day has twice counts once, the first time; of hourly and finer rules it counts twice.
    """
    made, zone = check_rule(rule, starts, timezone), check_zone(timezone)
    often = made._freq in (HOURLY, MINUTELY)  # type: ignore[attr-defined]  # noqa: SLF001
    margin = timedelta(hours=3)  # clocks are never moved by more
    low, high = (moment.astimezone(zone).replace(tzinfo=None) for moment in (after, until))
    found = {moment for local in _naive(made, low - margin, high + margin) for moment in _moments(local, zone, often)}
    yield from sorted(moment for moment in found if after < moment <= until)


def next_occurrence(rule: str, starts: str, timezone: str, after: datetime) -> datetime | None:
    """The first moment after `after`, looked for up to five years ahead."""
    low = after
    for days in (2, 40, 400, 1826):
        high = after + timedelta(days=days)
        found = next(occurrences(rule, starts, timezone, low, high), None)
        if found is not None:
            return found
        low = high
    return None


def _naive(made: rrule, low: datetime, high: datetime) -> Iterator[datetime]:
    if made._count is None:  # type: ignore[attr-defined]  # noqa: SLF001
        own: datetime | None = made._until  # type: ignore[attr-defined]  # noqa: SLF001
        first = _nearer(made, low)
        made = made.replace(dtstart=first, until=min(high, own) if own else high)  # one that never matches ends, too
    for local in made.xafter(low, inc=True):
        if local > high:
            return
        yield local


def _nearer(made: rrule, low: datetime) -> datetime:
    """A later beginning of the same rule: rules that step by minutes would walk through years else."""
    first: datetime = made._dtstart  # type: ignore[attr-defined]  # noqa: SLF001
    unit = _UNITS.get(made._freq)  # type: ignore[attr-defined]  # noqa: SLF001
    if unit is None or low <= first:
        return first
    step: timedelta = unit * made._interval  # type: ignore[attr-defined]  # noqa: SLF001
    return first + (low - first) // step * step


def _moments(local: datetime, zone: tzinfo, often: bool) -> Iterator[datetime]:
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    exists = first.astimezone(zone).replace(tzinfo=None) == local
    if exists or not often:
        yield first
    if exists and often:
        yield second  # the same moment, unless the hour comes twice


def _check_possible(made: rrule, rule: str, text: str, first: datetime) -> None:
    """Refuse a rule that is never due: dateutil would look for its first time until the year 9999."""
    parts = {part.partition("=")[0].upper() for part in text.split(";")}
    if unknown := sorted(parts - _PARTS):
        raise InvalidError(
            said(
                "rule %(rule)r: %(unknown)s is not known here; there are %(parts)s",
                rule=rule,
                unknown=list(unknown),
                parts=sorted(_PARTS),
            )
        )
    kind, interval = made._freq, made._interval  # type: ignore[attr-defined]  # noqa: SLF001
    if interval < 1 or interval > _WIDEST.get(kind, 1000):
        raise InvalidError(
            said(
                "rule %(rule)r: INTERVAL is 1 to %(kind)s here; FREQ may be a larger one",
                rule=rule,
                kind=_WIDEST.get(kind, 1000),
            )
        )
    if "BYSETPOS" in parts and kind not in (MONTHLY, YEARLY):
        raise InvalidError(said("rule %(rule)r: BYSETPOS is for FREQ=MONTHLY and FREQ=YEARLY", rule=rule))
    months, days, last = made._bymonth, made._bymonthday, made._bynmonthday  # type: ignore[attr-defined]  # noqa: SLF001
    weekdays = made._byweekday  # type: ignore[attr-defined]  # noqa: SLF001
    step = timedelta(days=interval if kind == DAILY else 1)
    for count in range(_TRIED):
        if first.year + count * step.days // 365 > 9000:
            break
        day = first + count * step
        left = day.day - 1 - monthrange(day.year, day.month)[1]
        if (
            (not months or day.month in months)
            and (not (days or last) or day.day in days or left in last)
            and (not weekdays or day.weekday() in weekdays)
        ):
            return
    raise InvalidError(
        said("rule %(rule)r: it is never due, beginning %(first)s", rule=rule, first=f"{first:%Y-%m-%d}")
    )


def _local(text: str, zone: tzinfo) -> str:
    """UNTIL is UTC in the standard, local for dateutil when the first occurrence is."""
    moment = datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return moment.astimezone(zone).strftime("%Y%m%dT%H%M%S")
