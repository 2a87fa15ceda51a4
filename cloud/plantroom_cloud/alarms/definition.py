"""What a person may say of an alarm rule, and what is wrong with it, field by field."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field

from plantroom_cloud.alarms.models import Impact, RuleKind, Severity, Within
from plantroom_shared.said import said

#: Kinds that a person makes; the others every installation has.
OWN_KINDS = (
    RuleKind.LIMIT,
    RuleKind.STATE,
    RuleKind.NO_DATA,
    RuleKind.RATE,
    RuleKind.DEVIATION,
    RuleKind.MISMATCH,
    RuleKind.STUCK,
    RuleKind.COUNTER_RESET,
    RuleKind.COMBINATION,
    RuleKind.REPEATED,
)
#: Beyond a month it is another trouble.
MOST_RECURRENCE_S = 30 * 86_400
#: Kinds that compare a number with a limit.
_NUMBERS = (RuleKind.LIMIT, RuleKind.RATE, RuleKind.DEVIATION)
#: Kinds that look back over a time.
_WINDOWS = (RuleKind.RATE, RuleKind.STUCK, RuleKind.REPEATED)


class PartDefinition(BaseModel):
    """One comparison: a number against a limit, or a state."""

    metric: str = Field(min_length=1, max_length=63)
    operator: str | None = Field(default=None, pattern="^[<>]$")
    limit: float | None = Field(default=None, allow_inf_nan=False)
    states: list[str] = []


class ScheduleDefinition(BaseModel):
    """When a rule is watched: days (0 Monday) and local hours, which may pass midnight."""

    days: list[Annotated[int, Field(ge=0, le=6)]] = Field(default=[0, 1, 2, 3, 4, 5, 6], min_length=1)
    begins: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    ends: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    timezone: str = "UTC"


class More(BaseModel):
    """What rules need that look at more than one value of one metric."""

    other: str | None = None  #: the other metric of a deviation or a mismatch
    window_s: float = Field(default=0, ge=0, le=604_800)  #: of a rate, a stuck value, a repetition
    count: int = Field(default=0, ge=0, le=200)  #: of a repetition
    parts: list[PartDefinition] = Field(default=[], max_length=10)  #: of a combination
    every: bool = True  #: all parts, or any
    guard: PartDefinition | None = None  #: the rule is watched only while this holds
    schedule: ScheduleDefinition | None = None


class RuleDefinition(BaseModel):
    """A rule on one device, or on each device with a label, of a profile or of a site. With cause, consequence,
    response, impact and respond_within_s it makes alarms, whose severity the matrix gives; else events. A no-data rule
    with a metric watches that one on devices that live (its time must be longer than the device's heartbeat); without
    one, that anything comes at all."""

    name: str = Field(min_length=1, max_length=200)
    kind: RuleKind
    severity: Severity | None = None  #: computed; who says it must say what the matrix gives
    device_id: str | None = None
    label: str | None = Field(default=None, max_length=63)
    profile: str | None = None
    site_id: str | None = None
    metric: str | None = None
    operator: str | None = Field(default=None, pattern="^[<>]$")
    limit: float | None = Field(default=None, allow_inf_nan=False)
    deadband: float = Field(default=0, ge=0, allow_inf_nan=False)
    states: list[str] = []
    more: More = More()
    on_delay_s: float = Field(default=0, ge=0, le=86_400)
    off_delay_s: float = Field(default=0, ge=0, le=86_400)
    proving_s: float = Field(default=600, ge=0, le=864_000)
    #: back so soon after its order was closed it opens that order again; 0: never; None: the installation's time
    recurrence_s: float | None = Field(default=None, ge=0, le=MOST_RECURRENCE_S)
    cause: str = Field(default="", max_length=2000)
    consequence: str = Field(default="", max_length=2000)
    response: str = Field(default="", max_length=2000)
    impact: Impact | None = None
    respond_within_s: float = Field(default=0, ge=0, le=31_536_000, allow_inf_nan=False)
    team_id: str | None = None
    latching: bool = False
    realarm_s: float = Field(default=0, ge=0, le=604_800)
    first_out: str = Field(default="", max_length=63)
    suppressed_by: int | None = None  #: while an alarm of that rule is told, those of this one are suppressed by design
    suppressed_within: Within = Within.DEVICE
    work_order: bool = True
    enabled: bool = True


def mistakes(rule: RuleDefinition, metrics: Mapping[str, Mapping[str, Any]] | None) -> dict[str, str]:
    """What one field alone cannot show, by field. `metrics`: of what the rule applies to, by name (as in
    plantroom_shared.messages.Metric); None when there is no such device or profile."""
    if rule.kind not in OWN_KINDS:
        return {}
    found: dict[str, str] = {}
    named = [name for name in (rule.device_id, rule.label, rule.profile, rule.site_id) if name]
    if len(named) != 1:
        found["target"] = "say one of device_id, label, profile and site_id: what the rule applies to"
    elif metrics is None:
        found["target"] = said("there is no device, label, profile or site %(name)r", name=named[0])
    found |= _more_mistakes(rule, metrics)
    if rule.kind is RuleKind.NO_DATA:
        if rule.on_delay_s < 1:
            found["on_delay_s"] = "say the seconds of silence, at least 1"
        if rule.metric and metrics is not None and rule.metric not in metrics:
            found["metric"] = _unknown(rule.metric, metrics)
        for field in ("guard", "schedule"):
            if getattr(rule.more, field) is not None:
                found[field] = (
                    "silence is watched at all times: a device that says nothing does not say its state either"
                )
        return found
    if rule.kind is RuleKind.COMBINATION:
        if not rule.more.parts:
            found["parts"] = "say at least one comparison, for example: temperature > 80"
        return found
    if not rule.metric:
        found["metric"] = "say which metric is watched"
    elif metrics is not None and rule.metric not in metrics:
        found["metric"] = _unknown(rule.metric, metrics)
    metric = (metrics or {}).get(rule.metric or "", {})
    if rule.kind in _NUMBERS or (rule.kind is RuleKind.REPEATED and not rule.states):
        return found | _limit_mistakes(rule, metric)
    return found | (_state_mistakes(rule, metric) if rule.kind in (RuleKind.STATE, RuleKind.REPEATED) else {})


def _more_mistakes(rule: RuleDefinition, metrics: Mapping[str, Mapping[str, Any]] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    more = rule.more
    if rule.kind in _WINDOWS and more.window_s < 1:
        found["window_s"] = "say over how many seconds, at least 1"
    if rule.kind is RuleKind.REPEATED and more.count < 2:
        found["count"] = "say how many times, at least 2"
    if rule.kind in (RuleKind.DEVIATION, RuleKind.MISMATCH) and not more.other:
        found["other"] = "say which other metric it is compared with"
    named = {"other": more.other, "guard": more.guard.metric if more.guard else None}
    for field, name in named.items():
        if name and metrics is not None and name not in metrics:
            found[field] = _unknown(name, metrics)
    comparisons = [("parts", part) for part in more.parts] + ([("guard", more.guard)] if more.guard else [])
    for field, part in comparisons:
        if metrics is not None and part.metric not in metrics:
            found[field] = _unknown(part.metric, metrics)
        elif not part.states and (part.operator is None or part.limit is None):
            found[field] = said("%(metric)s: say a comparison (> or < and a number) or states", metric=part.metric)
    if more.schedule is not None:
        try:
            ZoneInfo(more.schedule.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            found["schedule"] = said(
                "time zone %(timezone)r is not known; use one like Europe/Berlin", timezone=more.schedule.timezone
            )
    return found


def _unknown(name: str, metrics: Mapping[str, Mapping[str, Any]]) -> str:
    return said("there is no metric %(name)r; there are: %(metrics)s", name=name, metrics=sorted(metrics) or ["none"])


def _limit_mistakes(rule: RuleDefinition, metric: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    if rule.limit is None:
        found["limit"] = "say the limit, a number"
    if rule.operator is None and rule.kind is not RuleKind.DEVIATION:
        found["operator"] = "say > (too high) or < (too low)"
    if metric.get("kind") in ("state", "text"):
        found["metric"] = said("%(metric)s is no number; watch it by a state rule", metric=rule.metric)
    return found


def _state_mistakes(rule: RuleDefinition, metric: Mapping[str, Any]) -> dict[str, str]:
    if not rule.states:
        return {"states": "say the states that raise the alarm"}
    known: Sequence[str] = list(metric.get("states", {}).values())
    unknown = [state for state in rule.states if known and state not in known]
    if unknown:
        return {
            "states": said(
                "%(metric)s is never %(unknown)s; it is: %(known)s",
                metric=rule.metric,
                unknown=list(unknown),
                known=list(known),
            )
        }
    return {}
