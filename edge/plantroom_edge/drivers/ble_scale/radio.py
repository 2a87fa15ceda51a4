"""The one module that knows bleak and D-Bus: one scanner, one connection attempt at a time, and whether BlueZ lives.

What it guards against (bleak 3.1, BlueZ):
- bleak notices nothing when bluetoothd dies: we watch the owner of org.bluez on a connection of our own. Then every
  link is over, the scanner is thrown away, and only a freshly advertised device is connected.
- a second scanner in the process, and a connection attempt beside a scan or another attempt, may answer InProgress:
  there is one scanner, it rests while one link is made.
- BlueZ forgets a device 30 s after the scan ended: what is connected was heard seconds ago.
- a link that breaks while it is made is made again by bleak, which still calls back that it was lost: only the loss of
  one that stood counts.
- a client that was used before may call back twice after a reconnect: each connection is a new client.
- BlueZ keeps a link whose process was killed, and a connected scale does not advertise: such links are ended at start.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError
from dbus_fast import BusType, DBusError, Message, MessageType
from dbus_fast.aio import MessageBus

from plantroom_edge.errors import EdgeError
from plantroom_shared.clock import Clock

_log = logging.getLogger(__name__)

_BLUEZ = "org.bluez"
_DBUS = "org.freedesktop.DBus"
_DEVICE = "org.bluez.Device1"
#: BlueZ gives up a connection attempt by itself after about 20 s.
CONNECT_S = 20.0
#: A read or a subscription that takes longer will not be answered any more.
ANSWER_S = 10.0
#: What bleak raises around a link: its own errors, time-outs, and the death of the bus.
_FAILURES = (BleakError, TimeoutError, EOFError, OSError, DBusError)


class RadioLostError(EdgeError):
    """There is no Bluetooth: the bus, bluetoothd or the adapter is gone."""


class LinkLostError(EdgeError):
    """A scale could not be connected, or its link is gone."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One advertisement; `device` is what bleak connects."""

    device: BLEDevice
    address: str
    name: str
    rssi: int
    at: float  #: clock.monotonic()
    services: frozenset[str] = frozenset()
    service_data: Mapping[str, bytes] = field(default_factory=dict)


class Link:
    """A connected scale; `on_lost` of `Radio.connect` is called once when it is over."""

    def __init__(self, client: BleakClient) -> None:
        self._client = client

    async def notify(self, characteristic: str, on_frame: Callable[[bytes], None]) -> None:
        """Subscribe to notifications or indications; raises LinkLostError."""

        def take(_sender: BleakGATTCharacteristic, frame: bytearray) -> None:
            on_frame(bytes(frame))

        try:
            async with asyncio.timeout(ANSWER_S):
                await self._client.start_notify(characteristic, take)
        except _FAILURES as error:
            raise LinkLostError(f"cannot subscribe: {_said(error)}") from error

    async def read(self, characteristic: str) -> bytes | None:
        """The value of a characteristic, None where the scale has none; raises LinkLostError."""
        if self._client.services.get_characteristic(characteristic) is None:
            return None
        try:
            async with asyncio.timeout(ANSWER_S):
                return bytes(await self._client.read_gatt_char(characteristic))
        except _FAILURES as error:
            raise LinkLostError(f"cannot be read: {_said(error)}") from error

    async def close(self) -> None:
        """Give the link back; what fails here is over anyway."""
        with suppress(*_FAILURES):
            async with asyncio.timeout(ANSWER_S):
                await self._client.disconnect()


