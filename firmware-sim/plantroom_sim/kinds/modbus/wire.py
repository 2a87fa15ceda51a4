"""Modbus on the wire, written from the specification (Modbus Application Protocol V1.1b3, serial line V1.02)."""

import random
import struct

from plantroom_sim.kinds.modbus.device import ModbusUnit

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 1, 2, 3, 4

_TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}


def answer(device: ModbusUnit, pdu: bytes) -> bytes:
    """One request PDU to its answer PDU."""
    device.count.requests += 1
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


def _exception(device: ModbusUnit, function: int, code: int) -> bytes:
    device.count.exceptions += 1
    return bytes([function | 0x80, code])


def _read_registers(device: ModbusUnit, function: int, address: int, count: int) -> bytes:
    if not 1 <= count <= 125:
        return _exception(device, function, ILLEGAL_VALUE)
    known = device.registers(_TABLES[function])
    wanted = range(address, address + count)
    missing = sum(at not in known for at in wanted)
    if missing == count or (missing and device.strict):
        return _exception(device, function, ILLEGAL_ADDRESS)
    device.count.reads += 1
    words = [0x5A5A if device.mode == "wrong-identity" else known.get(at, 0) for at in wanted]
    return bytes([function, count * 2]) + struct.pack(f">{count}H", *words)


def _read_bits(device: ModbusUnit, function: int, address: int, count: int) -> bytes:
    if not 1 <= count <= 2000:
        return _exception(device, function, ILLEGAL_VALUE)
    known = device.bits(_TABLES[function])
    device.count.reads += 1
    data = bytearray((count + 7) // 8)
    for index in range(count):
        data[index // 8] |= known.get(address + index, False) << index % 8
    return bytes([function, len(data)]) + data


def _write(device: ModbusUnit, function: int, address: int, values: list[int], echo: bytes) -> bytes:
    if function in (6, 16, 23):
        known = device.registers("holding")
        if any(address + index not in known for index in range(len(values))):
            return _exception(device, function, ILLEGAL_ADDRESS)
        for index, value in enumerate(values):
            device.written[address + index] = value
    device.count.writes += 1
    return echo


def is_write(pdu: bytes) -> bool:
    """Whether a request changes something: what alone may be broadcast."""
    return pdu[:1] in (b"\x05", b"\x06", b"\x0f", b"\x10")


def garbage(reply: bytes) -> bytes:
    """Something of about that size that is no answer to the request: another function, another length, cut short."""
    function, rest = reply[0], reply[1:]
    match random.randrange(3):
        case 0:
            return bytes([function ^ random.randrange(1, 0x80)]) + random.randbytes(len(rest))
        case 1:
            return bytes([function, 2 * ((len(rest) + 4) // 2)]) + random.randbytes(2 * ((len(rest) + 4) // 2))
        case _:
            return reply[: len(reply) // 2]


def noise(frame: bytes) -> bytes:
    """A frame whose bytes were spoilt on the line: no length, header or CRC in it is right."""
    return bytes(byte ^ random.randrange(1, 0x100) for byte in frame)


def tcp_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """Modbus TCP: header and PDU."""
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    """Serial line: unit, PDU, CRC."""
    whole = bytes([unit]) + pdu
    return whole + crc(whole)


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
        table.append(value)
    return table


_CRC = _crc_table()


def crc(data: bytes) -> bytes:
    """CRC-16 of a serial frame, low byte first (serial line V1.02 §6.2.2)."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
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


class RtuReceiver:
    """Bytes of a line to request frames. Silence ends a frame; after a wrong one all is ignored until silence."""

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._buffer = b""
        self._lost = False
        self._last = 0.0

    def feed(self, data: bytes, at: float) -> list[bytes]:
        """Bytes that came at `at` (seconds, monotonic); the frames they complete, with their CRC."""
        if at - self._last > self._silence_s:
            self._buffer, self._lost = b"", False
        self._last = at
        if self._lost:
            return []
        self._buffer += data
        frames: list[bytes] = []
        while length := request_length(self._buffer):
            if len(self._buffer) < length:
                return frames
            frame, self._buffer = self._buffer[:length], self._buffer[length:]
            if crc(frame[:-2]) != frame[-2:]:
                self._buffer, self._lost = b"", True
                return frames
            frames.append(frame)
        if length == 0:
            self._buffer, self._lost = b"", True
        return frames
