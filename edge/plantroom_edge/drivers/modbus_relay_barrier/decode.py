"""What the contacts of a gate say."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from plantroom_edge.drivers.modbus_relay_barrier.profile import Contacts


class Position(StrEnum):
    """By the two limit switches."""

    CLOSED = "closed"
    BETWEEN = "between"
    OPEN = "open"
    CONTRADICTORY = "contradictory"  #: both ends at once: a switch is stuck


@dataclass(frozen=True, slots=True)
class Inputs:
    """True is active, whichever way the contact is made; None where the gate has no such contact."""

    up: bool
    down: bool
    loop: bool | None = None
    fault: bool | None = None

    @property
    def position(self) -> Position:
        if self.up and self.down:
            return Position.CONTRADICTORY
        if self.up:
            return Position.OPEN
        return Position.CLOSED if self.down else Position.BETWEEN


def read_inputs(bits: Sequence[bool], contacts: Contacts) -> Inputs:
    """The bits of the FC 2 answer, which is at least `contacts.count` long."""

    def active(name: str, number: int | None) -> bool | None:
        return None if number is None else bits[number] is not (name in contacts.inverted)

    return Inputs(
        bool(active("up", contacts.up)),
        bool(active("down", contacts.down)),
        active("loop", contacts.loop),
        active("fault", contacts.fault),
    )
