"""/api/v1/stream: server-sent events of what changes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from plantroom_cloud.dependencies import ServicesDep, Viewer
from plantroom_cloud.services import Services
from plantroom_cloud.stream.service import changes_after, newest_id

router = APIRouter(prefix="/api/v1", tags=["stream"])

LOOK_EVERY_S = 0.2
#: A comment this often keeps proxies from closing a quiet stream.
KEEP_ALIVE_S = 15.0


@router.get("/stream", response_class=StreamingResponse)
async def stream(
    _user: Viewer, services: ServicesDep, last_event_id: Annotated[int | None, Header()] = None
) -> StreamingResponse:
    """Events named by kind ("alarm", "work-order", "device", "gateway" …), and "telemetry" once a second."""
    return StreamingResponse(
        _events(services, last_event_id), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _events(services: Services, last: int | None) -> AsyncIterator[str]:
    after = last if last is not None else await asyncio.to_thread(_newest, services)
    quiet, ticks = 0.0, 0
    yield "retry: 2000\n\n"
    while True:
        changes = await asyncio.to_thread(_after, services, after)
        for number, kind, ref in changes:
            after = number
            yield f"id: {number}\nevent: {kind}\ndata: {json.dumps({'kind': kind, 'ref': ref, 'id': number})}\n\n"
        ticks += 1
        if ticks % 5 == 0:
            yield "event: telemetry\ndata: {}\n\n"
        quiet = 0.0 if changes else quiet + LOOK_EVERY_S
        if quiet >= KEEP_ALIVE_S:
            quiet = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(LOOK_EVERY_S)


def _newest(services: Services) -> int:
    with services.database.read() as session:
        return newest_id(session)


def _after(services: Services, last: int) -> list[tuple[int, str, str]]:
    with services.database.read() as session:
        return [(change.id or 0, change.kind, change.ref) for change in changes_after(session, last)]