class Radio:
    """`open`, and `watch` in a task; `lost` is set, with `why`, when there is no Bluetooth any more."""

    def __init__(
        self,
        adapter: str,
        dbus_address: str | None,
        clock: Clock,
        on_heard: Callable[[Heard], None],
        ours: Collection[str] = (),  #: addresses of the scales that only we connect
    ) -> None:
        self._adapter = adapter
        self._dbus_address = dbus_address
        self._clock = clock
        self._on_heard = on_heard
        self._ours = ours
        self._watch: MessageBus | None = None
        self._scanner: BleakScanner | None = None
        self._one = asyncio.Lock()  #: one scan or connection attempt is begun or ended at a time
        self.lost = asyncio.Event()
        self.why = ""
        self.heard_at = 0.0
        self.scans = 0

    async def open(self) -> None:
        """Watch BlueZ and scan; raises RadioLostError."""
        self.lost = asyncio.Event()
        self.why = ""
        if self._dbus_address is not None:
            os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self._dbus_address  # the only way to tell bleak
        try:
            self._watch = await self._watch_bluez()
            await self._end_left_links(self._watch)
            async with self._one:
                await self._begin_scan()
        except (*_FAILURES, RadioLostError) as error:
            await self.close()
            if isinstance(error, RadioLostError):
                raise
            raise RadioLostError(f"no Bluetooth on {self._adapter}: {_said(error)}") from error

    async def close(self) -> None:
        await self._end_scan()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.disconnect()

    async def scan_again(self) -> None:
        """Throw the scanner away and begin a new one: an old one may have stopped hearing."""
        async with self._one:
            await self._end_scan()
            await self._scan_or_lose()

    async def connect(self, heard: Heard, on_lost: Callable[[], None]) -> Link:
        """Connect a scale that was heard just now; raises LinkLostError."""
        async with self._one:
            if self.lost.is_set():
                raise LinkLostError(self.why)
            stands = False

            def gone(_client: BleakClient) -> None:
                if stands:
                    on_lost()

            client = BleakClient(heard.device, disconnected_callback=gone, timeout=CONNECT_S)
            await self._end_scan()
            try:
                async with asyncio.timeout(2 * CONNECT_S):
                    await client.connect()
                stands = True
            except _FAILURES as error:
                raise LinkLostError(f"cannot be connected: {_said(error)}") from error
            finally:
                if not self.lost.is_set():
                    await self._scan_or_lose()
        return Link(client)

    async def watch(self) -> None:
        """Until the D-Bus itself is gone."""
        assert self._watch is not None
        with suppress(*_FAILURES):
            await self._watch.wait_for_disconnect()  # type: ignore[no-untyped-call]
        self.lose("the D-Bus went away")

    def lose(self, why: str) -> None:
        """There is no Bluetooth any more."""
        if not self.lost.is_set():
            self.why = why
            self.lost.set()

    async def _watch_bluez(self) -> MessageBus:
        bus = MessageBus(bus_type=BusType.SYSTEM)
        await bus.connect()
        bus.add_message_handler(self._on_message)
        rule = f"type='signal',sender='{_DBUS}',member='NameOwnerChanged',arg0='{_BLUEZ}'"
        for member, argument in (("AddMatch", rule), ("NameHasOwner", _BLUEZ)):
            reply = await bus.call(
                Message(destination=_DBUS, path="/org/freedesktop/DBus", interface=_DBUS, member=member,
                        signature="s", body=[argument])
            )  # fmt: skip
        if reply is None or reply.message_type is MessageType.ERROR or not reply.body[0]:
            bus.disconnect()
            raise RadioLostError("bluetoothd does not run; start it: systemctl start bluetooth")
        return bus

    async def _end_left_links(self, bus: MessageBus) -> None:
        reply = await bus.call(
            Message(
                destination=_BLUEZ,
                path="/",
                interface="org.freedesktop.DBus.ObjectManager",
                member="GetManagedObjects",
            )
        )
        objects = reply.body[0] if reply is not None and reply.message_type is MessageType.METHOD_RETURN else {}
        for path, interfaces in objects.items():
            device = interfaces.get(_DEVICE)
            if device is None or not path.startswith(f"/org/bluez/{self._adapter}/"):
                continue
            if device["Connected"].value and device["Address"].value.upper() in self._ours:
                _log.info("%s was left connected; ending the link", device["Address"].value)
                await bus.call(Message(destination=_BLUEZ, path=path, interface=_DEVICE, member="Disconnect"))

    def _on_message(self, message: Message) -> None:
        if message.member == "NameOwnerChanged" and message.body[0] == _BLUEZ and message.body[1]:
            self.lose("bluetoothd went away")

    async def _begin_scan(self) -> None:
        scanner = BleakScanner(self._take, bluez={"adapter": self._adapter})
        async with asyncio.timeout(ANSWER_S):
            await scanner.start()
        self._scanner = scanner
        self.scans += 1
        self.heard_at = self._clock.monotonic()

    async def _end_scan(self) -> None:
        scanner, self._scanner = self._scanner, None
        if scanner is not None:
            with suppress(*_FAILURES):  # one whose bluetoothd is gone cannot be stopped
                async with asyncio.timeout(ANSWER_S):
                    await scanner.stop()

    async def _scan_or_lose(self) -> None:
        try:
            await self._begin_scan()
        except _FAILURES as error:
            self.lose(f"no scan on {self._adapter}: {_said(error)}")

    def _take(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        self.heard_at = self._clock.monotonic()
        self._on_heard(
            Heard(
                device,
                device.address.upper(),
                advertisement.local_name or device.name or "",
                advertisement.rssi,
                self.heard_at,
                frozenset(advertisement.service_uuids),
                advertisement.service_data,
            )
        )


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
