"""Maintenance plans: the list, the year by week, one plan and its form."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby, islice
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.errors import CloudError
from plantroom_cloud.plans.api import Id, check_place, held_plan, visible_plan
from plantroom_cloud.plans.form import PlanIn, plan_values
from plantroom_cloud.plans.models import MaintenancePlan, Trigger
from plantroom_cloud.plans.service import FARTHEST
from plantroom_cloud.plans.table import DUE_COLUMNS, WEEK_COLUMNS, due_rows, week_rows
from plantroom_cloud.services import Services
from plantroom_cloud.spreadsheet import CsvResponse, csv_response, xlsx_response
from plantroom_cloud.users.models import User
from plantroom_cloud.web.forms import Form, read
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (
    NavEntry("plans", "/plans", "Plans", order=46, group="Work"),
    NavEntry("plan-calendar", "/plans/calendar", "The year by week", order=47, group="Work"),
)
router = APIRouter(include_in_schema=False)

WEEKS = 53
#: What the preview looks at.
SCHEDULE = ("site_id", "rule", "starts", "floating", "avoid_holidays")


@router.get("/plans")
def plans_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """All, the next due first."""
    plans = services.plans.all(session, user.sites)
    ids = [plan.id for plan in plans if plan.id is not None]
    waiting, done = services.plans.open_orders(session, ids), services.plans.last_done(session, ids)
    due = services.plans.upcoming(session, [plan for plan in plans if plan.enabled], at)
    rows = [(plan, due.get(plan.id or 0), waiting.get(plan.id or 0), done.get(plan.id or 0)) for plan in plans]
    rows.sort(key=lambda row: (row[1] is None, row[1] or at, row[0].title))
    metrics = _metrics(session, services, plans)
    return render(request, "plans.html", user=user, page="plans", rows=rows, metrics=metrics, at=at)


@router.get("/plans/calendar")
def calendar_page(request: Request, user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """The coming year by week."""
    weeks = services.plans.weeks(session, at, WEEKS, user.sites)
    names = _teams(session, services) | {None: "No team"}
    used = {team for week in weeks for team in week.teams}
    months = [(next(days), 1 + sum(1 for _ in days)) for _, days in groupby((w.monday for w in weeks), _month)]
    return render(
        request, "plan_calendar.html", user=user, page="plan-calendar", weeks=weeks, months=months,
        most=max((week.all.hours for week in weeks), default=0), names=names,
        teams=sorted(used, key=lambda team: (team is None, names.get(team, team))),
        most_of_team=max((load.hours for week in weeks for load in week.teams.values()), default=0),
    )  # fmt: skip


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month


def _metrics(
    session: Session, services: Services, plans: Sequence[MaintenancePlan]
) -> dict[tuple[str | None, str], tuple[str, str]]:
    """What people call the values that plans look at, with the unit, by device and metric."""
    devices = services.devices.of_ids(session, sorted({plan.device_id for plan in plans if plan.device_id}))
    return {(d.id, m["name"]): (m["label"], m.get("unit", "")) for d in devices for m in d.metrics}


@router.get("/plans/calendar.csv", response_class=CsvResponse)
def weeks_table(user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """The coming year by week and team, for spreadsheets."""
    rows = week_rows(services.plans.weeks(session, at, WEEKS, user.sites), _teams(session, services))
    return csv_response("maintenance-by-week.csv", WEEK_COLUMNS, rows)


@router.get("/plans/calendar.xlsx")
def weeks_workbook(user: Viewer, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """The same, and what is due on a second sheet."""
    weeks, teams = services.plans.weeks(session, at, WEEKS, user.sites), _teams(session, services)
    zones = {site.id: ZoneInfo(site.timezone) for site in services.sites.list(session, user.sites)}
    assets = {asset.id: asset.code for asset in services.assets.list(session, user.sites)}
    sheets = {
        "weeks": [WEEK_COLUMNS, *week_rows(weeks, teams)],
        "due": [DUE_COLUMNS, *due_rows(weeks, teams, zones, assets)],
    }
    return xlsx_response("maintenance-by-week.xlsx", sheets)


@router.get("/plans/new")
def new_page(
    request: Request, user: Manager, session: ReadSession, services: ServicesDep, at: At, asset: int | None = None
) -> Response:
    """An empty form, perhaps for an asset."""
    values: dict[str, object] = {"trigger": "calendar", "kind": "preventive", "priority": "medium", "estimated_h": 1}
    values |= {"rule": "FREQ=MONTHLY", "starts": f"{at:%Y-%m-%d}T08:00", "lead_days": 7, "above": True}
    if asset is not None:
        found = services.assets.get(session, asset)
        values |= {"asset_id": str(asset), "site_id": found.site_id, "team_id": found.team_id}
    return _form(request, session, services, user, values, {}, None)


@router.post("/plans/preview")
def preview_part(
    request: Request, form: Form, user: Manager, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """When it would be due, or what is wrong with its rule; what else is wrong is told when it is saved."""
    chosen = {name: value for name, value in plan_values(form).items() if name in SCHEDULE}
    wanted, wrong = read(PlanIn, chosen | {"title": "-", "trigger": Trigger.CALENDAR})
    times: Sequence[datetime] = ()
    told = "; ".join(wrong.values())
    if wanted is not None:
        try:
            times = services.plans.preview(session, wanted.new(at), at, 10)
        except CloudError as error:
            told = str(error)
    return render(request, "plan_preview.html", user=user, times=times, wrong=told)


@router.get("/plans/{plan_id}")
def plan_page(
    request: Request, plan_id: Id, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """One: what comes, what was, how well it was kept."""
    plan = visible_plan(session, services, user, plan_id)
    found = services.plans.occurrences_of(session, plan_id, 100)
    ahead = services.plans.coming(session, plan, at, at + FARTHEST) if plan.enabled else iter(())
    coming = list(islice(ahead, 10))
    asset = services.assets.get(session, plan.asset_id) if plan.asset_id is not None else None
    return render(
        request, "plan.html", user=user, about=plan, page="plans", plan=plan, occurrences=found, coming=coming,
        metrics=_metrics(session, services, [plan]), names=services.devices.names(session, [plan.device_id]),
        asset=asset, rule=next((r for r in services.alarms.rules(session) if r.id == plan.alarm_rule_id), None),
        checklist=next((c.name for c in services.checklists.templates.all(session, retired=True)
                        if c.id == plan.checklist_id), ""),
        team=next((t.name for t in services.users.teams(session) if t.id == plan.team_id), ""), at=at,
    )  # fmt: skip


@router.get("/plans/{plan_id}/edit")
def edit_page(request: Request, plan_id: Id, user: Manager, session: ReadSession, services: ServicesDep) -> Response:
    """Its form."""
    plan = visible_plan(session, services, user, plan_id)
    values = plan.model_dump() | {"trigger": plan.trigger.value}
    values |= {name: str(values[name] or "") for name in ("asset_id", "alarm_rule_id", "checklist_id")}
    return _form(request, session, services, user, values, {}, plan)


@router.post("/plans/{key}")
def save(
    request: Request, key: str, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Make or change it, or say what is wrong beside each field."""
    number = int(key) if key.isdecimal() and len(key) < 10 else 0
    plan = None if key == "new" else held_plan(session, services, user, number)
    values = plan_values(form)
    wanted, errors = read(PlanIn, values)
    if wanted is not None:
        errors = check_place(session, services, user, wanted)
        errors |= services.plans.mistakes(session, wanted.new(at)) if "site_id" not in errors and not errors else {}
        if not errors:
            filled = wanted.fill(plan) if plan is not None else wanted.new(at)
            saved = services.plans.save(session, filled, at, wanted.used)
            what = wanted.model_dump(mode="json")
            services.users.audit(session, user.name, "plan.save", f"plan/{saved.id}", what, at)
            return RedirectResponse(f"/plans/{saved.id}", 303)
    return _form(request, session, services, user, values, errors, plan)


