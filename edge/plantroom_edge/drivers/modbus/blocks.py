"""Registers to as few requests as the device allows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plantroom_edge.drivers.modbus.profile import Limits, Register, Table


@dataclass(frozen=True, slots=True)
class Block:
    """One read request, and the registers that it serves."""

    table: Table
    address: int
    count: int
    registers: tuple[Register, ...]
    every: int = 1


def plan_blocks(registers: Iterable[Register], limits: Limits) -> list[Block]:
    """Merge what lies close together: at most `max_registers` a request, holes of at most `max_gap` read along.

    Registers that are read less often than others (`every`) get requests of their own. A value is never split.
    """
    blocks: list[Block] = []
    groups: dict[tuple[Table, int], list[Register]] = {}
    for register in registers:
        groups.setdefault((register.table, register.every), []).append(register)
    for (table, _every), group in groups.items():
        most = limits.most(table)
        run: list[Register] = []
        end = 0
        for register in sorted(group, key=lambda item: (item.address, item.count)):
            stop = register.address + register.count
            if run and (register.address - end > limits.max_gap or max(stop, end) - run[0].address > most):
                blocks.append(_block(run))
                run = []
                end = 0
            run.append(register)
            end = max(end, stop)
        if run:
            blocks.append(_block(run))
    return blocks


def bisect(block: Block) -> list[Block]:
    """Halve a block that the device refused as a whole; without holes read along. One register cannot be halved."""
    registers = block.registers
    if len(registers) == 1:
        return []
    middle = len(registers) // 2
    return [_block(part) for part in (registers[:middle], registers[middle:])]


def block_of(registers: Sequence[Register]) -> Block | None:
    """One request for just these registers; None when one request cannot hold them."""
    if not registers or len({(register.table, register.every) for register in registers}) > 1:
        return None
    return _block(sorted(registers, key=lambda item: (item.address, item.count)))


def _block(registers: Sequence[Register]) -> Block:
    first = min(register.address for register in registers)
    last = max(register.address + register.count for register in registers)
    return Block(registers[0].table, first, last - first, tuple(registers), registers[0].every)
