"""The control plane as the lab's administrator uses it: by REST, with a token."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from plantroom_sim.errors import SimError
from plantroom_sim.routine import fill, pick
from plantroom_sim.scenario import SetUp

REGISTERED_S = 60.0


class ControlPlane:
    """One control plane on this machine."""

    def __init__(self, port: int, token: str) -> None:
        self._base = f"http://127.0.0.1:{port}/api/v1/"
        self._token = token

    async def ready(self, seconds: float) -> None:
        """Until it answers; raises TimeoutError."""
        async with asyncio.timeout(seconds), self._client() as http:
            while True:
                try:
                    if (await http.get("sites")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)

    async def registered(self, devices: set[str]) -> None:
        """Until it knows these devices; raises SimError when it takes too long."""
        missing = set(devices)
        try:
            async with asyncio.timeout(REGISTERED_S), self._client() as http:
                while missing:
                    missing = devices - {name async for name in _names(http)}
                    await asyncio.sleep(0.2 if missing else 0)
        except (TimeoutError, httpx.HTTPError) as error:
            raise SimError(f"not all devices registered; missing are {', '.join(sorted(missing))}") from error

    async def set_up(self, request: SetUp, kept: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Send one request; the lists that it keeps. Raises SimError with what was refused."""
        known = {name: values[0] if len(values) == 1 else values for name, values in kept.items()}
        path = str(fill({"path": request.post}, known)["path"])
        answer = await self.post(path, _filled(request.body, known))
        return {name: list(pick(answer, where.split("."))) for name, where in request.keep.items()}

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """One request, and its answer; raises SimError with what was refused."""
        try:
            async with self._client() as http:
                answer = await http.post(path, json=body)
        except httpx.HTTPError as error:
            raise SimError(f"POST {path}: {error}") from error
        if answer.is_error:
            raise SimError(f"POST {path} was refused: {answer.text[:300]}")
        return answer.json() if answer.content else None

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._base, headers={"Authorization": f"Bearer {self._token}"})


async def _names(http: httpx.AsyncClient) -> AsyncIterator[str]:
    cursor: str | None = ""
    while cursor is not None:
        answer = await http.get("devices", params={"cursor": cursor} if cursor else {})
        page = answer.raise_for_status().json()
        for item in page["items"]:
            yield str(item["id"]).rpartition(".")[2]
        cursor = page.get("next")


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, known) for item in value]
    return fill({"value": value}, known)["value"]
