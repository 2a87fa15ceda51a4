"""What a scan that hears nobody calls for. Pure."""

from enum import Enum

#: The waits between two times that an adapter is switched grow to this.
LONGEST_S = 3600.0


class Remedy(Enum):
    """Against silence."""

    SCAN = "a new scan"
    SWITCH = "the adapter off and on, and a new scan"


class SilenceWatch:
    """First a new scan; where that is no help the adapter is switched, with growing waits: where all scales sleep until
    somebody weighs, silence is usual."""

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._tries = 0
        self._tried_at = 0.0

    def due_at(self, heard_at: float, scan_at: float) -> float:
        """When the next remedy is due, if nobody is heard until then; all by the monotonic clock."""
        if heard_at > self._tried_at:
            self._tries = 0
        wait = self._silence_s * 2.0 ** max(0, min(self._tries, 32) - 1)
        return max(heard_at, scan_at) + min(wait, max(self._silence_s, LONGEST_S))

    def remedy(self, at: float, *, linked: bool) -> Remedy:
        """The one that is due; a standing link shows that the adapter lives, and switching would end it."""
        self._tried_at = at
        if self._tries == 0 or linked:
            self._tries = 1
            return Remedy.SCAN
        self._tries += 1
        return Remedy.SWITCH
