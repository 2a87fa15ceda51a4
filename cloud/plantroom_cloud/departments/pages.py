"""Departments and who signs for them."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, WriteSession, may_see
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.users.models import Role
from plantroom_cloud.web.forms import Form
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_shared.said import said

NAV = (NavEntry("departments", "/departments", "Departments", order=86, group="Settings", role=Role.MANAGER),)
router = APIRouter(include_in_schema=False)


@router.get("/departments")
def departments_page(request: Request, user: Manager, session: ReadSession, services: ServicesDep) -> Response:
    """All, each with its form, and one for a new one."""
    return render(
        request,
        "departments.html",
        user=user,
        page="departments",
        departments=services.departments.list(session, user.sites),
        site_list=services.sites.list(session, user.sites),
    )


@router.post("/departments")
def set_department(form: Form, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Add one, or change it."""
    people, site, key = form.listed("staff"), form.text("site"), form.text("id")
    if not may_see(user, site or services.departments.get(session, key).site_id):
        raise NotFoundError(said("there is no department %(key)r", key=key))
    if site:
        services.departments.add(session, key, site, form.text("name"), people)
    else:
        services.departments.change(session, key, form.text("name"), people, form.on("active"))
    services.users.audit(session, user.name, "department.set", f"department/{key}", {"staff": people}, at)
    return RedirectResponse("/departments", 303)
