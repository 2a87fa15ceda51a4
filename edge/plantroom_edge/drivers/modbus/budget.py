"""Whether the requests of a serial line fit into the periods that were asked for."""

import math
from collections.abc import Iterator, Sequence

from plantroom_edge.drivers.modbus.blocks import plan_blocks
from plantroom_edge.drivers.modbus.config import ModbusDevice, RtuBus, RtuOverTcpBus, TcpBus
from plantroom_edge.drivers.modbus.profile import ModbusProfile, Table

#: What a unit takes to answer, typically 10 to 30 ms on a slow line.
TURN_AROUND_S = 0.02
#: A line that is busier than this has no room for a command or a retry.
MOST_BUSY = 0.9


def cycle_seconds(profile: ModbusProfile, bus: RtuBus | RtuOverTcpBus) -> float:
    """Time on the line of one full read of a device: bytes out and back, turn-around, silence."""
    total = 0.0
    for block in plan_blocks(profile.registers, profile.limits):
        wide = block.count * 2 if block.table in (Table.HOLDING, Table.INPUT) else (block.count + 7) // 8
        # request 8 bytes, answer 5 + data, twice 3.5 characters of silence
        total += (8 + 5 + wide + 7) * bus.byte_s + TURN_AROUND_S + profile.limits.quiet_ms / 1000
    return total


def check_budget(
    bus: TcpBus | RtuBus | RtuOverTcpBus, devices: Sequence[tuple[ModbusDevice, ModbusProfile]]
) -> Iterator[tuple[str, str]]:
    """A mistake where a serial line cannot keep its periods, or a device names commands that it does not have: (key of
    the bus entry, text)."""
    for device, profile in devices:
        known = [command.action for command in profile.commands]
        for name in device.commands or ():
            if name not in known:
                has = ", ".join(known) or "none"
                yield "id", f"device {device.id!r}: its profile has no command {name!r}; it has: {has}"
    if isinstance(bus, TcpBus):
        return
    cycles = [(device, cycle_seconds(profile, bus)) for device, profile in devices]
    busy = sum(cycle / device.period for device, cycle in cycles)
    if busy > MOST_BUSY:
        # one period for all: the sum of the cycles must be at most MOST_BUSY of it; rounded up to tenths
        needed = math.ceil(sum(cycle for _device, cycle in cycles) / MOST_BUSY * 10) / 10
        text = (
            f"bus {bus.id!r} would be busy {busy:.0%} of the time at {bus.baudrate} baud; give its devices a "
            f"period of {needed:g}s, or make each period {math.ceil(busy / MOST_BUSY * 10) / 10:g} times as long"
        )
        yield "id", text
