"""The shape of a scale's profile (docs: README.md of this folder)."""

from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Gt

from plantroom_edge.profile.schema import Profile
from plantroom_shared.messages import Action, Metric


class Protocol(StrEnum):
    """How a scale tells its weight."""

    WEIGHT_SCALE_SERVICE = "weight-scale-service"  #: GATT 0x181D, indications of 0x2A9D
    BROADCAST_181B = "broadcast-0x181b"  #: service data of advertisements, 13 bytes
    BROADCAST_181D = "broadcast-0x181d"  #: service data of advertisements, 10 bytes
    UART_TEXT = "uart-text"  #: lines like ST,GS,+0012.34kg over the Nordic UART service

    @property
    def connects(self) -> bool:
        """Whether the scale is connected; the others are only listened to."""
        return self in (Protocol.WEIGHT_SCALE_SERVICE, Protocol.UART_TEXT)

    @property
    def streams(self) -> bool:
        """Whether it tells its weight all the time, also while it is empty."""
        return self is Protocol.UART_TEXT


LINK_STATES = {"connected": "connected", "heard": "heard", "away": "out of reach"}


class BleScaleProfile(Profile):
    """A kind of scale."""

    driver: Literal["ble_scale"] = "ble_scale"
    protocol: Protocol
    names: tuple[str, ...] = ()  #: as it calls itself in the air, with * and ?: how a probe knows it
    sleeps: bool = False  #: silent while nobody weighs: silence is no fault
    away_after_s: Annotated[float, Gt(0)] = 60.0  #: not heard for so long: out of reach
    silence_s: Annotated[float, Gt(0)] = 15.0  #: connected and quiet for so long: the link is tried
    repeat_within_s: Annotated[float, Ge(0)] = 10.0  #: without a clock: the same frame again is a repeat
    least_kg: Annotated[float, Gt(0)] = 0.2  #: a stream: less is an empty scale
    same_load_kg: Annotated[float, Ge(0)] = 0.05  #: a stream: within this it is the same load

    def metrics(self) -> list[Metric]:
        found = [
            Metric(name="link", label="Link", kind="state", states=LINK_STATES, group="Health"),
            Metric(name="rssi", label="Signal as last heard", unit="dBm", group="Health"),
            Metric(name="weight", label="Last weighing", unit="kg"),
            Metric(name="calibration_days", label="Days until calibration is due", unit="d", group="Health"),
        ]
        if self.protocol.connects:
            found.append(
                Metric(name="battery", label="Battery", unit="%", minimum=0, maximum=100, group="Health"),
            )
        if self.protocol.streams:
            found.append(Metric(name="zero", label="Shown while empty", unit="kg", group="Health"))
        return found

    def actions(self) -> list[Action]:
        return []
