"""What a group of messages is answered with: acknowledgements, by gateway, outbox and stream; no I/O."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from plantroom_shared.batch import LAST_SEQ, Stream
from plantroom_shared.encoding import encode, is_json
from plantroom_shared.messages import Ack, Rejected
from plantroom_shared.topics import topic


class _Identity(msgspec.Struct):
    outbox: str
    stream: Stream
    seq: int


_MSGPACK = msgspec.msgpack.Decoder(_Identity)
_JSON = msgspec.json.Decoder(_Identity)


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
    """Whose batch this was, where that can still be read, however large it is: so that its sender is told and stops
    sending it."""
    decoder = _JSON if is_json(payload) else _MSGPACK
    try:
        found = decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if abs(found.seq) > LAST_SEQ:  # no answer could name it
        return None
    return found.outbox, found.stream, found.seq


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
