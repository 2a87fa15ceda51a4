"""Frames of scales to measurements: GATT, broadcast, text."""
# ruff: noqa: DTZ001  (the clock of a scale has no zone)

import struct
from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_edge.drivers.ble_scale.decode import (
    FrameError,
    LineReader,
    decode_broadcast,
    decode_line,
    decode_weight_measurement,
)

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda m: m.replace(microsecond=0))


def _stamp(moment: datetime) -> bytes:
    return struct.pack("<HBBBBB", moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)


def test_kilograms_and_pounds_have_their_own_resolution() -> None:
    kilograms = decode_weight_measurement(bytes.fromhex("00c409"))
    assert (kilograms.value, kilograms.unit, kilograms.kg, kilograms.stable) == (12.5, "kg", 12.5, True)
    pounds = decode_weight_measurement(bytes.fromhex("01c409"))
    assert (pounds.value, pounds.unit, pounds.kg) == (25.0, "lb", 11.3398)


def test_all_optional_fields() -> None:
    frame = bytes.fromhex("0ec409ea070b19173b3a07e100d606")
    found = decode_weight_measurement(frame)
    assert found.scale_time == datetime(2026, 11, 25, 23, 59, 58)
    assert (found.user, found.bmi, found.height_m) == (7, 22.5, 1.75)
    assert found.raw == frame


def test_bmi_and_height_share_one_flag_and_reserved_flags_move_nothing() -> None:
    """A well-known library takes bit 4 for the height; it is reserved, and BMI and height come with bit 3."""
    found = decode_weight_measurement(bytes.fromhex("f8c409e100d606"))
    assert (found.value, found.bmi, found.height_m) == (12.5, 22.5, 1.75)
    inches = decode_weight_measurement(bytes.fromhex("09c409e100b102"))
    assert inches.height_m == pytest.approx(68.9 * 0.0254, abs=1e-4)


def test_an_unknown_user_and_a_clock_that_was_never_set_are_none() -> None:
    found = decode_weight_measurement(bytes.fromhex("06c40900000000000000ff"))
    assert (found.user, found.scale_time, found.value) == (None, None, 12.5)


def test_a_measurement_that_did_not_succeed_has_no_weight() -> None:
    found = decode_weight_measurement(bytes.fromhex("00ffff"))
    assert (found.value, found.kg, found.fault, found.stable) == (None, None, "failed", False)


@given(st.integers(0, 0xFFFE), st.booleans(), MOMENTS | st.none(), st.integers(0, 254) | st.none())
def test_every_weight_comes_back(raw: int, imperial: bool, moment: datetime | None, user: int | None) -> None:
    flags = (1 if imperial else 0) | (2 if moment else 0) | (4 if user is not None else 0)
    frame = struct.pack("<BH", flags, raw) + (_stamp(moment) if moment else b"")
    frame += bytes([user]) if user is not None else b""
    found = decode_weight_measurement(frame)
    assert found.value == pytest.approx(raw * (0.01 if imperial else 0.005), abs=1e-9)
    assert (found.scale_time, found.user) == (moment, user)


@given(st.binary(max_size=30))
def test_no_bytes_break_the_decoders(frame: bytes) -> None:
    for decode in (decode_weight_measurement, decode_line, lambda data: decode_broadcast("0x181b", data)):
        with suppress(FrameError):
            decode(frame)


@pytest.mark.parametrize("frame", ["", "00", "00c4", "02c409ea07", "08c409e100"])
def test_a_short_frame_is_refused_with_its_bytes(frame: str) -> None:
    with pytest.raises(FrameError, match=frame or "empty"):
        decode_weight_measurement(bytes.fromhex(frame))


