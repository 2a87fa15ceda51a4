"""The line to a scanner, serial or TCP, as one stream of bytes; only this module knows serialx."""

import asyncio
import socket

import serialx

from plantroom_edge.drivers.qr_scanner.config import SerialLine, TcpLine

CONNECT_S = 5.0
READ_BYTES = 1024
#: A network scanner is silent for hours: the kernel asks whether it is still there, and gives up after this time.
DEAD_AFTER_S = 20


class LineLostError(Exception):
    """The port cannot be opened, or the cable was pulled, or the other side closed."""


class ScannerLine:
    """Opens, reads, closes."""

    def __init__(self, config: SerialLine | TcpLine) -> None:
        self._config = config
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def connected(self) -> bool:
        """Whether bytes can come."""
        return self._reader is not None

    async def open(self) -> None:
        """Raises LineLostError."""
        config = self._config
        try:
            async with asyncio.timeout(CONNECT_S):
                if isinstance(config, SerialLine):
                    self._reader, self._writer = await serialx.open_serial_connection(
                        config.port,
                        baudrate=config.baudrate,
                        parity=serialx.Parity(config.parity),
                        stopbits=serialx.StopBits(config.stopbits),
                    )
                else:
                    self._reader, self._writer = await asyncio.open_connection(config.host, config.port)
                    _watch(self._writer.get_extra_info("socket"))
        except (OSError, serialx.SerialException, TimeoutError) as error:
            self.close()
            raise LineLostError(str(error) or type(error).__name__) from error

    async def read(self) -> bytes:
        """What came, at least one byte; raises LineLostError."""
        if self._reader is None:
            raise LineLostError("not open")
        try:
            data = await self._reader.read(READ_BYTES)
        except (OSError, serialx.SerialException) as error:
            raise LineLostError(str(error) or type(error).__name__) from error
        if not data:
            raise LineLostError("the other side closed")
        return data

    def close(self) -> None:
        """Whatever state it is in."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def _watch(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, DEAD_AFTER_S // 2)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_S * 1000)
