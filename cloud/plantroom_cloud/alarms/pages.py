"""Alarms, and the rules that raise them."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi import Form as FormField
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from pydantic import Field as PydanticField
from sqlmodel import Session

from plantroom_cloud.alarms.chart import chart_around
from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.form import (
    DAYS,
    comparison,
    level_values,
    rule_values,
    suppressors,
    values_of,
    values_of_levels,
)
from plantroom_cloud.alarms.levels import LETTERS, LevelsDefinition
from plantroom_cloud.alarms.models import SET_ASIDE, AlarmRule, Impact, Severity
from plantroom_cloud.alarms.period import common, period
from plantroom_cloud.alarms.rationalisation import lacking
from plantroom_cloud.alarms.suppressing import shelf
from plantroom_cloud.alarms.targets import target_rows
from plantroom_cloud.alarms.transitions import events
from plantroom_cloud.alarms.visible import (
    check_reach,
    held_levels,
    held_rule,
    visible_alarm,
    visible_levels,
    visible_rule,
    wrong_reach,
)
from plantroom_cloud.dependencies import (
    At,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
    may_see,
)
from plantroom_cloud.errors import InvalidError, InvalidFieldsError, NotFoundError
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_cloud.web.forms import Form, read, read_deep
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_shared.said import said

NAV = (
    NavEntry("alarms", "/alarms", "Alarms", order=20),
    NavEntry("alarm-figures", "/alarm-figures", "Alarm figures", order=75, group="Settings"),
    NavEntry("rules", "/rules", "Alarm rules", order=80, group="Settings"),
)
router = APIRouter(include_in_schema=False)

#: What a rule needs before it makes alarms, in the words of its form.
NEEDED = {
    "cause": "the cause",
    "consequence": "the consequence in words",
    "response": "the response",
    "impact": "how grave the consequence is",
    "respond_within_s": "the time to respond",
}
#: Times to respond that the form offers.
RESPOND = (
    ("300", "5 minutes"),
    ("900", "15 minutes"),
    ("3600", "1 hour"),
    ("14400", "4 hours"),
    ("86400", "1 day"),
    ("604800", "1 week"),
)
#: Days that the figures are told for.
PERIODS = {1: "1 day", 7: "7 days", 30: "30 days", 90: "90 days", 365: "365 days"}
ON_A_PAGE = 100
#: Kinds of metrics that a chart can show.
NUMBERS = ("gauge", "counter")


class _Graded(BaseModel):
    """What the matrix asks of a form that is being filled in."""

    impact: Impact | None = None
    respond_within_s: float = PydanticField(default=0, ge=0, allow_inf_nan=False)


@router.get("/alarms")
def alarms_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    show: str = "open",
    severity: str = "",
    site: str = "",
    team: str = "",
    q: str = "",
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """The list."""
    if site and not may_see(user, site):
        raise NotFoundError(said("there is no site %(site)r", site=site))
    alarms = services.alarms.search(
        session,
        sites=[site] if site else user.sites,
        open_only=show == "open",
        set_aside=show == "aside",
        severity=Severity(severity) if severity in set(Severity) else None,
        team_id=team or None,
        text=q,
        before_id=before,
        limit=ON_A_PAGE,
    )
    devices = services.devices.of_ids(session, sorted({alarm.device_id for alarm in alarms if alarm.device_id}))
    asked = {name: value for name, value in (("severity", severity), ("site", site), ("team", team), ("q", q)) if value}
    return render(
        request,
        "alarms.html",
        user=user,
        page="alarms",
        alarms=alarms,
        labels={device.id: device.label for device in devices},
        show=show,
        severity=severity,
        site=site,
        team=team,
        q=q,
        asked=urlencode(asked),
        severities=[each.value for each in Severity],
        site_list=services.sites.list(session, user.sites),
        teams=services.users.teams(session),
        before=before,
        older=alarms[-1].id if len(alarms) == ON_A_PAGE else None,
    )


@router.get("/alarm-events")
def events_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    device: str = "",
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """What rules saw that make no alarms."""
    events = services.alarms.events(session, user.sites, device_id=device or None, before_id=before, limit=ON_A_PAGE)
    return render(
        request,
        "alarm_events.html",
        user=user,
        page="alarms",
        events=events,
        device=device,
        before=before,
        older=events[-1].id if len(events) == ON_A_PAGE else None,
    )


@router.get("/alarms/{alarm_id}")
def alarm_page(
    request: Request, alarm_id: int, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """The story of one alarm, with the readings around it."""
    alarm = visible_alarm(session, services, user, alarm_id)
    device = services.devices.get(session, alarm.device_id) if alarm.device_id else None
    metric = next((m for m in device.metrics if m["name"] == alarm.metric), None) if device else None
    return render(
        request,
        "alarm.html",
        about=alarm,
        user=user,
        page="alarms",
        alarm=alarm,
        label=device.label if device else "",
        chart=chart_around(alarm, metric, at)
        if metric and metric.get("kind", "gauge") in ("gauge", "counter")
        else None,
        order=services.work_orders.for_alarm(session, alarm),
        rule_kept=services.alarms.is_kept(session, alarm.rule_id),
        transitions=services.alarms.transitions(session, alarm_id),
        aside=services.alarms.suppressions(session, alarm) if alarm.state in SET_ASIDE else [],
        possible=[str(event) for event in events(alarm.state)],
        shelf=shelf(alarm.severity),
    )


@router.post("/alarms/{alarm_id}/acknowledge")
def acknowledge(
    alarm_id: int,
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    note: Annotated[str, FormField()] = "",
) -> Response:
    """By one tap."""
    visible_alarm(session, services, user, alarm_id)
    services.alarms.acknowledge(session, alarm_id, user.name, note, at)
    return RedirectResponse(f"/alarms/{alarm_id}", 303)


@router.post("/alarms/{alarm_id}/shelve")
def shelve(
    alarm_id: int,
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
    reason: Annotated[str, FormField()] = "",
    minutes: Annotated[str, FormField()] = "",
) -> Response:
    """Put it aside for a time."""
    visible_alarm(session, services, user, alarm_id)
    once = minutes == "once"
    if not once and not minutes.isdecimal():
        raise InvalidError("minutes: say how long, in whole minutes")
    services.alarms.shelve(session, alarm_id, reason, None if once else float(minutes), user.name, at, once=once)
    return RedirectResponse(f"/alarms/{alarm_id}", 303)


@router.post("/alarms/{alarm_id}/unshelve")
def unshelve(alarm_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Take it back."""
    visible_alarm(session, services, user, alarm_id)
    services.alarms.unshelve(session, alarm_id, "", user.name, at)
    return RedirectResponse(f"/alarms/{alarm_id}", 303)


