"""What a group of messages is answered with: acknowledgements, by gateway, outbox and stream; no I/O."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from plantroom_shared.encoding import decode, encode
from plantroom_shared.errors import MessageRefusedError
from plantroom_shared.messages import Ack, Rejected
from plantroom_shared.topics import topic


@dataclass
class Answers:
    """What to tell the gateways once the group is committed."""

    acked: dict[tuple[str, str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    rejected: dict[tuple[str, str, str], list[Rejected]] = field(default_factory=lambda: defaultdict(list))

    def messages(self) -> list[tuple[str, bytes]]:
        """Topic and payload of each acknowledgement."""
        found = []
        for key in {*self.acked, *self.rejected}:
            gateway, outbox, stream = key
            ack = Ack(
                outbox=outbox,
                stream="events" if stream == "events" else "telemetry",
                acked=_ranges(self.acked.get(key, [])),
                rejected=self.rejected.get(key, []),
            )
            found.append((topic(gateway, "ack"), encode(ack)))
        return found


def identity(payload: bytes) -> tuple[str, str, int] | None:
    """Whose batch this was, where that can still be read: so that its sender is told and stops sending it."""
    try:
        raw = decode(payload, dict)
    except MessageRefusedError:
        return None
    outbox, stream, seq = raw.get("outbox"), raw.get("stream"), raw.get("seq")
    if isinstance(outbox, str) and stream in ("events", "telemetry") and isinstance(seq, int):
        return outbox, stream, seq
    return None


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
