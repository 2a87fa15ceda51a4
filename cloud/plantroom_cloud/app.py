"""The web application: API and pages."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

from plantroom_cloud.absences import api as absences_api
from plantroom_cloud.absences import pages as absences_pages
from plantroom_cloud.access import api as access_api
from plantroom_cloud.access import pages as access_pages
from plantroom_cloud.alarms import api as alarms_api
from plantroom_cloud.alarms import pages as alarms_pages
from plantroom_cloud.assets import api as assets_api
from plantroom_cloud.assets import pages as assets_pages
from plantroom_cloud.calendars import api as calendars_api
from plantroom_cloud.calendars import pages as calendars_pages
from plantroom_cloud.checklists import api as checklists_api
from plantroom_cloud.checklists import pages as checklists_pages
from plantroom_cloud.costs import api as costs_api
from plantroom_cloud.costs import pages as costs_pages
from plantroom_cloud.departments import api as departments_api
from plantroom_cloud.departments import pages as departments_pages
from plantroom_cloud.dependencies import Viewer
from plantroom_cloud.devices import api as devices_api
from plantroom_cloud.devices import pages as devices_pages
from plantroom_cloud.dispatch import api as dispatch_api
from plantroom_cloud.dispatch import pages as dispatch_pages
from plantroom_cloud.documents import api as documents_api
from plantroom_cloud.documents import pages as documents_pages
from plantroom_cloud.files import api as files_api
from plantroom_cloud.files import pages as files_pages
from plantroom_cloud.gateways import api as gateways_api
from plantroom_cloud.gateways import pages as gateways_pages
from plantroom_cloud.notifications import api as notifications_api
from plantroom_cloud.notifications import pages as notifications_pages
from plantroom_cloud.overview import pages as overview_pages
from plantroom_cloud.parts import api as parts_api
from plantroom_cloud.parts import pages as parts_pages
from plantroom_cloud.patrols import api as patrols_api
from plantroom_cloud.patrols import pages as patrols_pages
from plantroom_cloud.photos import api as photos_api
from plantroom_cloud.plans import api as plans_api
from plantroom_cloud.plans import pages as plans_pages
from plantroom_cloud.problems import PROBLEMS, add_error_handlers, describe
from plantroom_cloud.quarantine import api as quarantine_api
from plantroom_cloud.quarantine import pages as quarantine_pages
from plantroom_cloud.reliability import api as reliability_api
from plantroom_cloud.reliability import pages as reliability_pages
from plantroom_cloud.services import Services
from plantroom_cloud.sites import api as sites_api
from plantroom_cloud.sla import api as sla_api
from plantroom_cloud.sla import pages as sla_pages
from plantroom_cloud.stream import api as stream_api
from plantroom_cloud.tasks import api as tasks_api
from plantroom_cloud.tasks import pages as tasks_pages
from plantroom_cloud.users import api as users_api
from plantroom_cloud.users import pages as users_pages
from plantroom_cloud.walks import api as walks_api
from plantroom_cloud.walks import pages as walks_pages
from plantroom_cloud.waste import api as waste_api
from plantroom_cloud.waste import pages as waste_pages
from plantroom_cloud.web.body import BodyLimit
from plantroom_cloud.web.here import Here
from plantroom_cloud.web.measured import Measured
from plantroom_cloud.weighings import api as weighings_api
from plantroom_cloud.weighings import pages as weighings_pages
from plantroom_cloud.workorders import api as workorders_api
from plantroom_cloud.workorders import pages as workorders_pages

STATIC = Path(__file__).parent / "web" / "static"

_API = (
    users_api,
    sites_api,
    devices_api,
    gateways_api,
    alarms_api,
    workorders_api,
    files_api,
    tasks_api,
    checklists_api,
    costs_api,
    parts_api,
    reliability_api,
    patrols_api,
    access_api,
    walks_api,
    photos_api,
    departments_api,
    calendars_api,
    sla_api,
    dispatch_api,
    absences_api,
    weighings_api,
    waste_api,
    assets_api,
    documents_api,
    plans_api,
    notifications_api,
    quarantine_api,
    stream_api,
)
#: Each declares its routes (`router`) and its entries of the menu (`NAV`).
PAGES = (
    users_pages,
    overview_pages,
    devices_pages,
    gateways_pages,
    alarms_pages,
    checklists_pages,
    files_pages,
    workorders_pages,
    tasks_pages,
    costs_pages,
    parts_pages,
    reliability_pages,
    walks_pages,
    patrols_pages,
    departments_pages,
    calendars_pages,
    sla_pages,
    dispatch_pages,
    absences_pages,
    weighings_pages,
    waste_pages,
    access_pages,
    assets_pages,
    documents_pages,
    plans_pages,
    notifications_pages,
    quarantine_pages,
)


def create_app(services: Services) -> FastAPI:
    """Routes, errors, headers."""
    app = FastAPI(title="Plantroom", version="1", openapi_url=None, responses=PROBLEMS)
    app.state.services = services
    app.state.nav = [entry for pages in PAGES for entry in pages.NAV]
    for domain in (*_API, *PAGES):
        app.include_router(domain.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(GZipMiddleware, minimum_size=2000)

    app.add_middleware(Here)
    app.add_middleware(BodyLimit)
    app.add_middleware(Measured)

    @app.get("/api/v1/openapi.json", include_in_schema=False)
    def openapi(_user: Viewer) -> JSONResponse:
        if app.openapi_schema is None:
            describe(app.openapi())
        return JSONResponse(app.openapi_schema)

    add_error_handlers(app)
    return app
