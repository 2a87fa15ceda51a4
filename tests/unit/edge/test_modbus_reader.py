"""What a reader makes of the answers, and what it forgets."""

import asyncio
from typing import Any, cast

from plantroom_edge.drivers.modbus.adapter import ExceptionAnswerError
from plantroom_edge.drivers.modbus.blocks import Block
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.config import ModbusDevice
from plantroom_edge.drivers.modbus.profile import DataType, Limits, ModbusProfile, Register
from plantroom_edge.drivers.modbus.reader import DeviceReader
from plantroom_shared.quality import Quality


class _Bus:
    """A device with these holding registers, and no others."""

    def __init__(self, words: dict[int, int]) -> None:
        self.words = words
        self.asked: list[tuple[int, int]] = []

    def unit(self, address: int) -> None:
        return None

    async def read(self, block: Block, unit: None, quiet_s: float) -> bytes:
        self.asked.append((block.address, block.count))
        try:
            words = [self.words[block.address + at] for at in range(block.count)]
        except KeyError:
            raise ExceptionAnswerError(2) from None
        return b"".join(word.to_bytes(2, "big") for word in words)


def _register(metric: str, address: int, **more: Any) -> Register:
    return Register(metric=metric, address=address, label=metric, type=DataType.UINT16, **more)


def _reader(*registers: Register) -> DeviceReader:
    profile = ModbusProfile(
        maker="m", model="m", kind="meter", verified="document", source="s", registers=registers, limits=Limits()
    )
    return DeviceReader(ModbusDevice(id="meter", profile="m/m", bus="line"), profile)


def _read(reader: DeviceReader, bus: _Bus) -> tuple[list[Any], dict[int | None, Quality]]:
    return asyncio.run(reader.read(cast("ModbusBus", bus)))


def test_the_offset_is_added_after_the_factors() -> None:
    reader = _reader(
        _register("power", 0, scale=0.5, offset=-7, factors=("ratio",)), _register("ratio", 1, hidden=True)
    )
    assert _read(reader, _Bus({0: 10, 1: 40})) == ([10 * 0.5 * 40 - 7], {})


def test_a_factor_that_is_read_seldom_keeps_its_last_value() -> None:
    reader = _reader(_register("power", 0, factors=("ratio",)), _register("ratio", 1, every=3))
    bus = _Bus({0: 10, 1: 40})
    assert _read(reader, bus)[0] == [400, 40]
    bus.words[0] = 11
    assert _read(reader, bus)[0] == [440, None]


def test_a_factor_without_a_value_gives_no_product() -> None:
    reader = _reader(_register("power", 0, factors=("ratio",)), _register("ratio", 1, sentinels=(0xFFFF,)))
    bus = _Bus({0: 10, 1: 40})
    assert _read(reader, bus)[0] == [400, 40]
    bus.words[1] = 0xFFFF
    assert _read(reader, bus) == ([None, None], {1: Quality.SENSOR_FAULT})


def test_an_illegal_hole_leaves_the_legal_registers() -> None:
    reader = _reader(_register("a", 0), _register("b", 1), _register("c", 2))
    bus = _Bus({0: 1, 2: 3})
    assert _read(reader, bus) == ([1, None, 3], {1: Quality.DEVICE_ERROR})
    bus.asked.clear()
    assert _read(reader, bus) == ([1, None, 3], {1: Quality.DEVICE_ERROR})
    assert bus.asked == [(0, 1), (2, 1)]


def test_another_device_in_its_place_is_asked_for_everything_again() -> None:
    reader = _reader(_register("a", 0), _register("b", 1), _register("c", 2))
    _read(reader, _Bus({0: 1, 2: 3}))
    reader.forget()
    whole = _Bus({0: 1, 1: 2, 2: 3})
    assert _read(reader, whole) == ([1, 2, 3], {})
    assert whole.asked == [(0, 3)]
