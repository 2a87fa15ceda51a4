"""What has been sent and not been acknowledged, without I/O."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from plantroom_shared.batch import Stream

MOST_BATCHES = 64
MOST_BYTES = 4_000_000
#: The backlog leaves room for what comes now.
MOST_BACKLOG = 48
#: Seconds without an acknowledgement after which a batch is sent again; doubled each time, for a cloud that is away
#: for hours needs no copies in the broker's queue.
RESEND_AFTER_S, LONGEST_RESEND_S = 15.0, 600.0
#: The same before the first acknowledgement of a connection: a broker that came back before the cloud dropped them.
FIRST_RESEND_S = 2.0
#: Between two tries of one batch while the broker says that there is nobody to give them to.
NOBODY_S = 0.25


@dataclass(frozen=True, slots=True)
class Flying:
    """A batch on its way: its number in our file, and the identity by which the cloud knows it."""

    stream: Stream
    seq: int
    outbox: str
    number: int
    size: int
    at: float
    historical: bool


class Window:
    """Bounds what is in flight: a slow cloud slows us by its missing acknowledgements."""

    def __init__(self) -> None:
        self._flying: OrderedDict[tuple[Stream, int], Flying] = OrderedDict()
        self._bytes = 0
        self._backlog = 0
        self._resend_s = FIRST_RESEND_S
        self._untaken: dict[tuple[Stream, int], None] = {}  #: given to nobody, in order
        self._somebody = True

    def __len__(self) -> int:
        return len(self._flying)

    def has_room(self, size: int = 0, *, historical: bool = False) -> bool:
        """Whether a batch of `size` bytes may be sent now; one always may."""
        if historical and self._backlog >= MOST_BACKLOG:
            return False
        return not self._flying or (len(self._flying) < MOST_BATCHES and self._bytes + size <= MOST_BYTES)

    def sent(self, item: Flying) -> None:
        """A batch goes out."""
        self._drop((item.stream, item.seq))
        self._flying[item.stream, item.seq] = item
        self._bytes += item.size
        self._backlog += item.historical

    def landed(self, outbox: str, stream: Stream, ranges: Sequence[tuple[int, int]]) -> list[int]:
        """Acknowledged or rejected, as the cloud knows them; their numbers in our file."""
        self._resend_s = RESEND_AFTER_S
        found = [
            item.seq
            for item in self._flying.values()
            if item.stream == stream
            and item.outbox == outbox
            and any(first <= item.number <= last for first, last in ranges)
        ]
        for seq in found:
            self._drop((stream, seq))
        return found

    def gone(self, stream: Stream, seq: int) -> None:
        """It is no longer in the outbox."""
        self._drop((stream, seq))

    def telemetry(self) -> set[int]:
        """Numbers of telemetry on its way."""
        return {seq for stream, seq in self._flying if stream == "telemetry"}

    def untaken(self, stream: Stream, seq: int) -> None:
        """The broker had nobody to give it to."""
        self._somebody = False
        if (stream, seq) in self._flying:
            self._untaken[stream, seq] = None

    def taken(self) -> None:
        """The broker gave one away, or keeps it: so it would with the others."""
        self._somebody = True

    @property
    def again_soon(self) -> bool:
        """Whether there is something to try again before long."""
        return bool(self._untaken)

    def overdue(self, at: float) -> list[Flying]:
        """What to send again: sent too long ago, or given to nobody (then one, until it is taken); oldest first."""
        if self._untaken:
            waiting = [self._flying[key] for key in self._untaken]
            return waiting if self._somebody else [item for item in waiting[:1] if at - item.at >= NOBODY_S]
        late = [item for item in self._flying.values() if at - item.at >= self._resend_s]
        if late:
            self._resend_s = min(LONGEST_RESEND_S, 2 * self._resend_s)
        return late

    def clear(self) -> None:
        """The link is new: nothing is in flight."""
        self._flying.clear()
        self._untaken.clear()
        self._bytes = self._backlog = 0
        self._resend_s = FIRST_RESEND_S
        self._somebody = True

    def _drop(self, key: tuple[Stream, int]) -> None:
        self._untaken.pop(key, None)
        item = self._flying.pop(key, None)
        if item is not None:
            self._bytes -= item.size
            self._backlog -= item.historical
