"""Short forms are sent in the background (here.js): where to go next, or what is wrong with which field, comes back to
the page that they stand on. Without the script the same forms lead to the next page, or to a page with the mistake."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Sent by the script with a form.
ASKED = "x-here"
#: Between the name of a field and what is wrong with it, in English and Chinese.
_SIGN = re.compile(r":\s+|：\s*")
_NAMED = re.compile(r"([a-z][a-z0-9_]*): (.+)", re.DOTALL)


class Here:
    """ASGI: a redirect after a form becomes the name of the page to open, which fetch() would hide."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or ASKED not in Headers(scope=scope):
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 303:
                headers = MutableHeaders(scope=message)
                headers["X-Go"] = headers.get("location", "/")
                del headers["location"]
                message["status"] = 204
            await send(message)

        await self._app(scope, receive, answer)


def named(detail: str, told: str) -> dict[str, str]:
    """ "amount: write a number" is told at the field `amount`, as `told` says it in the reader's language; what names
    no field, at none."""
    found = _NAMED.fullmatch(detail)
    if found is None:
        return {}
    return {found[1]: _SIGN.split(told, maxsplit=1)[-1]}
