"""Departments: where waste comes from, and who signs for it."""

from collections.abc import Collection, Sequence

from sqlmodel import Session

from plantroom_cloud.departments import repository
from plantroom_cloud.departments.models import Department
from plantroom_cloud.errors import ConflictError, InvalidError, InvalidFieldsError, NotFoundError
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.users.service import UserService
from plantroom_shared.ids import check_id
from plantroom_shared.said import said


class DepartmentService:
    """Works in the session it is given."""

    def __init__(self, sites: SiteService, users: UserService) -> None:
        self._sites = sites
        self._users = users

    def list(self, session: Session, sites: Sequence[str] = ()) -> Sequence[Department]:
        """By name."""
        return repository.departments(session, sites)

    def get(self, session: Session, department_id: str) -> Department:
        """Raises NotFoundError."""
        department = session.get(Department, department_id)
        if department is None:
            raise NotFoundError(said("there is no department %(department_id)r", department_id=department_id))
        return department

    def add(self, session: Session, department_id: str, site_id: str, name: str, staff: Sequence[str]) -> Department:
        """Raises ConflictError, InvalidError."""
        check_id(department_id, "department id")
        self._sites.get(session, site_id)
        if session.get(Department, department_id) is not None:
            raise ConflictError(said("there is a department %(department_id)r already", department_id=department_id))
        if not name.strip():
            raise InvalidError("name: say what people call it")
        self._check_staff(session, staff)
        department = Department(id=department_id, site_id=site_id, name=name.strip(), staff=list(staff))
        session.add(department)
        session.flush()
        return department

    def change(self, session: Session, department_id: str, name: str, staff: Sequence[str], active: bool) -> Department:
        """Raises NotFoundError, InvalidFieldsError."""
        department = self.get(session, department_id)
        self._check_staff(session, set(staff) - set(department.staff))  # who left since is not asked about again
        department.name, department.staff, department.active = name.strip() or department.name, list(staff), active
        session.add(department)
        return department

    def _check_staff(self, session: Session, staff: Collection[str]) -> None:
        known = {user.name for user in self._users.list(session)}
        if wrong := sorted(set(staff) - known):
            raise InvalidFieldsError(
                {"staff": said("there is no user %(wrong)s; write login names with commas between", wrong=wrong)}
            )
