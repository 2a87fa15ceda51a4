"""Whether the requests of a serial line fit into the periods that were asked for."""

import math

from plantroom_edge.config.document import Document
from plantroom_edge.config.model import Fleet, RtuBus
from plantroom_edge.drivers.modbus.blocks import plan_blocks
from plantroom_edge.profile.schema import Profile, Table

#: What a unit takes to answer, typically 10 to 30 ms on a slow line.
TURN_AROUND_S = 0.02
#: A line that is busier than this has no room for a command or a retry.
MOST_BUSY = 0.9


def cycle_seconds(profile: Profile, bus: RtuBus) -> float:
    """Time on the line of one full read of a device: bytes out and back, turn-around, silence."""
    bits = 1 + 8 + (0 if bus.parity == "N" else 1) + bus.stopbits
    per_byte = bits / bus.baudrate
    total = 0.0
    for block in plan_blocks(profile.registers, profile.limits):
        wide = block.count * 2 if block.table in (Table.HOLDING, Table.INPUT) else (block.count + 7) // 8
        # request 8 bytes, answer 5 + data, twice 3.5 characters of silence
        total += (8 + 5 + wide + 7) * per_byte + TURN_AROUND_S + profile.limits.quiet_ms / 1000
    return total


def budget_mistakes(fleet: Fleet, document: Document) -> list[str]:
    """One mistake for each serial line that cannot keep its periods."""
    mistakes = []
    for index, bus in enumerate(fleet.site.buses):
        if not isinstance(bus, RtuBus):
            continue
        cycles = [(device, cycle_seconds(profile, bus)) for device, profile in fleet.on(bus.id)]
        busy = sum(cycle / device.period for device, cycle in cycles)
        if busy > MOST_BUSY:
            # one period for all: the sum of the cycles must be at most MOST_BUSY of it; rounded up to tenths
            needed = math.ceil(sum(cycle for _device, cycle in cycles) / MOST_BUSY * 10) / 10
            text = (
                f"bus {bus.id!r} would be busy {busy:.0%} of the time at {bus.baudrate} baud; give its devices a "
                f"period of {needed:g}s, or make each period {math.ceil(busy / MOST_BUSY * 10) / 10:g} times as long"
            )
            mistakes.append(document.mistake(("buses", index, "id"), text))
    return mistakes
