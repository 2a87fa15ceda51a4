"""What a person may say of an alarm rule, and what is wrong with it, field by field."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from plantroom_cloud.alarms.models import RuleKind, Severity

#: Kinds that a person makes; the others every installation has.
OWN_KINDS = (RuleKind.LIMIT, RuleKind.STATE, RuleKind.NO_DATA)


class RuleDefinition(BaseModel):
    """A rule on one device, or on each device of a profile."""

    name: str = Field(min_length=1, max_length=200)
    kind: RuleKind
    severity: Severity
    device_id: str | None = None
    profile: str | None = None
    metric: str | None = None
    operator: str | None = Field(default=None, pattern="^[<>]$")
    limit: float | None = Field(default=None, allow_inf_nan=False)
    deadband: float = Field(default=0, ge=0, allow_inf_nan=False)
    states: list[str] = []
    on_delay_s: float = Field(default=0, ge=0, le=86_400)
    off_delay_s: float = Field(default=0, ge=0, le=86_400)
    proving_s: float = Field(default=600, ge=0, le=864_000)
    cause: str = Field(default="", max_length=2000)
    consequence: str = Field(default="", max_length=2000)
    response: str = Field(default="", max_length=2000)
    team_id: str | None = None
    latching: bool = False
    realarm_s: float = Field(default=0, ge=0, le=604_800)
    first_out: str = Field(default="", max_length=63)
    work_order: bool = True
    enabled: bool = True


def mistakes(rule: RuleDefinition, metrics: Mapping[str, Mapping[str, Any]] | None) -> dict[str, str]:
    """What one field alone cannot show, by field. `metrics`: of what the rule applies to, by name (as in
    plantroom_shared.messages.Metric); None when there is no such device or profile."""
    if rule.kind not in OWN_KINDS:
        return {}
    found: dict[str, str] = {}
    if bool(rule.device_id) == bool(rule.profile):
        found["target"] = "say either device_id or profile: what the rule applies to"
    elif metrics is None:
        found["target"] = f"there is no device or profile {rule.device_id or rule.profile!r}"
    if rule.kind is RuleKind.NO_DATA:
        if rule.on_delay_s < 1:
            found["on_delay_s"] = "say the seconds of silence, at least 1"
        return found
    if not rule.metric:
        found["metric"] = "say which metric is watched"
    elif metrics is not None and rule.metric not in metrics:
        found["metric"] = f"there is no metric {rule.metric!r}; there are: {', '.join(sorted(metrics)) or 'none'}"
    metric = (metrics or {}).get(rule.metric or "", {})
    return found | (_limit_mistakes(rule, metric) if rule.kind is RuleKind.LIMIT else _state_mistakes(rule, metric))


def _limit_mistakes(rule: RuleDefinition, metric: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    if rule.limit is None:
        found["limit"] = "say the limit, a number"
    if rule.operator is None:
        found["operator"] = "say > (too high) or < (too low)"
    if metric.get("kind") in ("state", "text"):
        found["metric"] = f"{rule.metric} is no number; watch it by a state rule"
    return found


def _state_mistakes(rule: RuleDefinition, metric: Mapping[str, Any]) -> dict[str, str]:
    if not rule.states:
        return {"states": "say the states that raise the alarm"}
    known: Sequence[str] = list(metric.get("states", {}).values())
    unknown = [state for state in rule.states if known and state not in known]
    if unknown:
        return {"states": f"{rule.metric} is never {', '.join(unknown)}; it is: {', '.join(known)}"}
    return {}
