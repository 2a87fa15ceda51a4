"""The profile of a gate behind a relay board: which contact is which, and how long its way is."""

from typing import Annotated, Literal

from annotated_types import Interval, MultipleOf

from plantroom_edge.profile.schema import Profile
from plantroom_edge.shape import Strict
from plantroom_shared.messages import Action, Metric

Contact = Annotated[int, Interval(ge=0, le=31)]


class Outputs(Strict):
    """Relays of the board, counted from 0."""

    open: Contact = 0
    close: Contact = 1
    hold: Contact | None = 2  #: keeps the drive open while it is on; None where the drive has no such input
    pulse_ms: Annotated[int, Interval(ge=100, le=5000), MultipleOf(100)] = 500
    pulse_base: Annotated[int, Interval(ge=0, le=0xFF00)] = 0x0200  #: FC 5 at base + relay: on for value × 100 ms


class Contacts(Strict):
    """Inputs of the board, counted from 0; FC 2."""

    up: Contact = 0  #: limit switch of the open end
    down: Contact = 1  #: limit switch of the closed end
    loop: Contact | None = 2  #: a vehicle stands in the way
    fault: Contact | None = 3
    inverted: tuple[Literal["up", "down", "loop", "fault"], ...] = ()  #: normally closed contacts

    @property
    def count(self) -> int:
        """Inputs to read."""
        return max(each for each in (self.up, self.down, self.loop, self.fault) if each is not None) + 1

    def __post_init__(self) -> None:
        used = [each for each in (self.up, self.down, self.loop, self.fault) if each is not None]
        if len(set(used)) < len(used):
            raise ValueError("each contact has an input of its own")


class BarrierProfile(Profile):
    """A gate."""

    driver: Literal["modbus_relay_barrier"]
    outputs: Outputs = Outputs()
    inputs: Contacts = Contacts()
    travel_s: Annotated[float, Interval(gt=0, le=120)] = 6.0  #: from one end to the other

    def metrics(self) -> list[Metric]:
        found = [
            Metric(name="position", label="Position", kind="state"),
            Metric(name="mode", label="Told to be", kind="state"),
            Metric(name="standing_open", label="Open without being held", kind="state"),
            Metric(name="forced", label="Opened unasked", kind="state"),
            Metric(name="not_closing", label="Told to close, did not", kind="state"),
            Metric(name="obstacle", label="Something in its way", kind="state"),
            Metric(name="openings", label="Told to open", kind="counter"),
        ]
        if self.inputs.loop is not None:
            found.append(Metric(name="loop", label="Vehicle on the loop", kind="state"))
        if self.inputs.fault is not None:
            found.append(Metric(name="fault", label="Drive reports a fault", kind="state"))
        return found

    def actions(self) -> list[Action]:
        names = {"open": "Open", "close": "Close", "lock-down": "Lock down", "lift": "Lift the lock-down"}
        if self.outputs.hold is not None:
            names |= {"hold": "Hold open", "release": "Release"}
        return [Action(name=name, label=label, confirms=name != "lift") for name, label in names.items()]