@router.post("/alarms/{alarm_id}/reset")
def reset(alarm_id: int, user: Technician, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """A latched alarm is over."""
    visible_alarm(session, services, user, alarm_id)
    services.alarms.reset(session, alarm_id, user.name, "", at)
    return RedirectResponse(f"/alarms/{alarm_id}", 303)


@router.get("/rules")
def rules_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    q: str = "",
    show: str = "all",
) -> Response:
    """All alarm rules, those of one profile together."""
    rules = [
        rule
        for rule in services.alarms.rules(session, user.sites)
        if q.lower() in f"{rule.name} {rule.profile} {rule.label} {rule.device_id} {rule.metric}".lower()
        and (show == "all" or rule.enabled == (show == "on"))
    ]
    teams = {team.id: team.name for team in services.users.teams(session)}
    events = {rule.id for rule in rules if lacking(rule)}
    return render(
        request, "rules.html", user=user, page="rules", rules=rules, events=events, teams=teams, q=q, show=show
    )


@router.get("/alarm-figures")
def figures_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    team: str = "",
    site: str = "",
    days: Annotated[int, Query(ge=1, le=366)] = 30,
    first: str = "",
    last: str = "",
) -> Response:
    """How the alarms compare with the standard, team by team, and which of them make the load."""
    if site and not may_see(user, site):
        raise NotFoundError(said("there is no site %(site)r", site=site))
    sites = [site] if site else user.sites
    seen = services.sites.list(session, user.sites)
    zone = common({found.timezone for found in seen if not site or found.id == site})
    problem = ""
    try:
        when = period(days, first, last, at, zone)
    except InvalidError as error:
        problem, when = str(error), period(days, "", "", at, zone)
    figures = services.alarms.figures(session, team or None, sites, when.start, when.end, all_teams=not team, zone=zone)
    teams = services.users.teams(session)
    by_team = services.alarms.figures_by_team(session, sites, when.start, when.end, zone) if not team else {}
    worst = [(actor, *actor.name.rpartition(": ")[::2]) for actor in figures.bad_actors]
    return render(
        request,
        "alarm_figures.html",
        worst=worst,
        labels=services.devices.names(session, [source for _, _, source in worst]),
        status_code=422 if problem else 200,
        user=user,
        page="alarm-figures",
        periods=PERIODS,
        figures=figures,
        rows=target_rows(figures),
        by_team=by_team,
        hours=list(enumerate(figures.by_hour)),
        names={found.id: found.name for found in teams},
        teams=teams,
        team=team,
        site=site,
        site_list=seen,
        period=when,
        problem=problem,
        first=first,
        last=last,
    )


