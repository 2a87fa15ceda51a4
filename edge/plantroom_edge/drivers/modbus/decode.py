"""Registers to values, without I/O: one precompiled struct for a whole block."""

import math
import struct
from collections.abc import Callable, Sequence

from plantroom_edge.drivers.modbus.blocks import Block
from plantroom_edge.drivers.modbus.profile import DataType, Register, Table
from plantroom_shared.batch import Value
from plantroom_shared.quality import Quality

_CODES = {
    DataType.INT16: "h",
    DataType.UINT16: "H",
    DataType.INT32: "i",
    DataType.UINT32: "I",
    DataType.INT64: "q",
    DataType.UINT64: "Q",
    DataType.FLOAT32: "f",
    DataType.FLOAT64: "d",
    DataType.BCD16: "H",
    DataType.BCD32: "I",
    DataType.BCD64: "Q",
}

_BCD = (DataType.BCD16, DataType.BCD32, DataType.BCD64)

#: Turns one raw value into the reported one; a Quality where there is none.
Convert = Callable[[float | int | bytes], Value | Quality]


class BlockDecoder:
    """Decodes the answer to one block: raw bytes in, one value (or Quality) per register out.

    Registers in the common order ABCD are unpacked by one struct; the others are first put into that order.
    """

    def __init__(self, block: Block) -> None:
        self.block = block
        self._bits = block.table in (Table.COIL, Table.DISCRETE)
        self._offsets = [register.address - block.address for register in block.registers]
        self._swaps = [
            (offset * 2, register.count * 2, register.words)
            for offset, register in zip(self._offsets, block.registers, strict=True)
            if register.words != "ABCD" and not self._bits
        ]
        self._converts = [_converter(register) for register in block.registers]
        self._floats = all(convert is _checked for convert in self._converts)
        self._struct, self._order = (None, []) if self._bits else _layout(block)

    def decode_registers(self, raw: bytes) -> tuple[Sequence[Value | Quality], bool]:
        """`raw`: big-endian register bytes as they came, 2 × block.count. Values in the order of block.registers,
        and whether all of them are known to be good: then no Quality is among them."""
        if self._swaps:
            raw = _reordered(raw, self._swaps)
        if self._struct is not None:
            values: Sequence[float | int | bytes] = self._struct.unpack(raw)
        else:
            values = [code.unpack_from(raw, at)[0] for code, at in self._order]
        # one NaN or infinity spoils the sum: as long as it is finite, none of them has to be looked at
        if self._floats and math.isfinite(sum(values)):  # type: ignore[arg-type]
            return values, True  # type: ignore[return-value]
        found = [
            convert(value) if convert is not None else value
            for convert, value in zip(self._converts, values, strict=True)
        ]
        return found, False  # type: ignore[return-value]  # bytes only come with a converter

    def decode_bits(self, bits: Sequence[bool]) -> Sequence[Value | Quality]:
        """`bits`: at least block.count of them."""
        return [bool(bits[offset]) for offset in self._offsets]


def _layout(block: Block) -> tuple[struct.Struct | None, list[tuple[struct.Struct, int]]]:
    """One struct with pad bytes where the registers do not overlap; else one per register."""
    text, at = ">", block.address
    simple = True
    for register in block.registers:
        gap = register.address - at
        if gap < 0:
            simple = False
            break
        text += f"{gap * 2}x" * bool(gap) + _code(register)
        at = register.address + register.count
    text += f"{(block.address + block.count - at) * 2}x" if simple else ""
    if simple:
        return struct.Struct(text), []
    return None, [
        (struct.Struct(">" + _code(register)), (register.address - block.address) * 2) for register in block.registers
    ]


def _code(register: Register) -> str:
    return f"{register.length * 2}s" if register.type is DataType.STRING else _CODES[register.type]


def _reordered(raw: bytes, swaps: Sequence[tuple[int, int, str]]) -> bytes:
    data = bytearray(raw)
    for start, size, words in swaps:
        part = data[start : start + size]
        if words in ("BADC", "DCBA"):  # bytes of each register swapped
            part[0::2], part[1::2] = part[1::2], part[0::2]
        if words in ("CDAB", "DCBA"):  # registers in reverse
            part = bytearray(b"".join(bytes(part[i : i + 2]) for i in range(size - 2, -2, -2)))
        data[start : start + size] = part
    return bytes(data)


def _checked(value: float | bytes) -> Value | Quality:
    if isinstance(value, float) and not math.isfinite(value):
        return Quality.SENSOR_FAULT
    return value  # type: ignore[return-value]  # bytes only come with a converter


def _converter(register: Register) -> Convert | None:
    """None where the raw value is the value."""
    if register.type is DataType.STRING:
        return _text
    if register.type is DataType.BOOL:
        return None
    if register.bit is not None:
        return _bit(register)
    if register.type in _BCD:
        return _decimal(_number(register))
    return _number(register)


def _number(register: Register) -> Convert | None:
    scale, sentinels, states = register.scale, frozenset(register.sentinels), register.states
    offset = 0.0 if register.factors else register.offset  # the reader adds it after the factors
    if scale == 1 and offset == 0 and not sentinels and not states:
        return None if register.type not in (DataType.FLOAT32, DataType.FLOAT64) else _checked
    digits = _digits(scale, offset) if register.type not in (DataType.FLOAT32, DataType.FLOAT64) else None

    def convert(raw: float | bytes) -> Value | Quality:
        assert not isinstance(raw, bytes)
        if raw in sentinels or raw != raw or raw in (math.inf, -math.inf):
            return Quality.SENSOR_FAULT
        if states:
            return states.get(int(raw), str(int(raw)))
        value = raw * scale + offset
        return round(value, digits) if digits is not None else value

    return convert


def _decimal(convert: Convert | None) -> Convert:
    """A decimal digit in each half byte; one that holds none is no value."""

    def converted(raw: float | bytes) -> Value | Quality:
        assert isinstance(raw, int)
        text = f"{raw:x}"
        if not text.isdecimal():
            return Quality.SENSOR_FAULT
        return int(text) if convert is None else convert(int(text))

    return converted


def _digits(scale: float, offset: float) -> int | None:
    """Decimals that an integer scaled by 0.1, 0.01 … can have: 2305 × 0.1 is 230.5, not 230.50000000000003."""
    for digits in range(10):
        if all(abs(round(number, digits) - number) < 1e-12 for number in (scale, offset)):
            return digits
    return None


def _bit(register: Register) -> Convert:
    assert register.bit is not None
    mask = 1 << register.bit

    def convert(raw: float | bytes) -> Value:
        assert isinstance(raw, int)
        return bool(raw & mask)

    return convert


def _text(raw: float | bytes) -> Value:
    assert isinstance(raw, bytes)
    return raw.split(b"\0", 1)[0].decode("ascii", "replace").strip()
