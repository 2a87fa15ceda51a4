"""One device: its blocks, what was learnt about them, and its last values."""

import json
import math
from collections.abc import Awaitable, Callable, Sequence

from plantroom_edge.drivers.modbus.adapter import (
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    ExceptionAnswerError,
    StrangeAnswerError,
)
from plantroom_edge.drivers.modbus.blocks import Block, bisect, block_of, plan_blocks
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.config import ModbusDevice
from plantroom_edge.drivers.modbus.decode import BlockDecoder
from plantroom_edge.drivers.modbus.profile import Identity, ModbusProfile
from plantroom_shared.batch import Value
from plantroom_shared.quality import Quality

#: Severities whose points are read first.
URGENT = ("critical", "high")
#: Registers of a text that is compared with `begins_with`.
IDENTITY_TEXT_REGISTERS = 10


class WrongIdentityError(Exception):
    """Another device answers at this address; the message says what stood there."""


class DeviceReader:
    """Reads one device by its profile; the values come in the order of `profile.visible`."""

    def __init__(self, device: ModbusDevice, profile: ModbusProfile) -> None:
        self.device = device
        self.profile = profile
        self.illegal: set[str] = set()  #: metrics that this device does not have
        self.unverified = ""  #: why it could not be verified what stands at this address; empty when it was
        self._index = {register.metric: index for index, register in enumerate(profile.visible)}
        self._alarmed = {rule.metric for rule in profile.rules if rule.severity in URGENT}
        self._planned = self._ordered(plan_blocks(profile.registers, profile.limits))
        self._parts = list(self._planned)
        self._scaled = [(r.metric, r.factors, r.offset) for r in profile.registers if r.factors]
        self._factor_names = {name for r in profile.registers for name in r.factors}
        self._known: dict[str, float] = {}  #: last values of the factors: some are not read in each cycle
        self._cycle = 0
        self._identified = profile.identity is None
        self._quiet_s = profile.limits.quiet_ms / 1000

    @property
    def urgent(self) -> bool:
        """Whether alarms of a high severity hang on it."""
        return bool(self._alarmed)

    def forget(self) -> None:
        """The device was away: another may have been put in its place."""
        self._identified = self.profile.identity is None
        self._cycle = 0
        self.illegal.clear()
        self._parts = list(self._planned)
        self._known.clear()

    def learnt(self) -> str | None:
        """The requests that were left when the registers it does not have were found; None when it has all."""
        if [part.block for part in self._parts] == [part.block for part in self._planned]:
            return None
        return json.dumps([[register.metric for register in part.block.registers] for part in self._parts])

    def recall(self, text: str) -> None:
        """Begin with what was learnt before; nothing where the profile has changed since."""
        try:
            named: list[list[str]] = [list(names) for names in json.loads(text)]
        except (ValueError, TypeError):
            return
        registers = {register.metric: register for register in self.profile.registers}
        if not named or not all(name in registers for names in named for name in names):
            return
        blocks = [block_of([registers[name] for name in names]) for names in named]
        made = [block for block in blocks if block is not None and block.count <= self.profile.limits.most(block.table)]
        if len(made) < len(named):
            return
        self._parts = self._ordered(made)
        self.illegal = set(self._index) - {name for names in named for name in names}

    async def probe(self, bus: ModbusBus) -> None:
        """One short request: raises NoAnswerError while the unit is dead; any answer will do."""
        block = self._planned[0].block
        short = Block(block.table, block.address, 1, ())
        try:
            await bus.read(short, bus.unit(self.device.unit), self._quiet_s)
        except ExceptionAnswerError:
            return

    async def read(
        self, bus: ModbusBus, between: Callable[[], Awaitable[None]] | None = None
    ) -> tuple[list[Value], dict[int | None, Quality]]:
        """One cycle, with `between` called between two requests (commands go first).

        Raises LinkLostError, NoAnswerError, ExceptionAnswerError, WrongIdentityError."""
        if not self._identified and self.profile.identity is not None:
            await self._identify(self.profile.identity, bus)
        values: list[Value] = [None] * len(self._index)
        marks: dict[int | None, Quality] = {}
        for number, part in enumerate(list(self._parts)):
            if self._cycle % part.block.every:
                continue
            if number and between is not None:
                await between()
            await self._read_part(part, bus, values, marks)
        if not self._parts:  # it has no register of its profile: it is another device
            self.forget()
            raise ExceptionAnswerError(ILLEGAL_ADDRESS)
        self._cycle += 1
        for metric in self.illegal:
            marks[self._index[metric]] = Quality.DEVICE_ERROR
        if self._scaled:
            self._apply_factors(values)
        return values, marks

    def _ordered(self, blocks: Sequence[Block]) -> list["_Part"]:
        """Alarm points before the rest."""
        parts = [_Part(block, self._index) for block in blocks]
        parts.sort(key=lambda part: self._alarmed.isdisjoint(register.metric for register in part.block.registers))
        return parts

    async def _read_part(
        self, part: "_Part", bus: ModbusBus, values: list[Value], marks: dict[int | None, Quality]
    ) -> None:
        block = part.block
        unit = bus.unit(self.device.unit)
        try:
            try:
                raw = await bus.read(block, unit, self._quiet_s)
            except StrangeAnswerError:  # a late one was in the way and is gone; ask again, once
                raw = await bus.read(block, unit, self._quiet_s)
        except ExceptionAnswerError as error:
            if error.code != ILLEGAL_ADDRESS:
                raise
            await self._learn(part, bus, values, marks)
            return
        if isinstance(raw, bytes):
            decoded, good = part.decoder.decode_registers(raw)
        else:
            decoded, good = part.decoder.decode_bits(raw), True
        if good and part.place is not None and not self._factor_names:
            values[part.place] = decoded  # good: no Quality is among them
        else:
            self._take(block, decoded, values, marks)

    async def _learn(
        self, part: "_Part", bus: ModbusBus, values: list[Value], marks: dict[int | None, Quality]
    ) -> None:
        """An address inside the block is illegal: halve it until only legal registers are asked for; remembered."""
        at = self._parts.index(part)
        halves = [_Part(block, self._index) for block in bisect(part.block)]
        self._parts[at : at + 1] = halves
        if not halves:
            self.illegal.update(r.metric for r in part.block.registers if r.metric in self._index)
        for half in halves:
            await self._read_part(half, bus, values, marks)

    def _take(
        self, block: Block, decoded: Sequence[Value | Quality], values: list[Value], marks: dict[int | None, Quality]
    ) -> None:
        for register, value in zip(block.registers, decoded, strict=True):
            if register.metric in self._factor_names:
                if isinstance(value, (int, float)):
                    self._known[register.metric] = float(value)
                else:
                    self._known.pop(register.metric, None)
            index = self._index.get(register.metric)
            if index is None:
                continue
            if isinstance(value, Quality):
                marks[index] = value
            else:
                values[index] = value

    def _apply_factors(self, values: list[Value]) -> None:
        for metric, factors, offset in self._scaled:
            index = self._index.get(metric)
            if index is None:
                continue
            value = values[index]
            if not isinstance(value, (int, float)):
                continue
            if all(factor in self._known for factor in factors):
                values[index] = value * math.prod(self._known[factor] for factor in factors) + offset
            else:
                values[index] = None

    async def _identify(self, identity: Identity, bus: ModbusBus) -> None:
        count = len(identity.equals) if identity.equals else IDENTITY_TEXT_REGISTERS
        block = Block(identity.table, identity.address, count, ())
        try:
            raw = await bus.read(block, bus.unit(self.device.unit), self._quiet_s)
        except ExceptionAnswerError as error:
            if error.code not in (ILLEGAL_ADDRESS, ILLEGAL_FUNCTION):
                raise
            # it says no name: nothing speaks against it, and nothing for it
            self._identified, self.unverified = True, f"its identity cannot be read: {error}"
            return
        assert isinstance(raw, bytes)
        if identity.equals is not None:
            found = tuple(int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2))
            if found != identity.equals:
                raise WrongIdentityError(
                    f"registers at {identity.address} hold {list(found)}, not {list(identity.equals)}"
                )
        elif identity.begins_with is not None:
            text = raw.split(b"\0", 1)[0].decode("ascii", "replace").strip()
            if not text.startswith(identity.begins_with):
                raise WrongIdentityError(f"calls itself {text!r}, not {identity.begins_with!r}")
        self._identified, self.unverified = True, ""


class _Part:
    """A block with its decoder, and where its values stand in a row."""

    def __init__(self, block: Block, index: dict[str, int]) -> None:
        self.block = block
        self.decoder = BlockDecoder(block)
        at = [index.get(register.metric) for register in block.registers]
        self.place: slice | None = None  #: where its values stand side by side in a row
        if (first := at[0] if at else None) is not None and at == list(range(first, first + len(at))):
            self.place = slice(first, first + len(at))
