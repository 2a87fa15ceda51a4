"""The drivers there are: bus type → what makes the driver of such a bus."""

from collections.abc import Callable, Sequence
from typing import Any

from plantroom_edge.config.model import Device
from plantroom_edge.driver import Driver
from plantroom_edge.drivers.modbus.driver import ModbusDriver
from plantroom_edge.profile.schema import Profile
from plantroom_shared.clock import Clock

DriverFactory = Callable[[Any, Sequence[tuple[Device, Profile]], Clock], Driver]

DRIVERS: dict[str, DriverFactory] = {
    "modbus-tcp": ModbusDriver,
    "modbus-rtu": ModbusDriver,
    "modbus-rtu-over-tcp": ModbusDriver,
}
