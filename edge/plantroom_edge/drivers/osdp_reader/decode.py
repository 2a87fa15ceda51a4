"""What OSDP readers say: card formats, keys, status reports; and whether a reader was heard without a gap."""

from collections.abc import Sequence

from plantroom_shared.allow_list import wiegand_key

#: Wiegand formats with a parity bit at each end → bits of the facility code.
#: 26 bits: HID H10301; 34 bits: HID H10306; 37 bits: HID H10304.
FACILITY_BITS = {26: 8, 34: 16, 37: 16}

#: OSDP v2.2 §7.13: the clear key comes as 0x7F, enter as 0x0D.
_KEYS = {0x7F: "*", 0x0D: "#", ord("*"): "*", ord("#"): "#"} | {ord(digit): digit for digit in "0123456789"}

_START = 0x53  # SOM of a packet
_REPLY = 0x80  # set in the address of what a reader sends

#: A reader is polled every 50 ms: when nothing came for so long, its line was cut or it was off.
GAP_S = 1.0


def read_card(bits: int, data: bytes) -> str | None:
    """The key of a card as the allow-list names it; None when its parity is wrong or its bits are not all there."""
    if not 0 < bits <= 8 * len(data):
        return None
    number = int.from_bytes(data, "big") >> (8 * len(data) - bits)
    if bits not in FACILITY_BITS:
        return f"raw{bits}:{number:0{(bits + 3) // 4}x}"
    if not _parity(number, bits):
        return None
    inner = number >> 1 & ((1 << bits - 2) - 1)
    card_bits = bits - 2 - FACILITY_BITS[bits]
    return wiegand_key(bits, inner >> card_bits, inner & ((1 << card_bits) - 1))


def _parity(number: int, bits: int) -> bool:
    """The first half is even with the first bit, the second odd with the last; an odd middle bit is in both."""
    half = (bits + 1) // 2
    first, second = number >> (bits - half), number & ((1 << half) - 1)
    return first.bit_count() % 2 == 0 and second.bit_count() % 2 == 1


def read_ascii_card(data: bytes) -> str | None:
    """A card that comes as text."""
    try:
        text = data.decode("ascii").strip()
    except UnicodeDecodeError:
        return None
    return f"text:{text}" if text and text.isprintable() else None


def read_keys(data: bytes) -> str:
    """Digits, `*` and `#`; what else a keypad has is passed over."""
    return "".join(_KEYS.get(byte, "") for byte in data)


class Heard:
    """Per address, when a reader was heard again after a gap. Times in seconds of monotonic time."""

    def __init__(self, addresses: Sequence[int]) -> None:
        self._last: dict[int, float] = {}
        self._again: dict[int, float] = {}
        self._addresses = frozenset(addresses)
        self._before = 0

    def feed(self, data: bytes, now: float) -> None:
        """Bytes of the line."""
        for byte in data:
            if self._before == _START and byte & _REPLY and byte & 0x7F in self._addresses:
                address = byte & 0x7F
                if now - self._last.get(address, float("-inf")) > GAP_S:
                    self._again[address] = now
                self._last[address] = now
            self._before = byte

    def lost(self, address: int) -> None:
        """It went offline: what it says next comes after a gap."""
        self._last.pop(address, None)

    def settled(self, address: int, now: float, settle_s: float) -> bool:
        """Whether it has been heard for long enough that what it reports cannot be older than a gap."""
        again = self._again.get(address)
        return again is not None and now - again >= settle_s and now - self._last.get(address, 0.0) <= GAP_S
