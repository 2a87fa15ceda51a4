"""What a relay board understands, written from its manual: FC 1 relays, FC 2 inputs, FC 5 switch and timed pulse."""

import struct

from plantroom_sim.kinds.barrier.device import RELAYS, Barrier

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 1, 2, 3, 4
#: FC 5 at this address + relay: on for value × 100 ms, timed by the board.
FLASH_ON = 0x0200
#: FC 5 values: on, off, toggle.
ON, OFF, TOGGLE = 0xFF00, 0x0000, 0x5500


def answer(gate: Barrier, pdu: bytes) -> bytes:
    """One request PDU to its answer PDU."""
    gate.count.requests += 1
    function = pdu[0]
    if gate.mode == "exceptions":
        return _exception(gate, function, DEVICE_FAILURE)
    if len(pdu) < 5:
        return _exception(gate, function, ILLEGAL_VALUE)
    address, value = struct.unpack(">HH", pdu[1:5])
    if function in (1, 2):
        gate.count.reads += 1
        if not 1 <= value <= RELAYS or address + value > RELAYS:
            return _exception(gate, function, ILLEGAL_ADDRESS)
        bits = gate.relays if function == 1 else gate.inputs()
        gate.look()
        packed = sum(bit << index for index, bit in enumerate([*bits, *[False] * RELAYS][address : address + value]))
        return bytes([function, 1, packed])
    if function == 5:
        return _write(gate, address, value, pdu[:5])
    return _exception(gate, function, ILLEGAL_FUNCTION)


def _write(gate: Barrier, address: int, value: int, echo: bytes) -> bytes:
    number = address & 0xFF
    if number >= RELAYS:
        return _exception(gate, 5, ILLEGAL_ADDRESS)
    gate.count.writes += 1
    if address & 0xFF00 == FLASH_ON:
        gate.set_relay(number, on=True, for_s=value * 0.1)
    elif address < RELAYS and value in (ON, OFF, TOGGLE):
        gate.set_relay(number, on=value == ON or (value == TOGGLE and not gate.relays[number]))
    else:
        return _exception(gate, 5, ILLEGAL_VALUE)
    return echo


def _exception(gate: Barrier, function: int, code: int) -> bytes:
    gate.count.exceptions += 1
    return bytes([function | 0x80, code])
