"""Simulated buses: a Modbus TCP endpoint, an RTU line on a pseudo-terminal, an RTU line behind a TCP converter."""

import asyncio
import contextlib
import os
import struct
import tty
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from plantroom_sim.kind import BusEntry, GatewayPart, Place, SimBus, SimDevice
from plantroom_sim.kinds.modbus.config import ModbusDevice, RtuEntry, RtuOverTcpEntry, TcpEntry
from plantroom_sim.kinds.modbus.device import ModbusUnit
from plantroom_sim.kinds.modbus.registers import read_map
from plantroom_sim.kinds.modbus.wire import (
    RtuReceiver,
    answer,
    garbage,
    is_write,
    noise,
    rtu_frame,
    tcp_frame,
)
from plantroom_sim.waveform import bound

SLOW_S = 0.35
LATE_S = 0.9
_DELAYS = {"slow": SLOW_S, "late": LATE_S}
#: Requests that may wait for one unit; a real one keeps one or two.
MOST_WAITING = 20
#: Silence that ends a frame, at least: a pseudo-terminal has no line time of its own, and its host may be busy.
LEAST_SILENCE_S = 0.02

Send = Callable[[bytes], Awaitable[None]]


class Unit(SimDevice, Protocol):
    """What answers at an address of a line."""

    name: str
    unit: int
    mode: str  #: ok, or how its answers fail
    delay_s: float  #: what it always takes to answer


