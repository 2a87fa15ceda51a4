"""A read-only page of the gateway for whoever stands beside it: GET / and /status.json, nothing else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from plantroom_edge.config.model import LocalPage
from plantroom_edge.status.page import render
from plantroom_shared.backoff import Backoff, keep_connected
from plantroom_shared.clock import Clock

_log = logging.getLogger(__name__)

#: All that a request may take: bytes, seconds, and how many at once.
MOST_BYTES, LIMIT_S, MOST_AT_ONCE = 8_192, 5.0, 16

_HEADERS = (
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\nConnection: close\r\n"
)


class LocalPageServer:
    """Serves what `status` says."""

    def __init__(self, config: LocalPage, status: Callable[[], Awaitable[Mapping[str, Any]]], clock: Clock) -> None:
        self._config = config
        self._status = status
        self._clock = clock
        self._open = 0
        self.port = config.port  #: the one it listens on

    async def run(self) -> None:
        """Until cancelled; a port that is taken is tried again, for the page is worth no stop of the agent."""
        await keep_connected(
            f"local page on {self._config.host}:{self._config.port}",
            self._serve,
            errors=(OSError,),
            clock=self._clock,
            backoff=Backoff(first=1.0, longest=60.0),
            log=_log,
        )

    async def _serve(self, connected: Callable[[], None]) -> None:
        server = await asyncio.start_server(self._accept, self._config.host, self._config.port, limit=MOST_BYTES)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            connected()
            await server.serve_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MOST_AT_ONCE:
                async with asyncio.timeout(LIMIT_S):
                    writer.write(await self._answer(reader))
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked went away, asked too much or too slowly
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        words = head[0].split(" ")
        hosts = [line.partition(":")[2].strip() for line in head[1:] if line.lower().startswith("host:")]
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST, "text/plain", "This is no HTTP request.")
        method, path = words[0], words[1].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", "This page only shows.")
        if len(hosts) != 1 or not _literal(hosts[0]):
            # a name that somebody else's page gave this address is no way in (DNS rebinding)
            return _response(HTTPStatus.FORBIDDEN, "text/plain", "Ask by the gateway's IP address or localhost.")
        if path == "/":
            kind, text = "text/html", render(await self._status())
        elif path == "/status.json":
            kind, text = "application/json", msgspec.json.encode(await self._status()).decode()
        else:
            return _response(HTTPStatus.NOT_FOUND, "text/plain", "There is / and /status.json.")
        return _response(HTTPStatus.OK, kind, text, body=method == "GET")


def _response(status: HTTPStatus, kind: str, text: str, *, body: bool = True) -> bytes:
    data = text.encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}; charset=utf-8\r\n"
    head += f"Content-Length: {len(data)}\r\n{_HEADERS}\r\n"
    return head.encode() + (data if body else b"")


def _literal(host: str) -> bool:
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    name = name.strip("[]")
    return name == "localhost" or all(part.isdigit() for part in name.split(".")) or ":" in name
