"""Simulated buses: a Modbus TCP endpoint, or an RTU line on a pseudo-terminal."""

import asyncio
import os
import random
import struct
import tty
from collections.abc import Mapping
from pathlib import Path

from plantroom_sim.device import SimDevice
from plantroom_sim.modbus import answer, crc, request_length

SLOW_S = 0.35
LATE_S = 0.9


async def respond(device: SimDevice, pdu: bytes) -> bytes | None:
    """The answer with the device's fault, None for silence."""
    if device.mode == "dead":
        return None
    if device.mode == "slow":
        await asyncio.sleep(SLOW_S)
    if device.mode == "late":
        await asyncio.sleep(LATE_S)
    reply = answer(device, pdu)
    return random.randbytes(len(reply)) if device.mode == "garbage" else reply


class TcpBus:
    """Units behind one TCP port."""

    def __init__(self, units: Mapping[int, SimDevice], host: str, port: int) -> None:
        self._units = units
        self._host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readexactly(7)
                transaction, _, length, unit = struct.unpack(">HHHB", head)
                pdu = await reader.readexactly(length - 1)
                device = self._units.get(unit)
                reply = await respond(device, pdu) if device is not None else None
                if reply is not None:
                    writer.write(struct.pack(">HHHB", transaction, 0, len(reply) + 1, unit) + reply)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, struct.error):
            pass  # the client went away, or spoke no Modbus
        finally:
            self._writers.discard(writer)
            writer.close()


class RtuLine:
    """Units on one serial line: a pseudo-terminal, reachable at `path` (a symbolic link)."""

    def __init__(self, units: Mapping[int, SimDevice], path: Path) -> None:
        self._units = units
        self.path = path
        self._master = -1
        self._slave = -1
        self._buffer = b""
        self._requests: asyncio.Queue[bytes] = asyncio.Queue(100)

    async def open(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)  # without it echo and CR/LF translation spoil the frames
        os.set_blocking(self._master, False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    async def close(self) -> None:
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._master = -1
            self.path.unlink(missing_ok=True)

    async def run(self) -> None:
        """Answer requests one after the other, as a half-duplex line does."""
        while True:
            frame = await self._requests.get()
            device = self._units.get(frame[0])
            if device is None:
                continue
            reply = await respond(device, frame[1:-2])
            if reply is not None and self._master >= 0:
                whole = frame[:1] + reply
                os.write(self._master, whole + crc(whole))

    def _readable(self) -> None:
        try:
            self._buffer += os.read(self._master, 4096)
        except (BlockingIOError, OSError):
            return
        while self._buffer:
            length = request_length(self._buffer)
            if length is None or (length and len(self._buffer) < length):
                return
            if length == 0 or crc(self._buffer[: length - 2]) != self._buffer[length - 2 : length]:
                self._buffer = self._buffer[1:]  # resynchronise on the next byte
                continue
            frame, self._buffer = self._buffer[:length], self._buffer[length:]
            if not self._requests.full():
                self._requests.put_nowait(frame)
