"""/api/v1/stream: server-sent events of what changes."""

from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from plantroom_cloud.dependencies import ServicesDep, Viewer

router = APIRouter(prefix="/api/v1", tags=["stream"])


@router.get("/stream", response_class=StreamingResponse)
async def stream(
    user: Viewer, services: ServicesDep, last_event_id: Annotated[int | None, Header()] = None
) -> StreamingResponse:
    """Events named by kind ("alarm", "work-order", "device", "gateway" …), and "telemetry" once a second. `ref` says
    which one to who sees every site; it is empty for others, for a change is of no site."""
    events = await services.changes.follow(last_event_id, named=not user.sites)
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
