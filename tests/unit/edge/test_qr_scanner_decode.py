"""A scanner's line: any terminator, any chunking, any rubbish; never a code that nobody scanned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_edge.drivers.qr_scanner.decode import LONGEST_FRAME, Frames, Scanned, read_frame

codes = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
terminators = st.sampled_from([b"\r", b"\n", b"\r\n", b"stx"])


def on_the_wire(code: bytes, terminator: bytes) -> bytes:
    return b"\x02" + code + b"\x03" if terminator == b"stx" else code + terminator


def feed(data: bytes, cuts: list[int] | None = None) -> list[bytes]:
    frames, start = Frames(), 0
    found: list[bytes] = []
    for cut in [*sorted(cuts or []), len(data)]:
        found += frames.feed(data[start:cut])
        start = max(start, cut)
    return found


@given(st.lists(st.tuples(codes, terminators), max_size=8), st.data())
def test_mixed_terminators_in_any_chunking(sent: list[tuple[str, bytes]], data: st.DataObject) -> None:
    wire = b"".join(on_the_wire(code.encode(), terminator) for code, terminator in sent)
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=12))
    assert feed(wire, cuts) == [code.encode() for code, _ in sent]


@given(st.integers(LONGEST_FRAME + 1, 3000), codes, st.sampled_from([b"\r", b"\n", b"\r\n", b"\x03"]), st.booleans())
def test_the_tail_of_an_over_long_frame_is_no_code(length: int, code: str, end: bytes, framed: bool) -> None:
    wire = (b"\x02" if framed else b"") + b"A" * length + end + code.encode() + b"\r\n"
    for size in (1, 5, 700):
        frames = Frames()
        found: list[bytes] = []
        for start in range(0, len(wire), size):
            found += frames.feed(wire[start : start + size])
        assert found == [code.encode()]
        assert frames.dropped >= length


@given(st.binary(max_size=4000))
def test_binary_rubbish_stays_within_bounds_and_breaks_nothing(data: bytes) -> None:
    frames = Frames(64)
    for frame in frames.feed(data):
        assert 0 < len(frame) <= 64
        read_frame(frame)
    list(frames.feed(b"\r\n\x03\r"))
    assert list(frames.feed(b"\x02AFTER\x03")) == [b"AFTER"]


def test_what_stands_before_stx_without_an_end_is_dropped() -> None:
    frames = Frames()
    assert list(frames.feed(b"HALF\x02WHOLE\x03")) == [b"WHOLE"]
    assert frames.dropped == 4


def test_a_line_break_between_stx_and_etx_belongs_to_the_code() -> None:
    assert feed(b"\x02ONE\r\nTWO\x03") == [b"ONE\r\nTWO"]


def test_half_a_code_before_a_cut_does_not_join_what_comes_after() -> None:
    frames = Frames()
    assert list(frames.feed(b"P1:BOIL")) == []
    frames.reset()
    assert list(frames.feed(b"P1:ROOF:X\r")) == [b"P1:ROOF:X"]


@pytest.mark.parametrize(("frame", "found"), [
    (b"]Q1P1:GATE7:ABC", Scanned("P1:GATE7:ABC", "qr")),
    (b"]C0PLAIN", Scanned("PLAIN", "code128")),
    (b"]d2DM", Scanned("DM", "data-matrix")),
    (b"]X9ODD", Scanned("ODD", "other")),
    (b"]", Scanned("]", None)),
    (b"]Q", Scanned("]Q", None)),
    (b"[Q1X", Scanned("[Q1X", None)),
    ("ЮНИКОД".encode(), Scanned("ЮНИКОД", None)),
    (b" P1:X:Y ", Scanned("P1:X:Y", None)),
    (b"01\x1d21ABC", Scanned("01\x1d21ABC", None)),
    (b"\xff\xfe\x00A", None),
    (b"A\x00B", None),
    (b"]Q1", None),
    (b"   ", None),
])  # fmt: skip
def test_a_frame_as_text(frame: bytes, found: Scanned | None) -> None:
    assert read_frame(frame) == found


@given(st.binary(min_size=1, max_size=100))
def test_a_frame_gives_printable_text_or_nothing(frame: bytes) -> None:
    scanned = read_frame(frame)
    assert scanned is None or scanned.text.strip(" ") == scanned.text != ""
