"""As few requests as the device allows, and never a split value."""

from typing import Any

from plantroom_edge.drivers.modbus.blocks import Block, bisect, plan_blocks
from plantroom_edge.drivers.modbus.profile import DataType, Limits, Register, Table


def _register(address: int, kind: DataType = DataType.UINT16, **more: Any) -> Register:
    return Register(metric=f"m{address}", address=address, label="m", type=kind, **more)


def _spans(blocks: list[Block]) -> list[tuple[int, int]]:
    return [(block.address, block.count) for block in blocks]


def test_a_small_gap_is_read_along_and_a_large_one_is_not() -> None:
    registers = [_register(0), _register(9), _register(19)]
    assert _spans(plan_blocks(registers, Limits(max_gap=8))) == [(0, 10), (19, 1)]


def test_a_value_is_never_split_at_the_limit() -> None:
    registers = [_register(address, DataType.FLOAT32) for address in (0, 2, 4)]
    assert _spans(plan_blocks(registers, Limits(max_registers=5))) == [(0, 4), (4, 2)]


def test_tables_and_rhythms_get_requests_of_their_own() -> None:
    registers = [_register(0), _register(1, every=4), _register(2, table=Table.INPUT)]
    blocks = plan_blocks(registers, Limits())
    assert [(b.table, b.address, b.every) for b in blocks] == [
        (Table.HOLDING, 0, 1),
        (Table.HOLDING, 1, 4),
        (Table.INPUT, 2, 1),
    ]


def test_bits_have_a_limit_of_their_own() -> None:
    registers = [_register(address, DataType.BOOL, table=Table.COIL) for address in range(200)]
    assert _spans(plan_blocks(registers, Limits(max_registers=10))) == [(0, 200)]


def test_halves_leave_out_the_hole_between_them() -> None:
    (block,) = plan_blocks([_register(0), _register(5)], Limits())
    assert _spans(bisect(block)) == [(0, 1), (5, 1)]
    assert bisect(bisect(block)[0]) == []
