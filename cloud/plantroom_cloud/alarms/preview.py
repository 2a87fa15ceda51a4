"""Before a rule is saved: what it would have done to the stored history, and to the load of its team."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from plantroom_cloud.alarms import repository
from plantroom_cloud.alarms.compiled import compiled
from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.judgement import Rule
from plantroom_cloud.alarms.levels import LevelsDefinition, told
from plantroom_cloud.alarms.models import AlarmRule, Level, Severity
from plantroom_cloud.alarms.precedence import Scoped, choose
from plantroom_cloud.alarms.rationalisation import lacking
from plantroom_cloud.alarms.replay import (
    History,
    Spell,
    State,
    as_states,
    metrics_of,
    replay,
    replay_silence,
    states_of,
    thinned,
)
from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.devices.models import device_key
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.telemetry.rollup import LEVELS, Point
from plantroom_cloud.telemetry.service import TelemetryService

#: IEC 62682 / ISA-18.2: alarms a day that one operator position very likely can, and at most may, deal with.
ACCEPTABLE_A_DAY, MANAGEABLE_A_DAY = 144, 288
MOST_DEVICES = 20
WINDOW_S = 60
#: Up to so long a time every value is looked at; beyond it, windows of a minute with their least and greatest.
RAW_SPAN = timedelta(hours=6)
#: Over a longer time than this windows of a quarter of an hour are looked at: a delay is then known to that alone.
FINE_SPAN, COARSE_S = timedelta(days=60), 900
#: A silence is looked for in windows of at most this part of its length.
FINE = 4
DAY_MS = 86_400_000
#: A history of minutes is no basis for alarms a day: it counts as so many days, an hour.
SHORTEST_SEEN = 1 / 24
#: What was read of the store, by device and metric.
_Series = dict[tuple[str, str], list[Point]]
#: Metrics of a device, or of its gateway, by which it is seen to live: each comes at least once in its heartbeat.
MOST_METRICS = 8


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a rule would have done on one device."""

    device_id: str
    spells: Sequence[Spell]
    metric: str | None = None  #: that a chart of it shows


@dataclass(frozen=True, slots=True)
class Preview:
    """`per_day` is what the rule adds, `team_per_day` what its team has now without it."""

    days: float  #: looked at
    seen_days: float  #: of them: since the first value that is stored
    devices: Sequence[Foreseen]
    left_out: int  #: devices beyond MOST_DEVICES
    per_day: float
    team_per_day: float
    makes_alarms: bool  #: else events, of which nobody is told

    @property
    def budget(self) -> str:
        """Where the team would stand against the standard."""
        return _budget(self.team_per_day + (self.per_day if self.makes_alarms else 0))


@dataclass(frozen=True, slots=True)
class LevelsPreview:
    """The same of all levels of a metric; `per_day` are those that people would be told of: what an outer level tells
    is not told by the inner one too, nor what a level sees that makes events."""

    days: float
    seen_days: float
    devices: Mapping[str, Mapping[Level, Sequence[Spell]]]
    left_out: int
    per_day: float
    team_per_day: float

    @property
    def budget(self) -> str:
        """Where the team would stand against the standard."""
        return _budget(self.per_day + self.team_per_day)


def _budget(a_day: float) -> str:
    if a_day <= ACCEPTABLE_A_DAY:
        return "acceptable"
    return "manageable" if a_day <= MANAGEABLE_A_DAY else "too many"


class Previewing:
    """Reads; changes nothing."""

    def __init__(self, telemetry: TelemetryService) -> None:
        self._telemetry = telemetry

    def preview_levels(
        self,
        session: Session,
        definition: LevelsDefinition,
        sites: Sequence[str],
        days: float,
        at: datetime,
        *,
        instead_of: Collection[int] = (),
    ) -> LevelsPreview:
        """All levels of a metric together; `instead_of`: rules that they take the place of. Raises InvalidError for a
        time that cannot be looked at."""
        read: _Series = {}
        found = {
            level: self.preview(session, definition.rule(level), sites, days, at, instead_of=instead_of, read=read)
            for level in definition.in_order()
        }
        some = next(iter(found.values()))
        spells: dict[str, dict[Level, Sequence[Spell]]] = {}
        for level, preview in found.items():
            for item in preview.devices:
                spells.setdefault(item.device_id, {})[level] = item.spells
        alarming = {level for level, preview in found.items() if preview.makes_alarms}
        count = sum(told({level: mine[level] for level in mine if level in alarming}) for mine in spells.values())
        scale = (len(spells) + some.left_out) / len(spells) if spells else 0
        a_day = count * scale / some.seen_days
        return LevelsPreview(days, some.seen_days, spells, some.left_out, a_day, some.team_per_day)

    def preview(
        self,
        session: Session,
        definition: RuleDefinition,
        sites: Sequence[str],
        days: float,
        at: datetime,
        *,
        instead_of: Collection[int] = (),
        read: _Series | None = None,
    ) -> Preview:
        """`instead_of`: rules that it takes the place of; `read`: what was read of the store already, and is kept
        there. Raises InvalidError for a time that cannot be looked at."""
        if not SHORTEST_SEEN <= days <= 92:
            raise InvalidError("days: 1 to 92")
        severity = definition.severity or Severity.LOW  # nothing here depends on it
        rule = compiled(AlarmRule(id=0, **definition.model_dump() | {"severity": severity}, updated_at=at))
        names = metrics_of(rule)
        usable = repository.in_use_with(session, names, sites)
        others: list[Scoped] = [other for other in repository.enabled_rules(session) if other.id not in instead_of]
        devices = [
            (place.device_id, gateway)
            for place, gateway in repository.places(session)
            if place.device_id in usable
            and any(one is definition for one in choose([definition, *others], place).judged)
        ]
        look = _Look(self._telemetry, rule, days, at, {} if read is None else read)
        foreseen = [look.on(session, device, gateway) for device, gateway in devices[:MOST_DEVICES]]
        shown = sum(len(item.spells) for item in foreseen)
        scale = len(devices) / len(foreseen) if foreseen else 0
        seen = look.seen_days()
        team = repository.raised_since(session, definition.team_id, at - timedelta(days=seen), instead_of)
        return Preview(
            days=days,
            seen_days=seen,
            devices=foreseen,
            left_out=len(devices) - len(foreseen),
            per_day=shown * scale / seen,
            team_per_day=team / seen,
            makes_alarms=not lacking(definition),
        )