@pytest.mark.parametrize(
    ("layout", "data", "value", "unit", "stable"),
    [
        ("0x181b", "0222ea070b19173b3a0002be37", 71.35, "kg", True),
        ("0x181b", "0202ea070b19173b3a0002be37", 71.35, "kg", False),
        ("0x181b", "0322ea070b19173b3a0002be37", 142.7, "lb", True),
        ("0x181b", "1222ea070b19173b3a0002be37", 142.7, "jin", True),
        ("0x181d", "22be37ea070b19173b3a", 71.35, "kg", True),
        ("0x181d", "03be37ea070b19173b3a", 142.7, "lb", False),
    ],
)
def test_broadcasts(layout: str, data: str, value: float, unit: str, stable: bool) -> None:
    found = decode_broadcast(layout, bytes.fromhex(data))  # type: ignore[arg-type]
    assert found is not None
    assert (found.value, found.unit, found.stable) == (value, unit, stable)
    assert found.scale_time == datetime(2026, 11, 25, 23, 59, 58)


def test_a_broadcast_without_a_weight_is_no_measurement_and_a_short_one_is_refused() -> None:
    assert decode_broadcast("0x181b", bytes.fromhex("0200ea070b19173b3a00000000")) is None
    with pytest.raises(FrameError, match="13 bytes"):
        decode_broadcast("0x181b", b"\x02\x20")


@pytest.mark.parametrize(
    ("line", "value", "unit", "mode", "stable"),
    [
        (b"ST,GS,+0012.34kg", 12.34, "kg", "gross", True),
        (b"US,GS,+0012.34kg", 12.34, "kg", "gross", False),
        (b"ST,NT,-0001.20kg", -1.2, "kg", "net", True),
        (b"ST,TR,+0000.50kg", 0.5, "kg", "tare", True),
        (b"ST,NT,-0000.00kg", 0.0, "kg", "net", True),
        (b"ST,GS,+   12.34 kg", 12.34, "kg", "gross", True),
        (b"st, gs, 0003.50 lb", 3.5, "lb", "gross", True),
        (b"ST,GS,+001234g", 1234.0, "g", "gross", True),
        (b"ST,GS,+1.234t", 1.234, "t", "gross", True),
        (b"ST,GS,+16.00oz", 16.0, "oz", "gross", True),
        (b"ST,GS,+0012.34", 12.34, "kg", "gross", True),
    ],
)
def test_text_lines(line: bytes, value: float, unit: str, mode: str, stable: bool) -> None:
    found = decode_line(line)
    assert (found.value, found.unit, found.mode, found.stable, found.fault) == (value, unit, mode, stable, "")


@pytest.mark.parametrize(("line", "fault"), [(b"OL,GS,+999999.kg", "overload"), (b"UL,GS,-------kg", "underload")])
def test_a_scale_beyond_its_range_has_no_weight(line: bytes, fault: str) -> None:
    found = decode_line(line)
    assert (found.value, found.stable, found.fault) == (None, False, fault)


@pytest.mark.parametrize(
    "line", [b"", b"ST,GS,+12.3.4kg", b"XX,GS,+0001.00kg", b"ST,GS,kg", b"\xff\xfe", b"ST,GS,+1mg"]
)
def test_a_line_that_fits_nothing_is_refused(line: bytes) -> None:
    with pytest.raises(FrameError):
        decode_line(line)


@given(
    st.lists(st.text(st.characters(codec="ascii", exclude_characters="\r\n"), min_size=1, max_size=64), max_size=8),
    st.sampled_from([b"\r", b"\n", b"\r\n"]),
    st.integers(1, 20),
)
def test_lines_survive_any_cut(lines: list[str], end: bytes, size: int) -> None:
    stream = b"".join(line.encode() + end for line in lines)
    reader = LineReader()
    found = [line for at in range(0, len(stream), size) for line in reader.feed(stream[at : at + size])]
    assert found == [line.encode() for line in lines]


def test_the_tail_of_an_over_long_line_is_no_line() -> None:
    reader = LineReader()
    assert reader.feed(b"x" * 70 + b"ST,GS,+0001.00kg\r\nST,GS,+0002.00kg\r\n") == [b"ST,GS,+0002.00kg"]


def test_halves_from_before_and_after_a_lost_link_are_not_joined() -> None:
    reader = LineReader()
    assert reader.feed(b"ST,GS,+00") == []
    reader.forget()
    assert reader.feed(b"12.34kg\r\n") == [b"12.34kg"]
    with pytest.raises(FrameError):
        decode_line(b"12.34kg")
