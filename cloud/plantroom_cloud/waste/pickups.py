"""Wards without a pickup: when each was last served, and for which that is too long ago."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.departments.models import Department
from plantroom_cloud.departments.service import DepartmentService
from plantroom_cloud.waste import chain, repository
from plantroom_cloud.waste.rulebook import RuleBook
from plantroom_shared.said import said


@dataclass(frozen=True, slots=True)
class Ward:
    """A department that takes part: labels were printed for it."""

    department: Department
    served_at: datetime | None  #: its last pickup
    since: datetime  #: that, or its first label where there was none yet
    within_h: float | None  #: None: no pickup is expected

    def due(self) -> datetime | None:
        """When the next pickup must have been."""
        return self.since + timedelta(hours=self.within_h) if self.within_h is not None else None

    def is_overdue(self, at: datetime) -> bool:
        """Whether that moment has come."""
        due = self.due()
        return due is not None and at >= due


class Pickups:
    """Works in the session it is given."""

    def __init__(self, rules: RuleBook, departments: DepartmentService, alarms: AlarmService) -> None:
        self._rules = rules
        self._departments = departments
        self._alarms = alarms

    def wards(self, session: Session, sites: Sequence[str] = ()) -> list[Ward]:
        """Departments in use, the one that waits longest first; none where the rules expect no pickups."""
        pickup = self._rules.current(session).pickup
        if pickup is None:
            return []
        departments = [item for item in self._departments.list(session, sites) if item.active]
        served = repository.last_completed(session, pickup.stage, [item.id for item in departments])
        waiting = [item.id for item in departments if item.id not in served]
        printed = repository.first_printed(session, waiting) if waiting else {}
        wards = [
            Ward(item, served.get(item.id), served.get(item.id) or printed[item.id], pickup.limit_h(item.id))
            for item in departments
            if item.id in served or item.id in printed
        ]
        return sorted(wards, key=lambda ward: ward.since)

    def look(self, session: Session, at: datetime) -> None:
        """Raise what is due; what was served, closed or is no longer expected returns."""
        wards = {ward.department.id: ward for ward in self.wards(session)}
        for department in self._departments.list(session):
            ward = wards.get(department.id)
            due = ward.due() if ward is not None else None
            overdue = ward is not None and ward.is_overdue(at)
            detail = ""
            if ward is not None and overdue:
                ever = said("last at %(at)s", at=ward.served_at) if ward.served_at else "none since its first label"
                detail = said(
                    "%(department)s: no pickup for more than %(within_h)g h; %(ever)s",
                    department=department.name,
                    within_h=ward.within_h,
                    ever=ever,
                )
            self._alarms.report(
                session,
                chain.WARD_UNSERVED,
                f"department:{department.id}",
                overdue,
                due if due is not None and overdue else at,
                at,
                site_id=department.site_id,
                called=department.name,
                detail=detail,
                value=ward.within_h if ward is not None else None,
                limit=ward.within_h if ward is not None else None,
                unit="h",
            )
