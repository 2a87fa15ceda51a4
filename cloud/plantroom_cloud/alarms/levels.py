"""High-high, high, low and low-low of one metric, set together (rationalisation of ISA-18.2 and IEC 62682); pure.

Each level is a limit rule with its own severity, delays and texts; what they share is said once. While the outer level
of a side is told to people, the inner one is suppressed by design: it says the same, only that it is less bad.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from pydantic import BaseModel, Field

from plantroom_cloud.alarms.definition import (
    MOST_RECURRENCE_S,
    More,
    PartDefinition,
    RuleDefinition,
    ScheduleDefinition,
)
from plantroom_cloud.alarms.models import AlarmRule, Impact, Level, RuleKind, Severity, Within
from plantroom_cloud.alarms.replay import Spell
from plantroom_shared.said import said

#: As drawings and control rooms write them.
LETTERS = {Level.HIGH_HIGH: "HH", Level.HIGH: "H", Level.LOW: "L", Level.LOW_LOW: "LL"}
#: The level that stands for another one.
OUTER = {Level.HIGH: Level.HIGH_HIGH, Level.LOW: Level.LOW_LOW}
INNER = {outer: inner for inner, outer in OUTER.items()}


class LevelDefinition(BaseModel):
    """One limit. With cause, consequence, response, impact and respond_within_s it makes alarms, else events."""

    limit: float = Field(allow_inf_nan=False)
    severity: Severity | None = None  #: computed; who says it must say what the matrix gives
    on_delay_s: float = Field(default=0, ge=0, le=86_400)
    off_delay_s: float = Field(default=0, ge=0, le=86_400)
    cause: str = Field(default="", max_length=2000)
    consequence: str = Field(default="", max_length=2000)
    response: str = Field(default="", max_length=2000)
    impact: Impact | None = None
    respond_within_s: float = Field(default=0, ge=0, le=31_536_000, allow_inf_nan=False)
    work_order: bool = True
    enabled: bool = True


class LevelsDefinition(BaseModel):
    """One to four limits of a metric, on what a rule can stand on."""

    name: str = Field(min_length=1, max_length=190)  #: each rule has it, with HH, H, L or LL behind it
    device_id: str | None = None
    label: str | None = Field(default=None, max_length=63)
    profile: str | None = None
    site_id: str | None = None
    metric: str = Field(min_length=1, max_length=63)
    deadband: float = Field(default=0, ge=0, allow_inf_nan=False)
    guard: PartDefinition | None = None  #: the levels are watched only while this holds
    schedule: ScheduleDefinition | None = None
    proving_s: float = Field(default=600, ge=0, le=864_000)
    recurrence_s: float | None = Field(default=None, ge=0, le=MOST_RECURRENCE_S)
    team_id: str | None = None
    latching: bool = False
    realarm_s: float = Field(default=0, ge=0, le=604_800)
    first_out: str = Field(default="", max_length=63)
    suppressed_by: int | None = None  #: while an alarm of that rule is told, theirs are suppressed by design
    suppressed_within: Within = Within.DEVICE
    levels: dict[Level, LevelDefinition] = Field(min_length=1)

    def rule(self, level: Level) -> RuleDefinition:
        """One of its rules."""
        shared = self.model_dump(exclude={"name", "guard", "schedule", "levels"})
        own = self.levels[level].model_dump()
        return RuleDefinition(
            **shared | own,
            name=f"{self.name.strip()} {LETTERS[level]}",
            kind=RuleKind.LIMIT,
            operator=">" if level in (Level.HIGH_HIGH, Level.HIGH) else "<",
            more=More(guard=self.guard, schedule=self.schedule),
        )

    def in_order(self) -> list[Level]:
        """From the highest to the lowest."""
        return [level for level in Level if level in self.levels]


def mistakes(definition: LevelsDefinition) -> dict[str, str]:
    """What one level alone cannot show, by field."""
    found: dict[str, str] = {}
    order = definition.in_order()
    limits = [definition.levels[level].limit for level in order]
    for upper, lower in pairwise(order):
        if definition.levels[upper].limit <= definition.levels[lower].limit:
            found[f"levels.{upper}.limit"] = said(
                "the limit of %(upper)s must be above that of %(lower)s", upper=upper.value, lower=lower.value
            )
    highs = [limit for level, limit in zip(order, limits, strict=True) if level in (Level.HIGH_HIGH, Level.HIGH)]
    lows = [limit for level, limit in zip(order, limits, strict=True) if level in (Level.LOW, Level.LOW_LOW)]
    if highs and lows and not found and definition.deadband >= min(highs) - max(lows):
        found["deadband"] = "must be less than the distance between the low and the high limit: nothing would be normal"
    return found


def joined(rules: Sequence[AlarmRule]) -> LevelsDefinition:
    """A set of levels as its rules say it."""
    first = rules[0]
    more = More.model_validate(first.more)
    return LevelsDefinition(
        **first.model_dump(include=set(LevelsDefinition.model_fields) - {"name", "guard", "schedule", "levels"}),
        name=base_name(first),
        guard=more.guard,
        schedule=more.schedule,
        levels={
            rule.level: LevelDefinition.model_validate(rule.model_dump(include=set(LevelDefinition.model_fields)))
            for rule in rules
            if rule.level is not None
        },
    )


def base_name(rule: AlarmRule) -> str:
    """Of its set: what stands in for another set elsewhere has the same."""
    return rule.name if rule.level is None else rule.name.removesuffix(f" {LETTERS[rule.level]}")


def same_set(one: AlarmRule, other: AlarmRule) -> bool:
    """On one device the levels of a name belong together, wherever the rules stand."""
    if one.level is None or other.level is None or one.metric != other.metric:
        return False
    return base_name(one).strip().casefold() == base_name(other).strip().casefold()


def outermost_first(rule: AlarmRule) -> bool:
    """A key to sort by: of what crosses both limits at once the outer one is judged first, and the inner not told."""
    return rule.level not in INNER


def told(spells: Mapping[Level, Sequence[Spell]]) -> int:
    """Of what each level would have raised: what people would have been told of."""
    count = 0
    for level, mine in spells.items():
        outer = spells.get(OUTER[level], ()) if level in OUTER else ()
        count += sum(
            not any(it.raised <= spell.raised and (it.returned is None or spell.raised < it.returned) for it in outer)
            for spell in mine
        )
    return count
