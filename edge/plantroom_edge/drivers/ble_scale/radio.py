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
- BlueZ keeps what it knows of a device, and where that is stale every attempt fails: after several it is told to forget
  the device, which is then found anew. Never one that is paired, for a person would have to pair it again.
- an adapter may scan and hear nobody, or refuse to scan, until it was switched off and on.
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
from dbus_fast import BusType, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from plantroom_edge.errors import EdgeError
from plantroom_shared.clock import Clock

_log = logging.getLogger(__name__)

_BLUEZ = "org.bluez"
_DBUS = "org.freedesktop.DBus"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_ADAPTER = "org.bluez.Adapter1"
_DEVICE = "org.bluez.Device1"
#: BlueZ gives up a connection attempt by itself after about 20 s.
CONNECT_S = 20.0
#: A read or a subscription that takes longer will not be answered any more.
ANSWER_S = 10.0
#: After so many attempts on a scale of which none led to a subscription, BlueZ is told to forget it.
FORGET_AFTER = 4
#: After so many scans that could not be begun, one after the other, the adapter is switched off and on.
POWER_AFTER = 4
#: How long an adapter stays off.
OFF_S = 0.5
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

    def __init__(self, client: BleakClient, works: Callable[[], None]) -> None:
        self._client = client
        self._works = works

    async def notify(self, characteristic: str, on_frame: Callable[[bytes], None]) -> None:
        """Subscribe to notifications or indications; raises LinkLostError."""

        def take(_sender: BleakGATTCharacteristic, frame: bytearray) -> None:
            on_frame(bytes(frame))

        try:
            async with asyncio.timeout(ANSWER_S):
                await self._client.start_notify(characteristic, take)
        except _FAILURES as error:
            raise LinkLostError(f"cannot subscribe: {_said(error)}") from error
        self._works()

    async def read(self, characteristic: str) -> bytes | None:
        """The value of a characteristic, None where the scale has none; raises LinkLostError."""
        try:
            # bleak forgets the services as the link goes, and raises when asked for them then
            if self._client.services.get_characteristic(characteristic) is None:
                return None
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
        *,
        may_switch: bool = True,  #: whether the adapter is ours to be switched off and on
    ) -> None:
        self._adapter = adapter
        self._dbus_address = dbus_address
        self._clock = clock
        self._on_heard = on_heard
        self._ours = ours
        self._may_switch = may_switch
        self._watch: MessageBus | None = None
        self._scanner: BleakScanner | None = None
        self._one = asyncio.Lock()  #: one scan or connection attempt is begun or ended at a time
        self._clients: list[BleakClient] = []  #: of links that were made
        self._attempts: dict[str, int] = {}  #: address → attempts that led to nothing, one after the other
        self._unscanned = 0  #: scans that could not be begun, one after the other
        self.lost = asyncio.Event()
        self.why = ""
        self.heard_at = 0.0  #: the last advertisement; clock.monotonic()
        self.scan_at = 0.0  #: the begin of the scan
        self.scans = 0

    async def open(self) -> None:
        """Watch BlueZ and scan; raises RadioLostError."""
        self.lost = asyncio.Event()
        self.why = ""
        self._clients = []
        if self._dbus_address is not None:
            os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self._dbus_address  # the only way to tell bleak
        try:
            self._watch = await self._watch_bluez()
            await self._end_left_links(self._watch)
            async with self._one:
                if self._unscanned >= POWER_AFTER and self._may_switch:
                    self._unscanned = 0
                    await self._off_and_on()
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

    async def switch(self) -> None:
        """The adapter off and on, and a new scan: the last thing that makes a deaf one hear. Only a new scan where a
        link stands, for that would end, and where the adapter is not ours."""
        async with self._one:
            await self._end_scan()
            if self._may_switch and not self.linked:
                await self._off_and_on()
            await self._scan_or_lose()

    @property
    def linked(self) -> bool:
        """Whether a scale is connected."""
        return any(client.is_connected for client in self._clients)

    async def connect(self, heard: Heard, on_lost: Callable[[], None]) -> Link:
        """Connect a scale that was heard just now; raises LinkLostError."""
        async with self._one:
            if self.lost.is_set():
                raise LinkLostError(self.why)
            attempts = self._attempts.get(heard.address, 0)
            if attempts >= FORGET_AFTER and not _is_paired(heard):
                del self._attempts[heard.address]
                await self._forget(heard)
                raise LinkLostError(f"{attempts} attempts led to nothing; BlueZ was told to forget it")
            self._attempts[heard.address] = attempts + 1
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
                self._clients = [*(other for other in self._clients if other.is_connected), client]
            except _FAILURES as error:
                raise LinkLostError(f"cannot be connected: {_said(error)}") from error
            finally:
                if not self.lost.is_set():
                    await self._scan_or_lose()
        return Link(client, lambda: self._worked(heard.address))

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

    def _worked(self, address: str) -> None:
        self._attempts.pop(address, None)

    async def _forget(self, heard: Heard) -> None:
        """What BlueZ knows of a device, its services above all, may be stale; the scan finds it anew."""
        _log.info("%s cannot be connected; BlueZ forgets it", heard.address)
        try:
            await self._ask(f"/org/bluez/{self._adapter}", _ADAPTER, "RemoveDevice", "o", heard.device.details["path"])
        except _FAILURES as error:  # it is forgotten already, or the next attempt says what is wrong
            _log.debug("%s cannot be forgotten: %s", heard.address, _said(error))

    async def _off_and_on(self) -> None:
        """Best effort: what is wrong then is told by the scan that follows."""
        _log.warning("%s is switched off and on: it does not scan", self._adapter)
        try:
            await self._power(False)
            await self._clock.sleep(OFF_S)
        except _FAILURES as error:
            _log.warning("%s cannot be switched off: %s", self._adapter, _said(error))
        finally:  # also when we are stopped: nobody else would switch it on
            with suppress(*_FAILURES):
                await self._power(True)

    async def _power(self, on: bool) -> None:
        where = f"/org/bluez/{self._adapter}"
        await self._ask(where, _PROPERTIES, "Set", "ssv", _ADAPTER, "Powered", Variant("b", on))

    async def _ask(self, path: str, interface: str, member: str, signature: str, *body: object) -> None:
        """Raises DBusError with what BlueZ says against it."""
        if self._watch is None:
            raise RadioLostError("not open")
        async with asyncio.timeout(ANSWER_S):
            reply = await self._watch.call(
                Message(destination=_BLUEZ, path=path, interface=interface, member=member,
                        signature=signature, body=list(body))
            )  # fmt: skip
        if reply is not None and reply.message_type is MessageType.ERROR:
            raise DBusError(reply.error_name or "", str(reply.body[0]) if reply.body else "")

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
        self._unscanned += 1
        async with asyncio.timeout(ANSWER_S):
            await scanner.start()
        self._unscanned = 0
        self._scanner = scanner
        self.scans += 1
        self.scan_at = self._clock.monotonic()

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


def _is_paired(heard: Heard) -> bool:
    return bool(heard.device.details.get("props", {}).get("Paired", False))


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
