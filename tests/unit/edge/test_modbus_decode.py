"""Raw registers to values: types, word orders, bits, texts, and what is no value."""

import struct
from typing import Any

import pytest

from plantroom_edge.drivers.modbus.blocks import Block, plan_blocks
from plantroom_edge.drivers.modbus.decode import BlockDecoder
from plantroom_edge.drivers.modbus.profile import DataType, Limits, Register, Table
from plantroom_shared.quality import Quality


def _decode(raw: bytes, datatype: DataType, **more: Any) -> Any:
    register = Register(metric="m", address=0, label="m", type=datatype, **more)
    block = Block(register.table, 0, register.count, (register,))
    return BlockDecoder(block).decode_registers(raw)[0][0]


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (DataType.INT16, "fffe", -2),
        (DataType.UINT16, "fffe", 65534),
        (DataType.INT32, "fffffffe", -2),
        (DataType.UINT32, "fffffffe", 4294967294),
        (DataType.INT64, "fffffffffffffffe", -2),
        (DataType.UINT64, "fffffffffffffffe", 18446744073709551614),
        (DataType.FLOAT32, "c2f70000", -123.5),
        (DataType.FLOAT64, "c05ee00000000000", -123.5),
        (DataType.BCD16, "9042", 9042),
        (DataType.BCD32, "00123456", 123456),
        (DataType.BCD64, "9876543210012345", 9876543210012345),
    ],
)
def test_each_type(kind: DataType, raw: str, value: float) -> None:
    assert _decode(bytes.fromhex(raw), kind) == value


@pytest.mark.parametrize(
    ("words", "raw"), [("ABCD", "12345678"), ("CDAB", "56781234"), ("BADC", "34127856"), ("DCBA", "78563412")]
)
def test_each_word_order(words: str, raw: str) -> None:
    assert _decode(bytes.fromhex(raw), DataType.UINT32, words=words) == 0x12345678


@pytest.mark.parametrize("words", ["ABCD", "DCBA"])
def test_word_order_of_64_bits(words: str) -> None:
    raw = bytes(range(1, 9))
    assert _decode(raw if words == "ABCD" else raw[::-1], DataType.UINT64, words=words) == 0x0102030405060708


def test_decimals_are_scaled_and_what_is_no_digit_is_a_sensor_fault() -> None:
    assert _decode(bytes.fromhex("34127856"), DataType.BCD32, words="BADC", scale=0.01) == 123456.78
    for raw in ("ffff", "12a4"):
        assert _decode(bytes.fromhex(raw), DataType.BCD16) is Quality.SENSOR_FAULT


def test_bits_of_two_registers() -> None:
    assert _decode(bytes.fromhex("00018000"), DataType.UINT32, words="CDAB", bit=31) is True
    assert _decode(bytes.fromhex("00018000"), DataType.UINT32, words="CDAB", bit=0) is True
    assert _decode(bytes.fromhex("00018000"), DataType.UINT32, bit=16) is True
    assert _decode(bytes.fromhex("00018000"), DataType.UINT32, bit=17) is False


def test_bits_of_one_register() -> None:
    registers = [Register(metric=f"b{bit}", address=0, label="b", type=DataType.UINT16, bit=bit) for bit in (0, 1, 15)]
    (block,) = plan_blocks(registers, Limits())
    assert BlockDecoder(block).decode_registers(b"\x80\x01")[0] == [True, False, True]


def test_bits_of_a_bit_table() -> None:
    registers = [
        Register(metric=f"c{at}", address=at, label="c", type=DataType.BOOL, table=Table.COIL) for at in (3, 5)
    ]
    (block,) = plan_blocks(registers, Limits())
    assert BlockDecoder(block).decode_bits([True, False, False, False, False, False, False, False]) == [True, False]


def test_a_text_ends_at_its_zero() -> None:
    assert _decode(b"PM5100\0\xff", DataType.STRING, length=4) == "PM5100"


def test_scale_and_offset_leave_no_rounding_dust() -> None:
    assert _decode(struct.pack(">h", 2305), DataType.INT16, scale=0.1) == 230.5
    assert _decode(struct.pack(">h", -5), DataType.INT16, scale=0.1, offset=-40) == -40.5


def test_what_is_no_value_is_a_sensor_fault() -> None:
    assert _decode(b"\x80\x00", DataType.INT16, sentinels=(-32768,)) is Quality.SENSOR_FAULT
    for raw in (float("nan"), float("inf"), float("-inf")):
        assert _decode(struct.pack(">f", raw), DataType.FLOAT32) is Quality.SENSOR_FAULT
        assert _decode(struct.pack(">f", raw), DataType.FLOAT32, scale=0.1) is Quality.SENSOR_FAULT


def test_states_have_names_and_unknown_ones_their_number() -> None:
    states = {0: "off", 1: "on"}
    assert _decode(b"\0\1", DataType.UINT16, kind="state", states=states) == "on"
    assert _decode(b"\0\7", DataType.UINT16, kind="state", states=states) == "7"


def test_overlapping_registers_and_holes_in_one_block() -> None:
    registers = [
        Register(metric="whole", address=0, label="w", type=DataType.UINT32),
        Register(metric="low", address=1, label="l", type=DataType.UINT16),
        Register(metric="after", address=4, label="a", type=DataType.UINT16),
    ]
    (block,) = plan_blocks(registers, Limits())
    raw = bytes.fromhex("00010002ffffffff0009")
    named = zip((r.metric for r in block.registers), BlockDecoder(block).decode_registers(raw)[0], strict=True)
    assert dict(named) == {"whole": 0x10002, "low": 2, "after": 9}
