"""What gateway.yaml says of a Bluetooth adapter and of a scale in its range."""

import re
from dataclasses import field
from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from annotated_types import Ge

from plantroom_edge.config.model import BusConfig, DeviceConfig
from plantroom_edge.config.quantity import Seconds
from plantroom_edge.shape import DERIVED, After, Before, Matches

_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


def _address(value: object) -> object:
    if isinstance(value, int):  # YAML 1.1 reads 12:34:56:12:34:56 as a number to the base of sixty
        raise ValueError('put it in quotes, like "12:34:56:12:34:56": YAML takes it for a number')
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise ValueError(f'{value!r} is no Bluetooth address; write six pairs of digits, like "C0:11:22:33:44:55"')
    return value.upper()


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin or UTC") from error
    return name


Address = Annotated[str, Before(_address)]


class BleBus(BusConfig):
    """A Bluetooth adapter."""

    type: Literal["ble"]
    adapter: Annotated[str, Matches(r"^hci\d+$")] = "hci0"
    silence: Annotated[Seconds, Ge(1)] = 90.0  #: nothing heard from anybody for so long: the scan is begun anew
    power_cycle: bool = True  #: switch the adapter off and on when that is no help; false where others use it too
    report: Annotated[Seconds, Ge(0.1)] = 10.0  #: how often link, signal, battery and the rest are told
    dbus_address: str | None = None  #: where BlueZ is, if not on the system bus; it holds for the whole agent


class BleScaleDevice(DeviceConfig):
    """A scale."""

    driver: Literal["ble_scale"] = field(default="ble_scale", repr=False, metadata=DERIVED)
    address: Address
    timezone: Annotated[str, After(_zone)] = "UTC"  #: of the scale's own clock
    calibration_due: date | None = None
