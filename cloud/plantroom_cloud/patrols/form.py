"""The forms of points and routes: minutes for people, seconds inside."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from plantroom_cloud.patrols.models import CodeKind, PatrolRoute, PatrolStop
from plantroom_cloud.patrols.routes import RoutePlan, StopPlan
from plantroom_cloud.web.forms import Submitted
from plantroom_shared.errors import PlantroomError


class PointForm(BaseModel):
    """A point."""

    id: str = Field(min_length=1)
    site_id: str = Field(min_length=1)
    name: str = Field(min_length=1, max_length=200)
    location: str = Field(default="", max_length=200)
    device_id: str | None = None
    code_kind: CodeKind = CodeKind.STATIC
    instructions: str = Field(default="", max_length=2000)


class StopForm(BaseModel):
    """A point of a route; windows in minutes from the time at which the round is due."""

    point_id: str
    from_min: float | None = Field(default=None, ge=-10_080, le=10_080)
    to_min: float | None = Field(default=None, ge=-10_080, le=10_080)
    travel_s: int | None = Field(default=None, ge=0, le=3600)

    def plan(self) -> StopPlan:
        """In seconds."""
        return StopPlan(self.point_id, _seconds(self.from_min), _seconds(self.to_min), self.travel_s)


class RouteForm(BaseModel):
    """A route."""

    site_id: str = Field(min_length=1)
    name: str = Field(min_length=1, max_length=200)
    ordered: bool = False
    enabled: bool = False
    rule: str = Field(default="", max_length=500)
    starts: str = ""
    timezone: str = ""
    early_min: float = Field(default=0, ge=0, le=1440)
    duration_min: float = Field(default=60, ge=1, le=1440)
    release_ahead_min: float = Field(default=30, ge=0, le=10_080)
    travel_s: int = Field(default=15, ge=0, le=3600)
    team_id: str | None = None
    assignee: str | None = None
    priority: str = "medium"
    stops: list[StopForm] = []

    def plan(self) -> RoutePlan:
        """As the domain takes it."""
        return RoutePlan(
            site_id=self.site_id,
            name=self.name,
            stops=[stop.plan() for stop in self.stops],
            ordered=self.ordered,
            rule=self.rule,
            starts=self.starts,
            timezone=self.timezone,
            early_s=round(self.early_min * 60),
            duration_s=round(self.duration_min * 60),
            release_ahead_s=round(self.release_ahead_min * 60),
            travel_s=self.travel_s,
            team_id=self.team_id,
            assignee=self.assignee,
            priority=self.priority,
            enabled=self.enabled,
        )


def point_values(form: Submitted) -> dict[str, Any]:
    """What a browser sent of a point."""
    return {name: form.text(name) for name in PointForm.model_fields if name != "device_id"} | {
        "device_id": form.optional("device_id")
    }


def stop_values(form: Submitted) -> list[dict[str, Any]]:
    """The rows that name a point, in order."""
    columns = [form.fields.get(name, []) for name in ("point", "from_min", "to_min", "leg_s")]
    return [
        {"point_id": point, "from_min": low or None, "to_min": high or None, "travel_s": leg or None}
        for point, low, high, leg in zip(*columns, strict=False)
        if point
    ]


def route_values(route: PatrolRoute, stops: Sequence[PatrolStop]) -> dict[str, Any]:
    """A kept route as its form shows it."""
    return route.model_dump() | {
        "early_min": route.early_s / 60,
        "duration_min": route.duration_s / 60,
        "release_ahead_min": route.release_ahead_s / 60,
        "stops": [
            {
                "point_id": stop.point_id,
                "from_min": _minutes(stop.window_from_s),
                "to_min": _minutes(stop.window_to_s),
                "travel_s": stop.travel_s,
            }
            for stop in stops
        ],
    }


def beside(error: PlantroomError, otherwise: str) -> dict[str, str]:
    """The field that a service's "field: reason" names."""
    field, colon, reason = str(error).partition(": ")
    if colon and field.split(".")[0].split(" ")[0] in {*PointForm.model_fields, *RouteForm.model_fields}:
        return {field.split(".")[0].split(" ")[0]: reason if " " not in field else str(error)}
    return {otherwise: str(error)}


def _seconds(minutes: float | None) -> int | None:
    return None if minutes is None else round(minutes * 60)


def _minutes(seconds: int | None) -> float | None:
    return None if seconds is None else seconds / 60
