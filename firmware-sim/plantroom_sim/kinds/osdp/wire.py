"""What a card says on the wire, written from the format's description."""


def wiegand26(facility: int, number: int) -> bytes:
    """26 bits, HID H10301: even parity over the first 12 bits, facility, number, odd parity over the last 12."""
    bits = [*_bits(facility, 8), *_bits(number, 16)]
    even = sum(bits[:12]) % 2
    odd = 1 - sum(bits[12:]) % 2
    return _packed([even, *bits, odd])


def _bits(value: int, count: int) -> list[int]:
    return [value >> (count - 1 - index) & 1 for index in range(count)]


def _packed(bits: list[int]) -> bytes:
    padded = [*bits, *[0] * (-len(bits) % 8)]
    return bytes(
        sum(bit << (7 - index) for index, bit in enumerate(padded[at : at + 8])) for at in range(0, len(padded), 8)
    )
