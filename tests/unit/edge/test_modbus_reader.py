"""What a reader makes of the answers, and what it forgets."""

import asyncio
from typing import Any, cast

import pytest

from plantroom_edge.drivers.modbus.adapter import ExceptionAnswerError
from plantroom_edge.drivers.modbus.blocks import Block
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.config import ModbusDevice
from plantroom_edge.drivers.modbus.profile import DataType, Identity, Limits, ModbusProfile, Register
from plantroom_edge.drivers.modbus.reader import DeviceReader, WrongIdentityError
from plantroom_edge.profile.schema import Rule
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


def _reader(*registers: Register, **more: Any) -> DeviceReader:
    profile = ModbusProfile(
        maker="m",
        model="m",
        kind="meter",
        verified="document",
        source="s",
        registers=registers,
        limits=Limits(max_gap=0),
        **more,
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


def test_the_blocks_of_alarm_points_are_read_first() -> None:
    rule = Rule(
        key="hot",
        name="Hot",
        kind="limit",
        severity="high",
        metric="c",
        operator=">",
        limit=9,
        cause="c",
        consequence="c",
        response="r",
    )
    reader = _reader(_register("a", 0), _register("b", 10), _register("c", 20), rules=(rule,))
    bus = _Bus({0: 1, 10: 2, 20: 3})
    assert reader.urgent
    assert _read(reader, bus) == ([1, 2, 3], {})
    assert bus.asked == [(20, 1), (0, 1), (10, 1)]


def test_a_command_goes_between_two_requests() -> None:
    reader = _reader(_register("a", 0), _register("b", 10), _register("c", 20))
    bus = _Bus({0: 1, 10: 2, 20: 3})
    seen: list[int] = []

    async def between() -> None:
        seen.append(len(bus.asked))

    asyncio.run(reader.read(cast("ModbusBus", bus), between))
    assert seen == [1, 2]


def test_a_device_without_the_register_of_its_identity_is_read_all_the_same() -> None:
    reader = _reader(_register("a", 0), identity=Identity(address=99, equals=(7,)))
    assert _read(reader, _Bus({0: 1})) == ([1], {})
    assert "cannot be read" in reader.unverified
    reader.forget()
    assert _read(reader, _Bus({0: 1, 99: 7})) == ([1], {})
    assert reader.unverified == ""
    reader.forget()
    with pytest.raises(WrongIdentityError, match=r"hold \[8\], not \[7\]"):
        _read(reader, _Bus({0: 1, 99: 8}))


def test_what_was_learnt_is_told_and_recalled() -> None:
    registers = (_register("a", 0), _register("b", 1), _register("c", 2), _register("h", 3, hidden=True))
    reader = _reader(*registers)
    device = _Bus({0: 1, 2: 3})
    assert reader.learnt() is None
    _read(reader, device)
    learnt = reader.learnt()
    assert learnt is not None
    again = _reader(*registers)
    again.recall(learnt)
    device.asked.clear()
    assert _read(again, device) == ([1, None, 3], {1: Quality.DEVICE_ERROR})
    assert device.asked == [(0, 1), (2, 1)]
    assert again.learnt() == learnt


def test_a_device_without_any_of_its_registers_is_an_error() -> None:
    reader = _reader(_register("a", 0), _register("b", 1))
    for _ in range(2):
        with pytest.raises(ExceptionAnswerError):
            _read(reader, _Bus({}))


@pytest.mark.parametrize("text", ["", "7", "{}", "[[]]", '[["a", "gone"]]', "[[1, 2]]"])
def test_a_memory_that_fits_no_more_is_left_alone(text: str) -> None:
    reader = _reader(_register("a", 0), _register("b", 1))
    reader.recall(text)
    assert _read(reader, _Bus({0: 1, 1: 2})) == ([1, 2], {})


def test_a_dead_unit_is_probed_by_one_short_request() -> None:
    reader = _reader(*(_register(f"m{n}", n) for n in range(40)), identity=Identity(address=99, equals=(7,)))
    bus = _Bus({n: n for n in range(40)})
    asyncio.run(reader.probe(cast("ModbusBus", bus)))
    assert bus.asked == [(0, 1)]
    asyncio.run(reader.probe(cast("ModbusBus", _Bus({}))))  # an exception is an answer, too
