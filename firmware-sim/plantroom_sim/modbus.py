"""Modbus on the wire, written from the specification (Modbus Application Protocol V1.1b3, serial line V1.02)."""

import struct

from plantroom_sim.device import SimDevice

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 1, 2, 3, 4

_TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}


def answer(device: SimDevice, pdu: bytes) -> bytes:
    """One request PDU to its answer PDU."""
    device.counts.requests += 1
    function = pdu[0]
    if device.mode == "exceptions":
        return _exception(device, function, DEVICE_FAILURE)
    try:
        if function in (1, 2):
            return _read_bits(device, function, *struct.unpack(">HH", pdu[1:5]))
        if function in (3, 4):
            return _read_registers(device, function, *struct.unpack(">HH", pdu[1:5]))
        if function in (5, 6):
            address, value = struct.unpack(">HH", pdu[1:5])
            return _write(device, function, address, [value], pdu[:5])
        if function == 15:
            address, count = struct.unpack(">HH", pdu[1:5])
            bits = [pdu[6 + i // 8] >> i % 8 & 1 for i in range(count)]
            return _write(device, function, address, bits, pdu[:5])
        if function == 16:
            address, count = struct.unpack(">HH", pdu[1:5])
            return _write(device, function, address, list(struct.unpack(f">{count}H", pdu[6 : 6 + 2 * count])), pdu[:5])
        if function == 23:
            read, count, address, words = struct.unpack(">HHHH", pdu[1:9])
            written = _write(device, 23, address, list(struct.unpack(f">{words}H", pdu[10 : 10 + 2 * words])), b"\x17")
            if written[0] & 0x80:
                return written
            return bytes([23]) + _read_registers(device, 3, read, count)[1:]
    except (struct.error, IndexError):
        return _exception(device, function, ILLEGAL_VALUE)
    return _exception(device, function, ILLEGAL_FUNCTION)


def _exception(device: SimDevice, function: int, code: int) -> bytes:
    device.counts.exceptions += 1
    return bytes([function | 0x80, code])


def _read_registers(device: SimDevice, function: int, address: int, count: int) -> bytes:
    if not 1 <= count <= 125:
        return _exception(device, function, ILLEGAL_VALUE)
    known = device.registers(_TABLES[function])
    wanted = range(address, address + count)
    if not known.keys() & set(wanted):
        return _exception(device, function, ILLEGAL_ADDRESS)
    device.counts.reads += 1
    words = [0x5A5A if device.mode == "wrong-identity" else known.get(at, 0) for at in wanted]
    return bytes([function, count * 2]) + struct.pack(f">{count}H", *words)


def _read_bits(device: SimDevice, function: int, address: int, count: int) -> bytes:
    if not 1 <= count <= 2000:
        return _exception(device, function, ILLEGAL_VALUE)
    known = device.bits(_TABLES[function])
    device.counts.reads += 1
    data = bytearray((count + 7) // 8)
    for index in range(count):
        data[index // 8] |= known.get(address + index, False) << index % 8
    return bytes([function, len(data)]) + data


def _write(device: SimDevice, function: int, address: int, values: list[int], echo: bytes) -> bytes:
    if function in (6, 16, 23):
        known = device.registers("holding")
        if any(address + index not in known for index in range(len(values))):
            return _exception(device, function, ILLEGAL_ADDRESS)
        for index, value in enumerate(values):
            device.written[address + index] = value
    device.counts.writes += 1
    return echo


def crc(data: bytes) -> bytes:
    """CRC-16 of a serial frame, low byte first (serial line V1.02 §6.2.2)."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)


def request_length(frame: bytes) -> int | None:
    """Bytes of the RTU request that begins here (with CRC), None while too little has come, 0 for no request."""
    if len(frame) < 2:
        return None
    function = frame[1]
    if function in (1, 2, 3, 4, 5, 6):
        return 8
    if function in (15, 16):
        return 9 + frame[6] if len(frame) > 6 else None
    if function == 23:
        return 13 + frame[10] if len(frame) > 10 else None
    return 0
