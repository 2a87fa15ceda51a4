"""What has been sent and not been acknowledged, without I/O."""

from collections import OrderedDict

from plantroom_shared.batch import Stream

MOST_BATCHES = 64
MOST_BYTES = 4_000_000
#: Seconds without an acknowledgement after which a batch is sent again.
RESEND_AFTER_S = 15.0


class Window:
    """Bounds what is in flight: a slow cloud slows us by its missing acknowledgements."""

    def __init__(self) -> None:
        self._flying: OrderedDict[tuple[Stream, int], tuple[float, int]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._flying)

    def __contains__(self, key: tuple[Stream, int]) -> bool:
        return key in self._flying

    def has_room(self, size: int = 0) -> bool:
        """Whether a batch of `size` bytes may be sent now; one always may."""
        return not self._flying or (len(self._flying) < MOST_BATCHES and self._bytes + size <= MOST_BYTES)

    def sent(self, stream: Stream, seq: int, size: int, at: float) -> None:
        """A batch goes out at monotonic time `at`."""
        self.landed(stream, seq)
        self._flying[stream, seq] = (at, size)
        self._bytes += size

    def landed(self, stream: Stream, seq: int) -> None:
        """Acknowledged or rejected."""
        entry = self._flying.pop((stream, seq), None)
        if entry is not None:
            self._bytes -= entry[1]

    def overdue(self, at: float) -> list[tuple[Stream, int]]:
        """Sent too long ago; oldest first."""
        return [key for key, (sent, _) in self._flying.items() if at - sent >= RESEND_AFTER_S]

    def clear(self) -> None:
        """The link is new: nothing is in flight."""
        self._flying.clear()
        self._bytes = 0
