"""The technician's phone page: a shell that opens without a network, and installs like an app."""

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from plantroom_cloud.dependencies import Technician
from plantroom_cloud.users.models import Role
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import CAMERA_POLICY, STATIC, render

NAV = (NavEntry("my", "/my", "My tasks", order=31, group="Work", role=Role.TECHNICIAN),)
router = APIRouter(include_in_schema=False)


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
