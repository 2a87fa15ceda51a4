"""Ports on this machine."""

import asyncio
import socket
from pathlib import Path

from plantroom_sim.errors import SimError

READY_S = 90.0


def usable_port(wanted: int) -> int:
    """The wanted port when nobody listens there, else a free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise SimError("there is no free port on 127.0.0.1; end something that listens")


async def listening(port: int, what: str, log: Path) -> None:
    """Until somebody accepts connections there; raises SimError."""
    try:
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                return
    except TimeoutError as error:
        raise SimError(f"{what} did not start; see {log}") from error
