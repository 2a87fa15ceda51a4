"""The drivers there are: bus type → how such a bus is described, checked and driven."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from plantroom_edge.config.model import BusConfig, DeviceConfig
from plantroom_edge.driver import Driver
from plantroom_edge.drivers.ble_scale.config import BleBus, BleScaleDevice
from plantroom_edge.drivers.ble_scale.profile import BleScaleProfile
from plantroom_edge.drivers.modbus.budget import check_budget
from plantroom_edge.drivers.modbus.config import ModbusDevice, RtuBus, RtuOverTcpBus, TcpBus
from plantroom_edge.drivers.modbus.profile import ModbusProfile
from plantroom_edge.drivers.modbus_relay_barrier.config import BarrierDevice, BarrierRtu, BarrierTcp
from plantroom_edge.drivers.modbus_relay_barrier.profile import BarrierProfile
from plantroom_edge.drivers.osdp_reader.config import OsdpLine, OsdpReader, check_files, check_library
from plantroom_edge.drivers.osdp_reader.profile import ReaderProfile
from plantroom_edge.drivers.qr_scanner.config import ScannerDevice, SerialLine, TcpLine, check_one_scanner
from plantroom_edge.drivers.qr_scanner.profile import ScannerProfile
from plantroom_edge.profile.schema import Profile
from plantroom_shared.clock import Clock

#: The enabled devices of a bus, each with its profile; a driver gets those of its own shapes.
Devices = Sequence[tuple[Any, Any]]


def _nothing(_bus: Any, _devices: Devices) -> Iterable[tuple[str, str]]:
    return ()


def _no_files(_device: Any) -> Iterable[tuple[str, str]]:
    return ()


def _driver(folder: str, name: str) -> Callable[[Any, Devices, Clock], Driver]:
    """Builds a driver whose module is imported when it is needed: a gateway without scales has no room for bleak."""

    def build(bus: Any, devices: Devices, clock: Clock) -> Driver:
        made: Driver = getattr(import_module(f"plantroom_edge.drivers.{folder}.driver"), name)(bus, devices, clock)
        return made

    return build


@dataclass(frozen=True, slots=True)
class DriverKind:
    """A driver as configuration and agent know it."""

    name: str  #: as profiles name it with the key `driver`
    bus: type[BusConfig]
    device: type[DeviceConfig]
    profile: type[Profile]
    build: Callable[[Any, Devices, Clock], Driver]
    address: str | None = None  #: key of a device entry that is unique on a bus
    check: Callable[[Any, Devices], Iterable[tuple[str, str]]] = _nothing  #: (key of the bus entry, mistake)
    check_files: Callable[[Any], Iterable[tuple[str, str]]] = _no_files  #: of a device: (key of its entry, mistake)


_MODBUS = _driver("modbus", "ModbusDriver")
_SCANNER = _driver("qr_scanner", "ScannerDriver")
_BARRIER = _driver("modbus_relay_barrier", "BarrierDriver")
_OSDP = _driver("osdp_reader", "OsdpDriver")
_SCALE = _driver("ble_scale", "BleScaleDriver")


def _modbus(bus: type[BusConfig]) -> DriverKind:
    return DriverKind("modbus", bus, ModbusDevice, ModbusProfile, _MODBUS, "unit", check_budget)


def _scanner(bus: type[BusConfig]) -> DriverKind:
    return DriverKind("qr_scanner", bus, ScannerDevice, ScannerProfile, _SCANNER, check=check_one_scanner)


def _barrier(bus: type[BusConfig]) -> DriverKind:
    return DriverKind("modbus_relay_barrier", bus, BarrierDevice, BarrierProfile, _BARRIER, "unit")


DRIVERS: dict[str, DriverKind] = {
    "modbus-tcp": _modbus(TcpBus),
    "modbus-rtu": _modbus(RtuBus),
    "modbus-rtu-over-tcp": _modbus(RtuOverTcpBus),
    "barrier-tcp": _barrier(BarrierTcp),
    "barrier-rtu": _barrier(BarrierRtu),
    "osdp": DriverKind(
        "osdp_reader",
        OsdpLine,
        OsdpReader,
        ReaderProfile,
        _OSDP,
        "address",
        check_library,
        check_files,
    ),
    "scanner-serial": _scanner(SerialLine),
    "scanner-tcp": _scanner(TcpLine),
    "ble": DriverKind("ble_scale", BleBus, BleScaleDevice, BleScaleProfile, _SCALE, "address"),
}

#: Driver name → the shape of its profiles.
PROFILES: dict[str, type[Profile]] = {kind.name: kind.profile for kind in DRIVERS.values()}

#: What tells the entries of a configuration apart: bus types and driver names.
TAGS = frozenset(DRIVERS) | frozenset(PROFILES)
