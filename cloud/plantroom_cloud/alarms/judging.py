"""Where each rule stands on each source: in memory between batches, in the database at each change."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import Session

from plantroom_cloud.alarms import engine, repository
from plantroom_cloud.alarms.compiled import compiled
from plantroom_cloud.alarms.judgement import Crossing, Rule, Standing, set_back
from plantroom_cloud.alarms.levels import outermost_first
from plantroom_cloud.alarms.models import AlarmRule, RuleState
from plantroom_cloud.alarms.order import in_order
from plantroom_cloud.alarms.precedence import Scope, choose, scope
from plantroom_cloud.alarms.raising import Raising
from plantroom_cloud.columns import ms_from_utc, utc_from_ms
from plantroom_cloud.devices.models import device_key
from plantroom_shared.batch import Batch, DeviceRows

#: Rules are looked at again when this much time has passed, so that a change takes effect everywhere.
RELOAD_S = 1.0
#: A watermark that jumps by more (it comes every 5 s) means that the gateway was away in between.
RESUMED_MS = 15_000


class Mark(NamedTuple):
    """By which a process knows whether it was the last to judge a gateway's batches."""

    until: datetime | None  #: the watermark
    heard_at: datetime | None  #: when batches of it were taken last


_Pair = tuple[Rule, Standing]


@dataclass(slots=True)
class _Watched:
    """A device with its rules."""

    source: str
    pairs: list[_Pair]
    recent: deque[DeviceRows] = field(default_factory=lambda: deque(maxlen=engine.RECENT))


#: Kinds that look at every row, not only at those with their metric.
_SEE_ALL = ("no-data", "condition")


@dataclass(slots=True)
class _Watch:
    """A gateway: what its watermark may end."""

    devices: dict[str, _Watched]
    pending: dict[tuple[str, int], _Pair] = field(default_factory=dict)  #: delays that run
    timed: list[tuple[str, _Pair]] = field(default_factory=list)  #: what time alone may change
    silent_from: int = 0  #: before this no device can be silent for too long, ms
    until: int = 0  #: its watermark, ms


