"""/api/v1/departments."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession, may_see
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.listing import Page
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/departments", tags=["departments"])


class DepartmentOut(BaseModel):
    """A department."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    site_id: str
    name: str
    staff: list[str]
    active: bool


class DepartmentIn(BaseModel):
    """What can be changed of one."""

    name: str = Field(max_length=200)
    staff: list[str] = []
    active: bool = True


class NewDepartment(DepartmentIn):
    """A new one."""

    id: str
    site_id: str


@router.get("")
def list_departments(user: Viewer, session: ReadSession, services: ServicesDep) -> Page[DepartmentOut]:
    """By name."""
    return Page(items=[DepartmentOut.model_validate(row) for row in services.departments.list(session, user.sites)])


@router.post("", status_code=201)
def add(body: NewDepartment, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> DepartmentOut:
    """A new one."""
    if not may_see(user, body.site_id):
        raise NotFoundError(said("there is no site %(site_id)r", site_id=body.site_id))
    row = services.departments.add(session, body.id, body.site_id, body.name, body.staff)
    services.users.audit(session, user.name, "department.add", f"department/{row.id}", body.model_dump(), at)
    return DepartmentOut.model_validate(row)


@router.put("/{department_id}")
def change(
    department_id: str, body: DepartmentIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> DepartmentOut:
    """Name, staff, open or closed."""
    if not may_see(user, services.departments.get(session, department_id).site_id):
        raise NotFoundError(said("there is no department %(department_id)r", department_id=department_id))
    row = services.departments.change(session, department_id, body.name, body.staff, body.active)
    services.users.audit(session, user.name, "department.change", f"department/{row.id}", body.model_dump(), at)
    return DepartmentOut.model_validate(row)
