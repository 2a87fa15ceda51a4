"""Messages that could not be taken."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.dependencies import At, Manager, ReadSession, Viewer, WriteSession
from plantroom_cloud.quarantine.service import count, dismiss, waiting
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (NavEntry("quarantine", "/quarantine", "Quarantine", order=90, group="Settings"),)
router = APIRouter(include_in_schema=False)


@router.get("/quarantine")
def quarantine_page(request: Request, user: Viewer, session: ReadSession) -> Response:
    """Messages that could not be taken."""
    return render(
        request, "quarantine.html", user=user, page="quarantine", messages=waiting(session), total=count(session)
    )


@router.post("/quarantine/{message_id}/dismiss")
def dismiss_message(message_id: int, user: Manager, session: WriteSession, at: At) -> Response:
    """Somebody has looked at it."""
    dismiss(session, message_id, user.name, at)
    return RedirectResponse("/quarantine", 303)