@router.post("/rules/preview")
def preview(
    request: Request, form: Form, user: Manager, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """What the rule in the form would have done; nothing is saved."""
    definition, errors = read(RuleDefinition, rule_values(form) | {"name": form.text("name") or "new rule"})
    try:
        days = float(form.decimal("preview_days")) if form.text("preview_days") else 30
        if definition is not None:
            services.alarms.check_rule(session, definition)
            check_reach(session, services, user, definition)
            mine = form.text("rule_id")
            instead_of = [int(mine)] if mine.isdecimal() and len(mine) < 10 else []
            found = services.previews.preview(session, definition, user.sites, days, at, instead_of=instead_of)
            return render(
                request, "rule_preview.html", user=user, found=found, definition=definition, at=at,
                **_watched(session, services, [item.device_id for item in found.devices]),
            )  # fmt: skip
    except InvalidFieldsError as error:
        errors = error.fields
    except InvalidError as error:
        errors = {"rule": str(error)}
    return render(request, "rule_preview.html", user=user, found=None, errors=errors)


@router.get("/rules/new")
def new_rule_page(
    request: Request, user: Manager, session: ReadSession, services: ServicesDep, device: str = "", profile: str = ""
) -> Response:
    """An empty form, perhaps for a device or a profile."""
    target = f"device:{device}" if device else f"profile:{profile}" if profile else ""
    values = {"kind": "limit", "target": target, "work_order": True, "enabled": True}
    return _rule_form(request, session, services, user, values | {"operator": ">", "proving_s": 600}, {})


@router.post("/rules/new")
def make_rule(
    request: Request, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Make it, or say what is wrong beside the field."""
    values = rule_values(form)
    definition, errors = _definition(session, services, user, values)
    if definition is not None:
        try:
            rule = services.alarms.create_rule(session, definition, user.name, at)
        except InvalidFieldsError as error:
            errors = error.fields
        else:
            detail = definition.model_dump(mode="json")
            services.users.audit(session, user.name, "alarm-rule.create", f"alarm-rule/{rule.id}", detail, at)
            return RedirectResponse("/rules", 303)
    return _rule_form(request, session, services, user, values, errors)


@router.get("/rules/metrics")
def metrics_of_target(
    request: Request, user: Viewer, session: ReadSession, services: ServicesDep, target: str = "", metric: str = ""
) -> Response:
    """The part of the form that depends on what the rule applies to."""
    return render(
        request,
        "rule_metrics.html",
        metrics=metrics_of(session, services, user, target),
        values={"metric": metric},
        errors={},
    )


@router.get("/rules/severity")
def severity_of_form(
    request: Request, _user: Viewer, services: ServicesDep, impact: str = "", respond_within_s: str = ""
) -> Response:
    """The part of the form that says which severity follows, and why."""
    return render(request, "rule_severity.html", **_graded(services, impact, respond_within_s))


@router.get("/rules/{rule_id}")
def rule_page(request: Request, rule_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """One rule in its form, with who changed what."""
    rule = visible_rule(session, services, user, rule_id)
    if rule.levels_id is not None:
        return RedirectResponse(f"/alarm-levels/{rule.levels_id}", 303)
    return _rule_form(request, session, services, user, values_of(rule), {}, rule)


@router.post("/rules/{rule_id}")
def change_rule(
    request: Request, rule_id: int, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Change it, or say what is wrong beside the field."""
    rule = held_rule(session, services, user, rule_id)
    values = rule_values(form)
    if rule.profile == "system":  # the form shows what may be changed
        values |= {"kind": rule.kind, "profile": rule.profile, "metric": rule.metric, "states": rule.states}
    elif rule.key is not None:
        values |= {"kind": rule.kind, "profile": rule.profile, "device_id": rule.device_id, "site_id": rule.site_id}
        values["label"] = rule.label
    if rule.key is not None:
        values["target"] = values_of(rule)["target"]
    definition, errors = _definition(session, services, user, values)
    if definition is not None:
        try:
            changes = services.alarms.change_rule(session, rule_id, definition, user.name, at)
        except InvalidFieldsError as error:
            errors = error.fields
        else:
            services.users.audit(session, user.name, "alarm-rule.update", f"alarm-rule/{rule_id}", changes, at)
            return RedirectResponse("/rules", 303)
    return _rule_form(request, session, services, user, values, errors, rule)


@router.post("/rules/{rule_id}/switch")
def switch_rule(rule_id: int, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Enable what is disabled, disable what is enabled."""
    rule = held_rule(session, services, user, rule_id)
    definition = RuleDefinition.model_validate(rule.model_dump() | {"enabled": not rule.enabled})
    changes = services.alarms.change_rule(session, rule_id, definition, user.name, at)
    services.users.audit(session, user.name, "alarm-rule.update", f"alarm-rule/{rule_id}", changes, at)
    return RedirectResponse("/rules", 303)


@router.post("/rules/{rule_id}/delete")
def delete_rule(rule_id: int, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """The alarms it raised stay in the history."""
    held_rule(session, services, user, rule_id)
    rule = services.alarms.delete_rule(session, rule_id, user.name, at)
    services.users.audit(session, user.name, "alarm-rule.delete", f"alarm-rule/{rule_id}", {"name": rule.name}, at)
    return RedirectResponse("/rules", 303)


@router.get("/alarm-levels/new")
def new_levels_page(
    request: Request, user: Manager, session: ReadSession, services: ServicesDep, device: str = "", profile: str = ""
) -> Response:
    """An empty form, perhaps for a device or a profile."""
    target = f"device:{device}" if device else f"profile:{profile}" if profile else ""
    return _levels_form(request, session, services, user, {"target": target, "proving_s": 600, "levels": {}}, {})


@router.post("/alarm-levels/new")
def make_levels(
    request: Request, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Make them, or say what is wrong beside each field."""
    values = level_values(form)
    definition, errors = _levels(session, services, user, values)
    if definition is None or errors:
        return _levels_form(request, session, services, user, values, errors)
    levels_id = services.alarms.create_levels(session, definition, user.name, at)
    detail = definition.model_dump(mode="json")
    services.users.audit(session, user.name, "alarm-levels.create", f"alarm-levels/{levels_id}", detail, at)
    return RedirectResponse("/rules", 303)


@router.post("/alarm-levels/preview")
def preview_of_levels(
    request: Request, form: Form, user: Manager, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """What the levels in the form would have done; nothing is saved."""
    values = level_values(form) | {"name": form.text("name") or "new levels"}
    definition, errors = _levels(session, services, user, values)
    found = None
    if definition is not None and not errors:
        try:
            instead_of = services.alarms.rules_of_levels(session, form.text("levels_id"))
            found = services.previews.preview_levels(session, definition, user.sites, 30, at, instead_of=instead_of)
        except InvalidError as error:
            errors = {"levels": str(error)}
    return render(
        request,
        "levels_preview.html",
        user=user,
        found=found,
        definition=definition,
        errors=errors,
        letters=LETTERS,
        at=at,
        **_watched(session, services, list(found.devices) if found is not None else []),
    )


@router.get("/alarm-levels/{levels_id}")
def levels_page(
    request: Request, levels_id: str, user: Viewer, session: ReadSession, services: ServicesDep
) -> Response:
    """One set in its form, with who changed what."""
    rules = visible_levels(session, services, user, levels_id)
    return _levels_form(request, session, services, user, values_of_levels(rules), {}, levels_id, rules)


@router.post("/alarm-levels/{levels_id}")
def change_levels(
    request: Request, levels_id: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Change them, or say what is wrong beside each field."""
    rules = held_levels(session, services, user, levels_id)
    values = level_values(form)
    definition, errors = _levels(session, services, user, values)
    if definition is None or errors:
        return _levels_form(request, session, services, user, values, errors, levels_id, rules)
    changes = services.alarms.change_levels(session, levels_id, definition, user.name, at)
    services.users.audit(session, user.name, "alarm-levels.update", f"alarm-levels/{levels_id}", changes, at)
    return RedirectResponse("/rules", 303)


@router.post("/alarm-levels/{levels_id}/delete")
def delete_levels(levels_id: str, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """The alarms they raised stay in the history."""
    held_levels(session, services, user, levels_id)
    services.alarms.delete_levels(session, levels_id, user.name, at)
    services.users.audit(session, user.name, "alarm-levels.delete", f"alarm-levels/{levels_id}", {}, at)
    return RedirectResponse("/rules", 303)


def _watched(session: Session, services: Services, device_ids: Sequence[str]) -> dict[str, Any]:
    """What a preview calls devices and their metrics, with the units."""
    devices = services.devices.of_ids(session, device_ids)
    metrics = {device.id: {metric["name"]: metric for metric in device.metrics} for device in devices}
    return {"labels": {device.id: device.label for device in devices}, "metrics": metrics}


def _definition(
    session: Session, services: Services, user: User, values: dict[str, Any]
) -> tuple[RuleDefinition | None, dict[str, str]]:
    """The rule that the form says, or all that is wrong with it at once."""
    definition, errors = read(RuleDefinition, values)
    if definition is None:
        sound = {name: value for name, value in values.items() if name not in errors}
        rest, _ = read(RuleDefinition, {"name": "?", **sound})
        if rest is not None:
            try:
                services.alarms.check_rule(session, rest)
            except InvalidFieldsError as error:
                errors = error.fields | errors
    elif wrong := wrong_reach(session, services, user, definition):
        return None, wrong
    if "target" in errors and not values.get("target"):
        errors["target"] = "choose what the rule applies to"
    return definition, errors


def _offered(session: Session, services: Services, user: User) -> dict[str, Any]:
    """What the forms of a rule and of levels offer: where it stands, who is told, when it is watched, how soon."""
    devices = [device for device in services.devices.list(session, user.sites) if device.kind != "gateway"]
    sites = services.sites.list(session, user.sites)
    return {
        "devices": devices,
        "profiles": sorted({device.profile for device in devices if device.profile}),
        "labels": services.alarms.labels(session, user.sites),
        "sites": sites,
        "teams": services.users.teams(session),
        "days": list(enumerate(DAYS)),
        "recurrence": services.work_orders.recurrence.total_seconds(),
        "zone": common({site.timezone for site in sites}).key,
        "respond": RESPOND,
    }


def _rule_form(
    request: Request,
    session: Session,
    services: Services,
    user: User,
    values: dict[str, Any],
    errors: dict[str, str],
    rule: AlarmRule | None = None,
) -> Response:
    for name in ("device_id", "label", "profile", "site_id"):  # one field of the form stands for them
        if name in errors:
            errors = errors | {"target": errors[name]}
    judged, replaced = services.alarms.reach(session, rule, user.sites) if rule is not None else ([], [])
    return render(
        request,
        "rule.html",
        status_code=422 if errors else 200,
        user=user,
        page="rules",
        rule=rule,
        values=values,
        errors=errors,
        metrics=metrics_of(session, services, user, values.get("target", "")),
        parts="\n".join(comparison(part) for part in values.get("more", {}).get("parts", [])),
        guard=comparison(values["more"]["guard"]) if values.get("more", {}).get("guard") else "",
        suppressors=suppressors(services.alarms.rules(session, user.sites), [rule.id] if rule is not None else []),
        judged=judged,
        replaced=replaced,
        lacks=[NEEDED[name] for name in lacking(rule)] if rule is not None else [],
        **_offered(session, services, user),
        **_graded(services, values.get("impact"), values.get("respond_within_s")),
        history=services.users.audited(session, f"alarm-rule/{rule.id}") if rule is not None else [],
    )


def _graded(services: Services, impact: Any, respond_within_s: Any) -> dict[str, Any]:
    """The matrix, and where in it the form's rule stands."""
    matrix = services.alarms.matrix
    definition, _ = read(_Graded, {"impact": impact or None, "respond_within_s": respond_within_s or 0})
    row = definition.impact if definition is not None else None
    within = definition.respond_within_s if definition is not None else 0
    column = matrix.urgency(within) if within > 0 else None
    return {
        "matrix": matrix,
        "bounds": {"immediate": matrix.immediate_s, "prompt": matrix.prompt_s, "soon": matrix.soon_s},
        "row": row,
        "column": column,
        "severity": matrix.severity[row][column] if row is not None and column is not None else None,
    }


def metrics_of(session: Session, services: Services, user: User, target: str) -> list[dict[str, Any]]:
    """Of all devices that the form's target names and the person may see."""
    kind, _, name = target.partition(":")
    if kind == "label":
        return services.alarms.metrics_of_label(session, name)
    return [
        metric
        for device in services.devices.list(session, user.sites)
        if (kind == "device" and device.id == name)
        or (kind == "profile" and device.profile == name)
        or (kind == "site" and services.gateways.get(session, device.gateway_id).site_id == name)
        for metric in device.metrics
    ]


def _levels(
    session: Session, services: Services, user: User, values: dict[str, Any]
) -> tuple[LevelsDefinition | None, dict[str, str]]:
    definition, errors = read_deep(LevelsDefinition, values)
    if "levels" in errors:
        errors["levels"] = "say at least one limit"
    if definition is not None:
        try:
            services.alarms.check_levels(session, definition)
            check_reach(session, services, user, definition)
        except InvalidFieldsError as error:
            errors = error.fields
    return definition, errors


def _levels_form(
    request: Request,
    session: Session,
    services: Services,
    user: User,
    values: dict[str, Any],
    errors: dict[str, str],
    levels_id: str = "",
    rules: list[AlarmRule] | None = None,
) -> Response:
    shown = {}
    for name, text in errors.items():  # as the fields of the form are called
        parts = name.split(".")
        letters = {level.value: short for level, short in LETTERS.items()}.get(parts[1]) if len(parts) > 2 else None
        shown[f"{letters}_{parts[2]}" if letters else parts[0]] = text
    for name in ("device_id", "label", "profile", "site_id"):
        if name in shown:
            shown["target"] = shown[name]
    judged, replaced = services.alarms.reach(session, rules[0], user.sites) if rules else ([], [])
    subjects = [f"alarm-levels/{levels_id}", *(f"alarm-rule/{rule.id}" for rule in rules or [])]
    history = [entry for subject in subjects for entry in services.users.audited(session, subject)]
    return render(
        request,
        "levels.html",
        status_code=422 if errors else 200,
        user=user,
        page="rules",
        levels_id=levels_id,
        rules={rule.level.value: rule for rule in rules or [] if rule.level is not None},
        values=values | {"more": {"guard": values.get("guard"), "schedule": values.get("schedule")}},
        errors=shown,
        letters={level.value: short for level, short in LETTERS.items()},
        metrics=metrics_of(session, services, user, values.get("target", "")),
        guard=comparison(values["guard"]) if values.get("guard") else "",
        suppressors=suppressors(services.alarms.rules(session, user.sites), [rule.id for rule in rules or []]),
        lacks={rule.level.value: [NEEDED[name] for name in lacking(rule)] for rule in rules or [] if rule.level},
        judged=judged,
        replaced=replaced,
        history=sorted(history, key=lambda entry: entry.at, reverse=True),
        **_offered(session, services, user),
    )
