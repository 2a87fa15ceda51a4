"""The line of a simulated scanner: a pseudo-terminal, or a TCP port."""

import asyncio
import os
import tty
from collections.abc import Mapping, Sequence
from typing import Any

from plantroom_sim.kind import GatewayPart, Place, SimBus
from plantroom_sim.kinds.scanner.config import Scanner, SerialEntry, TcpEntry
from plantroom_sim.kinds.scanner.device import SimScanner
from plantroom_sim.kinds.scanner.wire import pieces


class _Line:
    """What both share: the scanner, and its entry for gateway.yaml."""

    def __init__(self, entry: SerialEntry | TcpEntry, scanners: Sequence[Scanner], place: Place) -> None:
        self.id = entry.id
        self._chunk = entry.chunk
        self._entries = [{name: value for name, value in scanner.model_dump().items() if value} for scanner in scanners]
        self.devices: Mapping[str, SimScanner] = {
            scanner.id: SimScanner(scanner.id, entry.framing, entry.aim_prefix, place.now, self.send)
            for scanner in scanners
        }

    async def send(self, data: bytes) -> bool:
        """Bytes as they are, in pieces; False when nobody can hear them."""
        for piece in pieces(data, self._chunk):
            if not await self.write(piece):
                return False
            await asyncio.sleep(0)
        return True

    async def write(self, data: bytes) -> bool:
        """One piece."""
        raise NotImplementedError

    async def run(self) -> None:
        await asyncio.Event().wait()  # it sends when somebody pulls the trigger


class SerialLine(_Line):
    """On a pseudo-terminal, reachable at `path` (a symbolic link)."""

    def __init__(self, entry: SerialEntry, scanners: Sequence[Scanner], place: Place) -> None:
        super().__init__(entry, scanners, place)
        self.path = place.folder / "lines" / f"{place.gateway}-{entry.id}"
        self._baudrate = entry.baudrate
        self._master = self._slave = -1

    async def open(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)  # without it echo and CR/LF translation spoil the codes
        os.set_blocking(self._master, False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))

    async def close(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1
            self.path.unlink(missing_ok=True)

    def where(self) -> str:
        return str(self.path)

    def gateway_part(self) -> GatewayPart:
        bus = {"id": self.id, "type": "scanner-serial", "port": str(self.path), "baudrate": self._baudrate}
        return GatewayPart(bus, self._entries)

    async def write(self, data: bytes) -> bool:
        while data and self._master >= 0:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:  # nobody reads: the terminal holds 4 kB
                await asyncio.sleep(0.01)
        return not data


class TcpPort(_Line):
    """Behind a TCP port; sends to whoever is connected."""

    def __init__(self, entry: TcpEntry, scanners: Sequence[Scanner], place: Place) -> None:
        super().__init__(entry, scanners, place)
        self.port = entry.port
        self._listen = place.listen
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._somebody = asyncio.Event()

    async def until_connected(self) -> None:
        """Return once somebody listens."""
        await self._somebody.wait()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._listen, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.close()

    def where(self) -> str:
        return f"127.0.0.1:{self.port}"

    def gateway_part(self) -> GatewayPart:
        bus = {"id": self.id, "type": "scanner-tcp", "host": "127.0.0.1", "port": self.port}
        return GatewayPart(bus, self._entries)

    async def write(self, data: bytes) -> bool:
        for writer in list(self._writers):
            try:
                writer.write(data)
                await writer.drain()
            except ConnectionError:
                self._writers.discard(writer)
        return bool(self._writers)

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


def make(entry: Any, devices: Sequence[Any], place: Place) -> SimBus:
    """The line of an entry."""
    return (SerialLine if isinstance(entry, SerialEntry) else TcpPort)(entry, devices, place)
