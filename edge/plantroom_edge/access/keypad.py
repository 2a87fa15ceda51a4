"""Digits typed at a reader to a PIN: `#` ends it, `*` begins anew."""

from dataclasses import dataclass

from plantroom_edge.access.decision import Shown
from plantroom_shared.allow_list import PIN_DIGITS

#: Seconds that somebody has to type a PIN after the card.
PIN_S = 15.0


@dataclass(slots=True)
class Awaited:
    """A card whose PIN is awaited until a moment of monotonic time."""

    shown: Shown
    until: float
    digits: str = ""

    def typed(self, keys: str) -> str | None:
        """The PIN once it is ended, else None. What is longer than any PIN stays wrong, and bounded."""
        for key in keys:
            if key == "*":
                self.digits = ""
            elif key == "#":
                return self.digits
            elif key.isdigit():
                self.digits = (self.digits + key)[: PIN_DIGITS[1] + 1]
        return None
