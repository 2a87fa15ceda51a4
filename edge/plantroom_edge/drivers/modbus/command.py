"""One command: checked, written once, read back."""

from collections.abc import Mapping, Sequence
from typing import Any

from plantroom_edge.driver import Outcome
from plantroom_edge.drivers.modbus.adapter import ExceptionAnswerError, NoAnswerError
from plantroom_edge.drivers.modbus.blocks import Block
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.decode import BlockDecoder
from plantroom_edge.drivers.modbus.encode import encode_registers
from plantroom_edge.drivers.modbus.profile import DataType, ModbusProfile, Register, Table, Write
from plantroom_edge.drivers.modbus.reader import DeviceReader
from plantroom_shared.batch import Value
from plantroom_shared.clock import Clock
from plantroom_shared.quality import Quality

#: A device may take a moment until its register shows what it was told.
READBACK_TRIES = 5
READBACK_PAUSE_S = 0.2


def find_command(profile: ModbusProfile, action: str) -> Write | None:
    """The command of that name, or None."""
    return next((command for command in profile.commands if command.action == action), None)


def check_value(command: Write, args: Mapping[str, Any]) -> tuple[float | bool | None, str]:
    """The value to write, or None and why not (interlock: the profile's range)."""
    if command.value is not None:
        return command.value, ""
    value = args.get("value")
    if command.type is DataType.BOOL:
        return (value, "") if isinstance(value, bool) else (None, "needs the argument value: true or false")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None, "needs the argument value, a number"
    assert command.minimum is not None
    assert command.maximum is not None
    if not command.minimum <= value <= command.maximum:
        return None, f"{value:g} is outside {command.minimum:g} to {command.maximum:g} {command.unit}".rstrip()
    return float(value), ""


async def carry_out(
    command: Write, args: Mapping[str, Any], reader: DeviceReader, bus: ModbusBus, clock: Clock
) -> Outcome:
    """Write at most once, then read back; raises LinkLostError when the line is lost meanwhile."""
    value, why = check_value(command, args)
    if value is None:
        return Outcome("refused", f"{command.action}: {why}")
    back = next((r for r in reader.profile.registers if r.metric == command.readback), None) or _own(command)
    words = [int(bool(value))] if command.table is Table.COIL else encode_registers(command, float(value))
    if (locked := await _locked(command, reader, bus)) is not None:
        return Outcome("refused", f"{command.action}: {locked}")
    sure, seen = True, None
    try:
        seen = await _send(command, words, back, reader, bus)
    except ExceptionAnswerError as error:
        return Outcome("failed", f"the device refused it: {error}")
    except NoAnswerError:
        sure = False  # it may have acted: only reading back can tell, never a second write
    if seen is None or not _same(seen, value):
        seen = await _read_back(back, reader, bus, float(value), clock)
    if seen is None:
        return Outcome(
            "done" if sure else "unconfirmed", "accepted by the device, not read back" if sure else "no answer"
        )
    if _same(seen, value):
        return Outcome("done", "confirmed by reading back", seen)
    state = "failed" if sure else "unconfirmed"
    return Outcome(state, f"the device shows {seen!r} instead of {value!r}", seen)


async def _locked(command: Write, reader: DeviceReader, bus: ModbusBus) -> str | None:
    """Why an interlock forbids it, read from the device now."""
    for lock in command.interlocks:
        register = next(r for r in reader.profile.registers if r.metric == lock.metric)
        try:
            value = await _read(register, reader, bus)
        except (NoAnswerError, ExceptionAnswerError) as error:
            return f"{lock.metric} cannot be read ({error}), so it was not sent"
        if not lock.holds(value):
            return f"{lock.reason} ({lock.metric} is {value!r})"
    return None


async def _send(command: Write, words: Sequence[int], back: Register, reader: DeviceReader, bus: ModbusBus) -> Value:
    """Once; what the same request reads back, where its function does."""
    unit = bus.unit(reader.device.unit)
    quiet = reader.profile.limits.quiet_ms / 1000
    if command.function == 23:
        raw = await bus.read_write((back.address, back.count), command.address, words, unit, quiet)
        return _decoded(back, raw)
    standard = 5 if command.table is Table.COIL else (6 if len(words) == 1 else 16)
    await bus.write(command.function or standard, command.address, words, unit, quiet)
    return None


async def _read_back(back: Register, reader: DeviceReader, bus: ModbusBus, wanted: float, clock: Clock) -> Value:
    seen: Value = None
    for attempt in range(READBACK_TRIES):
        if attempt:
            await clock.sleep(READBACK_PAUSE_S)
        try:
            seen = await _read(back, reader, bus)
        except (NoAnswerError, ExceptionAnswerError):
            continue
        if seen is not None and _same(seen, wanted):
            break
    return seen


async def _read(register: Register, reader: DeviceReader, bus: ModbusBus) -> Value:
    block = Block(register.table, register.address, register.count, (register,))
    raw = await bus.read(block, bus.unit(reader.device.unit), reader.profile.limits.quiet_ms / 1000)
    return _decoded(register, raw)


def _decoded(register: Register, raw: bytes | Sequence[bool]) -> Value:
    decoder = BlockDecoder(Block(register.table, register.address, register.count, (register,)))
    found = decoder.decode_registers(raw)[0] if isinstance(raw, bytes) else decoder.decode_bits(raw)
    return None if isinstance(found[0], Quality) else found[0]


def _own(command: Write) -> Register:
    """The written register itself."""
    return Register(
        metric=command.action,
        label=command.label,
        address=command.address,
        table=command.table,
        type=command.type,
        words=command.words,
        scale=command.scale,
    )


def _same(seen: Value, wanted: float | bool) -> bool:
    if isinstance(seen, str) or seen is None:
        return False
    return abs(float(seen) - float(wanted)) <= max(1e-6, abs(float(wanted)) * 0.01)
