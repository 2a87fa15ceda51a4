"""Bounds what one request may send, told beforehand or not."""

import re

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plantroom_cloud.problems import answer
from plantroom_shared.said import said

MOST_BODY_BYTES = 2_000_000
#: A file (files/service.py) and what a browser's form says around it.
MOST_FILE_BODY_BYTES = 10_200_000
_FILES = re.compile(
    r"(/api/v1)?/work-orders/[0-9]+/files|/assets/[0-9]+/documents|/api/v1/assets/[0-9]+/documents/file"
)


class BodyLimit:
    """ASGI: a body beyond the bound ends as 413, however it is sent; nothing of it beyond the bound is kept."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        most = MOST_FILE_BODY_BYTES if _FILES.fullmatch(scope["path"]) else MOST_BODY_BYTES
        if not length.isdigit() or int(length) > most:
            await _too_large(most, scope, receive, send)
            return
        taken, exceeded, begun = 0, False, False

        async def bounded() -> Message:
            nonlocal taken, exceeded
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > most:
                    exceeded = True
                    return {"type": "http.disconnect"}
            return message

        async def passed_on(message: Message) -> None:
            nonlocal begun
            if exceeded and not begun:
                return  # whatever the endpoint made of a body that ends early
            begun = True
            await send(message)

        try:
            await self._app(scope, bounded, passed_on)
        finally:
            if exceeded and not begun:
                await _too_large(most, scope, receive, send)


async def _too_large(most: int, scope: Scope, receive: Receive, send: Send) -> None:
    told = said("at most %(most)s MB are taken at once; send less, or smaller pictures", most=most / 1e6)
    await answer(Request(scope, receive), 413, "Request too large", told)(scope, receive, send)
