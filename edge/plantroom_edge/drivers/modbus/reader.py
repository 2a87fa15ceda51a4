"""One device: its blocks, what was learnt about them, and its last values."""

import math
from collections.abc import Sequence

from plantroom_edge.drivers.modbus.adapter import ILLEGAL_ADDRESS, ExceptionAnswerError, StrangeAnswerError
from plantroom_edge.drivers.modbus.blocks import Block, bisect, plan_blocks
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.config import ModbusDevice
from plantroom_edge.drivers.modbus.decode import BlockDecoder
from plantroom_edge.drivers.modbus.profile import Identity, ModbusProfile
from plantroom_shared.batch import Value
from plantroom_shared.quality import Quality

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
        self._planned = tuple(BlockDecoder(block) for block in plan_blocks(profile.registers, profile.limits))
        self._decoders = list(self._planned)
        self._index = {register.metric: index for index, register in enumerate(profile.visible)}
        self._scaled = [(r.metric, r.factors, r.offset) for r in profile.registers if r.factors]
        self._factor_names = {name for r in profile.registers for name in r.factors}
        self._known: dict[str, float] = {}  #: last values of the factors: some are not read in each cycle
        self._cycle = 0
        self._identified = profile.identity is None
        self._quiet_s = profile.limits.quiet_ms / 1000

    def forget(self) -> None:
        """The device was away: another may have been put in its place."""
        self._identified = self.profile.identity is None
        self._cycle = 0
        self.illegal.clear()
        self._decoders = list(self._planned)
        self._known.clear()

    async def read(self, bus: ModbusBus) -> tuple[list[Value], dict[int | None, Quality]]:
        """One cycle; raises LinkLostError, NoAnswerError, ExceptionAnswerError, WrongIdentityError."""
        if not self._identified and self.profile.identity is not None:
            await self._identify(self.profile.identity, bus)
        values: list[Value] = [None] * len(self._index)
        marks: dict[int | None, Quality] = {}
        for decoder in list(self._decoders):
            if self._cycle % decoder.block.every:
                continue
            await self._read_block(decoder, bus, values, marks)
        self._cycle += 1
        for metric in self.illegal:
            marks[self._index[metric]] = Quality.DEVICE_ERROR
        if self._scaled:
            self._apply_factors(values)
        return values, marks

    async def _read_block(
        self, decoder: BlockDecoder, bus: ModbusBus, values: list[Value], marks: dict[int | None, Quality]
    ) -> None:
        block = decoder.block
        unit = bus.unit(self.device.unit)
        try:
            try:
                raw = await bus.read(block, unit, self._quiet_s)
            except StrangeAnswerError:  # a late one was in the way and is gone; ask again, once
                raw = await bus.read(block, unit, self._quiet_s)
        except ExceptionAnswerError as error:
            if error.code != ILLEGAL_ADDRESS:
                raise
            await self._learn(decoder, bus, values, marks)
            return
        decoded = decoder.decode_registers(raw) if isinstance(raw, bytes) else decoder.decode_bits(raw)
        self._take(block, decoded, values, marks)

    async def _learn(
        self, decoder: BlockDecoder, bus: ModbusBus, values: list[Value], marks: dict[int | None, Quality]
    ) -> None:
        """An address inside the block is illegal: halve it until only legal registers are asked for; remembered."""
        at = self._decoders.index(decoder)
        halves = [BlockDecoder(block) for block in bisect(decoder.block)]
        self._decoders[at : at + 1] = halves
        if not halves:
            self.illegal.update(r.metric for r in decoder.block.registers if r.metric in self._index)
        for half in halves:
            await self._read_block(half, bus, values, marks)

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
        raw = await bus.read(block, bus.unit(self.device.unit), self._quiet_s)
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
        self._identified = True
