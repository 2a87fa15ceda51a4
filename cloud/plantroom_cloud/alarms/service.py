"""Alarms: raised by rules over telemetry, acknowledged by people; each opens one work order by its rule."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from plantroom_cloud.alarms import engine
from plantroom_cloud.alarms.models import (
    Alarm,
    AlarmRule,
    AlarmState,
    AlarmTransition,
    RuleKind,
    RuleState,
    Severity,
)
from plantroom_cloud.alarms.reported import ReportedRule
from plantroom_cloud.alarms.transitions import AlarmEvent, next_state
from plantroom_cloud.columns import ms_from_utc, utc_from_ms
from plantroom_cloud.devices.models import Device, DeviceLatest, device_key
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.batch import Batch, DeviceRows
from plantroom_shared.messages import Birth

#: How long nothing may come from a gateway before it counts as lost.
GATEWAY_LOST_S = 30.0
#: Rules are looked at again when this much time has passed, so that a change takes effect everywhere.
RELOAD_S = 1.0
#: A watermark that jumps by more (it comes every 5 s) means that the gateway was away in between.
RESUMED_MS = 15_000

_GATEWAY_EVENTS = {
    "outbox.salvaged": ("Outbox of the gateway was corrupt", "high", "Power loss or a worn SD card."),
    "outbox.full": ("Outbox of the gateway could not be written", "high", "The disk is full or read-only."),
    "telemetry.evicted": ("Telemetry was given up", "medium", "The outbox reached its bound during an outage."),
}


class AlarmService:
    """Holds where each rule stands; what matters is in the database in the same transaction."""

    def __init__(self, work_orders: WorkOrderService) -> None:
        self._work_orders = work_orders
        self._rules: dict[str, list[engine.Rule]] = {}  # device id → rules
        self._standings: dict[tuple[int, str], engine.Standing] = {}
        self._gateway_of: dict[str, list[str]] = {}
        self._until: dict[str, int] = {}  # gateway → watermark, ms
        self._loaded_at: datetime | None = None
        self._fingerprint: tuple[Any, ...] = ()
        self._reported: dict[str, ReportedRule] = {}

    def declare(self, rule: ReportedRule) -> None:
        """A rule whose condition a domain judges; at build time."""
        self._reported[rule.key] = rule

    def ensure_system_rules(self, session: Session, at: datetime) -> None:
        """The rules that every installation has."""
        lost = "Power, network or the gateway itself failed."
        waits = "No telemetry and no commands; readings wait in its outbox."
        wanted = [("gateway-lost", RuleKind.GATEWAY_LOST, "Gateway lost", "high", lost, waits)]
        for event, (title, weight, why) in _GATEWAY_EVENTS.items():
            wanted.append((event, RuleKind.EVENT, title, weight, why, "Part of the history may be missing."))
        for key, kind, name, severity, cause, consequence in wanted:
            known = session.exec(select(AlarmRule).where(AlarmRule.profile == "system", AlarmRule.key == key)).first()
            if known is None:
                session.add(
                    AlarmRule(
                        name=name,
                        kind=kind,
                        severity=Severity(severity),
                        profile="system",
                        key=key,
                        cause=cause,
                        consequence=consequence,
                        response="Look at the gateway's page, then at the gateway.",
                        on_delay_s=GATEWAY_LOST_S if kind is RuleKind.GATEWAY_LOST else 0,
                        proving_s=60,
                        created_by="system",
                        updated_at=at,
                    )
                )

        for reported in self._reported.values():
            self._reported_rule(session, reported.key, at)

    def _reported_rule(self, session: Session, key: str, at: datetime) -> AlarmRule:
        known = session.exec(select(AlarmRule).where(AlarmRule.profile == "system", AlarmRule.key == key)).first()
        if known is not None:
            return known
        wanted = self._reported[key]
        rule = AlarmRule(
            name=wanted.name,
            kind=RuleKind.REPORTED,
            severity=Severity(wanted.severity),
            profile="system",
            key=key,
            cause=wanted.cause,
            consequence=wanted.consequence,
            response=wanted.response,
            work_order=wanted.work_order,
            proving_s=wanted.proving_s,
            created_by="system",
            updated_at=at,
        )
        session.add(rule)
        session.flush()
        return rule

    def report(
        self,
        session: Session,
        key: str,
        source: str,
        active: bool,
        moment: datetime,
        at: datetime,
        *,
        site_id: str,
        gateway_id: str | None = None,
        device_id: str | None = None,
        detail: str = "",
        value: Any = None,
        limit: float | None = None,
        unit: str = "",
    ) -> Alarm | None:
        """A domain found a declared condition to hold (or not) on `source` since `moment`; the alarm that is active
        then. Saying so again changes nothing. A disabled rule raises nothing."""
        rule = self._reported_rule(session, key, at)
        assert rule.id is not None
        if not active:
            self._return(session, rule.id, source, moment, at)
            return None
        if not rule.enabled:
            return None
        alarm = Alarm(
            rule_id=rule.id,
            source=source,
            gateway_id=gateway_id,
            site_id=site_id,
            device_id=device_id,
            name=rule.name,
            severity=rule.severity,
            state=next_state(AlarmState.NORMAL, AlarmEvent.RAISE),
            active=True,
            raised_at=moment,
            detected_at=at,
            value=value,
            limit=limit,
            unit=unit,
            detail=detail,
            team_id=rule.team_id,
            cause=rule.cause,
            consequence=rule.consequence,
            response=rule.response,
        )
        return self._open(session, alarm, rule, at)

    def ensure_suggested(self, session: Session, birth: Birth, at: datetime) -> None:
        """The rules that profiles suggest, made once per profile; a person may change or disable them."""
        for device in birth.devices:
            for rule in device.rules:
                known = session.exec(
                    select(AlarmRule).where(AlarmRule.profile == device.profile, AlarmRule.key == rule.key)
                ).first()
                if known is not None:
                    continue
                session.add(
                    AlarmRule(
                        name=rule.name,
                        kind=RuleKind(rule.kind),
                        severity=Severity(rule.severity),
                        profile=device.profile,
                        key=rule.key,
                        metric=rule.metric,
                        operator=rule.operator,
                        limit=rule.limit,
                        deadband=rule.deadband,
                        states=list(rule.states),
                        on_delay_s=rule.on_delay_s,
                        off_delay_s=rule.off_delay_s,
                        proving_s=rule.proving_s,
                        cause=rule.cause,
                        consequence=rule.consequence,
                        response=rule.response,
                        work_order=rule.work_order,
                        updated_at=at,
                    )
                )
                session.flush()
        self._loaded_at = None

    def process(self, session: Session, gateway_id: str, batches: Sequence[Batch], at: datetime) -> None:
        """Judge live batches of one gateway, in order; historical ones make history, not noise."""
        self._reload(session, at)
        for batch in batches:
            for event in batch.events:
                if event.kind in _GATEWAY_EVENTS:
                    self._gateway_event(session, gateway_id, event.kind, event.time, at)
            if batch.historical:
                continue
            self._continue(session, gateway_id, batch)
            for rows in batch.telemetry:
                self._judge(session, gateway_id, rows, at)
            if batch.complete_until is not None:
                self._watermark(session, gateway_id, batch.complete_until, at)

    def process_direct(self, session: Session, gateway_id: str, rows: DeviceRows, at: datetime) -> None:
        """A device that speaks MQTT itself: our clock is its watermark."""
        self._reload(session, at)
        self._judge(session, gateway_id, rows, at)

    def tick(self, session: Session, at: datetime) -> None:
        """Once a second: lost gateways, and the proving time of finished work orders."""
        self._reload(session, at)
        self._gateways_lost(session, at)
        direct = session.exec(select(Device).where(col(Device.direct).is_(True))).all()
        for device in direct:
            for rule in self._rules.get(device.id, ()):
                standing = self._standing(session, rule, device.id)
                for crossing in engine.judge_watermark(rule, standing, ms_from_utc(at)):
                    self._cross(session, rule.id, device.gateway_id, device.id, crossing, standing, at)
                    self._keep(session, rule, device.id, standing)
        self._work_orders.verify_due(session, at, self._is_active)

    def acknowledge(self, session: Session, alarm_id: int, actor: str, note: str, at: datetime) -> Alarm:
        """Somebody has seen it; raises NotFoundError, ConflictError."""
        alarm = self.get(session, alarm_id)
        self._move(session, alarm, AlarmEvent.ACKNOWLEDGE, actor, note, at)
        alarm.acknowledged_at, alarm.acknowledged_by = at, actor
        return alarm

    def get(self, session: Session, alarm_id: int) -> Alarm:
        """Raises NotFoundError."""
        alarm = session.get(Alarm, alarm_id)
        if alarm is None:
            raise NotFoundError(f"there is no alarm {alarm_id}")
        return alarm

    def transitions(self, session: Session, alarm_id: int) -> list[AlarmTransition]:
        """Its story, oldest first."""
        query = select(AlarmTransition).where(AlarmTransition.alarm_id == alarm_id).order_by(col(AlarmTransition.id))
        return list(session.exec(query))

    def search(
        self,
        session: Session,
        *,
        sites: Sequence[str] = (),
        state: AlarmState | None = None,
        active: bool | None = None,
        open_only: bool = False,
        device_id: str | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[Alarm]:
        """Newest first."""
        query = select(Alarm).order_by(col(Alarm.id).desc()).limit(limit)
        if sites:
            query = query.where(col(Alarm.site_id).in_(sites))
        if state is not None:
            query = query.where(Alarm.state == state)
        if active is not None:
            query = query.where(col(Alarm.active).is_(active))
        if open_only:
            query = query.where(Alarm.state != AlarmState.NORMAL)
        if device_id is not None:
            query = query.where(Alarm.device_id == device_id)
        if before_id is not None:
            query = query.where(col(Alarm.id) < before_id)
        return list(session.exec(query))

    def _is_active(self, session: Session, rule_id: int, source: str) -> bool:
        found = session.exec(
            select(Alarm.id).where(Alarm.rule_id == rule_id, Alarm.source == source, col(Alarm.active).is_(True))
        ).first()
        return found is not None

    def _reload(self, session: Session, at: datetime) -> None:
        if self._loaded_at is not None and 0 <= (at - self._loaded_at).total_seconds() < RELOAD_S:
            return
        self._loaded_at = at
        print_of = session.exec(select(func.count(col(AlarmRule.id)), func.max(AlarmRule.updated_at))).one()
        devices = session.exec(select(Device.id, Device.profile, Device.gateway_id)).all()
        fingerprint = (*print_of, len(devices), hash(tuple(sorted(devices))))
        if fingerprint == self._fingerprint:
            return
        self._fingerprint = fingerprint
        self._rules, self._gateway_of = {}, {}
        self._standings.clear()
        rules = session.exec(select(AlarmRule).where(col(AlarmRule.enabled).is_(True))).all()
        for device_id, profile, gateway_id in devices:
            self._gateway_of.setdefault(gateway_id, []).append(device_id)
            mine = [
                rule
                for rule in rules
                if rule.device_id == device_id or (rule.profile == profile and rule.device_id is None)
            ]
            if mine:
                self._rules[device_id] = [_compiled(rule) for rule in mine]

    def _standing(self, session: Session, rule: engine.Rule, source: str) -> engine.Standing:
        standing = self._standings.get((rule.id, source))
        if standing is None:
            row = session.get(RuleState, (rule.id, source))
            standing = engine.Standing.load(row.state) if row is not None else engine.Standing()
            if rule.kind == "no-data":  # not kept at each reading: what was heard last stands with the latest values
                latest = session.get(DeviceLatest, source)
                if latest is not None and latest.last_reading_at is not None and not standing.active:
                    standing.last_time = max(standing.last_time or 0, ms_from_utc(latest.last_reading_at))
            self._standings[rule.id, source] = standing
        return standing

    def forget(self) -> None:
        """The transaction failed: what is in memory may be ahead of the database."""
        self._fingerprint, self._loaded_at = (), None
        self._standings.clear()

    def _judge(self, session: Session, gateway_id: str, rows: DeviceRows, at: datetime) -> None:
        source = device_key(gateway_id, rows.device)
        for rule in self._rules.get(source, ()):
            standing = self._standing(session, rule, source)
            crossings, changed = engine.judge_rows(rule, standing, rows)
            for crossing in crossings:
                self._cross(session, rule.id, gateway_id, source, crossing, standing, at)
            if changed:
                self._keep(session, rule, source, standing)

    def _continue(self, session: Session, gateway_id: str, batch: Batch) -> None:
        """Follow the gateway's time; after a gap in it no delay may count what nobody saw."""
        times = [rows.times[0] for rows in batch.telemetry if rows.times]
        moment = min(times, default=batch.complete_until or 0)
        before = self._until.get(gateway_id, 0)
        if moment - before > RESUMED_MS:
            for source in self._gateway_of.get(gateway_id, ()):
                for rule in self._rules.get(source, ()):
                    standing = self._standing(session, rule, source)
                    if engine.resume(rule, standing, moment):
                        self._keep(session, rule, source, standing)
        self._until[gateway_id] = max(before, moment, batch.complete_until or 0)

    def _watermark(self, session: Session, gateway_id: str, until: int, at: datetime) -> None:
        for source in self._gateway_of.get(gateway_id, ()):
            for rule in self._rules.get(source, ()):
                standing = self._standing(session, rule, source)
                if rule.kind != "no-data" and standing.pending_since is None:
                    continue
                for crossing in engine.judge_watermark(rule, standing, until):
                    self._cross(session, rule.id, gateway_id, source, crossing, standing, at)
                    self._keep(session, rule, source, standing)

    def _keep(self, session: Session, rule: engine.Rule, source: str, standing: engine.Standing) -> None:
        row = session.get(RuleState, (rule.id, source)) or RuleState(rule_id=rule.id, source=source)
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
            self._raise(session, rule_id, gateway_id, source, crossing, standing.evidence, at)
        else:
            self._return(session, rule_id, source, utc_from_ms(crossing.at), at)

    def _raise(
        self,
        session: Session,
        rule_id: int,
        gateway_id: str,
        source: str,
        crossing: engine.Crossing,
        evidence: Sequence[tuple[int, Any]],
        at: datetime,
    ) -> None:
        rule, gateway = session.get(AlarmRule, rule_id), session.get(Gateway, gateway_id)
        if rule is None or gateway is None:
            return
        device = session.get(Device, source)
        unit = next((m.get("unit", "") for m in device.metrics if m["name"] == rule.metric), "") if device else ""
        alarm = Alarm(
            rule_id=rule_id,
            source=source,
            gateway_id=gateway_id,
            site_id=gateway.site_id,
            device_id=device.id if device else None,
            name=rule.name,
            severity=rule.severity,
            state=next_state(AlarmState.NORMAL, AlarmEvent.RAISE),
            active=True,
            raised_at=utc_from_ms(crossing.at),
            detected_at=at,
            metric=rule.metric,
            value=crossing.value,
            limit=rule.limit,
            unit=unit,
            team_id=rule.team_id,
            cause=rule.cause,
            consequence=rule.consequence,
            response=rule.response,
            evidence=[[moment, value] for moment, value in evidence],
        )
        self._open(session, alarm, rule, at)

    def _open(self, session: Session, alarm: Alarm, rule: AlarmRule, at: datetime) -> Alarm:
        """Unique by index: where one is active already, that one is it."""
        active = select(Alarm).where(
            Alarm.rule_id == alarm.rule_id, Alarm.source == alarm.source, col(Alarm.active).is_(True)
        )
        known = session.exec(active).first()
        if known is not None:
            return known
        try:
            with session.begin_nested():
                session.add(alarm)
                session.flush()
        except IntegrityError:  # another worker was first
            return session.exec(active).one()
        assert alarm.id is not None
        self._tell(session, alarm, AlarmState.NORMAL, alarm.state, "system", "", alarm.raised_at)
        record_change(session, "alarm", str(alarm.id), at)
        if rule.work_order:
            self._work_orders.open_for_alarm(session, alarm, rule.proving_s, at)
        return alarm

    def _return(self, session: Session, rule_id: int, source: str, moment: datetime, at: datetime) -> None:
        alarm = session.exec(
            select(Alarm).where(Alarm.rule_id == rule_id, Alarm.source == source, col(Alarm.active).is_(True))
        ).first()
        if alarm is None:
            return
        alarm.active, alarm.returned_at = False, moment
        self._move(session, alarm, AlarmEvent.RETURN, "system", "", moment)
        record_change(session, "alarm", str(alarm.id), at)

    def _move(self, session: Session, alarm: Alarm, event: AlarmEvent, actor: str, note: str, at: datetime) -> None:
        before, alarm.state = alarm.state, next_state(alarm.state, event)
        session.add(alarm)
        self._tell(session, alarm, before, alarm.state, actor, note, at)
        record_change(session, "alarm", str(alarm.id), at)

    def _tell(
        self, session: Session, alarm: Alarm, before: AlarmState, after: AlarmState, actor: str, note: str, at: datetime
    ) -> None:
        assert alarm.id is not None
        session.add(
            AlarmTransition(alarm_id=alarm.id, at=at, from_state=before, to_state=after, actor=actor, note=note)
        )

    def _gateways_lost(self, session: Session, at: datetime) -> None:
        rule = session.exec(select(AlarmRule).where(AlarmRule.kind == RuleKind.GATEWAY_LOST)).first()
        if rule is None or not rule.enabled or rule.id is None:
            return
        allowed = timedelta(seconds=rule.on_delay_s)
        for gateway in session.exec(select(Gateway).where(Gateway.state != "never-seen")):
            since = gateway.state_since if gateway.state == "offline" else gateway.last_batch_at
            lost = gateway.revoked_at is None and since is not None and at - since >= allowed
            active = self._is_active(session, rule.id, gateway.id)
            if lost and not active and since is not None:
                crossing = engine.Crossing("raise", ms_from_utc(since + allowed), None)
                self._raise(session, rule.id, gateway.id, gateway.id, crossing, [], at)
            elif active and not lost:
                self._return(session, rule.id, gateway.id, at, at)

    def _gateway_event(self, session: Session, gateway_id: str, kind: str, moment: int, at: datetime) -> None:
        rule = session.exec(select(AlarmRule).where(AlarmRule.profile == "system", AlarmRule.key == kind)).first()
        if rule is None or not rule.enabled or rule.id is None:
            return
        self._raise(session, rule.id, gateway_id, gateway_id, engine.Crossing("raise", moment, None), [], at)
        self._return(session, rule.id, gateway_id, utc_from_ms(moment), at)  # it happened; there is nothing to return


def _compiled(rule: AlarmRule) -> engine.Rule:
    assert rule.id is not None
    return engine.Rule(
        id=rule.id,
        kind=str(rule.kind.value),
        metric=rule.metric,
        operator=rule.operator,
        limit=rule.limit or 0.0,
        deadband=rule.deadband,
        states=frozenset(rule.states),
        on_delay_ms=round(rule.on_delay_s * 1000),
        off_delay_ms=round(rule.off_delay_s * 1000),
    )
