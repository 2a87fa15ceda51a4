"""A rule as the form of its page says it: comparisons are lines like "temperature > 80" or "state is fault, bypass"."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from plantroom_cloud.alarms.levels import LETTERS, joined
from plantroom_cloud.alarms.models import AlarmRule
from plantroom_cloud.alarms.rationalisation import lacking
from plantroom_cloud.web.forms import Submitted
from plantroom_shared.said import Own, said

_NUMBER = re.compile(r"^\s*(?P<metric>\S+)\s*(?P<operator>[<>])\s*(?P<limit>\S+)\s*$")
_STATES = re.compile(r"^\s*(?P<metric>\S+)\s+is\s+(?P<states>.+)$")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def rule_values(form: Submitted) -> dict[str, Any]:
    """The form's fields as a definition has them, and `target` for the form itself."""
    kind, _, target = form.text("target").partition(":")
    names = ("name", "kind", "metric", "operator", "limit", "team_id", "impact", "recurrence_s", "suppressed_by")
    texts = ("cause", "consequence", "response", "first_out")
    numbers = ("respond_within_s", "deadband", "on_delay_s", "off_delay_s", "proving_s", "realarm_s")
    return {
        "target": form.text("target"),
        "device_id": target if kind == "device" else None,
        "label": target if kind == "label" else None,
        "profile": target if kind == "profile" else None,
        "site_id": target if kind == "site" else None,
        "states": form.listed("states"),
        "work_order": form.on("work_order"),
        "enabled": form.on("enabled"),
        "latching": form.on("latching"),
        **{name: form.text(name) for name in texts},
        **{name: form.optional(name) for name in names},
        **{name: form.text(name) or 0 for name in numbers},
        "name": form.text("name"),
        "suppressed_within": form.text("suppressed_within") or "device",
        "more": _more(form),
    }


def values_of(rule: AlarmRule) -> dict[str, Any]:
    """A rule as the form shows it."""
    target = f"device:{rule.device_id}" if rule.device_id else f"profile:{rule.profile}"
    if rule.site_id:
        target = f"site:{rule.site_id}"
    if rule.label:
        target = f"label:{rule.label}"
    impact = rule.impact.value if rule.impact is not None else ""
    return rule.model_dump() | {"target": target, "kind": rule.kind.value, "impact": impact}


def level_values(form: Submitted) -> dict[str, Any]:
    """The form of a metric's levels as their definition has them; a level without a limit is none."""
    shared = rule_values(form)
    names = ("name", "metric", "deadband", "proving_s", "recurrence_s", "team_id", "latching", "realarm_s", "first_out")
    places = ("device_id", "label", "profile", "site_id", "target", "suppressed_by", "suppressed_within")
    numbers = ("on_delay_s", "off_delay_s", "respond_within_s")
    levels = {}
    for level, letters in LETTERS.items():
        if form.text(f"{letters}_limit"):
            levels[level.value] = {
                "limit": form.text(f"{letters}_limit").replace(",", "."),
                "work_order": form.on(f"{letters}_work_order"),
                "enabled": form.on(f"{letters}_enabled"),
                "impact": form.optional(f"{letters}_impact"),
                **{name: form.text(f"{letters}_{name}") or 0 for name in numbers},
                **{name: form.text(f"{letters}_{name}") for name in ("cause", "consequence", "response")},
            }
    return {
        **{name: shared[name] for name in (*names, *places)},
        "guard": shared["more"]["guard"],
        "schedule": shared["more"]["schedule"],
        "levels": levels,
    }


def values_of_levels(rules: Sequence[AlarmRule]) -> dict[str, Any]:
    """A set of levels as its form shows it."""
    return joined(rules).model_dump(mode="json") | {"target": values_of(rules[0])["target"]}


def suppressors(rules: Sequence[AlarmRule], own: Sequence[int | None]) -> list[tuple[str, str]]:
    """Rules whose alarms may silence those of another, as a choice."""
    return [
        (str(rule.id), " · ".join(name for name in (rule.name, _where(rule)) if name))
        for rule in rules
        if rule.id not in own and not lacking(rule)
    ]


def _where(rule: AlarmRule) -> str:
    profile = rule.profile if rule.profile != "system" else None
    return rule.device_id or rule.label or profile or rule.site_id or ""


def comparison(part: Mapping[str, Any]) -> str:
    """One comparison as a line."""
    if part.get("states"):
        return said("%(metric)s is %(states)s", metric=Own(part["metric"]), states=list(part["states"]))
    limit = part.get("limit")
    shown = f"{limit:g}" if isinstance(limit, float) else limit
    return f"{part['metric']} {part.get('operator')} {shown}"


def _more(form: Submitted) -> dict[str, Any]:
    lines = [line for line in form.text("parts").splitlines() if line.strip()]
    more: dict[str, Any] = {
        "other": form.optional("other"),
        "window_s": form.text("window_s") or 0,
        "count": form.text("count") or 0,
        "parts": [_part(line) for line in lines],
        "every": form.text("every") != "any",
        "guard": _part(form.text("guard")) if form.text("guard") else None,
        "schedule": None,
    }
    if form.text("begins") or form.text("ends"):
        more["schedule"] = {
            "days": [int(day) for day in form.many("days") if day.isdecimal()],
            "begins": form.text("begins"),
            "ends": form.text("ends"),
            "timezone": form.text("timezone") or "UTC",
        }
    return more


def _part(line: str) -> dict[str, Any]:
    """What cannot be read becomes a metric of that name, which then is told not to exist."""
    if found := _NUMBER.match(line):
        return {"metric": found["metric"], "operator": found["operator"], "limit": found["limit"].replace(",", ".")}
    if found := _STATES.match(line):
        return {"metric": found["metric"], "states": [part.strip() for part in found["states"].split(",")]}
    return {"metric": line.strip()[:63] or "?"}
