"""Service levels: how often promises are kept, what is due next, and the policies."""

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.errors import InvalidFieldsError
from plantroom_cloud.services import Services
from plantroom_cloud.sla.api import check_site, period
from plantroom_cloud.sla.figures import FORMULA
from plantroom_cloud.sla.form import kept_values, policy_values, rows, to_options
from plantroom_cloud.sla.models import ClockKind, SlaPolicy
from plantroom_cloud.sla.policy import KINDS, PRIORITIES, PolicyIn
from plantroom_cloud.sla.terms import Terms
from plantroom_cloud.users.models import User
from plantroom_cloud.web.forms import Form, Submitted, read
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_cloud.workorders.service import HOLD_REASONS
from plantroom_shared.errors import PlantroomError

NAV = (NavEntry("sla", "/sla", "Service levels", order=48, group="Work"),)
router = APIRouter(include_in_schema=False)

#: Clocks on the page; the list of work orders shows all.
SHOWN = 12


@router.get("/sla")
def sla_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    by: Literal["month", "site", "priority", "team"] = "month",
    site: str = "",
) -> Response:
    """Shares of the last year, what is due next, policies."""
    sites = services.sites.list(session, user.sites)
    chosen = [site] if site in {each.id for each in sites} else user.sites
    first, last = period(None, None, at)
    found = services.sla.figures(session, chosen, first, last, by)
    groups: dict[str, dict[str, Any]] = {}
    for row in found:
        groups.setdefault(row.group, {})[row.kind.value] = row
    names = {"site": {each.id: each.name for each in sites}, "team": _teams(session, services)}.get(by, {})
    rank = {priority: number for number, priority in enumerate(PRIORITIES)}
    order = sorted(groups, reverse=by == "month", key=lambda group: (rank.get(group, 0), group))
    return render(
        request,
        "sla.html",
        user=user,
        page="sla",
        by=by,
        chosen=site,
        site_list=sites,
        kinds=[kind.value for kind in ClockKind],
        groups=[(names.get(group, group) or "no team", groups[group]) for group in order],
        formula=FORMULA,
        ticking=services.sla.ticking(session, chosen, SHOWN),
        policies=[(row, Terms.model_validate(row.terms)) for row in services.sla.policies(session)],
        site_names={each.id: each.name for each in sites},
    )


@router.get("/sla/policies/new")
def new_page(request: Request, user: Manager, session: ReadSession, services: ServicesDep) -> Response:
    """A form with usual choices."""
    values = PolicyIn(name="-", response_min=30, restoration_min=240).model_dump(mode="json") | {"name": ""}
    return _form(request, session, services, user, None, values, {})


@router.post("/sla/policies/new")
def make(request: Request, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """A new one, or what is wrong beside the field."""
    return _save(request, form, session, services, user, None, at)


@router.get("/sla/policies/{policy_id}")
def policy_page(
    request: Request, policy_id: int, user: Manager, session: ReadSession, services: ServicesDep
) -> Response:
    """One."""
    policy = services.sla.policy(session, policy_id)
    if policy.site_id:
        check_site(user, policy.site_id)
    return _form(request, session, services, user, policy, kept_values(policy), {})


@router.post("/sla/policies/{policy_id}")
def change(
    request: Request, policy_id: int, form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """Changed, or what is wrong beside the field."""
    policy = services.sla.policy(session, policy_id)
    check_site(user, policy.site_id)
    return _save(request, form, session, services, user, policy, at)


@router.post("/sla/policies/{policy_id}/remove")
def remove(policy_id: int, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Orders that are open keep it."""
    check_site(user, services.sla.policy(session, policy_id).site_id)
    services.sla.remove(session, policy_id)
    services.users.audit(session, user.name, "sla.remove", f"sla-policy/{policy_id}", {}, at)
    return RedirectResponse("/sla", 303)


def _save(
    request: Request,
    form: Submitted,
    session: Session,
    services: Services,
    user: User,
    policy: SlaPolicy | None,
    at: datetime,
) -> Response:
    values = policy_values(form)
    plan, errors = read(PolicyIn, values)
    if plan is not None:
        try:
            check_site(user, plan.site_id)
            if policy is None or policy.id is None:
                saved = services.sla.add(session, plan, at)
            else:
                saved = services.sla.change(session, policy.id, plan, at)
        except InvalidFieldsError as error:
            errors = error.fields
        except PlantroomError as error:
            errors = {"site_id": str(error).removeprefix("site_id: ")}
        else:
            detail = plan.model_dump(mode="json")
            services.users.audit(session, user.name, "sla.set", f"sla-policy/{saved.id}", detail, at)
            return RedirectResponse("/sla", 303)
    return _form(request, session, services, user, policy, values, errors)


def _form(
    request: Request,
    session: Session,
    services: Services,
    user: User,
    policy: SlaPolicy | None,
    values: dict[str, Any],
    errors: dict[str, str],
) -> Response:
    return render(
        request,
        "sla_policy.html",
        status_code=422 if errors else 200,
        user=user,
        page="sla",
        policy=policy,
        values=values,
        errors=errors,
        rows=rows(values),
        site_list=services.sites.list(session, user.sites),
        calendars=services.calendars.list(session),
        to=to_options(services.users.list(session), services.users.teams(session)),
        priorities=PRIORITIES,
        kinds=KINDS,
        reasons=HOLD_REASONS,
    )


def _teams(session: Session, services: Services) -> dict[str, str]:
    return {team.id: team.name for team in services.users.teams(session)}
