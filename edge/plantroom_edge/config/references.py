"""What one value alone cannot show: names that point nowhere, doubles, units and lines with two owners."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from plantroom_edge.drivers.ble_scale.config import BleBus
from plantroom_edge.drivers.registry import DRIVERS, DriverKind
from plantroom_edge.errors import ConfigError
from plantroom_edge.profile.loader import ProfileLibrary
from plantroom_edge.profile.schema import Profile
from plantroom_shared.document import Document


@dataclass(frozen=True, slots=True)
class _Device:
    """The names in one device entry, as far as they can be read; the schema tells the rest."""

    index: int
    id: str | None
    bus: str | None
    profile: str | None
    kind: DriverKind | None  #: of its bus
    address: object  #: what is unique on its bus, e.g. the unit
    gate: str | None  #: that it stands at


def check_references(document: Document, library: ProfileLibrary) -> tuple[dict[str, Profile], list[str]]:
    """The profiles that the devices name, and all mistakes. Entries that are wrong in themselves are passed over."""
    data: Mapping[str, Any] = document.data if isinstance(document.data, dict) else {}
    buses, devices = _entries(data, "buses"), _entries(data, "devices")
    mistakes = [*_doubles("buses", buses, document), *_doubles("devices", devices, document)]
    mistakes += _shared_ports(buses, document)
    names = [str(bus["id"]) for bus in buses if isinstance(bus, dict) and "id" in bus]
    types = {str(bus.get("id")): str(bus.get("type")) for bus in buses if isinstance(bus, dict)}
    named = list(_named(devices, types))
    for device in named:
        if device.id is not None and device.id == data.get("gateway"):
            text = f"id {device.id!r} is the gateway's own; give the device another"
            mistakes.append(document.mistake(("devices", device.index, "id"), text))
        if device.bus is not None and device.bus not in names:
            near = get_close_matches(device.bus, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none; add one'}"
            text = f"bus {device.bus!r} is not defined; {hint}"
            mistakes.append(document.mistake(("devices", device.index, "bus"), text))
    mistakes += _shared_addresses(named, document)
    profiles, wrong = _profiles(named, document, library)
    return profiles, [*mistakes, *wrong, *_gates(named, profiles, document)]


def _entries(data: Mapping[str, Any], part: str) -> Sequence[Any]:
    entries = data.get(part)
    return entries if isinstance(entries, list) else []


def _named(entries: Sequence[Any], types: Mapping[str, str]) -> Iterator[_Device]:
    for index, entry in enumerate(entries):
        if isinstance(entry, dict):
            bus = _text(entry, "bus")
            kind = DRIVERS.get(types.get(bus or "", ""))
            address = _address(entry, kind)
            gate = _text(entry, "gate") if kind is not None and "gate" in kind.device.__dataclass_fields__ else None
            yield _Device(index, _text(entry, "id"), bus, _text(entry, "profile"), kind, address, gate)


def _address(entry: Mapping[str, Any], kind: DriverKind | None) -> object:
    if kind is None or kind.address is None:
        return None
    value = entry.get(kind.address, getattr(kind.device, kind.address, None))
    if isinstance(value, str):
        return int(value) if value.isdecimal() else value.casefold()
    return value if isinstance(value, int) else None


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return value if isinstance(value, str) else None


def _doubles(part: str, entries: Sequence[Any], document: Document) -> Iterator[str]:
    seen: dict[object, int] = {}
    for index, entry in enumerate(entries):
        name = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        if name in seen:
            first = document.line((part, seen[name], "id"))
            text = f"id {name!r} is used twice, first in line {first}; ids are unique"
            yield document.mistake((part, index, "id"), text)
        seen.setdefault(name, index)


def _shared_ports(buses: Sequence[Any], document: Document) -> Iterator[str]:
    """A serial port has one owner, and so has a Bluetooth adapter."""
    owner: dict[str, object] = {}
    for index, bus in enumerate(buses):
        if isinstance(bus, dict) and bus.get("type") == "ble":
            adapter = str(bus.get("adapter", BleBus.adapter))
            if adapter in owner:
                text = f"adapter {adapter} is that of bus {owner[adapter]!r} already; put its scales on that bus"
                yield document.mistake(("buses", index, "adapter"), text)
            owner.setdefault(adapter, bus.get("id"))
        port = bus.get("port") if isinstance(bus, dict) else None
        if not isinstance(port, str) or not port.startswith("/"):
            continue
        if port in owner:
            text = f"port {port} is the line of bus {owner[port]!r} already; put its devices on that bus"
            yield document.mistake(("buses", index, "port"), text)
        owner.setdefault(port, bus.get("id"))


def _shared_addresses(devices: Sequence[_Device], document: Document) -> Iterator[str]:
    owner: dict[tuple[str, object], _Device] = {}
    for device in devices:
        if device.bus is None or device.kind is None or device.kind.address is None or device.address is None:
            continue
        key = device.kind.address
        first = owner.setdefault((device.bus, device.address), device)
        if first is not device:
            text = f"{key} {device.address} on bus {device.bus!r} is {first.id!r} already; a bus has each {key} once"
            yield document.mistake(("devices", device.index, key), text)


def _gates(devices: Sequence[_Device], profiles: Mapping[str, Profile], document: Document) -> Iterator[str]:
    """A reader stands at a device of this gateway that can be opened."""
    there = {device.id: profiles.get(device.profile or "") for device in devices if device.id is not None}
    gates = [name for name, profile in there.items() if profile is None or _opens(profile)]
    for device in devices:
        if device.gate is None or device.gate in gates:
            continue
        near = get_close_matches(device.gate, gates, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(gates) or 'none; add one'}"
        text = f"gate {device.gate!r} is no device of this gateway that opens; {hint}"
        yield document.mistake(("devices", device.index, "gate"), text)


def _opens(profile: Profile) -> bool:
    return any(action.name == "open" for action in profile.actions())


def _profiles(
    devices: Sequence[_Device], document: Document, library: ProfileLibrary
) -> tuple[dict[str, Profile], list[str]]:
    """A profile file that is wrong is told once, a name that is not known at each device."""
    profiles: dict[str, Profile] = {}
    mistakes: list[str] = []
    known = set(library.names())
    told: set[str] = set()
    for device in devices:
        name = device.profile
        if name is None or name in told:
            continue
        if name not in known:
            near = get_close_matches(name, sorted(known), 3, 0.4) or sorted(known)
            text = f"profile {name!r} is not known; nearest are: {', '.join(near)}"
            mistakes.append(document.mistake(("devices", device.index, "profile"), text))
            continue
        told.add(name)
        try:
            profile = profiles[name] = library.get(name)
        except ConfigError as error:
            mistakes += error.mistakes
            continue
        if device.kind is not None and profile.driver != device.kind.name:
            text = (
                f"profile {name!r} is for the driver {profile.driver}, bus {device.bus!r} has {device.kind.name}; "
                "name a profile or a bus that fits"
            )
            mistakes.append(document.mistake(("devices", device.index, "profile"), text))
    return profiles, mistakes