class _Look:
    """At the stored history, as one rule sees it."""

    def __init__(self, telemetry: TelemetryService, rule: Rule, days: float, at: datetime, read: _Series) -> None:
        self._read = read
        self._texts: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self._telemetry = telemetry
        self._rule = rule
        self._at = at
        self._span = ms_from_utc(at - timedelta(days=days)), ms_from_utc(at)
        span = timedelta(days=days)
        self._window_s = 0 if span <= RAW_SPAN else WINDOW_S if span <= FINE_SPAN else COARSE_S
        if self._window_s and rule.kind == "no-data":
            fitting = [level for level in LEVELS if level * 1000 * FINE <= rule.on_delay_ms]
            self._window_s = max([self._window_s, *fitting])

    def seen_days(self) -> float:
        """Since the first value: what was not recorded yet says nothing of how often a rule raises."""
        begins = [points[0].time for points in self._read.values() if points]
        begins += [texts[0][0] for texts in self._texts.values() if texts]
        seen = (self._span[1] - min(begins, default=self._span[0])) / DAY_MS
        return min(max(seen, SHORTEST_SEEN), (self._span[1] - self._span[0]) / DAY_MS)

    def on(self, session: Session, device_id: str, gateway_id: str) -> Foreseen:
        """When it would have raised there."""
        rule = self._rule
        if rule.kind == "no-data":
            if rule.metric is not None:
                heard = set(self._moments(device_id, rule.metric))
                alive = self._lives(session, device_id, but=rule.metric)
            else:
                heard, alive = self._lives(session, device_id), self._lives(session, device_key(gateway_id, gateway_id))
            known = alive if rule.metric is not None or alive else None
            spells = replay_silence(rule, heard, known, self._window_s * 1000, self._span[1])
            return Foreseen(
                device_id, spells, rule.metric or next(iter(repository.by_number(session, device_id)), None)
            )
        states = states_of(rule)
        series: dict[str, History] = {
            name: self._states(device_id, name) if name in states else self._points(device_id, name)
            for name in metrics_of(rule)
        }
        return Foreseen(device_id, replay(rule, series, self._window_s * 1000), rule.metric)

    def _lives(self, session: Session, device_id: str, but: str = "") -> set[int]:
        """When anything else of a device came: by its numbers, which are kept longer than states, if it has any."""
        names = [name for name in repository.by_number(session, device_id) if name != but][:MOST_METRICS]
        found = {point.time for name in names for point in self._points(device_id, name)}
        return found or {moment for name in names for moment in self._moments(device_id, name)}

    def _moments(self, device_id: str, metric: str) -> list[int]:
        size = self._window_s * 1000 or 1
        found = [point.time for point in self._points(device_id, metric)]
        return found or [time // size * size for time, _ in self._texts_of(device_id, metric)]

    def _states(self, device_id: str, metric: str) -> list[State]:
        texts = self._texts_of(device_id, metric)
        if texts:
            return thinned(texts, WINDOW_S * 1000)
        condition = self._rule.condition
        named = (
            self._rule.states
            if condition is None
            else frozenset[str]().union(
                condition.states, *(part.states for part in (*condition.parts, condition.guard) if part is not None)
            )
        )
        return as_states(self._points(device_id, metric), named)

    def _texts_of(self, device_id: str, metric: str) -> list[tuple[int, str]]:
        if (device_id, metric) not in self._texts:
            self._texts[device_id, metric] = self._telemetry.texts(device_id, metric, *self._span)
        return self._texts[device_id, metric]

    def _points(self, device_id: str, metric: str) -> list[Point]:
        if (device_id, metric) not in self._read:
            self._read[device_id, metric] = self._stored(device_id, metric)
        return self._read[device_id, metric]

    def _stored(self, device_id: str, metric: str) -> list[Point]:
        if not self._window_s:
            return self._telemetry.raw(device_id, metric, *self._span)
        return self._telemetry.series(device_id, metric, *self._span, self._window_s, self._at)[1]
