"""The technician's phone page: a shell that opens without a network, and installs like an app."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from plantroom_cloud.dependencies import Technician
from plantroom_cloud.language import ENGLISH, LANGUAGES, Reader, gettext, reader, written_for
from plantroom_cloud.users.models import Role
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import CAMERA_POLICY, STATIC, render

NAV = (NavEntry("my", "/my", "My tasks", order=31, group="Work", role=Role.TECHNICIAN),)
router = APIRouter(include_in_schema=False)

#: The app, in any language: one installs it once.
_APP = {
    "id": "/my",
    "start_url": "/my",
    "scope": "/",
    "display": "standalone",
    "background_color": "#ffffff",
    "theme_color": "#0b7285",
    "icons": [
        {"src": "/static/icon.svg", "sizes": "any", "type": "image/svg+xml"},
        {"src": "/static/icon-192.png", "sizes": "192x192", "type": "image/png"},
        {"src": "/static/icon-512.png", "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
    ],
}


@router.get("/my")
def my_page(request: Request, user: Technician) -> Response:
    """The shell; what it shows comes from /api/v1/my, or from the phone's own store."""
    response = render(request, "my.html", user=user, page="my")
    response.headers["Content-Security-Policy"] = CAMERA_POLICY
    return response


@router.get("/my-worker.js")
def worker() -> Response:
    """Opens the page without a network; it may look after that page alone."""
    headers = {"Service-Worker-Allowed": "/my", "Cache-Control": "no-cache"}
    return FileResponse(STATIC / "js" / "my-worker.js", media_type="text/javascript", headers=headers)


@router.get("/my.webmanifest")
def manifest(language: Annotated[str, Query(max_length=20)] = ENGLISH) -> Response:
    """How it installs as an app: https://www.w3.org/TR/appmanifest/. A browser asks for it without saying who it is."""
    with written_for(Reader(language if language in LANGUAGES else ENGLISH)):
        said = {
            "name": " · ".join(("Plantroom", gettext("My tasks"))),
            "short_name": gettext("My tasks"),
            "description": gettext("My tasks in the building: work orders, checklists, patrol rounds"),
            "lang": reader().language,
        }
    return JSONResponse(said | _APP, media_type="application/manifest+json")
