"""The form of a policy: minutes and percentages as typed, the steps of the escalation row by row."""

from collections.abc import Mapping, Sequence
from typing import Any

from plantroom_cloud.sla.models import SlaPolicy
from plantroom_cloud.sla.terms import TO
from plantroom_cloud.users.models import Team, User
from plantroom_cloud.web.forms import Submitted
from plantroom_shared.said import said

#: Empty rows below those that are filled.
SPARE_ROWS = 2


def policy_values(form: Submitted) -> dict[str, Any]:
    """What a browser sent."""
    plain = {name: form.text(name) for name in ("name", "site_id", "priority", "kind", "calendar")}
    numbers = {name: form.optional(name) for name in ("response_min", "restoration_min", "warn_percent")}
    columns = [form.fields.get(name, []) for name in ("step_clock", "step_after", "step_unit", "step_to")]
    steps = [
        {"clock": clock, unit: after.strip(), "to": to}
        for clock, after, unit, to in zip(*columns, strict=False)
        if after.strip() or to
    ]
    return plain | numbers | {"pauses": form.many("pauses"), "enabled": form.on("enabled"), "steps": steps}


def kept_values(policy: SlaPolicy) -> dict[str, Any]:
    """A kept policy as its form shows it."""
    named = {name: getattr(policy, name) for name in ("site_id", "priority", "kind", "enabled")}
    return dict(policy.terms) | named


def rows(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps as rows of a form, and some to spare."""
    shown = []
    for step in values.get("steps", []):
        unit = "minutes" if step.get("minutes") not in (None, "") else "percent"
        clock, to = step.get("clock") or "restoration", step.get("to", "")
        shown.append({"clock": clock, "unit": unit, "after": step.get(unit, ""), "to": to})
    return shown + [{"clock": "restoration", "unit": "percent", "after": "", "to": ""}] * SPARE_ROWS


def to_options(people: Sequence[User], teams: Sequence[Team]) -> list[tuple[str, str]]:
    """Whom a step may tell, for people."""
    usual = dict(
        zip(
            TO,
            ("Who has it", "On call in its team", "Its whole team", "Managers and dispatchers"),
            strict=True,
        )
    )
    options = [("", "Choose …"), *usual.items()]
    options += [(f"team:{team.id}", said("Team %(team)s", team=team.name)) for team in teams]
    options += [(f"on-call:{team.id}", said("On call in %(team)s", team=team.name)) for team in teams]
    return options + [(f"user:{user.name}", user.display_name or user.name) for user in people if user.active]