class ModbusBus(ABC):
    """Units that answer each in its own time, in the order they were asked: a late one holds up no other."""

    def __init__(
        self, entry: BusEntry, units: Iterable[Unit], place: Place, described: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self.id = entry.id
        self.place = place
        self.units = {unit.unit: unit for unit in units}
        self._described = described  #: as gateway.yaml says the units
        self._asked: dict[int, asyncio.Queue[tuple[bytes, Send]]] = {
            number: asyncio.Queue(MOST_WAITING) for number in self.units
        }

    @property
    def devices(self) -> Mapping[str, Unit]:
        return {unit.name: unit for unit in self.units.values()}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number, unit in self.units.items():
                tasks.create_task(self._serve_unit(unit, self._asked[number]), name=f"unit {unit.name}")

    def gateway_part(self) -> GatewayPart:
        return GatewayPart({"id": self.id, **self.reach()}, self._described)

    @abstractmethod
    def reach(self) -> dict[str, Any]:
        """Type and address as gateway.yaml says them."""

    def reply(self, unit: Unit, pdu: bytes) -> bytes:
        """What a unit says to a request."""
        assert isinstance(unit, ModbusUnit)
        return answer(unit, pdu)

    def ask(self, number: int, pdu: bytes, send: Send) -> None:
        """Hand a request to its unit; one that nobody has, or that has too much to do, is not answered."""
        queue = self._asked.get(number)
        if queue is not None and not queue.full():
            queue.put_nowait((pdu, send))

    async def _serve_unit(self, unit: Unit, asked: "asyncio.Queue[tuple[bytes, Send]]") -> None:
        while True:
            pdu, send = await asked.get()
            if unit.mode == "dead":
                continue
            if delay := _DELAYS.get(unit.mode, unit.delay_s):
                await asyncio.sleep(delay)
            reply = self.reply(unit, pdu)
            await send(garbage(reply) if unit.mode == "garbage" else reply)


class TcpBus(ModbusBus):
    """Units behind one TCP port."""

    def __init__(
        self, entry: TcpEntry, units: Iterable[Unit], place: Place, described: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(entry, units, place, described)
        self._server = _Server(place.listen, entry.port, self._client)

    async def open(self) -> None:
        await self._server.open()

    async def close(self) -> None:
        await self._server.close()

    @property
    def port(self) -> int:
        return self._server.port

    def where(self) -> str:
        return f"127.0.0.1:{self.port}"

    def reach(self) -> dict[str, Any]:
        return {"type": "modbus-tcp", "host": "127.0.0.1", "port": self.port}

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            transaction, _, length, number = struct.unpack(">HHHB", await reader.readexactly(7))
            pdu = await reader.readexactly(length - 1)

            async def send(reply: bytes, transaction: int = transaction, number: int = number) -> None:
                frame = tcp_frame(transaction, number, reply)
                if self.units[number].mode == "noise":
                    frame = noise(frame)
                writer.write(frame)

            self.ask(number, pdu, send)


class _RtuBus(ModbusBus):
    """One half-duplex line: bytes take their time by the baud rate, frames end by silence, unit 0 is for all."""

    def __init__(
        self,
        entry: RtuEntry | RtuOverTcpEntry,
        units: Iterable[Unit],
        place: Place,
        described: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(entry, units, place, described)
        bits = 1 + 8 + (entry.parity != "N") + entry.stopbits
        self.baudrate = entry.baudrate
        self._byte_s = bits / entry.baudrate
        # serial line V1.02 §2.5.1.1: 3.5 characters, fixed at 1.75 ms above 19,200 baud
        self._silence_s = 1.75e-3 if entry.baudrate > 19_200 else 3.5 * self._byte_s
        self._receiver = RtuReceiver(max(self._silence_s, LEAST_SILENCE_S))
        self._line = asyncio.Lock()

    def received(self, data: bytes, write: Callable[[bytes], None]) -> None:
        """Bytes from the master."""
        for frame in self._receiver.feed(data, asyncio.get_running_loop().time()):
            number, pdu = frame[0], frame[1:-2]
            out_s = len(frame) * self._byte_s + self._silence_s  # what the request takes on a real line

            async def send(reply: bytes, number: int = number, out_s: float = out_s) -> None:
                whole = rtu_frame(number, reply)
                if self.units[number].mode == "noise":
                    whole = noise(whole)
                async with self._line:
                    await asyncio.sleep(out_s + len(whole) * self._byte_s + self._silence_s)
                    write(whole)

            if number == 0:  # a broadcast: all obey, none answers (serial line V1.02 §2.1)
                if is_write(pdu):
                    for each in self.units:
                        self.ask(each, pdu, _no_answer)
            else:
                self.ask(number, pdu, send)


class RtuLine(_RtuBus):
    """Units on one serial line: a pseudo-terminal, reachable at `path` (a symbolic link)."""

    def __init__(
        self, entry: RtuEntry, units: Iterable[Unit], place: Place, described: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(entry, units, place, described)
        self.path: Path = place.folder / "lines" / f"{place.gateway}-{entry.id}"
        self._entry = entry
        self._master = -1
        self._slave = -1

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

    def where(self) -> str:
        return str(self.path)

    def reach(self) -> dict[str, Any]:
        entry = self._entry
        line = {"baudrate": entry.baudrate, "parity": entry.parity, "stopbits": entry.stopbits}
        return {"type": "modbus-rtu", "port": str(self.path), **line}

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 4096)
        except OSError:  # nothing to read after all, or the other end hangs up
            return
        self.received(data, self._write)

    def _write(self, frame: bytes) -> None:
        if self._master >= 0:
            with contextlib.suppress(BlockingIOError):  # nobody reads the line: the bytes are gone, as on a real one
                os.write(self._master, frame)


class RtuOverTcpLine(_RtuBus):
    """Units on a serial line behind a transparent converter."""

    def __init__(
        self,
        entry: RtuOverTcpEntry,
        units: Iterable[Unit],
        place: Place,
        described: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(entry, units, place, described)
        self._server = _Server(place.listen, entry.port, self._client)

    async def open(self) -> None:
        await self._server.open()

    async def close(self) -> None:
        await self._server.close()

    @property
    def port(self) -> int:
        return self._server.port

    def where(self) -> str:
        return f"127.0.0.1:{self.port}"

    def reach(self) -> dict[str, Any]:
        return {"type": "modbus-rtu-over-tcp", "host": "127.0.0.1", "port": self.port, "baudrate": self.baudrate}

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            self.received(data, writer.write)


class _Server:
    """A TCP port that can be closed with all its connections and opened again at the same number."""

    def __init__(
        self,
        listen: str,
        port: int,
        client: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    ) -> None:
        self._listen = listen
        self.port = port
        self._client = client
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._listen, self.port)
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
            await self._client(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, struct.error, ValueError):
            pass  # the client went away, or spoke no Modbus
        finally:
            self._writers.discard(writer)
            writer.close()


async def _no_answer(_reply: bytes) -> None:
    """To a broadcast."""


def make(entry: BusEntry, devices: Sequence[ModbusDevice], place: Place) -> SimBus:
    """The bus of an entry; raises ScenarioError where a profile is not known."""
    units = [
        ModbusUnit(
            device.id,
            device.unit,
            read_map(device.profile),
            bound(device.values),
            place.now,
            strict=device.holes == "illegal",
        )
        for device in devices
    ]
    described = [device.model_dump(exclude={"values", "holes"}) for device in devices]
    match entry:
        case TcpEntry():
            return TcpBus(entry, units, place, described)
        case RtuEntry():
            return RtuLine(entry, units, place, described)
        case RtuOverTcpEntry():
            return RtuOverTcpLine(entry, units, place, described)
    raise TypeError(f"{type(entry).__name__} is no Modbus bus")
