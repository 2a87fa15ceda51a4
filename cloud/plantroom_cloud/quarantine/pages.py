"""Messages that could not be taken: the list, and one with its payload."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.dependencies import At, Manager, ReadSession, ServicesDep, Viewer, WriteSession
from plantroom_cloud.quarantine.api import visible
from plantroom_cloud.quarantine.payload import readable
from plantroom_cloud.quarantine.service import count, dismiss, dismiss_fitting, gateways, waiting
from plantroom_cloud.web.forms import Form
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (NavEntry("quarantine", "/quarantine", "Quarantine", order=90, group="Settings"),)
router = APIRouter(include_in_schema=False)

ON_A_PAGE = 50


@router.get("/quarantine")
def quarantine_page(
    request: Request,
    user: Viewer,
    session: ReadSession,
    gateway: str = "",
    q: str = "",
    show: str = "waiting",
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """The list."""
    text = q.strip()
    found = waiting(
        session,
        before,
        ON_A_PAGE + 1,
        sites=user.sites,
        gateway_id=gateway,
        text=text,
        dismissed=show == "dismissed",
    )
    asked = {"gateway": gateway, "q": text, "show": show}
    return render(
        request,
        "quarantine.html",
        user=user,
        page="quarantine",
        messages=found[:ON_A_PAGE],
        total=count(session, user.sites),
        gateways=gateways(session, user.sites),
        asked=asked,
        more=urlencode({**asked, "before": found[ON_A_PAGE - 1].id}) if len(found) > ON_A_PAGE else "",
    )


@router.get("/quarantine/{message_id}")
def message_page(
    request: Request, message_id: int, user: Viewer, session: ReadSession, services: ServicesDep
) -> Response:
    """One message; what came is text on the page, never part of it."""
    message = visible(session, services, user, message_id)
    return render(
        request,
        "quarantined.html",
        user=user,
        page="quarantine",
        message=message,
        shown=readable(message.payload),
    )


@router.post("/quarantine/dismiss")
def dismiss_all(form: Form, user: Manager, session: WriteSession, at: At) -> Response:
    """Somebody has looked at all that the list shows."""
    dismiss_fitting(session, user.sites, form.text("gateway"), form.text("q"), user.name, at)
    return RedirectResponse("/quarantine", 303)


@router.post("/quarantine/{message_id}/dismiss")
def dismiss_message(message_id: int, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> Response:
    """Somebody has looked at it."""
    visible(session, services, user, message_id)
    dismiss(session, message_id, user.name, at)
    return RedirectResponse("/quarantine", 303)
