"""A simulated code scanner on a pseudo-terminal or behind a TCP port, with its own count of what it sent."""

import asyncio
import os
import tty
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Framing = Literal["cr", "lf", "crlf", "stx-etx"]

_HEAD: dict[Framing, bytes] = {"stx-etx": b"\x02"}
_TAIL: dict[Framing, bytes] = {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "stx-etx": b"\x03"}


@dataclass(frozen=True, slots=True)
class Setting:
    """How a scanner is set up; each code leaves in pieces of `chunk` bytes, as a slow line delivers them."""

    framing: Framing = "cr"
    aim_prefix: bool = False
    chunk: int = 5


class SimScanner:
    """What the two kinds share: a code to bytes, and the count."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.scanned: list[str] = []

    async def scan(self, code: str) -> bool:
        """Read a code as the trigger is pulled; False when nobody is connected, and then it does not count."""
        prefix = "]Q1" if self.setting.aim_prefix else ""
        framing = self.setting.framing
        if not await self.send(_HEAD.get(framing, b"") + (prefix + code).encode() + _TAIL[framing]):
            return False
        self.scanned.append(code)
        return True

    async def send(self, data: bytes) -> bool:
        """Bytes as they are."""
        if not self.connected:
            return False
        for start in range(0, len(data), self.setting.chunk):
            await self._write(data[start : start + self.setting.chunk])
            await asyncio.sleep(0)
        return True

    @property
    def connected(self) -> bool:
        """Whether somebody listens."""
        raise NotImplementedError

    async def _write(self, data: bytes) -> None:
        raise NotImplementedError


class SerialScanner(SimScanner):
    """On a pseudo-terminal, reachable at `path` (a symbolic link)."""

    def __init__(self, path: Path, setting: Setting) -> None:
        super().__init__(setting)
        self.path = path
        self._master = -1
        self._slave = -1

    @property
    def connected(self) -> bool:
        return self._master >= 0

    async def open(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)  # without it echo and CR/LF translation spoil the codes
        os.set_blocking(self._master, False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))

    async def close(self) -> None:
        """Pull the cable."""
        if self._master >= 0:
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1
            self.path.unlink(missing_ok=True)

    async def _write(self, data: bytes) -> None:
        while data and self._master >= 0:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:  # nobody reads: the terminal holds 4 kB
                await asyncio.sleep(0.01)


class TcpScanner(SimScanner):
    """Behind a TCP port; sends to whoever is connected."""

    def __init__(self, host: str, port: int, setting: Setting) -> None:
        super().__init__(setting)
        self._host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._somebody = asyncio.Event()

    @property
    def connected(self) -> bool:
        return bool(self._writers)

    async def until_connected(self) -> None:
        """Return once somebody listens."""
        await self._somebody.wait()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """The scanner loses its supply."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._somebody.set()
        try:
            while await reader.read(256):
                pass
        except ConnectionError:
            pass  # the client went away
        finally:
            self._writers.discard(writer)
            writer.close()
            if not self._writers:
                self._somebody.clear()

    async def _write(self, data: bytes) -> None:
        for writer in list(self._writers):
            writer.write(data)
            await writer.drain()
