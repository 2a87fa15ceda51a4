"""Alarm rules: those that every installation has, and those that profiles suggest."""

from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.alarms import engine, repository
from plantroom_cloud.alarms.models import AlarmRule, RuleKind, Severity
from plantroom_cloud.alarms.reported import ReportedRule
from plantroom_shared.messages import Birth, BirthDevice

#: How long nothing may come from a gateway before it counts as lost.
GATEWAY_LOST_S = 30.0

#: What a gateway reports of itself: title, severity, cause.
GATEWAY_EVENTS = {
    "outbox.salvaged": ("Outbox of the gateway was corrupt", "high", "Power loss or a worn SD card."),
    "outbox.full": ("Outbox of the gateway could not be written", "high", "The disk is full or read-only."),
    "telemetry.evicted": ("Telemetry was given up", "medium", "The outbox reached its bound during an outage."),
}


def ensure_system_rules(session: Session, at: datetime) -> None:
    """The rules that every installation has."""
    lost = "Power, network or the gateway itself failed."
    waits = "No telemetry and no commands; readings wait in its outbox."
    wanted = [("gateway-lost", RuleKind.GATEWAY_LOST, "Gateway lost", "high", lost, waits)]
    for event, (title, weight, why) in GATEWAY_EVENTS.items():
        wanted.append((event, RuleKind.EVENT, title, weight, why, "Part of the history may be missing."))
    for key, kind, name, severity, cause, consequence in wanted:
        if repository.rule_by_key(session, "system", key) is not None:
            continue
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


def ensure_reported(session: Session, wanted: ReportedRule, at: datetime) -> AlarmRule:
    """The rule of a condition that a domain judges; a person may have changed it."""
    known = repository.rule_by_key(session, "system", wanted.key)
    if known is not None:
        return known
    rule = AlarmRule(
        name=wanted.name,
        kind=RuleKind.REPORTED,
        severity=Severity(wanted.severity),
        profile="system",
        key=wanted.key,
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


def ensure_suggested(session: Session, birth: Birth, at: datetime) -> None:
    """The rules that profiles suggest, made once per profile; a person may change or disable them."""
    for device in birth.devices:
        _ensure_of(session, device, at)


def _ensure_of(session: Session, device: BirthDevice, at: datetime) -> None:
    for rule in device.rules:
        if repository.rule_by_key(session, device.profile, rule.key) is not None:
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


def compiled(rule: AlarmRule) -> engine.Rule:
    """What the engine needs of it."""
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
