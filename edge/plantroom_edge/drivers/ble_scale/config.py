"""What gateway.yaml says of a Bluetooth adapter and of a scale in its range."""

from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from plantroom_edge.config.model import BusConfig, DeviceConfig
from plantroom_edge.config.quantity import Seconds


def _upper(address: str) -> str:
    return address.upper()


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin or UTC") from error
    return name


Address = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"), AfterValidator(_upper)]


class BleBus(BusConfig):
    """A Bluetooth adapter."""

    type: Literal["ble"]
    adapter: Annotated[str, Field(pattern=r"^hci\d+$")] = "hci0"
    silence: Annotated[Seconds, Field(ge=1)] = 90.0  #: nothing heard from anybody for so long: the scan is begun anew
    report: Annotated[Seconds, Field(ge=0.1)] = 10.0  #: how often link, signal, battery and the rest are told
    dbus_address: str | None = None  #: where BlueZ is, if not on the system bus; it holds for the whole agent


class BleScaleDevice(DeviceConfig):
    """A scale."""

    driver: Literal["ble_scale"] = Field(default="ble_scale", exclude=True, repr=False)
    address: Address
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"  #: of the scale's own clock
    calibration_due: date | None = None
