"""What a plan must say; every mistake at once, by field; pure."""

from plantroom_cloud.calendars.business import BusinessCalendar
from plantroom_cloud.errors import CloudError
from plantroom_cloud.plans.due import Recurrence
from plantroom_cloud.plans.models import MaintenancePlan, Trigger

KINDS = ("preventive", "inspection")
PRIORITIES = ("critical", "high", "medium", "low")


def recurrence(plan: MaintenancePlan, calendar: BusinessCalendar) -> Recurrence:
    """Its rule."""
    return Recurrence(plan.rule, plan.starts, calendar, plan.avoid_holidays, plan.floating)


def mistakes(plan: MaintenancePlan, calendar: BusinessCalendar) -> dict[str, str]:
    """By field; empty when it is right."""
    found: dict[str, str] = {}
    if not plan.title.strip():
        found["title"] = "say in a few words what is to be done"
    if plan.kind not in KINDS:
        found["kind"] = f"use one of {', '.join(KINDS)}"
    if plan.priority not in PRIORITIES:
        found["priority"] = f"use one of {', '.join(PRIORITIES)}"
    if not 0 <= plan.lead_days <= 365:
        found["lead_days"] = "0 to 365 days"
    if not 0 < plan.estimated_h <= 1000:
        found["estimated_h"] = "more than 0 and at most 1000 hours"
    if plan.trigger is Trigger.CALENDAR:
        try:
            recurrence(plan, calendar).check()
        except CloudError as error:
            field = "starts" if str(error).startswith("starts") else "rule"
            found[field] = str(error)
    else:
        found |= _of_device(plan)
    return found


def _of_device(plan: MaintenancePlan) -> dict[str, str]:
    found: dict[str, str] = {}
    if plan.device_id is None:
        found["device_id"] = "choose the device that is looked at"
    if not plan.metric:
        found["metric"] = "name the value that is looked at"
    if plan.trigger is Trigger.COUNTER and not (plan.every and plan.every > 0):
        found["every"] = "write after how much it is due, more than 0"
    if plan.trigger is Trigger.CONDITION:
        if plan.limit is None:
            found["limit"] = "write the limit"
        if not 0 <= plan.held_s <= 30 * 86_400:
            found["held_s"] = "0 s to 30 days"
    return found
