"""Reliability: figures by asset, class and site with their formulas, and the records behind them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Viewer, may_see
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.reliability.api import sites_of
from plantroom_cloud.reliability.figures import DEFINITIONS
from plantroom_cloud.reliability.records import Part
from plantroom_cloud.reliability.service import REPEAT, By, Row
from plantroom_cloud.reliability.tally import holds
from plantroom_cloud.spreadsheet import CsvResponse, csv_response
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render
from plantroom_shared.said import said

NAV = (NavEntry("reliability", "/reliability", "Reliability", order=49, group="Work"),)
router = APIRouter(include_in_schema=False)

DAYS = (7, 30, 90, 365)
Days = Annotated[int, Query(ge=1, le=3660)]


@dataclass(frozen=True)
class Period:
    """What is asked for: the last so many days, or from one day to another (UTC, both included)."""

    start: datetime
    end: datetime
    days: int
    first: str = ""
    last: str = ""

    @property
    def query(self) -> str:
        """For links."""
        if self.first:
            return urlencode({"first": self.first, "last": self.last})
        return urlencode({"days": self.days})


def period(days: int, first: str, last: str, at: datetime) -> Period:
    """Raises InvalidError."""
    if not first and not last:
        return Period(at - timedelta(days=days), at, days)
    try:
        from_day = date.fromisoformat(first)
        to_day = date.fromisoformat(last) if last else at.date()
    except ValueError:
        raise InvalidError("first, last: write days like 2026-03-10") from None
    start = datetime.combine(from_day, time(), UTC)
    end = datetime.combine(to_day, time(), UTC) + timedelta(days=1)
    if end <= start:
        raise InvalidError("the last day must not be before the first")
    return Period(start, end, days, from_day.isoformat(), to_day.isoformat())


def worst_first(rows: list[Row], key: str) -> list[Row]:
    """What has no figure stands last."""
    better = next((found.more_is_better for found in DEFINITIONS if found.key == key), True)

    def order(row: Row) -> tuple[bool, float]:
        value = row.figures[key].value
        return value is None, 0.0 if value is None else value if better else -value

    return sorted(rows, key=order)


@router.get("/reliability")
def reliability_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    by: By = "asset",
    site: str = "",
    equipment_class: Annotated[str, Query(alias="class")] = "",
    days: Days = 30,
    first: str = "",
    last: str = "",
    sort: str = "availability",
) -> Response:
    """The figures, the worst first."""
    problem = ""
    try:
        when = period(days, first, last, at)
    except InvalidError as error:
        problem, when = str(error), period(days, "", "", at)
    sort = sort if sort in {found.key for found in DEFINITIONS} else "availability"
    rows, everything = services.reliability.report(
        session, by, when.start, when.end, at, sites_of(user, site), equipment_class
    )
    asked = {"by": by, "site": site, "class": equipment_class, "days": days, "first": first, "last": last}
    return render(
        request,
        "reliability.html",
        status_code=422 if problem else 200,
        problem=problem,
        user=user,
        page="reliability",
        rows=worst_first(rows, sort),
        everything=everything,
        definitions=DEFINITIONS,
        asked=asked | {"sort": sort},
        query=urlencode(asked),
        by=by,
        period=when,
        repeat_days=REPEAT.days,
        days_to_choose=DAYS,
        site_list=services.sites.list(session, user.sites),
        classes=services.reliability.classes(session, user.sites),
    )


@router.get("/reliability.csv", response_class=CsvResponse)
def table(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    by: By = "asset",
    site: str = "",
    equipment_class: Annotated[str, Query(alias="class")] = "",
    days: Days = 30,
    first: str = "",
    last: str = "",
) -> Response:
    """For spreadsheets: times in hours, what is not known is empty."""
    when = period(days, first, last, at)
    rows, _ = services.reliability.report(session, by, when.start, when.end, at, sites_of(user, site), equipment_class)
    head = ["key", "name", "assets", "from", "to", "observed_h", "down_h", "planned_down_h", "failures", "restored"]
    head += [f"{found.key}_h" if found.unit == "s" else found.key for found in DEFINITIONS]
    head += [f"mttr_{part.value}_h" for part in Part]
    return csv_response(f"reliability-by-{by}.csv", head, [_cells(row, when) for row in rows])


@router.get("/reliability/assets/{asset_id}")
def asset_page(
    request: Request,
    asset_id: int,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    days: Days = 30,
    first: str = "",
    last: str = "",
) -> Response:
    """One asset: its figures with their formulas, and the records behind them."""
    asset = services.assets.get(session, asset_id)
    if not may_see(user, asset.site_id):
        raise NotFoundError(said("there is no asset %(asset_id)s", asset_id=asset_id))
    when = period(days, first, last, at)
    report = services.reliability.asset(session, asset, when.start, when.end, at)
    return render(
        request,
        "reliability_asset.html",
        about=asset,
        user=user,
        page="reliability",
        asset=asset,
        report=report,
        period=when,
        days_to_choose=DAYS,
        repeat_days=REPEAT.days,
        judged=[
            (fix, holds(fix, REPEAT), fix.done_at + REPEAT <= at)
            for fix in report.history.fixes
            if when.start <= fix.done_at < when.end
        ],
        at=at,
    )


@router.get("/reliability/assets/{asset_id}/summary")
def summary(
    request: Request, asset_id: int, user: Viewer, session: ReadSession, services: ServicesDep, at: At
) -> Response:
    """A part of the asset's page."""
    asset = services.assets.get(session, asset_id)
    if not may_see(user, asset.site_id):
        raise NotFoundError(said("there is no asset %(asset_id)s", asset_id=asset_id))
    row = services.reliability.asset(session, asset, at - timedelta(days=365), at, at).row
    return render(request, "reliability_summary.html", user=user, asset=asset, row=row)


def _cells(row: Row, when: Period) -> list[object]:
    total = row.tally
    hours = [total.observed, total.down, total.planned_down]
    cells: list[object] = [row.key, row.name, row.assets, when.start, when.end]
    cells += [round(found.total_seconds() / 3600, 6) for found in hours]
    cells += [total.failures, total.restored]
    for figure in row.figures.values():
        scale = 3600 if figure.definition.unit == "s" else 1
        cells.append(None if figure.value is None else round(figure.value / scale, 6))
    cells += [None if row.parts is None else round(row.parts[part] / 3600, 6) for part in Part]
    return cells
