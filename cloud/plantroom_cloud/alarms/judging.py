"""Where each rule stands on each source: in memory between batches, in the database at each change."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from plantroom_cloud.alarms import engine, repository
from plantroom_cloud.alarms.models import RuleState
from plantroom_cloud.alarms.raising import Raising
from plantroom_cloud.alarms.rules import compiled
from plantroom_cloud.columns import ms_from_utc, utc_from_ms
from plantroom_cloud.devices.models import device_key
from plantroom_shared.batch import Batch, DeviceRows

#: Rules are looked at again when this much time has passed, so that a change takes effect everywhere.
RELOAD_S = 1.0
#: A watermark that jumps by more (it comes every 5 s) means that the gateway was away in between.
RESUMED_MS = 15_000


class Judging:
    """Judges telemetry by the rules and has alarms raised and returned; one user at a time."""

    def __init__(self, raising: Raising) -> None:
        self._raising = raising
        self._rules: dict[str, list[engine.Rule]] = {}  # device id → rules
        self._standings: dict[tuple[int, str], engine.Standing] = {}
        self._devices_of: dict[str, list[str]] = {}  # gateway → device ids
        self._until: dict[str, int] = {}  # gateway → watermark, ms
        self._loaded_at: datetime | None = None
        self._fingerprint: tuple[Any, ...] = ()

    def reload(self, session: Session, at: datetime) -> None:
        """Look whether rules or devices changed, at most once a second."""
        if self._loaded_at is not None and 0 <= (at - self._loaded_at).total_seconds() < RELOAD_S:
            return
        self._loaded_at = at
        devices = repository.devices(session)
        fingerprint = (*repository.rules_fingerprint(session), len(devices), hash(tuple(sorted(devices))))
        if fingerprint == self._fingerprint:
            return
        self._fingerprint = fingerprint
        self._rules, self._devices_of = {}, {}
        self._standings.clear()
        rules = repository.enabled_rules(session)
        for device_id, profile, gateway_id in devices:
            self._devices_of.setdefault(gateway_id, []).append(device_id)
            mine = [
                rule
                for rule in rules
                if rule.device_id == device_id or (rule.profile == profile and rule.device_id is None)
            ]
            if mine:
                self._rules[device_id] = [compiled(rule) for rule in mine]

    def look_again(self) -> None:
        """Rules changed: look at them with the next batch."""
        self._loaded_at = None

    def forget(self) -> None:
        """The transaction failed: what is in memory may be ahead of the database."""
        self._fingerprint, self._loaded_at = (), None
        self._standings.clear()

    def judge_batch(self, session: Session, gateway_id: str, batch: Batch, at: datetime) -> None:
        """A live batch: its rows, then what its watermark ends."""
        self._continue(session, gateway_id, batch)
        for rows in batch.telemetry:
            self.judge_rows(session, gateway_id, rows, at)
        if batch.complete_until is not None:
            for source in self._devices_of.get(gateway_id, ()):
                self.judge_watermark(session, gateway_id, source, batch.complete_until, at)

    def judge_rows(self, session: Session, gateway_id: str, rows: DeviceRows, at: datetime) -> None:
        """Rows of one device."""
        source = device_key(gateway_id, rows.device)
        for rule in self._rules.get(source, ()):
            standing = self._standing(session, rule, source)
            crossings, changed = engine.judge_rows(rule, standing, rows)
            for crossing in crossings:
                self._cross(session, rule.id, gateway_id, source, crossing, standing, at)
            if changed:
                self._keep(session, rule, source, standing)

    def judge_watermark(self, session: Session, gateway_id: str, source: str, until: int, at: datetime) -> None:
        """All readings of a device up to `until` (ms) have been seen."""
        for rule in self._rules.get(source, ()):
            standing = self._standing(session, rule, source)
            if rule.kind != "no-data" and standing.pending_since is None:
                continue
            for crossing in engine.judge_watermark(rule, standing, until):
                self._cross(session, rule.id, gateway_id, source, crossing, standing, at)
                self._keep(session, rule, source, standing)

    def _continue(self, session: Session, gateway_id: str, batch: Batch) -> None:
        """Follow the gateway's time; after a gap in it no delay may count what nobody saw."""
        times = [rows.times[0] for rows in batch.telemetry if rows.times]
        moment = min(times, default=batch.complete_until or 0)
        before = self._until.get(gateway_id, 0)
        if moment - before > RESUMED_MS:
            for source in self._devices_of.get(gateway_id, ()):
                for rule in self._rules.get(source, ()):
                    standing = self._standing(session, rule, source)
                    if engine.resume(rule, standing, moment):
                        self._keep(session, rule, source, standing)
        self._until[gateway_id] = max(before, moment, batch.complete_until or 0)

    def _standing(self, session: Session, rule: engine.Rule, source: str) -> engine.Standing:
        standing = self._standings.get((rule.id, source))
        if standing is None:
            row = repository.rule_state(session, rule.id, source)
            standing = engine.Standing.load(row.state) if row is not None else engine.Standing()
            if standing.active and not repository.is_active(session, rule.id, source):
                standing = engine.Standing()  # ended by a person, who changed or disabled the rule
            if rule.kind == "no-data":  # not kept at each reading: what was heard last stands with the latest values
                latest = repository.latest(session, source)
                if latest is not None and latest.last_reading_at is not None and not standing.active:
                    standing.last_time = max(standing.last_time or 0, ms_from_utc(latest.last_reading_at))
            self._standings[rule.id, source] = standing
        return standing

    def _keep(self, session: Session, rule: engine.Rule, source: str, standing: engine.Standing) -> None:
        row = repository.rule_state(session, rule.id, source) or RuleState(rule_id=rule.id, source=source)
        row.state = standing.dump()
        session.add(row)

    def _cross(
        self,
        session: Session,
        rule_id: int,
        gateway_id: str,
        source: str,
        crossing: engine.Crossing,
        standing: engine.Standing,
        at: datetime,
    ) -> None:
        if crossing.kind == "raise":
            self._raising.raise_alarm(session, rule_id, gateway_id, source, crossing, standing.evidence, at)
        else:
            self._raising.return_alarm(session, rule_id, source, utc_from_ms(crossing.at), at)