class Judging:
    """Judges telemetry by the rules and has alarms raised and returned; one user at a time."""

    def __init__(self, raising: Raising) -> None:
        self._raising = raising
        self._rules: dict[str, list[Rule]] = {}  # device id → rules
        self._devices_of: dict[str, list[str]] = {}  # gateway → device ids
        self._watches: dict[str, _Watch] = {}  # gateway →
        self._until: dict[str, int] = {}  # gateway → watermark, kept when rules change
        self._left: dict[str, Mark] = {}  # gateway → what the database has of it by us
        self._loaded_at: datetime | None = None
        self._fingerprint: tuple[Any, ...] = ()

    def reload(self, session: Session, at: datetime) -> bool:
        """Look whether rules or devices changed, at most once a second; whether they did."""
        if self._loaded_at is not None and 0 <= (at - self._loaded_at).total_seconds() < RELOAD_S:
            return False
        self._loaded_at = at
        places = repository.places(session)
        fingerprint = (*repository.rules_fingerprint(session), len(places), hash(tuple(places)))
        if fingerprint == self._fingerprint:
            return False
        self._forget_standings()
        self._fingerprint = fingerprint
        self._rules, self._devices_of = {}, {}
        on: dict[tuple[Scope, str], list[AlarmRule]] = {}
        for rule in repository.enabled_rules(session):
            if (where := scope(rule)) is not None:
                on.setdefault((where, rule.device_id or rule.label or rule.profile or rule.site_id or ""), []).append(
                    rule
                )
        ready: dict[int, Rule] = {}
        for place, gateway_id in places:
            self._devices_of.setdefault(gateway_id, []).append(place.device_id)
            names = [(Scope.DEVICE, place.device_id), *((Scope.LABEL, label) for label in sorted(place.labels))]
            names += [(Scope.PROFILE, place.profile), (Scope.SITE, place.site_id)]
            mine = sorted(
                choose([rule for name in names for rule in on.get(name, ())], place).judged,
                key=lambda rule: (rule.suppressed_by is not None, outermost_first(rule)),
            )
            if mine:
                self._rules[place.device_id] = [
                    ready.get(rule.id) or ready.setdefault(rule.id, compiled(rule))
                    for rule in mine
                    if rule.id is not None
                ]
        return True

    def is_judged(self, rule_id: int, device_id: str) -> bool:
        """Whether a rule is judged on a device: not when a nearer one stands in for it there."""
        return any(rule.id == rule_id for rule in self._rules.get(device_id, ()))

    def seen(self, gateway_id: str, mark: Mark) -> None:
        """All up to its watermark was judged, be it by another process: what comes next is no return from a gap. Where
        it was another, what is in memory may not be so, whether that moved the watermark or not."""
        if gateway_id in self._watches and self._left.get(gateway_id) != mark:
            del self._watches[gateway_id]
        if gateway_id not in self._watches and mark.until is not None:
            self._until[gateway_id] = max(ms_from_utc(mark.until), self._until.get(gateway_id, 0))

    def leave(self, gateway_id: str, mark: Mark) -> None:
        """What the database has of it when this process is done with a group."""
        self._left[gateway_id] = mark

    def look_again(self) -> None:
        """Rules changed: look at them with the next batch."""
        self._loaded_at = None

    def forget(self) -> None:
        """The transaction failed, or another process judged meanwhile: what is in memory may not be so."""
        self._fingerprint, self._loaded_at = (), None
        self._forget_standings()

    def judge_batch(self, session: Session, gateway_id: str, batch: Batch, at: datetime) -> None:
        """A live batch: its rows, then what its watermark ends."""
        watch = self._watch(session, gateway_id)
        self._continue(session, watch, batch)
        for rows in in_order(batch.telemetry):
            self._judge(session, gateway_id, watch, rows, at)
        until = batch.complete_until
        if until is None:
            return
        for source, pair in watch.timed:
            self._end(session, gateway_id, watch, source, pair, until, at)
        for (source, _), pair in list(watch.pending.items()):
            self._end(session, gateway_id, watch, source, pair, until, at)
        if until >= watch.silent_from:
            for watched in watch.devices.values():
                for pair in watched.pairs:
                    if pair[0].kind == "no-data" and pair[0].metric is None:
                        self._end(session, gateway_id, watch, watched.source, pair, until, at)
            watch.silent_from = _silent_from(watch)

    def set_back(self, session: Session, gateway_id: str, to: int) -> None:
        """The gateway's clock went back to `to` (ms): go on from there."""
        watch = self._watch(session, gateway_id)
        for watched in watch.devices.values():
            for pair in watched.pairs:
                if set_back(pair[1], to):
                    self._keep(session, watch, watched.source, pair)
        watch.until = min(watch.until, to)
        watch.silent_from = _silent_from(watch)

    def judge_rows(self, session: Session, gateway_id: str, rows: DeviceRows, at: datetime) -> None:
        """Rows of one device."""
        self._judge(session, gateway_id, self._watch(session, gateway_id), rows, at)

    def judge_watermark(self, session: Session, gateway_id: str, source: str, until: int, at: datetime) -> None:
        """All readings of a device up to `until` (ms) have been seen."""
        watch = self._watch(session, gateway_id)
        watched = watch.devices.get(source)
        for pair in watched.pairs if watched is not None else ():
            if pair[0].timed or pair[1].pending_since is not None:
                self._end(session, gateway_id, watch, source, pair, until, at)

    def _judge(self, session: Session, gateway_id: str, watch: _Watch, rows: DeviceRows, at: datetime) -> None:
        source = device_key(gateway_id, rows.device)
        watched = watch.devices.get(source)
        if watched is None:
            return
        single, columns = len(rows.times) == 1 and not rows.marks, rows.values
        moment, is_quiet = rows.times[0] if rows.times else 0, engine.is_quiet
        for pair in watched.pairs:
            rule, standing = pair
            if single:
                column = columns.get(rule.metric)  # type: ignore[arg-type]
                if column is None and rule.kind not in _SEE_ALL:
                    continue
                if column is not None and is_quiet(rule, standing, moment, column[0]):
                    continue
            crossings, changed = engine.judge_rows(rule, standing, rows, watched.recent)
            for crossing in crossings:
                self._cross(session, rule.id, gateway_id, source, crossing, standing, at)
            if changed:
                self._keep(session, watch, source, pair)
        watched.recent.append(rows)

    def _end(
        self, session: Session, gateway_id: str, watch: _Watch, source: str, pair: _Pair, until: int, at: datetime
    ) -> None:
        rule, standing = pair
        for crossing in engine.judge_watermark(rule, standing, until):
            self._cross(session, rule.id, gateway_id, source, crossing, standing, at)
            self._keep(session, watch, source, pair)

    def _continue(self, session: Session, watch: _Watch, batch: Batch) -> None:
        """Follow the gateway's time; after a gap in it no delay may count what nobody saw."""
        times = [rows.times[0] for rows in batch.telemetry if rows.times]
        moment = min(times, default=batch.complete_until or 0)
        if moment - watch.until > RESUMED_MS:
            for watched in watch.devices.values():
                for pair in watched.pairs:
                    if engine.resume(*pair, moment):
                        self._keep(session, watch, watched.source, pair)
        watch.until = max(watch.until, moment, batch.complete_until or 0)

    def _watch(self, session: Session, gateway_id: str) -> _Watch:
        watch = self._watches.get(gateway_id)
        if watch is not None:
            return watch
        sources = [source for source in self._devices_of.get(gateway_id, ()) if source in self._rules]
        states = repository.rule_states(session, sources)
        heard = repository.last_readings(session, sources)
        watch = _Watch({}, until=self._until.get(gateway_id, 0))
        for source in sources:
            watched = _Watched(source, [])
            for rule in self._rules[source]:
                state = states.get((rule.id, source))
                standing = Standing.load(state) if state is not None else Standing()
                if standing.active and not repository.is_active(session, rule.id, source):
                    standing = Standing()  # ended by a person, who changed or disabled the rule
                if rule.kind == "no-data" and rule.metric is not None:
                    came = repository.last_came(session, source, rule.metric)
                    standing.last_time = max(standing.last_time or 0, came) if came is not None else standing.last_time
                elif rule.kind == "no-data" and not standing.active and source in heard:
                    # not kept at each reading: what was heard last stands with the latest values
                    standing.last_time = max(standing.last_time or 0, ms_from_utc(heard[source]))
                watched.pairs.append((rule, standing))
                if rule.condition is not None:
                    # kept with each change of the standing; what was heard since stands with the latest values
                    held = repository.latest_values(session, source, rule.condition.metrics)
                    standing.known = standing.known if held is None else held
                    if rule.condition.kind == "counter-reset" and rule.condition.metric in standing.known:
                        standing.points = [(standing.last_time or 0, standing.known[rule.condition.metric])]
                    if rule.condition.timed:
                        watch.timed.append((source, (rule, standing)))
                if standing.pending_since is not None:
                    watch.pending[source, rule.id] = rule, standing
            watch.devices[source] = watched
        self._watches[gateway_id] = watch
        return watch

    def _forget_standings(self) -> None:
        self._until.update({gateway: watch.until for gateway, watch in self._watches.items()})
        self._watches.clear()

    def _keep(self, session: Session, watch: _Watch, source: str, pair: _Pair) -> None:
        rule, standing = pair
        if standing.pending_since is None:
            watch.pending.pop((source, rule.id), None)
        else:
            watch.pending[source, rule.id] = pair
        if _waits_for_silence(rule, standing) and standing.last_time is not None:
            watch.silent_from = min(watch.silent_from, standing.last_time + rule.on_delay_ms)
        row = repository.rule_state(session, rule.id, source) or RuleState(rule_id=rule.id, source=source)
        row.state = standing.dump()
        session.add(row)

    def _cross(
        self,
        session: Session,
        rule_id: int,
        gateway_id: str,
        source: str,
        crossing: Crossing,
        standing: Standing,
        at: datetime,
    ) -> None:
        if crossing.kind == "raise":
            self._raising.raise_alarm(session, rule_id, gateway_id, source, crossing, standing.evidence, at)
        else:
            self._raising.return_alarm(session, rule_id, source, utc_from_ms(crossing.at), at)


def _waits_for_silence(rule: Rule, standing: Standing) -> bool:
    """Whether time alone may find the device silent."""
    return rule.kind == "no-data" and rule.metric is None and not standing.active


def _silent_from(watch: _Watch) -> int:
    """Until then every device has still time to be heard; readings only move it on."""
    times = [
        standing.last_time + rule.on_delay_ms
        for watched in watch.devices.values()
        for rule, standing in watched.pairs
        if _waits_for_silence(rule, standing) and standing.last_time is not None
    ]
    return min(times, default=watch.until)
