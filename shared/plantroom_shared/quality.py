"""Quality of a value, as OPC UA groups it: good, uncertain, bad; and of a clock."""

from enum import StrEnum


class Quality(StrEnum):
    """Why a value is what it is. Anything but GOOD travels beside the value, bad ones with a null in its place."""

    GOOD = "good"
    OUT_OF_RANGE = "out-of-range"  #: outside the physical limits of the profile: value kept, doubtful
    SENSOR_FAULT = "sensor-fault"  #: the device's own "no value" code (a sentinel)
    NO_RESPONSE = "no-response"  #: the device does not answer
    DEVICE_ERROR = "device-error"  #: the device answered with an exception
    WRONG_IDENTITY = "wrong-identity"  #: another device answers at this address
    STOPPED = "stopped"  #: the gateway no longer reads it (disabled, removed or shutting down)

    @property
    def usable(self) -> bool:
        """Whether alarms and mean values may use the value."""
        return self is Quality.GOOD


class ClockQuality(StrEnum):
    """How far the event times of a batch can be trusted."""

    SYNCED = "synced"
    UNSYNCED = "unsynced"  #: taken before the clock was ever synchronised since boot
    REDATED = "redated"  #: taken unsynced, re-dated from boot id and monotonic time once synchronised
