"""A rule as the engine needs it."""

from datetime import time
from zoneinfo import ZoneInfo

from plantroom_cloud.alarms.conditions import Condition, Part, Schedule
from plantroom_cloud.alarms.definition import OWN_KINDS, More, PartDefinition, ScheduleDefinition
from plantroom_cloud.alarms.judgement import Rule
from plantroom_cloud.alarms.models import AlarmRule, RuleKind


def compiled(rule: AlarmRule) -> Rule:
    """What the engine needs of it."""
    assert rule.id is not None
    condition = _condition(rule)
    return Rule(
        id=rule.id,
        kind=str(rule.kind.value) if condition is None else "condition",
        metric=rule.metric,
        operator=rule.operator,
        limit=rule.limit or 0.0,
        deadband=rule.deadband,
        states=frozenset(rule.states),
        on_delay_ms=round(rule.on_delay_s * 1000),
        off_delay_ms=round(rule.off_delay_s * 1000),
        condition=condition,
    )


def _condition(rule: AlarmRule) -> Condition | None:
    """None where the engine judges the plain value itself, or silence."""
    more = More.model_validate(rule.more)
    plain = rule.kind in (RuleKind.LIMIT, RuleKind.STATE) and more.guard is None and more.schedule is None
    if plain or rule.kind not in OWN_KINDS or rule.kind is RuleKind.NO_DATA:
        return None
    parts = tuple(_part(part) for part in more.parts)
    return Condition(
        kind=str(rule.kind.value),
        metric=rule.metric or (parts[0].metric if parts else ""),
        operator=rule.operator,
        limit=rule.limit or 0.0,
        deadband=rule.deadband,
        states=frozenset(rule.states),
        other=more.other,
        window_ms=round(more.window_s * 1000),
        count=more.count,
        parts=parts,
        every=more.every,
        guard=_part(more.guard) if more.guard is not None else None,
        schedule=_schedule(more.schedule) if more.schedule is not None else None,
    )


def _part(part: PartDefinition) -> Part:
    return Part(part.metric, part.operator, part.limit or 0.0, frozenset(part.states))


def _schedule(schedule: ScheduleDefinition) -> Schedule:
    begins, ends = time.fromisoformat(schedule.begins), time.fromisoformat(schedule.ends)
    return Schedule(frozenset(schedule.days), begins, ends, ZoneInfo(schedule.timezone))
