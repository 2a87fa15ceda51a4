"""The control socket of running simulators: one JSON line in, one out."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from plantroom_sim.building import Building
from plantroom_sim.errors import SimError

#: Its name in the folder of the simulators.
CONTROL = "control.sock"
#: What the kernel takes of a Unix socket's path (unix(7): 108 bytes, the last is zero).
MOST_PATH_BYTES = 107


async def serve_control(building: Building, path: Path) -> None:
    """Answer until cancelled. Raises SimError where no socket can stand."""
    check_path(path)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline())
            writer.write(json.dumps(await _answer(building, request)).encode() + b"\n")
            await writer.drain()
        except (ValueError, ConnectionError):
            pass  # no request of ours, or its sender is gone
        finally:
            writer.close()

    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(client, path)
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        path.unlink(missing_ok=True)


def check_path(path: Path) -> None:
    """Raises SimError with what would be right."""
    if (length := len(os.fsencode(path))) > MOST_PATH_BYTES:
        raise SimError(
            f"{path.parent}: its path is {length - MOST_PATH_BYTES} bytes too long for a socket in it; "
            "choose a shorter folder with --data"
        )


async def ask(path: Path, request: dict[str, Any]) -> Any:
    """Send one request; raises SimError with what was refused."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise SimError(f"no simulators run with {path.parent}; start them, or name their folder with --data") from error
    writer.write(json.dumps(request).encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    if "error" in answer:
        raise SimError(answer["error"])
    return answer["result"]


async def _answer(building: Building, request: dict[str, Any]) -> dict[str, Any]:
    try:
        match request:
            case {"do": "fault", "name": str(name)}:
                return {"result": await building.trigger(name)}
            case {"do": "heal"}:
                ended = await building.heal(request.get("name"))
                return {"result": f"{ended} faults ended" if ended != 1 else "1 fault ended"}
            case {"do": "counts"}:
                return {"result": building.counts()}
            case {"do": "act", "device": str(device), "action": str(action)}:
                return {"result": await building.act(device, action, request.get("args") or {})}
            case other:
                return {"error": f"nothing known as {other!r}"}
    except SimError as error:
        return {"error": str(error)}
