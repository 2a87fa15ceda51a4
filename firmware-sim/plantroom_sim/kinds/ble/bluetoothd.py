"""A bluetoothd that satisfies an unmodified bleak: owns org.bluez on a private D-Bus.

The objects are one dict {path: {interface: {property: Variant}}}, and one low-level handler answers every call: it sees
who asks (discovery and notify sessions are per client in BlueZ) and can delay or refuse any single reply. It behaves
like BlueZ where clients stumble: a second discovery of one client is InProgress, and so is a second connection
attempt while one runs; what was not connected is forgotten some time after discovery ended; a read of a characteristic
that notifies looks like a notification; GATT objects end in /serviceXXXX/charXXXX/descXXXX. What it remembers of a
device can be stale until RemoveDevice, and its adapter deaf or stuck until it is switched off and on.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from dbus_fast import Message, MessageType, RequestNameReply, Variant
from dbus_fast.aio import MessageBus

from plantroom_sim.errors import SimError
from plantroom_sim.kinds.ble.peripheral import BluezError, Peripheral, uuid16

ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
_SERVICE = "org.bluez.GattService1"
_CHARACTERISTIC = "org.bluez.GattCharacteristic1"
_DESCRIPTOR = "org.bluez.GattDescriptor1"
_OBJECTS = "org.freedesktop.DBus.ObjectManager"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_OURS = ("org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Peer")

#: BlueZ forgets devices that are not connected so long after discovery ended.
FORGET_S = 30.0
#: The kernel gives up a connection attempt to a device that is not there.
CONNECT_GIVE_UP_S = 20.0

Interfaces = dict[str, dict[str, Variant]]
Reply = tuple[str, list[Any]]
NOTHING: Reply = ("", [])


class Bluetoothd:
    """One run of the daemon: `run` until cancelled; then org.bluez has no owner and every link is gone."""

    def __init__(
        self,
        bus_address: str,
        peripherals: Sequence[Peripheral],
        *,
        adapter: str = "hci0",
        forget_s: float = FORGET_S,
        give_up_s: float = CONNECT_GIVE_UP_S,
    ) -> None:
        self._bus_address = bus_address
        self._forget_s = forget_s
        self._give_up_s = give_up_s
        self._adapter = f"/org/bluez/{adapter}"
        self._by_path = {self._path(peripheral): peripheral for peripheral in peripherals}
        self._objects: dict[str, Interfaces] = {
            "/org/bluez": {"org.bluez.AgentManager1": {}, "org.bluez.ProfileManager1": {}},
            self._adapter: {
                ADAPTER: {
                    "Address": Variant("s", "00:11:22:33:44:55"),
                    "AddressType": Variant("s", "public"),
                    "Name": Variant("s", "simulated"),
                    "Alias": Variant("s", "simulated"),
                    "Powered": Variant("b", True),
                    "Discovering": Variant("b", False),
                    "UUIDs": Variant("as", []),
                    "Roles": Variant("as", ["central", "peripheral"]),  # bleak looks for "central"
                },
                "org.bluez.GattManager1": {},
                "org.bluez.LEAdvertisingManager1": {},
            },
        }
        self._characteristics: dict[str, tuple[Peripheral, str]] = {}
        self._subscribers: dict[str, set[str]] = {}  #: characteristic → clients
        self._discovering: set[str] = set()
        self._connecting = ""  #: path of the device that is being connected
        self._bus: MessageBus | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self.adapter_refusals: list[BluezError] = []  #: the next discoveries fail with these
        self.deaf = False  #: it scans and hears nobody, until it is switched off and on
        self.stuck: BluezError | None = None  #: every discovery fails with this, until it is switched off and on
        self.switched_on = 0
        self.removed: list[str] = []  #: addresses of devices that a client had removed
        self.refused_busy = 0  #: calls that came while another of their kind ran
        self.connected_while_scanning = 0

    async def run(self, ready: asyncio.Event) -> None:
        """Own org.bluez and answer, until cancelled."""
        self._bus = bus = MessageBus(bus_address=self._bus_address, negotiate_unix_fd=True)
        await bus.connect()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                bus.add_message_handler(self._on_message)
                await bus.call(
                    Message(
                        destination="org.freedesktop.DBus",
                        path="/org/freedesktop/DBus",
                        interface="org.freedesktop.DBus",
                        member="AddMatch",
                        signature="s",
                        body=["type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"],
                    )
                )
                if await bus.request_name("org.bluez") is not RequestNameReply.PRIMARY_OWNER:
                    raise SimError("org.bluez has an owner on this bus already")
                for peripheral in self._by_path.values():
                    peripheral.radio = self
                ready.set()
                await asyncio.Event().wait()
        finally:
            self._tasks = None
            for peripheral in self._by_path.values():
                peripheral.radio = None
                peripheral.connected = False
                peripheral.subscribed.clear()
            bus.disconnect()

    # What peripherals do

    def advertise(self, peripheral: Peripheral) -> bool:
        if not self._discovering or self.deaf:
            return False
        path = self._path(peripheral)
        content = peripheral.advertisement()
        told: dict[str, Variant] = {"RSSI": Variant("n", peripheral.rssi)}
        if content.manufacturer:
            told["ManufacturerData"] = Variant(
                "a{qv}", {company: Variant("ay", data) for company, data in content.manufacturer.items()}
            )
        if content.service_data:
            told["ServiceData"] = Variant(
                "a{sv}", {uuid: Variant("ay", data) for uuid, data in content.service_data.items()}
            )
        if path in self._objects:
            self._set(path, DEVICE, told)
            return True
        device = {
            "Address": Variant("s", peripheral.address),
            "AddressType": Variant("s", "random"),
            "Alias": Variant("s", peripheral.name),
            "Name": Variant("s", peripheral.name),
            "Adapter": Variant("o", self._adapter),
            "Paired": Variant("b", peripheral.paired),
            "Bonded": Variant("b", peripheral.paired),
            "Trusted": Variant("b", False),
            "Blocked": Variant("b", False),
            "LegacyPairing": Variant("b", False),
            "Connected": Variant("b", False),
            "ServicesResolved": Variant("b", False),
            "UUIDs": Variant("as", list(content.uuids)),
            **told,
        }
        self._add(path, {DEVICE: device})
        return True

    async def notify(self, peripheral: Peripheral, uuid: str, value: bytes) -> bool:
        for path, (owner, known) in self._characteristics.items():
            if owner is not peripheral or known != uuid or not self._subscribers.get(path):
                continue
            await self._set(path, _CHARACTERISTIC, {"Value": Variant("ay", value)})
            return True
        return False

    def drop(self, peripheral: Peripheral) -> None:
        path = self._path(peripheral)
        if not peripheral.connected:
            return
        peripheral.connected = False
        peripheral.subscribed.clear()
        below = [other for other in self._objects if other.startswith(path + "/")]
        for other in below:
            self._characteristics.pop(other, None)
            self._subscribers.pop(other, None)
        self._set(path, DEVICE, {"ServicesResolved": Variant("b", False), "Connected": Variant("b", False)})
        for other in reversed(below):
            self._remove(other)

    def deafen(self, deaf: bool) -> None:
        self.deaf = deaf

    # The bus

    def _on_message(self, message: Message) -> bool | None:
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged":
                name, _old, new = message.body
                if name.startswith(":") and not new:
                    self._client_gone(name)
            return None
        if message.message_type is not MessageType.METHOD_CALL or message.interface in _OURS or self._tasks is None:
            return None
        serving = self._serve(message)
        try:
            self._tasks.create_task(serving, name=f"{message.member} of {message.sender}")
        except RuntimeError:  # it is dying: the group takes no more, and nobody answers
            serving.close()
        return True  # answered by the task

    async def _serve(self, message: Message) -> None:
        try:
            signature, body = await self._answer(message)
            reply = Message.new_method_return(message, signature, body)
        except BluezError as error:
            reply = Message.new_error(message, error.name, str(error))
        self._send(reply)

    async def _answer(self, message: Message) -> Reply:
        if message.member == "GetManagedObjects":
            return "a{oa{sa{sv}}}", [self._objects]
        path, interface = message.path or "", message.interface or ""
        known = self._objects.get(path)
        if known is None or (interface != _PROPERTIES and interface not in known):
            raise BluezError(
                "org.freedesktop.DBus.Error.UnknownObject",
                f'Method "{message.member}" with signature "{message.signature}" on interface "{interface}" '
                "doesn't exist",
            )
        sender = message.sender or ""
        match interface, message.member:
            case "org.freedesktop.DBus.Properties", "GetAll":
                return "a{sv}", [known.get(message.body[0], {})]
            case "org.freedesktop.DBus.Properties", "Get":
                return "v", [known[message.body[0]][message.body[1]]]
            case "org.freedesktop.DBus.Properties", "Set":
                return self._set_property(path, *message.body)
            case "org.bluez.Adapter1", "SetDiscoveryFilter":
                return NOTHING
            case "org.bluez.Adapter1", "StartDiscovery":
                return self._start_discovery(sender)
            case "org.bluez.Adapter1", "StopDiscovery":
                return self._stop_discovery(sender)
            case "org.bluez.Adapter1", "RemoveDevice":
                return self._remove_device(message.body[0])
            case "org.bluez.Device1", "Connect":
                return await self._connect(path)
            case "org.bluez.Device1", "Disconnect":
                if not self._by_path[path].connected:
                    raise BluezError("org.bluez.Error.NotConnected", "Not Connected")
                await asyncio.sleep(self._by_path[path].disconnecting_s)
                self.drop(self._by_path[path])
                return NOTHING
            case "org.bluez.GattCharacteristic1", "ReadValue":
                return await self._read(path)
            case "org.bluez.GattCharacteristic1", "StartNotify":
                return self._start_notify(path, sender)
            case "org.bluez.GattCharacteristic1", "StopNotify":
                return self._stop_notify(path, sender)
        raise BluezError("org.freedesktop.DBus.Error.UnknownMethod", f"{interface}.{message.member}")

    def _client_gone(self, sender: str) -> None:
        """A client that leaves the bus takes its sessions with it."""
        self._discovering.discard(sender)
        self._tell_discovering()
        for clients in self._subscribers.values():
            clients.discard(sender)

    # Adapter1

    def _set_property(self, path: str, interface: str, name: str, value: Variant) -> Reply:
        if (path, interface, name) != (self._adapter, ADAPTER, "Powered"):
            raise BluezError("org.freedesktop.DBus.Error.PropertyReadOnly", f"Property '{name}' is not writable")
        if value.value == self.powered:
            return NOTHING
        if value.value:
            self.deaf, self.stuck = False, None
            self.switched_on += 1
        else:
            for peripheral in self._by_path.values():
                self.drop(peripheral)
            self._discovering.clear()
            self._tell_discovering()
        self._set(self._adapter, ADAPTER, {"Powered": Variant("b", value.value)})
        return NOTHING

    @property
    def powered(self) -> bool:
        return bool(self._objects[self._adapter][ADAPTER]["Powered"].value)

    def _start_discovery(self, sender: str) -> Reply:
        if not self.powered:
            raise BluezError("org.bluez.Error.NotReady", "Resource Not Ready")
        if self.stuck is not None:
            raise self.stuck
        if self.adapter_refusals:
            raise self.adapter_refusals.pop(0)
        if sender in self._discovering:
            self.refused_busy += 1
            raise BluezError("org.bluez.Error.InProgress", "Operation already in progress")
        self._discovering.add(sender)
        self._tell_discovering()
        return NOTHING

    def _stop_discovery(self, sender: str) -> Reply:
        if sender not in self._discovering:
            raise BluezError("org.bluez.Error.Failed", "No discovery started")
        self._discovering.discard(sender)
        self._tell_discovering()
        return NOTHING

    def _tell_discovering(self) -> None:
        on = bool(self._discovering)
        if self._objects[self._adapter][ADAPTER]["Discovering"].value == on:
            return
        self._set(self._adapter, ADAPTER, {"Discovering": Variant("b", on)})
        if on:
            return
        for path in self._by_path:
            if "RSSI" in self._objects.get(path, {}).get(DEVICE, {}):
                del self._objects[path][DEVICE]["RSSI"]
                self._signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", [DEVICE, {}, ["RSSI"]])
        if self._tasks is not None:
            self._tasks.create_task(self._forget(), name="forget devices")

    async def _forget(self) -> None:
        await asyncio.sleep(self._forget_s)
        if not self._discovering:
            for path, peripheral in self._by_path.items():
                if not peripheral.connected and path != self._connecting:
                    self._remove(path)

    def _remove_device(self, path: str) -> Reply:
        if path not in self._objects:
            raise BluezError("org.bluez.Error.DoesNotExist", "Does Not Exist")
        self.drop(self._by_path[path])
        self._remove(path)
        self._by_path[path].stale = ""
        self.removed.append(self._by_path[path].address)
        return NOTHING

    # Device1

    async def _connect(self, path: str) -> Reply:
        peripheral = self._by_path[path]
        if peripheral.connected:
            return NOTHING
        if not self.powered:
            raise BluezError("org.bluez.Error.NotReady", "Resource Not Ready")
        if self._connecting:
            self.refused_busy += 1
            raise BluezError("org.bluez.Error.InProgress", "Operation already in progress")
        if self._discovering:
            self.connected_while_scanning += 1
        self._connecting = path
        try:
            await asyncio.sleep(peripheral.connecting_s)
            if peripheral.refusals:
                raise peripheral.refusals.pop(0)
            if peripheral.stale == "link":
                raise BluezError("org.bluez.Error.Failed", "Software caused connection abort")
            if not (peripheral.on_air and peripheral.connectable):
                await asyncio.sleep(self._give_up_s)
                raise BluezError("org.bluez.Error.Failed", "le-connection-abort-by-local")
        finally:
            self._connecting = ""
        peripheral.connected = True
        peripheral.connects += 1
        self._set(path, DEVICE, {"Connected": Variant("b", True)})
        if peripheral.flaps:
            # the link breaks before the services are known; a client that waits for the flap tries again by itself
            peripheral.flaps -= 1
            self.drop(peripheral)
            raise BluezError("org.bluez.Error.Failed", "le-connection-abort-by-local")
        self._add_services(path, peripheral)
        resolved = [service.uuid for service in peripheral.services()]
        self._set(path, DEVICE, {"ServicesResolved": Variant("b", True), "UUIDs": Variant("as", resolved)})
        return NOTHING

    def _add_services(self, path: str, peripheral: Peripheral) -> None:
        handle = 1
        for service in [] if peripheral.stale == "services" else peripheral.services():
            service_path = f"{path}/service{handle:04x}"
            handle += 1
            self._add(
                service_path,
                {
                    _SERVICE: {
                        "UUID": Variant("s", service.uuid),
                        "Device": Variant("o", path),
                        "Primary": Variant("b", True),
                        "Includes": Variant("ao", []),
                    }
                },
            )
            for item in service.characteristics:
                item_path = f"{service_path}/char{handle:04x}"
                handle += 2
                properties = {
                    "UUID": Variant("s", item.uuid),
                    "Service": Variant("o", service_path),
                    "Value": Variant("ay", item.value),
                    "Flags": Variant("as", list(item.flags)),
                    "MTU": Variant("q", 247),
                }
                tells = bool({"notify", "indicate"} & set(item.flags))
                if tells:
                    properties["Notifying"] = Variant("b", False)
                    properties["NotifyAcquired"] = Variant("b", False)
                self._characteristics[item_path] = (peripheral, item.uuid)
                self._add(item_path, {_CHARACTERISTIC: properties})
                if tells:
                    descriptor = {
                        "UUID": Variant("s", uuid16(0x2902)),
                        "Characteristic": Variant("o", item_path),
                        "Value": Variant("ay", b"\0\0"),
                    }
                    self._add(f"{item_path}/desc{handle:04x}", {_DESCRIPTOR: descriptor})
                    handle += 1

    # GattCharacteristic1

    async def _read(self, path: str) -> Reply:
        peripheral, uuid = self._characteristics[path]
        value = await peripheral.read(uuid)
        if path in self._objects:
            self._set(path, _CHARACTERISTIC, {"Value": Variant("ay", value)})  # BlueZ tells it as if it were notified
        return "ay", [value]

    def _start_notify(self, path: str, sender: str) -> Reply:
        peripheral, uuid = self._characteristics[path]
        if "Notifying" not in self._objects[path][_CHARACTERISTIC]:
            raise BluezError("org.bluez.Error.NotSupported", "Operation is not supported")
        self._subscribers.setdefault(path, set()).add(sender)
        peripheral.subscribed.add(uuid)
        self._set(path, _CHARACTERISTIC, {"Notifying": Variant("b", True)})
        return NOTHING

    def _stop_notify(self, path: str, sender: str) -> Reply:
        peripheral, uuid = self._characteristics[path]
        if sender not in self._subscribers.get(path, ()):
            raise BluezError("org.bluez.Error.Failed", "No notify session started")
        self._subscribers[path].discard(sender)
        if not self._subscribers[path]:
            peripheral.subscribed.discard(uuid)
        self._set(path, _CHARACTERISTIC, {"Notifying": Variant("b", bool(self._subscribers[path]))})
        return NOTHING

    # Objects

    def _path(self, peripheral: Peripheral) -> str:
        return f"{self._adapter}/dev_{peripheral.address.replace(':', '_')}"

    def _set(self, path: str, interface: str, changed: dict[str, Variant]) -> "asyncio.Future[None]":
        self._objects[path][interface].update(changed)
        return self._signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, changed, []])

    def _add(self, path: str, interfaces: Interfaces) -> None:
        self._objects[path] = interfaces
        self._signal("/", _OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def _remove(self, path: str) -> None:
        interfaces = self._objects.pop(path, None)
        if interfaces is not None:
            self._signal("/", _OBJECTS, "InterfacesRemoved", "oas", [path, list(interfaces)])

    def _signal(
        self, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> "asyncio.Future[None]":
        return self._send(
            Message(
                message_type=MessageType.SIGNAL,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=body,
            )
        )

    def _send(self, message: Message) -> "asyncio.Future[None]":
        """Sent, or lost with the bus: then nobody needs to hear of it."""
        assert self._bus is not None
        sent: asyncio.Future[None] = self._bus.send(message)
        sent.add_done_callback(lambda done: done.cancelled() or done.exception())
        return sent
