"""How a team's alarms compare with IEC 62682 / ISA-18.2 (§16), as distributions and not as a mean alone; pure.

An activation counts when it was told to people; what was shelved, suppressed by design or out of service from its
beginning to its end does not load an operator.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

TEN_MINUTES = timedelta(minutes=10)
#: A flood begins with more than so many activations in ten minutes and ends with fewer than FLOOD_ENDS.
FLOOD_BEGINS, FLOOD_ENDS = 10, 5
#: Chattering: so many activations of one alarm within a minute.
CHATTERS, CHATTER_WITHIN = 3, timedelta(minutes=1)
#: Fleeting: over before anybody could have acted.
FLEETING = timedelta(seconds=10)
STALE = timedelta(hours=24)
TOP = 10
#: An hour with more than so many is too much for one position.
BUSY_HOUR = 30


@dataclass(frozen=True, slots=True)
class Activation:
    """One occurrence of an alarm that was told to people."""

    name: str  #: of the alarm: rule and source
    severity: str
    raised: datetime
    returned: datetime | None
    acknowledged: datetime | None


@dataclass(frozen=True, slots=True)
class BadActor:
    """An alarm that makes much of the load."""

    name: str
    count: int
    share: float
    chattering: bool
    fleeting: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one team (one operator position) over one period; shares are 0 to 1."""

    activations: int
    per_day: float
    per_ten_minutes: float
    peak_ten_minutes: int
    share_over_ten: float  #: of ten-minute periods with more than ten
    share_in_flood: float  #: of the time
    floods: int
    top_share: float  #: of the load, by the ten most frequent
    chattering: Sequence[str]
    fleeting: int
    stale: int  #: active for more than a day, the most at the end of any day
    priorities: dict[str, float]
    distribution: dict[int, int]  #: activations in a ten-minute period → how many such periods
    bad_actors: Sequence[BadActor]
    median_to_acknowledge: timedelta | None
    slow_to_acknowledge: timedelta | None  #: nine of ten are acknowledged within it
    peak_hour: int
    share_busy_hours: float  #: of hours with more than BUSY_HOUR
    by_day: Sequence[tuple[date, int]]  #: activations of each local day
    by_hour: Sequence[int]  #: by the local hour of the day, 24


def figures(activations: Sequence[Activation], start: datetime, end: datetime, zone: tzinfo = UTC) -> Figures:
    """Formulas as the standard's table has them; days are those of `zone`."""
    ordered = sorted((item for item in activations if start <= item.raised < end), key=lambda item: item.raised)
    periods = max(1, round((end - start) / TEN_MINUTES))
    counts = Counter(int((item.raised - start) / TEN_MINUTES) for item in ordered)
    per_period = [counts.get(index, 0) for index in range(periods)]
    in_flood, floods = _floods(per_period)
    by_name = Counter(item.name for item in ordered)
    chattering = _chattering(ordered)
    fleeting = Counter(item.name for item in ordered if item.returned and item.returned - item.raised <= FLEETING)
    total = len(ordered)
    waits = sorted(item.acknowledged - item.raised for item in ordered if item.acknowledged)
    days = (end - start) / timedelta(days=1)
    hours = max(1, round((end - start) / timedelta(hours=1)))
    per_hour = Counter(int((item.raised - start) / timedelta(hours=1)) for item in ordered)
    local = [item.raised.astimezone(zone) for item in ordered]
    per_day, per_local_hour = Counter(moment.date() for moment in local), Counter(moment.hour for moment in local)
    return Figures(
        activations=total,
        per_day=total / days,
        per_ten_minutes=total / periods,
        peak_ten_minutes=max(per_period, default=0),
        share_over_ten=sum(count > FLOOD_BEGINS for count in per_period) / periods,
        share_in_flood=in_flood / periods,
        floods=floods,
        top_share=sum(count for _, count in by_name.most_common(TOP)) / total if total else 0.0,
        chattering=sorted(chattering),
        fleeting=sum(fleeting.values()),
        stale=_stale(activations, [*day_ends(start, end, zone), end]),
        priorities={name: count / total for name, count in Counter(item.severity for item in ordered).items()},
        distribution=dict(sorted(Counter(per_period).items())),
        bad_actors=[
            BadActor(name, count, count / total, name in chattering, fleeting[name])
            for name, count in by_name.most_common(TOP)
        ],
        median_to_acknowledge=waits[len(waits) // 2] if waits else None,
        slow_to_acknowledge=waits[min(len(waits) * 9 // 10, len(waits) - 1)] if waits else None,
        peak_hour=max(per_hour.values(), default=0),
        share_busy_hours=sum(count > BUSY_HOUR for count in per_hour.values()) / hours,
        by_day=[(day, per_day.get(day, 0)) for day in local_days(start, end, zone)],
        by_hour=[per_local_hour.get(hour, 0) for hour in range(24)],
    )


def local_days(start: datetime, end: datetime, zone: tzinfo) -> list[date]:
    """Those that [start, end) touches."""
    first, last = start.astimezone(zone).date(), (end - timedelta(microseconds=1)).astimezone(zone).date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def day_ends(start: datetime, end: datetime, zone: tzinfo) -> list[datetime]:
    """The local midnights within."""
    nights = (datetime.combine(day, time(), zone).astimezone(UTC) for day in local_days(start, end, zone))
    return [night for night in nights if start < night <= end]


def _stale(activations: Sequence[Activation], moments: Sequence[datetime]) -> int:
    until = max(moments)
    long = [item for item in activations if (item.returned or until) - item.raised > STALE]
    return max(
        sum(moment - item.raised > STALE and (item.returned is None or item.returned > moment) for item in long)
        for moment in moments
    )


def _floods(per_period: Sequence[int]) -> tuple[int, int]:
    """Periods within floods, and how many floods."""
    inside, periods, floods = False, 0, 0
    for count in per_period:
        if not inside and count > FLOOD_BEGINS:
            inside, floods = True, floods + 1
        elif inside and count < FLOOD_ENDS:
            inside = False
        periods += inside
    return periods, floods


def _chattering(ordered: Sequence[Activation]) -> set[str]:
    times: dict[str, list[datetime]] = defaultdict(list)
    for item in ordered:
        times[item.name].append(item.raised)
    return {
        name
        for name, found in times.items()
        if any(later - earlier <= CHATTER_WITHIN for earlier, later in zip(found, found[CHATTERS - 1 :], strict=False))
    }
