"""/api/v1/reliability."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Viewer, may_see
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.moment import Moment
from plantroom_cloud.reliability.figures import DEFINITIONS, Figure
from plantroom_cloud.reliability.records import Part
from plantroom_cloud.reliability.service import By, Row
from plantroom_cloud.users.models import User
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1/reliability", tags=["reliability"])

RepeatDays = Annotated[float, Query(ge=1 / 24, le=366)]


class FigureOut(BaseModel):
    """A figure; `value` in `unit` (s, share, weeks), or null and `why`."""

    key: str
    name: str
    value: float | None
    unit: str
    why: str


class DefinitionOut(BaseModel):
    """How a figure is computed, and where it is defined."""

    key: str
    name: str
    unit: str
    formula: str
    source: str


class RowOut(BaseModel):
    """Figures of an asset, a class, a site, with what they are made from; times in seconds."""

    key: str
    name: str
    assets: int
    observed_s: float
    operating_s: float
    down_s: float
    planned_down_s: float
    failures: int
    restored: int
    repairs_judged: int
    repairs_that_held: int
    due: int
    done_in_time: int
    open_orders: int
    open_orders_without_estimate: int
    open_hours: float
    figures: list[FigureOut]
    mttr_parts: dict[Part, float] | None


class ReportOut(BaseModel):
    """A period; `all` adds everything up."""

    start: datetime
    end: datetime
    by: By
    definitions: list[DefinitionOut]
    items: list[RowOut]
    all: RowOut


class FailureOut(BaseModel):
    """A failure; `parts_s` is where its time went in the period."""

    start: datetime
    end: datetime | None
    alarms: list[int]
    work_orders: list[int]
    counted: bool
    restored: bool
    parts_s: dict[Part, float]


class DownOut(BaseModel):
    """A downtime that is no failure."""

    start: datetime
    end: datetime | None
    planned: bool
    reason: str
    work_order: int


class FixOut(BaseModel):
    """A repair, and when its trouble came back."""

    work_order: int
    done_at: datetime
    again_at: datetime | None


class DueOut(BaseModel):
    """A due time of a plan."""

    title: str
    due_at: datetime
    tolerance_s: float
    done_at: datetime | None


class AssetReportOut(BaseModel):
    """One asset with the records behind its figures."""

    start: datetime
    end: datetime
    row: RowOut
    failures: list[FailureOut]
    downtimes: list[DownOut]
    repairs: list[FixOut]
    due: list[DueOut]


def row_out(row: Row) -> RowOut:
    """As the API says it."""
    total = row.tally
    return RowOut(
        key=row.key,
        name=row.name,
        assets=row.assets,
        observed_s=total.observed.total_seconds(),
        operating_s=total.operating.total_seconds(),
        down_s=total.down.total_seconds(),
        planned_down_s=total.planned_down.total_seconds(),
        failures=total.failures,
        restored=total.restored,
        repairs_judged=total.fixes,
        repairs_that_held=total.fixed,
        due=total.due,
        done_in_time=total.met,
        open_orders=total.open_orders,
        open_orders_without_estimate=total.unestimated,
        open_hours=total.open_minutes / 60,
        figures=[_figure_out(figure) for figure in row.figures.values()],
        mttr_parts=row.parts,
    )


def sites_of(user: User, site: str) -> list[str]:
    """Which sites are asked for, of those that the person sees; raises NotFoundError."""
    if not site:
        return list(user.sites)
    if not may_see(user, site):
        raise NotFoundError(said("there is no site %(site)r", site=site))
    return [site]


@router.get("")
def report(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    by: By = "asset",
    site: str = "",
    equipment_class: Annotated[str, Query(alias="class")] = "",
    start: Moment | None = None,
    end: Moment | None = None,
    repeat_days: RepeatDays = 30,
) -> ReportOut:
    """Figures by asset, class or site; without a period: the last 30 days."""
    sites = sites_of(user, site)
    if site:
        services.sites.get(session, site)
    until = end or at
    since = start or until - timedelta(days=30)
    rows, everything = services.reliability.report(
        session, by, since, until, at, sites, equipment_class, timedelta(days=repeat_days)
    )
    return ReportOut(
        start=since,
        end=until,
        by=by,
        definitions=[DefinitionOut.model_validate(found, from_attributes=True) for found in DEFINITIONS],
        items=[row_out(row) for row in rows],
        all=row_out(everything),
    )


@router.get("/assets/{asset_id}")
def of_asset(
    asset_id: int,
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    start: Moment | None = None,
    end: Moment | None = None,
    repeat_days: RepeatDays = 30,
) -> AssetReportOut:
    """One asset with the records behind its figures."""
    asset = services.assets.get(session, asset_id)
    if not may_see(user, asset.site_id):
        raise NotFoundError(said("there is no asset %(asset_id)s", asset_id=asset_id))
    until = end or at
    since = start or until - timedelta(days=30)
    found = services.reliability.asset(session, asset, since, until, at, timedelta(days=repeat_days))
    return AssetReportOut(
        start=since,
        end=until,
        row=row_out(found.row),
        failures=[
            FailureOut(
                start=told.failure.start,
                end=told.failure.end,
                alarms=[fault.alarm_id for fault in told.failure.faults if fault.alarm_id is not None],
                work_orders=sorted({fault.order_id for fault in told.failure.faults}),
                counted=told.counted,
                restored=told.restored,
                parts_s={part: took.total_seconds() for part, took in told.parts.items()},
            )
            for told in found.failures
        ],
        downtimes=[
            DownOut(start=row.start, end=row.end, planned=row.planned, reason=row.reason, work_order=row.order_id)
            for row in found.history.downs
        ],
        repairs=[
            FixOut(work_order=fix.order_id, done_at=fix.done_at, again_at=fix.again_at) for fix in found.history.fixes
        ],
        due=[
            DueOut(
                title=row.title,
                due_at=row.due_at,
                tolerance_s=row.tolerance.total_seconds(),
                done_at=row.done_at,
            )
            for row in found.history.dues
        ],
    )


def _figure_out(figure: Figure) -> FigureOut:
    found = figure.definition
    return FigureOut(key=found.key, name=found.name, value=figure.value, unit=found.unit, why=figure.why)
