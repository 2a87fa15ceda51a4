"""Whatever came is made readable, and nothing that came can break the page."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.quarantine.payload import MOST_DUMPED, MOST_TEXT, readable


@pytest.mark.parametrize(
    ("payload", "kind", "text"),
    [
        (b'{"v": 1}', "JSON", '{\n  "v": 1\n}'),
        (msgspec.msgpack.encode({"v": 1, "name": "ü"}), "MessagePack", '{\n  "v": 1,\n  "name": "ü"\n}'),
        (b"<script>alert(1)</script>", "text", "<script>alert(1)</script>"),
        (b"\x00\xff\xfe", "bytes", ""),
    ],
)
def test_a_payload_is_shown_as_what_it_is(payload: bytes, kind: str, text: str) -> None:
    shown = readable(payload)
    assert (shown.kind, shown.text, shown.cut) == (kind, text, False)


def test_the_dump_has_offset_bytes_and_what_can_be_printed() -> None:
    dump = readable(b"Hello, plant room\x00").dump.splitlines()
    assert dump[0] == "000000  48 65 6c 6c 6f 2c 20 70 6c 61 6e 74 20 72 6f 6f  Hello, plant roo"
    assert dump[1].split() == ["000010", "6d", "00", "m."]


def test_much_is_cut() -> None:
    shown = readable(b"x" * 3_000_000)
    assert shown.cut
    assert len(shown.text) == MOST_TEXT
    assert len(shown.dump.splitlines()) == MOST_DUMPED // 16


@given(st.binary(max_size=300) | st.recursive(st.none() | st.text(), st.lists).map(msgspec.msgpack.encode))
def test_no_payload_is_too_strange(payload: bytes) -> None:
    assert readable(payload).kind in ("JSON", "MessagePack", "text", "bytes")


def test_deep_nesting_is_no_trouble() -> None:
    assert readable(b"[" * 100_000).kind == "text"
    assert readable(b"\x91" * 100_000).kind == "bytes"
