"""What a plan must say; every mistake at once, by field; pure."""

from datetime import UTC, timedelta
from itertools import islice

from plantroom_cloud.calendars.business import BusinessCalendar
from plantroom_cloud.errors import CloudError
from plantroom_cloud.plans.due import Away, Recurrence, nobody
from plantroom_cloud.plans.models import MaintenancePlan, Trigger
from plantroom_cloud.recurrence import check_start
from plantroom_shared.said import said

KINDS = ("preventive", "inspection")
PRIORITIES = ("critical", "high", "medium", "low")


#: More due times than this within the lead time would all be open at once.
MOST_AHEAD = 31


def recurrence(plan: MaintenancePlan, zone: str, calendar: BusinessCalendar, away: Away = nobody) -> Recurrence:
    """Its rule, in the time zone of its site."""
    return Recurrence(plan.rule, plan.starts, zone, calendar, plan.avoid_holidays, plan.floating, away)


def mistakes(plan: MaintenancePlan, zone: str, calendar: BusinessCalendar) -> dict[str, str]:
    """By field; empty when it is right."""
    found: dict[str, str] = {}
    if not plan.title.strip():
        found["title"] = "say in a few words what is to be done"
    if plan.kind not in KINDS:
        found["kind"] = said("use one of %(kinds)s", kinds=list(KINDS))
    if plan.priority not in PRIORITIES:
        found["priority"] = said("use one of %(priorities)s", priorities=list(PRIORITIES))
    if not 0 <= plan.lead_days <= 365:
        found["lead_days"] = "0 to 365 days"
    if not 0 < plan.estimated_h <= 1000:
        found["estimated_h"] = "more than 0 and at most 1000 hours"
    match plan.trigger:
        case Trigger.CALENDAR:
            found |= _of_rule(plan, recurrence(plan, zone, calendar), "lead_days" not in found)
        case Trigger.ALARM:
            if plan.alarm_rule_id is None:
                found["alarm_rule_id"] = "choose the rule whose alarm or event makes it due"
        case _:
            found |= _of_device(plan)
    return found


def _of_rule(plan: MaintenancePlan, rule: Recurrence, lead: bool) -> dict[str, str]:
    try:
        rule.check()
    except CloudError as error:
        return {"starts" if str(error).startswith("starts") else "rule": str(error)}
    if lead and plan.lead_days and not plan.floating:
        first = check_start(plan.starts).replace(tzinfo=UTC)
        ahead = rule.between(first, first + timedelta(days=plan.lead_days))
        if sum(1 for _ in islice(ahead, MOST_AHEAD + 1)) > MOST_AHEAD:
            return {
                "lead_days": said(
                    "more than %(most_ahead)s orders would be open ahead; use fewer days", most_ahead=MOST_AHEAD
                )
            }
    return {}


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
