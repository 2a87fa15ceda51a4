"""What people and programs say of a plan."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from plantroom_cloud.plans.models import MaintenancePlan, Trigger
from plantroom_cloud.web.forms import Submitted


class PlanIn(BaseModel):
    """A plan; times of day are local to the site. `rule`: RFC 5545; `every`: in the counter's unit; `used`: of the
    interval that counts now, null leaves it as it was counted."""

    title: str = Field(max_length=200)
    instructions: str = Field(default="", max_length=5000)
    kind: str = "preventive"
    site_id: str
    asset_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    device_id: str | None = None
    team_id: str | None = None
    priority: str = "medium"
    estimated_h: float = Field(default=1.0, gt=0, le=1000)
    lead_days: int = Field(default=0, ge=0, le=365)
    trigger: Trigger = Trigger.CALENDAR
    rule: str = Field(default="", max_length=500)
    starts: str = Field(default="", max_length=40)
    floating: bool = False
    avoid_holidays: bool = False
    metric: str = Field(default="", max_length=63)
    every: float | None = Field(default=None, gt=0, le=1e12)
    used: float | None = Field(default=None, ge=0, le=1e12)
    limit: float | None = Field(default=None, ge=-1e12, le=1e12)
    above: bool = True
    held_s: float = Field(default=0.0, ge=0, le=30 * 86_400)
    alarm_rule_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    checklist_id: int | None = Field(default=None, ge=1, le=2**31 - 1)

    def fill(self, plan: MaintenancePlan) -> MaintenancePlan:
        """Into the plan, but for `used`."""
        for name, value in self.model_dump(exclude={"used"}).items():
            setattr(plan, name, value)
        return plan

    def new(self, at: datetime) -> MaintenancePlan:
        """A plan that is not saved yet."""
        return self.fill(MaintenancePlan(title="", site_id="", trigger=self.trigger, enabled_since=at))


BOXES = ("floating", "avoid_holidays")


def plan_values(form: Submitted) -> dict[str, Any]:
    """What a browser sent."""
    named = {name: form.optional(name) for name in PlanIn.model_fields if name not in (*BOXES, "above")}
    values: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    values |= {name: form.on(name) for name in BOXES}
    if held := form.text("held_h"):
        try:
            values["held_s"] = float(held) * 3600
        except ValueError:
            values["held_s"] = held
    return values | {"above": form.text("above") != "below"}
