"""Alarm rules: those that every installation has, those that profiles suggest, those that people make and change."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlmodel import Session

from plantroom_cloud.alarms import repository
from plantroom_cloud.alarms.definition import (
    OWN_KINDS,
    More,
    RuleDefinition,
    mistakes,
)
from plantroom_cloud.alarms.models import AlarmRule, Level, RuleKind, Severity
from plantroom_cloud.alarms.rationalisation import Matrix, lacking, usual
from plantroom_cloud.alarms.reported import ReportedRule
from plantroom_cloud.errors import ConflictError, InvalidFieldsError
from plantroom_shared.messages import Birth, SuggestedRule
from plantroom_shared.said import Own, said

#: Fields that say what is watched: an alarm of another condition cannot go on.
CONDITION = frozenset({"kind", "device_id", "label", "profile", "site_id", "metric", "operator", "states", "more"})
#: What the levels of one metric have in common.
SHARED = (
    *("name", "kind", "device_id", "label", "profile", "site_id", "metric", "operator", "deadband", "more"),
    *("proving_s", "recurrence_s", "team_id", "latching", "realarm_s", "first_out"),
    *("suppressed_by", "suppressed_within"),
)
#: Of ids that a database can hold.
MOST_ID = 2**31 - 1
#: How long nothing may come from a gateway before it counts as lost.
GATEWAY_LOST_S = 30.0

#: What a gateway reports of itself: title, severity, cause.
GATEWAY_EVENTS = {
    "outbox.salvaged": ("Outbox of the gateway was corrupt", "high", "Power loss or a worn SD card."),
    "outbox.full": ("Outbox of the gateway could not be written", "high", "The disk is full or read-only."),
    "telemetry.evicted": ("Telemetry was given up", "medium", "The outbox reached its bound during an outage."),
    "outbox.pressed": (
        "Outbox of the gateway is at its bound",
        "medium",
        "The cloud was away for long, or the disk fills.",
    ),
    "events.lost": ("Events of the gateway were lost", "high", "Its disk took nothing and its memory was full."),
    "clock.jumped": (
        "Clock of the gateway jumped",
        "low",
        "Somebody set it, its battery is empty, or NTP put it right.",
    ),
    "clock.unsynced": ("Clock of the gateway is not synchronised", "medium", "No time server can be reached."),
    "uplink.refused": ("Broker refuses what the gateway sends", "high", "Its credential may not write its own topics."),
}


def ensure_system_rules(session: Session, matrix: Matrix, at: datetime) -> None:
    """The rules that every installation has; and every rule has the severity that the matrix gives it today."""
    lost = "Power, network or the gateway itself failed."
    waits = "No telemetry and no commands; readings wait in its outbox."
    wanted = [("gateway-lost", RuleKind.GATEWAY_LOST, "Gateway lost", "high", lost, waits)]
    for event, (title, weight, why) in GATEWAY_EVENTS.items():
        wanted.append((event, RuleKind.EVENT, title, weight, why, "Part of the history may be missing."))
    for key, kind, name, severity, cause, consequence in wanted:
        if repository.rule_by_key(session, "system", key) is not None:
            continue
        impact, respond_within_s = usual(Severity(severity))
        session.add(
            AlarmRule(
                name=name,
                kind=kind,
                severity=matrix.grade(impact, respond_within_s),
                impact=impact,
                respond_within_s=respond_within_s,
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


def regrade(session: Session, matrix: Matrix, at: datetime) -> None:
    """Give every rule the severity that the matrix says: it may have been changed in the configuration."""
    for rule in repository.rules(session):
        severity = matrix.grade_of(rule)
        if severity is not None and severity is not rule.severity:
            rule.severity, rule.updated_at = severity, at
            session.add(rule)


def ensure_reported(session: Session, wanted: ReportedRule, matrix: Matrix, at: datetime) -> AlarmRule:
    """The rule of a condition that a domain judges; a person may have changed it."""
    known = repository.rule_by_key(session, "system", wanted.key)
    if known is not None:
        return known
    impact, respond_within_s = usual(Severity(wanted.severity))
    rule = AlarmRule(
        name=wanted.name,
        kind=RuleKind.REPORTED,
        severity=matrix.grade(impact, respond_within_s),
        impact=impact,
        respond_within_s=respond_within_s,
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


def ensure_suggested(session: Session, birth: Birth, matrix: Matrix, at: datetime) -> None:
    """The rules that profiles suggest, made once per profile; a person may change or disable them."""
    suggested: dict[str, dict[str, SuggestedRule]] = {}
    for device in birth.devices:
        for rule in device.rules:
            suggested.setdefault(device.profile, {}).setdefault(rule.key, rule)
    for profile, rules in suggested.items():
        _ensure_of(session, profile, rules, matrix, at)


def _ensure_of(
    session: Session, profile: str, suggested: dict[str, SuggestedRule], matrix: Matrix, at: datetime
) -> None:
    known = repository.keys_of(session, profile)
    for key, rule in suggested.items():
        if key in known:
            continue
        impact, respond_within_s = usual(Severity(rule.severity))
        session.add(
            AlarmRule(
                name=rule.name,
                kind=RuleKind(rule.kind),
                severity=matrix.grade(impact, respond_within_s),
                impact=impact,
                respond_within_s=respond_within_s,
                profile=profile,
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


def create(
    session: Session,
    definition: RuleDefinition,
    matrix: Matrix,
    actor: str,
    at: datetime,
    *,
    level: Level | None = None,
    levels_id: str | None = None,
) -> AlarmRule:
    """Perhaps one of a set of levels; raises InvalidFieldsError."""
    if definition.kind not in OWN_KINDS:
        raise InvalidFieldsError({"kind": said("use one of %(own_kinds)s", own_kinds=list(OWN_KINDS))})
    check(session, definition, matrix)
    fields = definition.model_dump() | {"severity": _severity(definition, matrix)}
    rule = AlarmRule(**fields, level=level, levels_id=levels_id, created_by=actor, updated_at=at)
    session.add(rule)
    session.flush()
    return rule


def change(
    session: Session, rule: AlarmRule, definition: RuleDefinition, matrix: Matrix, at: datetime, *, whole: bool = False
) -> dict[str, list[Any]]:
    """What changed, [before, after] by field; `whole`: with all levels of its set. Raises InvalidFieldsError."""
    if rule.levels_id is not None and not whole:
        _keep_what_levels_share(rule, definition)
    fixed = {name: getattr(rule, name) for name in _fixed(rule)}
    for name, value in fixed.items():
        if getattr(definition, name) != value:
            whose = "every installation has it" if rule.profile == "system" else "its profile suggested it"
            raise InvalidFieldsError(
                {
                    name: said(
                        "this rule keeps %(value)r (%(whose)s); make a new rule instead",
                        value=value or "none",
                        whose=whose,
                    )
                }
            )
    if definition.severity is rule.severity:  # as it was read: what it becomes, the matrix says
        definition = definition.model_copy(update={"severity": None})
    check(session, definition, matrix, own=[rule.id or 0])
    changes = {}
    for name, value in (definition.model_dump() | {"severity": _severity(definition, matrix, rule.severity)}).items():
        before = getattr(rule, name)
        if name == "more":  # a rule from before there was more to say has an empty one: the same as all defaults
            before = More.model_validate(before).model_dump()
        if before != value:
            changes[name] = [before, value]
            setattr(rule, name, value)
    if changes:
        rule.updated_at = at
        session.add(rule)
    return changes


def _keep_what_levels_share(rule: AlarmRule, definition: RuleDefinition) -> None:
    wanted = definition.model_dump()
    kept = rule.model_dump() | {"more": More.model_validate(rule.more).model_dump()}
    for name in (*SHARED, "limit"):
        if wanted[name] != kept[name]:
            raise InvalidFieldsError(
                {
                    name: said(
                        "the levels of a metric are set together; change it at /alarm-levels/%(levels_id)s",
                        levels_id=rule.levels_id,
                    )
                }
            )


def mark_deleted(session: Session, rule: AlarmRule, at: datetime) -> None:
    """Raises ConflictError for what every installation has."""
    if rule.profile == "system":
        raise ConflictError(said("every installation has the rule %(rule)r; disable it instead", rule=rule.name))
    rule.deleted_at = rule.updated_at = at
    rule.enabled = False
    session.add(rule)
    for other in repository.suppressed_by(session, rule.id or 0):
        other.suppressed_by, other.updated_at = None, at
        session.add(other)


def metrics(session: Session, definition: RuleDefinition) -> dict[str, dict[str, Any]] | None:
    """Of what it applies to, by name; None when there is no such device or profile."""
    if definition.device_id:
        found = repository.metrics_of_device(session, definition.device_id)
    elif definition.label:
        found = repository.metrics_of_label(session, definition.label)
    elif definition.site_id:
        found = repository.metrics_of_site(session, definition.site_id)
    else:
        found = repository.metrics_of_profile(session, definition.profile or "")
    return None if found is None else {metric["name"]: metric for metric in found}


def _fixed(rule: AlarmRule) -> tuple[str, ...]:
    if rule.profile == "system":
        return ("kind", "device_id", "label", "profile", "site_id", "metric", "states")
    return ("kind", "device_id", "label", "profile", "site_id") if rule.key is not None else ()


def _severity(definition: RuleDefinition, matrix: Matrix, otherwise: Severity = Severity.LOW) -> Severity:
    """By the matrix; of what makes events, whatever was said: nobody is told of it."""
    return matrix.grade_of(definition) or definition.severity or otherwise


def check(session: Session, definition: RuleDefinition, matrix: Matrix, own: Collection[int] = ()) -> None:
    """`own`: the rules that it is the definition of. Raises InvalidFieldsError."""
    found = mistakes(definition, metrics(session, definition))
    graded = matrix.grade_of(definition)
    if graded is not None and definition.severity not in (None, graded):
        urgency = matrix.urgency(definition.respond_within_s)
        found["severity"] = said(
            "a %(impact)s consequence with %(urgency)s response is %(graded)s; leave severity out, or "
            "change impact or respond_within_s",
            impact=definition.impact,
            urgency=urgency,
            graded=graded,
        )
    if definition.team_id and not repository.team_exists(session, definition.team_id):
        found["team_id"] = said("there is no team %(team_id)r", team_id=definition.team_id)
    if wrong := _suppressor_mistake(session, definition.suppressed_by, own):
        found["suppressed_by"] = wrong
    if found:
        raise InvalidFieldsError(found)


def _suppressor_mistake(session: Session, suppressed_by: int | None, own: Collection[int]) -> str:
    """Empty: none. In a circle each rule would wait for the other one to be told."""
    if suppressed_by is None:
        return ""
    suppressor = session.get(AlarmRule, suppressed_by) if suppressed_by <= MOST_ID else None
    if suppressor is None or suppressor.deleted_at is not None:
        return said("there is no alarm rule %(rule_id)s", rule_id=suppressed_by)
    if lacking(suppressor):
        return said("%(rule)s makes events, not alarms: it suppresses nothing", rule=Own(suppressor.name))
    seen: set[int] = set()
    following: AlarmRule | None = suppressor
    while following is not None and following.id is not None and following.id not in seen:
        if following.id in own:
            return said("%(rule)s is suppressed by this rule itself", rule=Own(suppressor.name))
        seen.add(following.id)
        following = session.get(AlarmRule, following.suppressed_by) if following.suppressed_by is not None else None
    return ""
