"""Dispatch: what nobody has taken, with who should; people, skills and what teams do with new work."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.dependencies import At, Dispatcher, Manager, ReadSession, ServicesDep, WriteSession, may_see
from plantroom_cloud.dispatch.models import NeedOf
from plantroom_cloud.errors import InvalidFieldsError, NotFoundError
from plantroom_cloud.users.models import Role
from plantroom_cloud.web.forms import Form
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_shared.said import said

NAV = (NavEntry("dispatch", "/dispatch", "Dispatch", order=49, group="Work", role=Role.DISPATCHER),)
router = APIRouter(include_in_schema=False)

#: Orders of the pool on the page.
SHOWN = 12
#: Absences that begin within this time are shown.
AHEAD = timedelta(days=14)


@router.get("/dispatch")
def dispatch_page(request: Request, user: Dispatcher, session: ReadSession, services: ServicesDep, at: At) -> Response:
    """The pool with suggestions, and the settings."""
    dispatch = services.dispatch
    present = dispatch.present(session, at)
    pool = [
        (order, dispatch.needed(session, order), dispatch.candidates(session, order, at, present)[:3])
        for order in dispatch.pool(session, user.sites, SHOWN)
    ]
    needs, origins = dispatch.needs(session, user.sites), dispatch.origins(session, user.sites)
    people = dispatch.workers(session)
    teams, automatic = services.users.teams(session), dispatch.automatic(session)
    return render(
        request,
        "dispatch.html",
        user=user,
        page="dispatch",
        pool=pool,
        people=people,
        away=services.absences.now(session, at),
        absences=sorted(services.absences.between(session, at, at + AHEAD), key=lambda absence: absence.starts_at),
        names={person.name: person.display_name or person.name for person in services.users.list(session)},
        loads=dispatch.loads(session),
        calendars=services.calendars.list(session),
        teams=[(team, team.id in automatic) for team in teams],
        team_names={team.id: team.name for team in teams},
        needs=[(need, origins[need.of].get(need.ref, need.ref)) for need in needs],
        origins=[(of, names) for of, names in origins.items() if names],
        known=sorted(
            {skill for skills in (*(p.skills for p in people), *(n.skills for n in needs)) for skill in skills}
        ),
    )


@router.post("/dispatch/people")
def set_person(form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Skills and shift of a person."""
    name, skills, shift = form.text("name"), form.listed("skills"), form.text("shift")
    services.dispatch.set_person(session, name, skills, shift)
    services.users.audit(session, user.name, "dispatch.person", f"user/{name}", {"skills": skills, "shift": shift}, at)
    return RedirectResponse("/dispatch#people", 303)


@router.post("/dispatch/needs")
def set_need(form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Skills that some origin of work needs; none takes it away."""
    of, _, ref = form.text("origin").partition(":")
    if of not in list(NeedOf) or not ref:
        raise InvalidFieldsError({"origin": "choose what needs the skills"})
    skills = form.listed("skills")
    services.dispatch.set_need(session, NeedOf(of), ref, skills, user.sites)
    services.users.audit(session, user.name, "dispatch.need", f"{of}/{ref}", {"skills": skills}, at)
    return RedirectResponse("/dispatch#needs", 303)


@router.post("/dispatch/teams")
def set_team(form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """What a team does with new work."""
    team, automatic = form.text("team"), form.text("automatic") == "yes"
    services.dispatch.set_automatic(session, team, automatic)
    services.users.audit(session, user.name, "dispatch.team", f"team/{team}", {"automatic": automatic}, at)
    return RedirectResponse("/dispatch#teams", 303)


@router.post("/dispatch/orders/{order_id}/skills")
def set_order_skills(
    order_id: int, form: Form, user: Dispatcher, session: WriteSession, services: ServicesDep, at: At
) -> Response:
    """What an order needs of its own."""
    if not may_see(user, services.work_orders.get(session, order_id).site_id):
        raise NotFoundError(said("there is no work order %(order_id)s", order_id=order_id))
    services.dispatch.set_order_skills(session, order_id, form.listed("skills"), user.name, at)
    return RedirectResponse(f"/work-orders/{order_id}", 303)