@router.post("/plans/{plan_id}/switch")
def switch(plan_id: Id, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """On or off."""
    plan = held_plan(session, services, user, plan_id)
    services.plans.switch(session, plan, form.text("to") == "on", at)
    services.users.audit(session, user.name, "plan.switch", f"plan/{plan_id}", {"enabled": plan.enabled}, at)
    return RedirectResponse(f"/plans/{plan_id}", 303)


def _teams(session: Session, services: Services) -> dict[str | None, str]:
    return {team.id: team.name for team in services.users.teams(session)}


def _form(
    request: Request, session: Session, services: Services, user: User, values: dict[str, object],
    errors: dict[str, str], plan: MaintenancePlan | None,
) -> Response:  # fmt: skip
    devices = services.devices.list(session, user.sites)
    assets = [(str(a.id), "\u2003" * depth + a.name) for depth, a in services.assets.tree(session, user.sites)]
    return render(
        request, "plan_form.html", status_code=422 if errors else 200, user=user, page="plans", plan=plan,
        values=values, errors=errors,
        sites=[(site.id, site.name) for site in services.sites.list(session, user.sites)],
        teams=[("", "No team"), *((team.id, team.name) for team in services.users.teams(session))],
        assets=[("", "None"), *assets],
        devices=[("", "None"), *((device.id, f"{device.label} ({device.id})") for device in devices)],
        rules=[("", "None"), *((str(rule.id), rule.name) for rule in services.alarms.rules(session, user.sites))],
        checklists=[("", "None"), *((str(c.id), c.name) for c in services.checklists.templates.all(session))],
        metrics=sorted({metric["name"] for device in devices for metric in device.metrics}),
        triggers=[(kind.value, text) for kind, text in TRIGGERS.items()],
    )  # fmt: skip


TRIGGERS = {
    Trigger.CALENDAR: "By the calendar",
    Trigger.COUNTER: "By a counter: running hours, kWh, starts",
    Trigger.CONDITION: "By a condition",
    Trigger.ALARM: "By an alarm or event",
}
