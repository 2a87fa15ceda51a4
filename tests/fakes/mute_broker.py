"""A broker that takes batches and does not answer them: a real one does so for too short a time to look."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class MuteBroker:
    """Speaks just enough MQTT 5 to be connected to; `most` is the Receive Maximum that it announces."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self.port = 0
        self.published = 0
        self._answer: list[bytes] = []
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        self._writer = writer
        try:
            while True:
                kind = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _length(reader))
                self._take(kind, body, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def answer_one(self) -> None:
        """Take one publication at last."""
        assert self._writer is not None
        self._writer.write(self._answer.pop(0))

    def _take(self, kind: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        match kind >> 4:
            case 1:
                properties = b"" if self._most is None else b"\x21" + struct.pack(">H", self._most)
                writer.write(_packet(0x20, b"\x00\x00" + bytes([len(properties)]) + properties))
            case 3:
                size = struct.unpack(">H", body[:2])[0]
                answer = _packet(0x40, body[2 + size : 4 + size])
                if body[2 : 2 + size].endswith(b"/data"):
                    self.published += 1
                    self._answer.append(answer)
                else:
                    writer.write(answer)
            case 8:
                writer.write(_packet(0x90, body[:2] + b"\x00" + b"\x01" * 4))
            case 12:
                writer.write(_packet(0xD0, b""))
            case _:
                pass


def _packet(kind: int, body: bytes) -> bytes:
    return bytes([kind, len(body)]) + body


async def _length(reader: asyncio.StreamReader) -> int:
    length, shift = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return length


@asynccontextmanager
async def mute_broker(most: int | None = None) -> AsyncIterator[MuteBroker]:
    """Listening on a free port."""
    broker = MuteBroker(most)
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    async with server:
        broker.port = server.sockets[0].getsockname()[1]
        yield broker
