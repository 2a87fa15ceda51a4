"""A value to the registers of a write, without I/O."""

import struct

from plantroom_edge.drivers.modbus.profile import DataType, Write

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


def encode_registers(command: Write, value: float) -> list[int]:
    """Registers in the device's word order; raises struct.error where the value does not fit the type."""
    raw = value / command.scale
    number = raw if command.type in (DataType.FLOAT32, DataType.FLOAT64) else round(raw)
    if command.type in _BCD:
        if number < 0:
            raise struct.error("a decimal has no sign")
        number = int(str(number), 16)
    data = struct.pack(">" + _CODES[command.type], number)
    registers = list(struct.unpack(f">{len(data) // 2}H", data))
    if command.words in ("BADC", "DCBA"):
        registers = [(word >> 8) | (word & 0xFF) << 8 for word in registers]
    if command.words in ("CDAB", "DCBA"):
        registers.reverse()
    return registers
