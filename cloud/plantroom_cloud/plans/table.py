"""The forecast as tables for spreadsheets; pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo

from plantroom_cloud.plans.ahead import Load, Week

WEEK_COLUMNS = ("week", "monday", "team", "orders", "hours")
DUE_COLUMNS = ("week", "due", "plan_id", "plan", "site", "asset", "team", "hours", "all_away")


def week_rows(weeks: Iterable[Week], teams: Mapping[str | None, str]) -> Iterator[list[object]]:
    """A row for each week and team; one with nothing for a week in which nothing is due, so that none is missing."""
    for week in weeks:
        for team, load in week.teams.items() or [(None, Load())]:
            yield [_name(week), week.monday.isoformat(), teams.get(team, team or ""), load.count, load.hours]


def due_rows(
    weeks: Iterable[Week],
    teams: Mapping[str | None, str],
    zones: Mapping[str, tzinfo],
    assets: Mapping[int | None, str],
) -> Iterator[list[object]]:
    """Each order to come, in order; `due` is local to its site, `asset` a code."""
    for week in weeks:
        for item in week.items:
            plan = item.plan
            yield [
                _name(week),
                f"{item.due_at.astimezone(zones[plan.site_id]):%Y-%m-%d %H:%M}",
                plan.id,
                plan.title,
                plan.site_id,
                assets.get(plan.asset_id, ""),
                teams.get(plan.team_id, plan.team_id or ""),
                plan.estimated_h,
                ", ".join(item.away),
            ]


def _name(week: Week) -> str:
    year, number, _ = week.monday.isocalendar()
    return f"{year}-W{number:02d}"
