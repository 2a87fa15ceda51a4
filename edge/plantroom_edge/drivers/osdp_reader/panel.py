"""The only module that knows libosdp and its threads; whatever comes from them is handed to the event loop.

libosdp calls back from its own thread while it holds its lock: a callback may call nothing of it. Its wrapper keeps all
events in a queue that nobody empties, and waits 300 s after a reader went offline: both are seen to here.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import serial

from plantroom_edge.drivers.osdp_reader.decode import Heard

#: Between disabling a reader and enabling it again.
PAUSE_S = 0.2
#: What a reader takes to obey, at the very most; a reader that went offline is noticed after 8 s.
COMPLETE_S = 2.0


class LineLostError(Exception):
    """The port cannot be opened or is gone, or libosdp is not there."""


@dataclass(frozen=True, slots=True)
class Peripheral:
    """A reader on the line."""

    address: int
    key: bytes


@dataclass(frozen=True, slots=True)
class Card:
    """As it came: `bits` of `data`, or ASCII when `text`."""

    bits: int
    data: bytes
    text: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of the keypad, as it came."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Link:
    """The reader came online or went offline."""

    online: bool


@dataclass(frozen=True, slots=True)
class Status:
    """A report: "local" (tamper, power) or "input"."""

    kind: str
    report: bytes


Happening = Card | Keys | Link | Status


class Panel:
    """One line. `on_event(address, happening)` is called in the event loop."""

    def __init__(
        self,
        port: str,
        baudrate: int,
        peripherals: Sequence[Peripheral],
        on_event: Callable[[int, Happening], None],
    ) -> None:
        self._port = port
        self._baudrate = baudrate
        self._peripherals = peripherals
        self._on_event = on_event
        self._addresses = [each.address for each in peripherals]
        self._line: _SerialChannel | None = None
        self._panel: Any = None
        self._waiting: dict[int, deque[asyncio.Future[bool]]] = {address: deque() for address in self._addresses}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.heard = Heard(self._addresses)

    async def open(self) -> None:
        """Open the port and start libosdp's thread; raises LineLostError."""
        try:
            import osdp
        except ImportError as error:
            raise LineLostError("libosdp is not installed; run: pip install 'plantroom[osdp]'") from error
        self._loop = asyncio.get_running_loop()
        self.heard = Heard(self._addresses)
        try:
            line = serial.Serial(self._port, self._baudrate, timeout=0, write_timeout=0, exclusive=True)
        except (OSError, serial.SerialException) as error:
            raise LineLostError(str(error)) from error
        self._line = _SerialChannel(line, self.heard)
        flags = [osdp.LibFlag.EnforceSecure, osdp.LibFlag.EnableNotification]
        channel = _as_channel(osdp.Channel, self._line)
        infos = [osdp.PDInfo(each.address, channel, scbk=each.key, flags=flags) for each in self._peripherals]
        self._panel = osdp.ControlPanel(
            infos,
            log_level=osdp.LogLevel.Emergency,
            event_handler=self._event,
            command_completion_handler=self._completed,
        )
        self._panel.start()

    async def close(self) -> None:
        """Whatever state it is in; waits for the thread to end."""
        panel, self._panel = self._panel, None
        if panel is not None:
            await asyncio.to_thread(panel.teardown)
        if self._line is not None:
            self._line.close()
            self._line = None
        for waiting in self._waiting.values():
            while waiting:
                _settle(waiting.popleft(), done=False)

    @property
    def lost(self) -> str:
        """Why the port is gone, empty while it is there."""
        return self._line.lost if self._line is not None else ""

    async def restart(self, address: int) -> None:
        """Have an offline reader tried at once: left alone, libosdp waits 300 s (its issue 197)."""
        if (panel := self._panel) is None:
            return
        await asyncio.to_thread(panel.disable_pd, address)
        await asyncio.sleep(PAUSE_S)
        await asyncio.to_thread(panel.enable_pd, address)

    async def send(self, address: int, command: Mapping[str, Any]) -> bool | None:
        """True when the reader took it, False when it was not sent or refused, None when nobody knows."""
        panel = self._panel
        if panel is None or not await asyncio.to_thread(panel.is_sc_active, address):
            return False
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[address].append(done)
        if not await asyncio.to_thread(panel.submit_command, address, dict(command)):
            if done in self._waiting[address]:
                self._waiting[address].remove(done)
            return False
        try:
            async with asyncio.timeout(COMPLETE_S):
                return await done
        except TimeoutError:
            return None

    def _event(self, number: int, event: Mapping[str, Any]) -> int:
        """In libosdp's thread."""
        self._panel_queue(number)
        happening = _read(event)
        if happening is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._on_event, self._addresses[number], happening)
        return 0

    def _panel_queue(self, number: int) -> None:
        panel = self._panel
        if panel is not None:
            queue = panel.event_queue[number]
            while not queue.empty():
                queue.get_nowait()

    def _completed(self, address: int, _command: Mapping[str, Any], status: int) -> None:
        """In libosdp's thread; commands of a reader are completed in the order they were given."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._complete, address, status)

    def _complete(self, address: int, status: int) -> None:
        if self._waiting[address]:
            _settle(self._waiting[address].popleft(), done=status == 0)


class _SerialChannel:
    """The port as libosdp wants it: never blocks, never raises."""

    def __init__(self, line: serial.Serial, heard: Heard) -> None:
        self._line = line
        self._heard = heard
        self.lost = ""

    def read(self, most: int) -> bytes:
        if self.lost:
            return b""
        try:
            data: bytes = self._line.read(most)
        except (OSError, serial.SerialException, TypeError) as error:
            self.lost = str(error) or type(error).__name__
            return b""
        if data:
            self._heard.feed(data, time.monotonic())
        return data

    def write(self, data: bytes) -> int:
        if self.lost:
            return len(data)
        try:
            return self._line.write(data) or 0
        except serial.SerialTimeoutException:
            return 0  # the line takes nothing now
        except (OSError, serial.SerialException, TypeError) as error:
            self.lost = str(error) or type(error).__name__
            return len(data)

    def flush(self) -> None:
        """What is in the line stays in it: libosdp asks for this before each packet."""

    def close(self) -> None:
        self.lost = self.lost or "closed"
        self._line.close()


def _as_channel(base: type[Any], line: _SerialChannel) -> Any:
    """libosdp's base class is known only once it is imported."""

    class Adapter(base):  # type: ignore[misc]
        def read(self, most: int) -> bytes:
            return line.read(most)

        def write(self, data: bytes) -> int:
            return line.write(data)

        def flush(self) -> None:
            line.flush()

    return Adapter()


def _read(event: Mapping[str, Any]) -> Happening | None:
    import osdp

    match event["event"]:
        case osdp.Event.CardRead:
            text = event["format"] == osdp.CardFormat.ASCII
            return Card(event["length"], event["data"], text)
        case osdp.Event.KeyPress:
            return Keys(event["data"])
        case osdp.Event.Notification if event["type"] == osdp.EventNotification.PeripheralDeviceStatus:
            return Link(bool(event["arg0"]))
        case osdp.Event.Status if event["type"] == osdp.StatusReportType.Local:
            return Status("local", event["report"])
        case osdp.Event.Status if event["type"] == osdp.StatusReportType.Input:
            return Status("input", event["report"])
        case _:
            return None


def _settle(future: "asyncio.Future[bool]", *, done: bool) -> None:
    if not future.done():
        future.set_result(done)
