"""A scenario file to a checked scenario; all mistakes at once, each with its line and what would be right."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from plantroom_shared.document import Document, Location, read_document
from plantroom_shared.errors import ConfigError
from plantroom_shared.mistake import describe
from plantroom_sim.errors import ScenarioError, nearest
from plantroom_sim.kind import BusEntry, DeviceEntry, SimKind
from plantroom_sim.registry import KINDS
from plantroom_sim.scenario import (
    GATEWAY_KILLED,
    LINK_DOWN,
    OWN_SECRETS,
    Fault,
    Gateway,
    Scenario,
    ScenarioShape,
)

M = TypeVar("M", bound=BaseModel)

#: Tags of the unions in a scenario: kinds of waveform.
_TAGS = frozenset({"constant", "daily", "sine", "counter"})


def load_scenario(path: Path) -> Scenario:
    """Read and check; raises ScenarioError naming all mistakes."""
    try:
        document = read_document(path)
    except ConfigError as error:
        raise ScenarioError(str(error)) from error
    return _Reader(document).scenario()


class _Reader:
    """One document while it is checked."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._mistakes: list[tuple[int, str]] = []

    def scenario(self) -> Scenario:
        """The scenario; raises ScenarioError."""
        if not isinstance(self._document.data, dict):
            self._wrong((), "is empty or no mapping; begin with: name: My building")
            raise self._error()
        shape = self._valid(ScenarioShape, self._document.data, ())
        raw = self._document.data.get("gateways")
        gateways = [
            self._gateway(index, item)
            for index, item in enumerate(raw if isinstance(raw, list) else [])
            if _usable(item)
        ]
        self._doubles(gateways)
        if shape is None or self._mistakes:
            raise self._error()
        scenario = Scenario(
            shape.name,
            shape.site,
            shape.site_name,
            shape.history_days,
            tuple(gateways),
            shape.faults,
            shape.routines,
            shape.set_up,
        )
        for index, fault in enumerate(shape.faults):
            self._fault(index, fault, scenario)
        self._routines(scenario)
        if self._mistakes:
            raise self._error()
        return scenario

    def _gateway(self, index: int, item: Mapping[str, Any]) -> Gateway:
        """Its buses and devices, each read by its kind; wrong ones are told and left out."""
        place: Location = ("gateways", index)
        buses: list[BusEntry] = []
        for at, entry in enumerate(item["buses"]):
            bus = self._bus((*place, "buses", at), entry)
            if bus is not None:
                if any(other.id == bus.id for other in buses):
                    self._wrong((*place, "buses", at, "id"), f"id {bus.id!r} is used twice; ids of buses are unique")
                buses.append(bus)
        kinds = {entry["id"]: entry.get("type") for entry in item["buses"] if _named(entry)}
        devices: list[tuple[int, DeviceEntry]] = []
        for at, entry in enumerate(item.get("devices") or []):
            device = self._device((*place, "devices", at), entry, kinds)
            if device is not None:
                devices.append((at, device))
        for bus in buses:
            for inside, text in KINDS[bus.type].check(
                bus, [(at, entry) for at, entry in devices if entry.bus == bus.id]
            ):
                self._wrong((*place, *inside), text)
        return Gateway(
            str(item.get("id", "")),
            str(item.get("label", "")),
            str(item.get("location", "")),
            tuple(buses),
            tuple(device for _, device in devices),
        )

    def _bus(self, place: Location, entry: Any) -> BusEntry | None:
        if not isinstance(entry, dict):
            return None  # told by the shape
        kind = KINDS.get(str(entry.get("type")))
        if kind is None:
            text = f"type {entry.get('type')!r} is no kind of bus; {nearest(str(entry.get('type')), KINDS)}"
            self._wrong((*place, "type"), text)
            return None
        return self._valid(kind.bus, entry, place)

    def _device(self, place: Location, entry: Any, kinds: Mapping[str, Any]) -> DeviceEntry | None:
        if not isinstance(entry, dict):
            return None
        bus = entry.get("bus")
        if not isinstance(bus, str) or bus not in kinds:
            self._wrong((*place, "bus"), f"bus {bus!r} is not defined; {nearest(str(bus), kinds)}")
            return None
        kind = KINDS.get(str(kinds[bus]))
        return self._valid(kind.device, entry, place) if kind is not None else None

    def _doubles(self, gateways: Sequence[Gateway]) -> None:
        """Gateways and devices are named uniquely in the whole building, for faults and steps name them alone."""
        seen: set[str] = set()
        for at, gateway in enumerate(gateways):
            if gateway.id in seen:
                self._wrong(("gateways", at, "id"), f"id {gateway.id!r} is used twice; give the gateway another")
            seen.add(gateway.id)
        for at, gateway in enumerate(gateways):
            for device in gateway.devices:
                if device.id in seen:
                    found = [d.get("id") if isinstance(d, dict) else None for d in self._raw_devices(at)]
                    place = ("gateways", at, "devices", len(found) - 1 - found[::-1].index(device.id), "id")
                    self._wrong(place, f"id {device.id!r} is used twice; ids are unique in a scenario")
                seen.add(device.id)

    def _raw_devices(self, gateway: int) -> list[Any]:
        devices: list[Any] = self._document.data["gateways"][gateway]["devices"]
        return devices

    def _fault(self, index: int, fault: Fault, scenario: Scenario) -> None:
        place: Location = ("faults", index)
        gateways = {gateway.id: gateway for gateway in scenario.gateways}
        if fault.kind in (LINK_DOWN, GATEWAY_KILLED):
            if fault.gateway is not None and fault.gateway not in gateways:
                self._unknown((*place, "gateway"), "gateway", fault.gateway, gateways)
                return
            if fault.kind == GATEWAY_KILLED and fault.gateway is None:
                self._wrong(place, f"{fault.kind} needs 'gateway'; add one of: {', '.join(gateways)}")
            if fault.kind == LINK_DOWN:
                among = [gateways[fault.gateway]] if fault.gateway else list(gateways.values())
                having = [g.id for g in among for bus in g.buses if bus.id == fault.bus]
                if fault.bus is None or not having:
                    names = sorted({bus.id for gateway in among for bus in gateway.buses})
                    self._unknown((*place, "bus"), "bus", fault.bus, names)
                elif len(having) > 1:
                    text = f"several gateways have a bus {fault.bus!r}; add gateway: one of {', '.join(having)}"
                    self._wrong((*place, "bus"), text)
            if fault.more:
                self._wrong(
                    (*place, next(iter(fault.more))), f"{next(iter(fault.more))!r} is not known here; remove it"
                )
            return
        found = self._kind_of((*place, "device"), fault.device, scenario)
        if found is None:
            return
        model = found.faults.get(fault.kind)
        if model is None:
            known = [*found.faults, LINK_DOWN, GATEWAY_KILLED]
            self._unknown((*place, "kind"), "kind of fault", fault.kind, known)
            return
        for name in fault.more:
            if name not in model.model_fields:
                self._unknown((*place, name), "key of this fault", name, [*Fault.model_fields, *model.model_fields])
                return
        args = self._valid(model, dict(fault.more), place)
        entry = scenario.device(str(fault.device))
        if args is not None and (wrong := found.fits(entry, args)) is not None:
            self._wrong((*place, wrong[0]), wrong[1])

    def _routines(self, scenario: Scenario) -> None:
        kept = {*OWN_SECRETS, *(name for step in scenario.set_up for name in step.keep)}
        for index, routine in enumerate(scenario.routines):
            for name, choice in routine.values.items():
                if choice.kept is not None and choice.kept not in kept:
                    self._unknown(("routines", index, "values", name, "kept"), "kept list", choice.kept, kept)
            for at, step in enumerate(routine.steps):
                place: Location = ("routines", index, "steps", at)
                if step.device is None or step.action is None:
                    continue
                found = self._kind_of((*place, "device"), step.device, scenario)
                if found is None:
                    continue
                model = found.actions.get(step.action)
                if model is None:
                    self._unknown((*place, "action"), "action of this device", step.action, found.actions)
                    continue
                for name in step.args:
                    if name not in model.model_fields:
                        self._unknown((*place, "args", name), "argument of this action", name, model.model_fields)
                for name, field in model.model_fields.items():
                    if field.is_required() and name not in step.args:
                        self._wrong((*place, "args"), f"{name!r} is missing; add it")

    def _kind_of(self, place: Location, device: str | None, scenario: Scenario) -> SimKind | None:
        for gateway in scenario.gateways:
            for entry in gateway.devices:
                if entry.id == device:
                    return KINDS[next(bus.type for bus in gateway.buses if bus.id == entry.bus)]
        self._unknown(place, "device", device, [d.id for g in scenario.gateways for d in g.devices])
        return None

    def _unknown(self, place: Location, what: str, name: str | None, known: Any) -> None:
        names = list(known)
        if name is None:
            self._wrong(place, f"{what} is missing; add one of: {', '.join(names)}")
            return
        self._wrong(place, f"there is no {what} {name!r}; {nearest(name, names)}")

    def _valid(self, model: type[M], data: Any, place: Location) -> M | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for mistake in describe(error, self._document, model, _TAGS, place):
                self._mistakes.append((int(mistake.removeprefix(f"{self._document.source}:").split(":")[0]), mistake))
            return None

    def _wrong(self, place: Location, text: str) -> None:
        self._mistakes.append((self._document.line(place), self._document.mistake(place, text)))

    def _error(self) -> ScenarioError:
        return ScenarioError("\n".join(text for _line, text in sorted(dict.fromkeys(self._mistakes))))


def _usable(item: Any) -> bool:
    """Whether the entries of a gateway can be looked at; else its shape tells what is wrong."""
    return (
        isinstance(item, dict) and isinstance(item.get("buses"), list) and isinstance(item.get("devices") or [], list)
    )


def _named(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("id"), str)
